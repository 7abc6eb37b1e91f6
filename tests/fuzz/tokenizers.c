/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tokenizer files that are truncated or have random bytes: a spiece.model with a table of
 * characters, and a tokenizer.json of each kind. Each must end in a CLIP_MODEL_ERROR, or in a
 * tokenizer that encodes any text to ids within the model's table. The seed is fixed.
 */
#include <glib/gstdio.h>
#include <string.h>
#include "gst-clip/engine/model.h"
#include "gst-clip/engine/tokenizer.h"

#define N_ROUNDS 600
#define VOCAB    400

typedef struct {
  const gchar *name; /* the file */
  GByteArray *good;
} Base;

static gchar *folder;

/* A good spiece.model ----------------------------------------------------- */

static void
put_varint (GByteArray *out, guint64 value)
{
  do {
    guint8 byte = (value & 0x7f) | (value > 0x7f ? 0x80 : 0);
    g_byte_array_append (out, &byte, 1);
    value >>= 7;
  } while (value > 0);
}

static void
put_number (GByteArray *out, guint tag, guint64 value)
{
  put_varint (out, tag << 3);
  put_varint (out, value);
}

static void
put_bytes (GByteArray *out, guint tag, const void *data, gsize size)
{
  put_varint (out, tag << 3 | 2);
  put_varint (out, size);
  g_byte_array_append (out, data, (guint)size);
}

static void
put_piece (GByteArray *out, const gchar *text, gfloat score, guint type)
{
  g_autoptr (GByteArray) piece = g_byte_array_new ();
  guint32 bits;

  memcpy (&bits, &score, 4);
  bits = GUINT32_TO_LE (bits);
  put_bytes (piece, 1, text, strlen (text));
  put_varint (piece, 2 << 3 | 5);
  g_byte_array_append (piece, (const guint8 *)&bits, 4);
  put_number (piece, 3, type);
  put_bytes (out, 1, piece->data, piece->len);
}

/* One rule, "A" becomes "aa": the root leads to the unit 0x40, whose value is in unit 0x140. */
static GByteArray *
make_charsmap (void)
{
  GByteArray *map = g_byte_array_new ();
  guint32 words[1 + 0x141] = { 0 };

  words[0] = GUINT32_TO_LE (0x141 * 4);
  words[1] = GUINT32_TO_LE (1u << 10);
  words[1 + 0x40] = GUINT32_TO_LE ('A' | 1u << 8 | 0x100u << 10);
  words[1 + 0x140] = GUINT32_TO_LE (1u << 31 | 1);
  g_byte_array_append (map, (const guint8 *)words, sizeof words);
  g_byte_array_append (map, (const guint8 *)"\0aa", 4);
  return map;
}

static GByteArray *
make_spiece (void)
{
  GByteArray *out = g_byte_array_new ();
  g_autoptr (GByteArray) trainer = g_byte_array_new (), rules = g_byte_array_new ();
  g_autoptr (GByteArray) map = make_charsmap ();

  put_piece (out, "<unk>", 0, 2);
  put_piece (out, "</s>", 0, 3);
  put_piece (out, "\xe2\x96\x81", -2, 1);
  put_piece (out, "a", -2, 1);
  put_piece (out,
             "\xe2\x96\x81"
             "a",
             -3, 1);
  put_piece (out, "aa", -3, 1);
  put_piece (out, "dog", -4, 4);
  put_piece (out, "old", -4, 5);
  for (guint i = 0; i < 256; i++) {
    g_autofree gchar *text = g_strdup_printf ("<0x%02X>", i);
    put_piece (out, text, 0, 6);
  }
  put_number (trainer, 3, 1);
  put_number (trainer, 35, 1);
  put_bytes (out, 2, trainer->data, trainer->len);
  put_bytes (rules, 2, map->data, map->len);
  put_number (rules, 3, 1);
  put_bytes (out, 3, rules->data, rules->len);
  return out;
}

/* Good tokenizer.json ---------------------------------------------------- */

#define REST                                                                                       \
  "\"added_tokens\":[{\"id\":1,\"content\":\"</s>\",\"lstrip\":true,\"normalized\":false},"        \
  "{\"id\":2,\"content\":\"a!\",\"normalized\":true}],\"pre_tokenizer\":{\"type\":\"Sequence\","   \
  "\"pretokenizers\":[{\"type\":\"WhitespaceSplit\"},{\"type\":\"Metaspace\",\"replacement\":"     \
  "\"\xe2\x96\x81\",\"prepend_scheme\":\"first\",\"split\":true},{\"type\":\"Split\",\"pattern\":" \
  "{\"Regex\":\"[^a-z]{2,}\"},\"behavior\":\"Isolated\"}]},\"post_processor\":{\"type\":"          \
  "\"TemplateProcessing\",\"single\":[{\"Sequence\":{\"id\":\"A\"}},{\"SpecialToken\":{\"id\":"    \
  "\"</s>\"}}]}"

static GByteArray *
make_unigram (void)
{
  GByteArray *out = g_byte_array_new ();
  g_autoptr (GByteArray) map = make_charsmap ();
  g_autofree gchar *base64 = g_base64_encode (map->data, map->len);
  g_autofree gchar *json = g_strdup_printf (
      "{\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Precompiled\","
      "\"precompiled_charsmap\":\"%s\"},{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"\\\\s+\"},"
      "\"content\":\" \"},{\"type\":\"Strip\"}]}," REST
      ",\"model\":{\"type\":\"Unigram\",\"unk_id\""
      ":0,\"vocab\":[[\"<unk>\",0],[\"</s>\",0],[\"a\",-1.5],[\"ab\",-2]]}}",
      base64);

  g_byte_array_append (out, (const guint8 *)json, (guint)strlen (json));
  return out;
}

static GByteArray *
make_bpe (void)
{
  GByteArray *out = g_byte_array_new ();
  GString *json = g_string_new ("{" REST ",\"model\":{\"type\":\"BPE\",\"unk_token\":\"<unk>\","
                                "\"byte_fallback\":true,\"vocab\":{\"<unk>\":0,\"</s>\":1,\"a\":2,"
                                "\"b\":3,\"ab\":4");

  for (guint i = 0; i < 256; i++)
    g_string_append_printf (json, ",\"<0x%02X>\":%u", i, 10 + i);
  g_string_append (json, "},\"merges\":[[\"a\",\"b\"]]}}");
  g_byte_array_append (out, (const guint8 *)json->str, (guint)json->len);
  g_string_free (json, TRUE);
  return out;
}

/* ------------------------------------------------------------------------ */

static void
encode (const ClipTokenizer *tokenizer)
{
  static const gchar text[] =
      "A photo of  abba </s>, dog AAold \xff\xfe\0\xe4\xbd\xa0 a! e\xcc\x81";

  for (guint32 context = 2; context < 40; context += 9) {
    g_autofree guint32 *ids = g_new (guint32, context);
    guint32 n_dropped, n;
    gsize cut_at;

    n = clip_tokenizer_encode (tokenizer, text, sizeof text, context, ids, &n_dropped, &cut_at);
    g_assert_cmpuint (n, <=, context);
    g_assert_cmpuint (cut_at, <=, sizeof text);
    /* One less: no second end token behind one in the text. */
    g_assert_true (n_dropped == 0 || n + 1 >= context);
    for (guint32 i = 0; i < n; i++)
      g_assert_cmpuint (ids[i], <, VOCAB);
  }
}

/* Whether the file is still good. */
static gboolean
try (const Base *base, const guint8 *data, gsize size)
{
  g_autofree gchar *path = g_build_filename (folder, base->name, NULL);
  g_autoptr (ClipTokenizer) tokenizer = NULL;
  g_autoptr (ClipSource) source = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_set_contents_full (path, (const gchar *)data, (gssize)size,
                                           G_FILE_SET_CONTENTS_NONE, 0600, NULL));
  source = clip_source_open_folder (folder, NULL);
  tokenizer = clip_tokenizer_open (source, VOCAB, FALSE, &error);
  if (tokenizer)
    encode (tokenizer);
  else
    g_assert_true (error->domain == CLIP_MODEL_ERROR);
  g_unlink (path);
  return tokenizer != NULL;
}

static void
damage (const Base *base, GRand *random, guint64 n_rounds)
{
  guint n_good = 0;

  g_assert_true (try (base, base->good->data, base->good->len));
  for (guint64 i = 0; i < n_rounds; i++) {
    g_autofree guint8 *copy = g_memdup2 (base->good->data, base->good->len);
    gsize size = base->good->len;
    guint n = (guint)g_rand_int_range (random, 1, 5);

    if (i % 4 == 0)
      size = (gsize)g_rand_int_range (random, 0, (gint)size);
    for (guint j = 0; j < n && i % 4 != 0; j++) {
      guint8 *byte = &copy[g_rand_int_range (random, 0, (gint)size)];
      *byte = i % 4 == 1 ? (guint8)g_rand_int (random) : *byte ^ (guint8)(1 << (j + i) % 8);
    }
    n_good += try (base, copy, size);
  }
  g_test_message ("%s: %u of %" G_GUINT64_FORMAT " damaged files could be read", base->name, n_good,
                  n_rounds);
}

static void
test_all (void)
{
  const gchar *rounds = g_getenv ("GST_CLIP_FUZZ_ROUNDS");
  guint64 n_rounds = rounds ? g_ascii_strtoull (rounds, NULL, 10) : N_ROUNDS;
  Base bases[] = { { "spiece.model", make_spiece () },
                   { "tokenizer.json", make_unigram () },
                   { "tokenizer.json", make_bpe () } };
  g_autoptr (GRand) random = g_rand_new_with_seed (20240118);

  folder = g_dir_make_tmp ("gst-clip-fuzz-XXXXXX", NULL);
  for (guint i = 0; i < G_N_ELEMENTS (bases); i++) {
    damage (&bases[i], random, n_rounds);
    g_byte_array_unref (bases[i].good);
  }
  g_rmdir (folder);
  g_free (folder);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/fuzz/tokenizers", test_all);
  return g_test_run ();
}
