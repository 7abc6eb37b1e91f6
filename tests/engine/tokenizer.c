/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tokenizer on a vocabulary of single bytes and a few merges, so that every id can be
 * read: the rules, the cut at the context, and long and odd texts. Equality with the published
 * tokenizers is tested by tests/golden/tokenizer.c.
 */
#include <glib/gstdio.h>
#include <string.h>
#include "gst-clip/engine/model.h"
#include "gst-clip/engine/tokenizer.h"
#include "tests/common/random_model.h"

/* The vocabulary has byte b as id b, and as 256 + b at the end of a word. */
#define START   512
#define END     513
#define LAST(c) (256 + (c))

static ClipTokenizer *tokenizer;

static ClipTokenizer *
open_folder (const gchar *folder)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipSource) source = clip_source_open_folder (folder, &error);
  ClipTokenizer *opened;

  g_assert_no_error (error);
  opened = clip_tokenizer_open (source, G_MAXUINT32, FALSE, &error);
  g_assert_no_error (error);
  return opened;
}

static void
set_file (const gchar *folder, const gchar *name, const gchar *text)
{
  g_autofree gchar *path = g_build_filename (folder, name, NULL);

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

/* Puts @tokens in front of the others in vocab.json. */
static void
add_tokens (const gchar *folder, const gchar *tokens)
{
  g_autofree gchar *path = g_build_filename (folder, "vocab.json", NULL);
  g_autofree gchar *text = NULL, *all = NULL;

  g_assert_true (g_file_get_contents (path, &text, NULL, NULL));
  all = g_strconcat ("{", tokens, text + 1, NULL);
  set_file (folder, "vocab.json", all);
}

/* The vocabulary of a random model and @tokens. @special: (nullable): special_tokens_map.json */
static ClipTokenizer *
make_tokenizer (const gchar *tokens, const gchar *merges, const gchar *special)
{
  g_autofree gchar *folder = g_dir_make_tmp ("gst-clip-test-XXXXXX", NULL);
  static const gchar *const files[] = { "config.json",       "preprocessor_config.json",
                                        "vocab.json",        "merges.txt",
                                        "model.safetensors", "special_tokens_map.json" };
  g_autoptr (GError) error = NULL;
  ClipTokenizer *made;

  clip_random_model_write (clip_random_model_find ("tiny"), folder, 1, &error);
  g_assert_no_error (error);
  add_tokens (folder, tokens);
  set_file (folder, "merges.txt", merges);
  if (special)
    set_file (folder, "special_tokens_map.json", special);
  made = open_folder (folder);
  for (guint i = 0; i < G_N_ELEMENTS (files); i++) {
    g_autofree gchar *path = g_build_filename (folder, files[i], NULL);
    g_unlink (path);
  }
  g_rmdir (folder);
  return made;
}

/* @expected: ids between start and end, terminated by -1 */
static void
check (const gchar *text, gssize length, const gint *expected)
{
  guint32 ids[256], n_dropped;
  gsize cut_at;
  guint32 n = clip_tokenizer_encode (tokenizer, text, length, 256, ids, &n_dropped, &cut_at);
  guint32 i = 0;

  g_assert_cmpuint (n_dropped, ==, 0);
  g_assert_cmpuint (cut_at, ==, length < 0 ? strlen (text) : (gsize)length);
  g_assert_cmpuint (ids[0], ==, START);
  for (; expected[i] >= 0; i++)
    g_assert_cmpint ((gint)ids[1 + i], ==, expected[i]);
  g_assert_cmpuint (ids[1 + i], ==, END);
  g_assert_cmpuint (n, ==, i + 2);
}

#define CHECK(text, ...) check (text, -1, (const gint[]){ __VA_ARGS__, -1 })

static void
test_words (void)
{
  check ("", 0, (const gint[]){ -1 });
  check (" \t\n ", -1, (const gint[]){ -1 });
  CHECK ("a", LAST ('a'));
  CHECK ("ab", 'a', LAST ('b'));
  CHECK ("A  B", LAST ('a'), LAST ('b'));
  CHECK ("12", LAST ('1'), LAST ('2'));
  CHECK ("a1", LAST ('a'), LAST ('1'));
  CHECK ("?!a", '?', LAST ('!'), LAST ('a'));
  CHECK ("it's", 'i', LAST ('t'), '\'', LAST ('s'));
  CHECK ("i'LL", LAST ('i'), '\'', 'l', LAST ('l'));
  CHECK ("x'y", LAST ('x'), LAST ('\''), LAST ('y'));
  CHECK ("!'s", '!', LAST ('\''), LAST ('s'));
  /* No-break and ideographic space. */
  CHECK ("a\xc2\xa0"
         "b\xe3\x80\x80"
         "c",
         LAST ('a'), LAST ('b'), LAST ('c'));
}

static void
test_special (void)
{
  CHECK ("<|endoftext|>", END);
  CHECK ("a<|startoftext|>b", LAST ('a'), START, LAST ('b'));
  CHECK ("<|endoftext|><|endoftext|>", END, END);
  CHECK ("<|x", '<', LAST ('|'), LAST ('x'));
  /* Special only after lower-casing: letters and signs, but cut where the token ends. */
  CHECK ("<|ENDOFTEXT|>!", '<', LAST ('|'), 'e', 'n', 'd', 'o', 'f', 't', 'e', 'x', LAST ('t'), '|',
         LAST ('>'), LAST ('!'));
}

/* A pad token of one character is special, too. */
static void
test_special_pad (void)
{
  ClipTokenizer *saved = tokenizer;

  tokenizer =
      make_tokenizer ("", "", "{\"pad_token\": {\"content\": \"!\"}, \"unk_token\": \"none\"}");
  CHECK ("!!a", '!', '!', LAST ('a'));
  clip_tokenizer_free (tokenizer);
  tokenizer = saved;
  CHECK ("!!a", '!', LAST ('!'), LAST ('a'));
}

/* Invalid bytes are U+FFFD, ef bf bd; NUL is a character of its own. */
static void
test_bytes (void)
{
  check ("a\0b", 3, (const gint[]){ LAST ('a'), LAST (0), LAST ('b'), -1 });
  CHECK ("\xff", 0xef, 0xbf, LAST (0xbd));
  CHECK ("\xc3", 0xef, 0xbf, LAST (0xbd));
  CHECK ("\xed\xa0\x80", 0xef, 0xbf, 0xbd, 0xef, 0xbf, 0xbd, 0xef, 0xbf, LAST (0xbd));
  CHECK ("\xc3\xa9", 0xc3, LAST (0xa9));
  CHECK ("\xc3\x89", 0xc3, LAST (0xa9));  /* É */
  CHECK ("e\xcc\x81", 0xc3, LAST (0xa9)); /* e and an acute */
  CHECK ("E\xcc\x81", 0xc3, LAST (0xa9));
  /* Capital I with a dot becomes i and a dot above, which is no letter. */
  CHECK ("\xc4\xb0", LAST ('i'), 0xcc, LAST (0x87));
}

/* The pair of the lowest rank first, not the first pair; of equal ones the leftmost. */
static void
test_merges (void)
{
  ClipTokenizer *saved = tokenizer;

  tokenizer = make_tokenizer ("\"aa\":600,\"bc\":601,\"ab\":602,\"aaa</w>\":603,",
                              "#version: 0.2\nb c\na a\r\n\na b\naa a</w>\n", NULL);
  CHECK ("abcd", 'a', 601, LAST ('d'));
  CHECK ("abd", 602, LAST ('d'));
  CHECK ("aaaad", 600, 600, LAST ('d'));
  CHECK ("aaabd", 600, 602, LAST ('d'));
  CHECK ("aaa", 603);
  CHECK ("aaaa", 600, 'a', LAST ('a'));
  CHECK ("ab", 'a', LAST ('b'));
  clip_tokenizer_free (tokenizer);
  tokenizer = saved;
}

/* A word of 1 MB in which everything is joined, level by level. */
static void
test_long_merges (void)
{
  g_autoptr (ClipTokenizer) joining =
      make_tokenizer ("\"aa\":600,\"aaaa\":601,\"aaaaaaaa\":602,", "a a\naa aa\naaaa aaaa\n", NULL);
  g_autofree gchar *text = g_strnfill (1000001, 'a');
  g_autofree guint32 *ids = g_new (guint32, 200000);
  guint32 n_dropped, n;

  n = clip_tokenizer_encode (joining, text, -1, 200000, ids, &n_dropped, NULL);
  g_assert_cmpuint (n, ==, 2 + 125000 + 1);
  g_assert_cmpuint (n_dropped, ==, 0);
  for (guint32 i = 1; i <= 125000; i++)
    g_assert_cmpuint (ids[i], ==, 602);
  g_assert_cmpuint (ids[125001], ==, LAST ('a'));
}

static void
test_cut (void)
{
  static const gchar text[] = "ab  cd ef";
  guint32 ids[8], n_dropped;
  gsize cut_at;

  g_assert_cmpuint (clip_tokenizer_encode (tokenizer, text, -1, 8, ids, &n_dropped, &cut_at), ==,
                    8);
  g_assert_cmpuint (n_dropped, ==, 0);
  g_assert_cmpuint (cut_at, ==, strlen (text));
  /* Room for three: the cut is within "cd". */
  g_assert_cmpuint (clip_tokenizer_encode (tokenizer, text, -1, 5, ids, &n_dropped, &cut_at), ==,
                    5);
  g_assert_true (ids[3] == 'c' && ids[4] == END);
  g_assert_cmpuint (n_dropped, ==, 3);
  g_assert_cmpuint (cut_at, ==, 5);
  /* Room for two: between the words. */
  g_assert_cmpuint (clip_tokenizer_encode (tokenizer, text, -1, 4, ids, &n_dropped, &cut_at), ==,
                    4);
  g_assert_cmpuint (cut_at, ==, 4);
  /* Room for nothing. */
  g_assert_cmpuint (clip_tokenizer_encode (tokenizer, text, -1, 2, ids, &n_dropped, &cut_at), ==,
                    2);
  g_assert_true (ids[0] == START && ids[1] == END && n_dropped == 6 && cut_at == 0);
  /* Before a special token; before a character whose bytes would be torn. */
  clip_tokenizer_encode (tokenizer, "a<|endoftext|>", -1, 3, ids, &n_dropped, &cut_at);
  g_assert_true (n_dropped == 1 && cut_at == 1);
  clip_tokenizer_encode (tokenizer, "x\xc3\xa9", -1, 4, ids, &n_dropped, &cut_at);
  g_assert_true (n_dropped == 1 && cut_at == 1);
}

/* 1 MB of the worst: all must be done in seconds, and no token lost. */
static void
test_long (void)
{
  static const gchar *const parts[] = {
    "a", "a b ", "\xcc\x81", "\xcc\x96\xcc\x81", "\xed\x95\x9c", "\xe1\x85\xa1", "\xff", "<|"
  };

  for (guint i = 0; i < G_N_ELEMENTS (parts); i++) {
    GString *text = g_string_new (NULL);
    guint32 ids[77], n_dropped;
    gint64 start = g_get_monotonic_time ();

    while (text->len < 1000000)
      g_string_append (text, parts[i]);
    g_assert_cmpuint (
        clip_tokenizer_encode (tokenizer, text->str, (gssize)text->len, 77, ids, &n_dropped, NULL),
        ==, 77);
    g_assert_cmpuint (n_dropped, >, 400000);
    g_test_message ("part %u: %.2f s", i, (g_get_monotonic_time () - start) * 1e-6);
    g_assert_cmpint (g_get_monotonic_time () - start, <, 60 * G_USEC_PER_SEC);
    g_string_free (text, TRUE);
  }
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  tokenizer = make_tokenizer ("", "#version: 0.2\n", NULL);
  g_test_add_func ("/engine/tokenizer/words", test_words);
  g_test_add_func ("/engine/tokenizer/special", test_special);
  g_test_add_func ("/engine/tokenizer/special-pad", test_special_pad);
  g_test_add_func ("/engine/tokenizer/bytes", test_bytes);
  g_test_add_func ("/engine/tokenizer/merges", test_merges);
  g_test_add_func ("/engine/tokenizer/long-merges", test_long_merges);
  g_test_add_func ("/engine/tokenizer/cut", test_cut);
  g_test_add_func ("/engine/tokenizer/long", test_long);
  result = g_test_run ();
  clip_tokenizer_free (tokenizer);
  return result;
}
