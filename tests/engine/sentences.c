/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tokenizer.json with a Unigram model or BPE on characters, on vocabularies so small that every id
 * can be read. Equality with published tokenizers is tested by tests/golden/tokenizer.c.
 */
#include <glib/gstdio.h>
#include <string.h>
#include "gst-clip/engine/model.h"
#include "gst-clip/engine/tokenizer.h"

#define SP "\xe2\x96\x81" /* U+2581 */

/* Ids of the unigram vocabulary. */
enum { PAD, END, UNK, SPACE, A, B, AB, SP_A, SP_AB, SP_B, BA, DOT, SIGMA, FINAL };
#define UNIGRAM                                                                                    \
  "\"type\":\"Unigram\",\"unk_id\":2,\"vocab\":[[\"<pad>\",0.0],[\"</s>\",0.0],[\"<unk>\",0.0],"   \
  "[\"" SP "\",-2.0],[\"a\",-3.0],[\"b\",-3.0],[\"ab\",-4.0],[\"" SP "a\",-3.5],[\"" SP            \
  "ab\",-5.0],[\"" SP "b\",-3.5],[\"ba\",-9.0],[\".\",-3.0],[\"\xcf\x83\",-3.0],[\"\xcf\x82\","    \
  "-3.0]]"
#define SPECIALS                                                                                   \
  "{\"id\":0,\"content\":\"<pad>\"},{\"id\":1,\"content\":\"</s>\",\"lstrip\":true,\"rstrip\":"    \
  "true}"
#define END_TEMPLATE                                                                               \
  "{\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},"      \
  "{\"SpecialToken\":{\"id\":\"</s>\",\"type_id\":0}}]}"
#define METASPACE                                                                                  \
  "{\"type\":\"Metaspace\",\"replacement\":\"" SP "\",\"prepend_scheme\":\"always\"}"

static gchar *folder;
static gboolean open_clip; /* whether open_clip_config.json counts */

static void
set_file (const gchar *name, const gchar *text)
{
  g_autofree gchar *path = g_build_filename (folder, name, NULL);

  if (text)
    g_assert_true (g_file_set_contents (path, text, -1, NULL));
  else
    g_unlink (path);
}

static ClipTokenizer *
open_folder (guint32 vocab, GError **error)
{
  g_autoptr (ClipSource) source = clip_source_open_folder (folder, error);

  return clip_tokenizer_open (source, vocab, open_clip, error);
}

/* The three parts as they stand in the file. @config: (nullable): tokenizer_config.json */
static ClipTokenizer *
make (const gchar *normalizer, const gchar *splitter, const gchar *added, const gchar *model,
      const gchar *config)
{
  g_autofree gchar *json = g_strdup_printf (
      "{\"normalizer\":%s,\"pre_tokenizer\":%s,\"added_tokens\":[%s],\"post_processor\":%s,"
      "\"model\":{%s}}",
      normalizer, splitter, added, END_TEMPLATE, model);
  g_autoptr (GError) error = NULL;
  ClipTokenizer *tokenizer;

  set_file ("tokenizer.json", json);
  set_file ("tokenizer_config.json", config);
  tokenizer = open_folder (1000, &error);
  g_assert_no_error (error);
  return tokenizer;
}

/* @expected: ids in front of the end token, terminated by -1 */
static void
check_ids (const ClipTokenizer *tokenizer, const gchar *text, const gint *expected)
{
  guint32 ids[64], n_dropped, i = 0;
  guint32 n = clip_tokenizer_encode (tokenizer, text, -1, 64, ids, &n_dropped, NULL);

  for (; expected[i] >= 0; i++)
    g_assert_cmpint ((gint)ids[i], ==, expected[i]);
  g_assert_cmpuint (ids[i], ==, END);
  g_assert_cmpuint (n, ==, i + 1);
  g_assert_cmpuint (n_dropped, ==, 0);
}

#define CHECK(tokenizer, text, ...) check_ids (tokenizer, text, (const gint[]){ __VA_ARGS__, -1 })

/* Unigram ---------------------------------------------------------------- */

static void
test_unigram (void)
{
  g_autoptr (ClipTokenizer) t = make ("null", METASPACE, SPECIALS, UNIGRAM, NULL);

  /* -5 is better than -3.5 - 3 */
  CHECK (t, "ab", SP_AB);
  CHECK (t, "aba", SP_AB, A);
  CHECK (t, "a b", SP_A, SP_B);
  /* Words are encoded one by one; the second blank is one. */
  CHECK (t, "a  b", SP_A, SPACE, SP_B);
  /* -4 is better than -3 - 3 */
  CHECK (t, "xab", SPACE, UNK, AB);
  /* Unknown neighbours are one token, others are not. */
  CHECK (t, "xyz", SPACE, UNK);
  CHECK (t, "xay", SPACE, UNK, A, UNK);
  check_ids (t, "", (const gint[]){ -1 });
  /* Bytes that are not UTF-8, and NUL */
  CHECK (t, "a\xff", SP_A, UNK);
  g_assert_true (clip_tokenizer_pads (t));
}

static void
test_special_tokens (void)
{
  g_autoptr (ClipTokenizer) t =
      make ("{\"type\":\"Lowercase\"}", METASPACE,
            SPECIALS
            ",{\"id\":20,\"content\":\"<X>\"},{\"id\":21,\"content\":\"Ab\",\"normalized\":true},"
            "{\"id\":2000,\"content\":\"b\"}",
            UNIGRAM, NULL);

  /* White space beside </s> belongs to it, beside <X> it does not; case matters. */
  CHECK (t, "a </s> a", SP_A, END, SP_A);
  CHECK (t, "a <X>a", SP_A, SPACE, 20, SP_A);
  CHECK (t, "<x>", SPACE, UNK);
  /* Found in the text in lower case. */
  CHECK (t, "AB", 21);
  /* Beyond the model's table: text like any other. */
  CHECK (t, "b", SP_B);
  g_assert_cmpuint (clip_tokenizer_max_id (t), ==, 21);
}

static void
test_normalizers (void)
{
  g_autoptr (ClipTokenizer) t = make (
      "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Lowercase\"},"
      "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"[!\\\"\\\\#\\\\-\\\\.\\\\[\\\\]]\"},"
      "\"content\":\"\"},"
      "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"\\\\s+\"},\"content\":\" \"},"
      "{\"type\":\"Replace\",\"pattern\":{\"String\":\"zz\"},\"content\":\"ab\"},"
      "{\"type\":\"Strip\",\"strip_left\":true,\"strip_right\":true}]}",
      "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"WhitespaceSplit\"}," METASPACE "]}",
      SPECIALS, UNIGRAM, NULL);

  CHECK (t, "  A-.[]\"#!B \t\n b  ", SP_AB, SP_B);
  CHECK (t, "zz", SP_AB);
  check_ids (t, "...", (const gint[]){ -1 });
  /* In lower case each character counts on its own. */
  CHECK (t, "b\xce\xa3", SP_B, SIGMA);
}

/* What the class adds: punctuation goes, and a sigma at the end of a word is another letter. */
static void
test_siglip_class (void)
{
  g_autoptr (ClipTokenizer) t =
      make ("null", METASPACE, SPECIALS, UNIGRAM, "{\"tokenizer_class\":\"SiglipTokenizer\"}");

  CHECK (t, "A.B_a", SP_AB, A);
  CHECK (t, "b\xce\xa3", SP_B, FINAL);
  CHECK (t,
         "\xce\xa3"
         "b",
         SPACE, SIGMA, B);
}

/* open_clip_config.json counts where it is the model's configuration; "_" may be a blank then. */
static void
test_open_clip (void)
{
  g_autoptr (ClipTokenizer) canonical = NULL, plain = NULL, other = NULL;

  open_clip = TRUE;
  set_file ("open_clip_config.json", "{\"model_cfg\":{\"text_cfg\":{\"tokenizer_kwargs\":"
                                     "{\"clean\":\"canonicalize\"}}}}");
  canonical = make ("null", METASPACE, SPECIALS, UNIGRAM, NULL);
  CHECK (canonical,
         " A.b_b\x1c"
         "a </s>",
         SP_AB, SP_B, SP_A, SPACE, UNK);
  set_file ("open_clip_config.json", "{\"model_cfg\":{\"text_cfg\":{}}}");
  plain = make ("null", METASPACE, SPECIALS, UNIGRAM, NULL);
  CHECK (plain, " a.b\t\tb ", SP_A, DOT, B, SP_B);
  open_clip = FALSE;
  other = make ("null", METASPACE, SPECIALS, UNIGRAM, NULL);
  CHECK (other, "a.b b ", SP_A, DOT, B, SP_B, SPACE);
  set_file ("open_clip_config.json", NULL);
}

/* The cut is told in the original text, from which punctuation and blanks were removed. */
static void
test_cut (void)
{
  g_autoptr (ClipTokenizer) t = make ("null", METASPACE, SPECIALS, UNIGRAM,
                                      "{\"tokenizer_class\":\"SiglipTokenizer\",\"pad_token\":"
                                      "\"<pad>\"}");
  const gchar *text = "  a,  b!! ab";
  guint32 ids[5], n_dropped;
  gsize cut_at;

  g_assert_cmpuint (clip_tokenizer_encode (t, text, -1, 5, ids, &n_dropped, &cut_at), ==, 4);
  g_assert_true (ids[0] == SP_A && ids[1] == SP_B && ids[2] == SP_AB && ids[3] == END);
  g_assert_true (ids[4] == PAD && n_dropped == 0 && cut_at == strlen (text));
  g_assert_cmpuint (clip_tokenizer_encode (t, text, -1, 3, ids, &n_dropped, &cut_at), ==, 3);
  g_assert_true (ids[0] == SP_A && ids[1] == SP_B && ids[2] == END && n_dropped == 1);
  g_assert_cmpstr (text + cut_at, ==, " ab");
  g_assert_cmpuint (clip_tokenizer_encode (t, text, -1, 2, ids, &n_dropped, &cut_at), ==, 2);
  g_assert_cmpstr (text + cut_at, ==, "  b!! ab");
}

/* Many ways to cut a long text: linear, and no token lost. */
static void
test_long (void)
{
  g_autoptr (ClipTokenizer) t = make ("null", "null", SPECIALS, UNIGRAM, NULL);
  g_autofree gchar *text = g_strnfill (1000000, 'a');
  gint64 start = g_get_monotonic_time ();
  guint32 ids[64], n_dropped;

  g_assert_cmpuint (clip_tokenizer_encode (t, text, -1, 64, ids, &n_dropped, NULL), ==, 64);
  g_assert_cmpuint (n_dropped, ==, 1000000 - 63);
  g_assert_cmpint (g_get_monotonic_time () - start, <, 60 * G_USEC_PER_SEC);
}

/* BPE on characters ------------------------------------------------------ */

/* Byte b is id 10 + b. */
static gchar *
bpe_model (void)
{
  GString *s = g_string_new ("\"type\":\"BPE\",\"unk_token\":\"<unk>\",\"fuse_unk\":true,"
                             "\"byte_fallback\":true,\"vocab\":{\"<pad>\":0,\"</s>\":1,"
                             "\"<unk>\":2,\"" SP "\":3,\"a\":4,\"b\":5,\"ab\":6,\"" SP "a\":7,\"" SP
                             "ab\":8,\"" SP SP "\":9");

  for (guint i = 0; i < 256; i++)
    g_string_append_printf (s, ",\"<0x%02X>\":%u", i, 10 + i);
  g_string_append (s, "},\"merges\":[[\"" SP "\",\"" SP "\"],\"a b\",[\"" SP "\",\"a\"],[\"" SP
                      "\",\"ab\"]]");
  return g_string_free (s, FALSE);
}

#define GEMMA_NORMALIZER                                                                           \
  "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"" SP "\"}"
#define GEMMA_SPLITTER                                                                             \
  "{\"type\":\"Split\",\"pattern\":{\"String\":\" \"},\"behavior\":\"MergedWithPrevious\","        \
  "\"invert\":false}"

static void
test_gemma (void)
{
  g_autofree gchar *model = bpe_model ();
  g_autoptr (ClipTokenizer) t = make (GEMMA_NORMALIZER, GEMMA_SPLITTER, SPECIALS, model,
                                      "{\"tokenizer_class\":\"GemmaTokenizer\"}");

  CHECK (t, "ab ab", 6, 8);
  CHECK (t, "AB aa", 6, 7, 4);
  /* Nothing splits the text: the two blanks are joined first. */
  CHECK (t, "a  a", 4, 9, 4);
  /* Bytes of what is not in the vocabulary */
  CHECK (t, "a\xc3\xa9", 4, 10 + 0xc3, 10 + 0xa9);
  CHECK (t, "\n", 10 + '\n');
  CHECK (t, "ab</s>ab", 6, END, 6);
  check_ids (t, "", (const gint[]){ -1 });
}

/* Other classes keep the case. */
static void
test_case_kept (void)
{
  g_autofree gchar *model = bpe_model ();
  g_autoptr (ClipTokenizer) t = make (GEMMA_NORMALIZER, "null", SPECIALS, model, NULL);
  g_autoptr (ClipTokenizer) not_lower =
      make (GEMMA_NORMALIZER, "null", SPECIALS, model,
            "{\"tokenizer_class\":\"GemmaTokenizer\",\"do_lower_case\":false}");

  CHECK (t, "Ab", 10 + 'A', 5);
  CHECK (not_lower, "Ab", 10 + 'A', 5);
}

/* Refused ---------------------------------------------------------------- */

static void
refuse (const gchar *json, ClipModelError code, const gchar *message)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipTokenizer) tokenizer = NULL;

  set_file ("tokenizer.json", json);
  set_file ("tokenizer_config.json", NULL);
  tokenizer = open_folder (1000, &error);
  g_assert_null (tokenizer);
  g_assert_error (error, CLIP_MODEL_ERROR, (gint)code);
  if (!strstr (error->message, message))
    g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, message));
}

static void
refuse_step (const gchar *normalizer, const gchar *splitter, ClipModelError code,
             const gchar *message)
{
  g_autofree gchar *json =
      g_strdup_printf ("{\"normalizer\":%s,\"pre_tokenizer\":%s,\"post_processor\":%s,"
                       "\"model\":{%s}}",
                       normalizer, splitter, END_TEMPLATE, UNIGRAM);

  refuse (json, code, message);
}

static void
test_refused (void)
{
  refuse_step ("{\"type\":\"NFKC\"}", "null", CLIP_MODEL_ERROR_UNSUPPORTED, "NFKC");
  refuse_step ("{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"(a|b)*\"},\"content\":\"\"}", "null",
               CLIP_MODEL_ERROR_UNSUPPORTED, "(a|b)*");
  refuse_step ("{\"type\":\"Replace\",\"pattern\":{\"String\":\"\"},\"content\":\"\"}", "null",
               CLIP_MODEL_ERROR_INVALID, "pattern");
  refuse_step ("null", "{\"type\":\"ByteLevel\"}", CLIP_MODEL_ERROR_UNSUPPORTED, "ByteLevel");
  refuse_step ("null",
               "{\"type\":\"Split\",\"pattern\":{\"String\":\" \"},\"behavior\":\"Contiguous\"}",
               CLIP_MODEL_ERROR_UNSUPPORTED, "Contiguous");
  /* Tables of characters: no table, one that is too long for the file, no end */
  refuse_step ("{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"AAAA\"}", "null",
               CLIP_MODEL_ERROR_INVALID, "precompiled_charsmap");
  refuse_step ("{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"/////wAAAAAAAAAA\"}", "null",
               CLIP_MODEL_ERROR_INVALID, "precompiled_charsmap");
  refuse_step ("{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"BAAAAAAAAABhYmM=\"}", "null",
               CLIP_MODEL_ERROR_INVALID, "precompiled_charsmap");
  refuse ("{\"model\":{\"type\":\"WordPiece\",\"vocab\":{}}}", CLIP_MODEL_ERROR_UNSUPPORTED,
          "WordPiece");
  refuse ("{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\",0.0],[\"a\",0.0]],\"unk_id\":0}}",
          CLIP_MODEL_ERROR_INVALID, "twice");
  refuse ("{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\",0.0]],\"unk_id\":1}}",
          CLIP_MODEL_ERROR_INVALID, "unk_id");
  refuse ("{\"model\":{\"type\":\"Unigram\",\"vocab\":[[\"a\",0.0]],\"unk_id\":0}}",
          CLIP_MODEL_ERROR_INVALID, "post_processor");
  refuse ("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}",
          CLIP_MODEL_ERROR_UNSUPPORTED, "byte_fallback");
}

/* A table whose units lead out of it matches nothing. */
static void
test_wild_charsmap (void)
{
  g_autoptr (ClipTokenizer) t =
      make ("{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"BAAAAP////9hAA==\"}", METASPACE,
            SPECIALS, UNIGRAM, NULL);

  CHECK (t, "ab", SP_AB);
}

#define GROW                                                                                       \
  "{\"type\":\"Replace\",\"pattern\":{\"String\":\"a\"},\"content\":"                              \
  "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}"

/* Rules that make a text endless do not: 64^6 letters. And not any number of rules. */
static void
test_growth (void)
{
  g_autoptr (ClipTokenizer) t = make ("{\"type\":\"Sequence\",\"normalizers\":[" GROW "," GROW
                                      "," GROW "," GROW "," GROW "," GROW "]}",
                                      METASPACE, SPECIALS, UNIGRAM, NULL);
  GString *many = g_string_new ("{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Strip\"}");
  guint32 ids[64], n_dropped;

  g_assert_cmpuint (clip_tokenizer_encode (t, "a b", -1, 64, ids, &n_dropped, NULL), ==, 64);
  g_assert_cmpuint (n_dropped, <, 10000);
  for (guint i = 0; i < 64; i++)
    g_string_append (many, ",{\"type\":\"Strip\"}");
  g_string_append (many, "]}");
  refuse_step (many->str, "null", CLIP_MODEL_ERROR_INVALID, "steps");
  g_string_free (many, TRUE);
}

/* Added tokens are normalised while the file is loaded, when nobody can cancel it. */
static void
test_added_growth (void)
{
  const gchar *const steps[] = { GROW "," GROW,
                                 GROW "," GROW ",{\"type\":\"Replace\",\"pattern\":{\"Regex\":"
                                      "\"a+\"},\"content\":\"b\"}" };
  const gchar *const messages[] = { "of the added token \"xa0\"", "of the added tokens" };
  g_autoptr (GString) added = g_string_new (SPECIALS);
  g_autoptr (ClipTokenizer) few = NULL;

  for (guint i = 0; i < 4000; i++)
    g_string_append_printf (added, ",{\"id\":20,\"content\":\"xa%u\",\"normalized\":true}", i);
  for (guint i = 0; i < G_N_ELEMENTS (steps); i++) {
    g_autofree gchar *json =
        g_strdup_printf ("{\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[%s]},"
                         "\"added_tokens\":[%s],\"post_processor\":%s,\"model\":{%s}}",
                         steps[i], added->str, END_TEMPLATE, UNIGRAM);
    refuse (json, CLIP_MODEL_ERROR_INVALID, messages[i]);
  }
  few = make (GROW, METASPACE, SPECIALS ",{\"id\":20,\"content\":\"xab\",\"normalized\":true}",
              UNIGRAM, NULL);
  CHECK (few, "xab", 20);
}

/* (transfer full): what is in the class becomes a full stop. */
static ClipTokenizer *
make_class (const gchar *class)
{
  g_autofree gchar *step = g_strdup_printf (
      "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"%s\"},\"content\":\".\"}", class);

  return make (step, METASPACE, SPECIALS, UNIGRAM, NULL);
}

/* Ranges in any order, that overlap and touch, or none; and so many that looking through them takes minutes. */
static void
test_ranges (void)
{
  g_autoptr (ClipTokenizer) some = make_class ("[w-yd-fb-de-ic\\\\-]");
  g_autoptr (ClipTokenizer) others = make_class ("[^b-za]");
  g_autoptr (ClipTokenizer) named = make_class ("[\\\\s\\\\d]");
  g_autoptr (ClipTokenizer) many = NULL;
  g_autoptr (GString) class = g_string_new ("[");
  g_autofree gchar *text = g_strnfill (4096, 'a');
  gint64 start;
  guint32 ids[64];

  CHECK (some, "wybdi-a", SPACE, DOT, DOT, DOT, DOT, DOT, DOT, A);
  CHECK (some, "jvza", SPACE, UNK, A);
  CHECK (others,
         "A-~\xc3\xa9"
         "a",
         SPACE, DOT, DOT, DOT, DOT, A);
  CHECK (others, "ab", SP_AB);
  CHECK (named, "a1 2b", SP_A, DOT, DOT, DOT, B);

  for (guint i = 0; i < 400000; i++)
    g_string_append_c (class, "bcx"[i % 3]);
  g_string_append_c (class, ']');
  many = make_class (class->str);
  start = g_get_monotonic_time ();
  for (guint i = 0; i < 64; i++)
    clip_tokenizer_encode (many, text, -1, 64, ids, NULL, NULL);
  g_assert_cmpint (g_get_monotonic_time () - start, <, 20 * G_USEC_PER_SEC);
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  folder = g_dir_make_tmp ("gst-clip-test-XXXXXX", NULL);
  g_test_add_func ("/engine/sentences/unigram", test_unigram);
  g_test_add_func ("/engine/sentences/special-tokens", test_special_tokens);
  g_test_add_func ("/engine/sentences/normalizers", test_normalizers);
  g_test_add_func ("/engine/sentences/siglip-class", test_siglip_class);
  g_test_add_func ("/engine/sentences/open-clip", test_open_clip);
  g_test_add_func ("/engine/sentences/cut", test_cut);
  g_test_add_func ("/engine/sentences/long", test_long);
  g_test_add_func ("/engine/sentences/gemma", test_gemma);
  g_test_add_func ("/engine/sentences/case-kept", test_case_kept);
  g_test_add_func ("/engine/sentences/refused", test_refused);
  g_test_add_func ("/engine/sentences/growth", test_growth);
  g_test_add_func ("/engine/sentences/added-growth", test_added_growth);
  g_test_add_func ("/engine/sentences/ranges", test_ranges);
  g_test_add_func ("/engine/sentences/wild-charsmap", test_wild_charsmap);
  result = g_test_run ();
  set_file ("tokenizer.json", NULL);
  set_file ("tokenizer_config.json", NULL);
  g_rmdir (folder);
  g_free (folder);
  return result;
}
