/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The prompt syntax: string, list and file; good, bad and random. */
#include "gst-clip/engine/prompts.h"

#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>

/* One line a prompt: label[@threshold]: "wording" "wording" */
static gchar *
dump (ClipPromptSet *set)
{
  GString *out = g_string_new (NULL);

  for (guint i = 0; i < clip_prompt_set_size (set); i++) {
    const ClipPrompt *p = clip_prompt_set_get (set, i);
    g_string_append_printf (out, "%s[%s]", i ? " / " : "", p->label);
    if (p->threshold >= 0)
      g_string_append_printf (out, "@%g", p->threshold);
    for (guint w = 0; p->wordings[w]; w++)
      g_string_append_printf (out, " <%s>", p->wordings[w]);
  }
  return g_string_free (out, FALSE);
}

static const struct {
  const gchar *text, *template_text, *want;
} good[] = {
  { NULL, NULL, "" },
  { "", NULL, "" },
  { " ; \n;;; ", NULL, "[;] <;>" },
  { "a dog;a cat", NULL, "[a dog] <a dog> / [a cat] <a cat>" },
  { " a dog \r\n\ta cat ;", NULL, "[a dog] <a dog> / [a cat] <a cat>" },
  { "\xe3\x80\x80猫\xc2\xa0; 犬 ", NULL, "[猫] <猫> / [犬] <犬>" },
  { "dog@0.4=a photo of a dog|a puppy", NULL, "[dog]@0.4 <a photo of a dog> <a puppy>" },
  { "dog @ 1 = x | y ", NULL, "[dog]@1 <x> <y>" },
  { "dog@0;cat@1e-3", NULL, "[dog]@0 <dog> / [cat]@0.001 <cat>" },
  { "a;;b;a@@b;a==b;a||b", NULL, "[a;b] <a;b> / [a@b] <a@b> / [a=b] <a=b> / [a|b] <a|b>" },
  { "a;;;b", NULL, "[a;] <a;> / [b] <b>" },
  { "a===b", NULL, "[a=] <b>" },
  { "a= ==b|||c", NULL, "[a] <=b|> <c>" },
  { "x=1 @@ 2 == 3 ;; 4", NULL, "[x] <1 @ 2 = 3 ; 4>" },
  { "dog;cat=kitten", "a photo of a {}.| a {}",
    "[dog] <a photo of a dog.> <a dog> / [cat] <kitten>" },
  { "dog", "a||b {}", "[dog] <a|b dog>" },
  { "dog", " | ", "[dog] <dog>" },
};

static void
test_good (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (good); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (ClipPromptSet) set =
        clip_prompt_set_parse (good[i].text, good[i].template_text, &error);
    g_assert_no_error (error);
    g_autofree gchar *got = dump (set);
    g_assert_cmpstr (got, ==, good[i].want);

    g_autofree gchar *back = clip_prompt_set_to_string (set);
    g_autoptr (ClipPromptSet) again = clip_prompt_set_parse (back, good[i].template_text, &error);
    g_assert_no_error (error);
    g_autofree gchar *got_again = dump (again);
    g_assert_cmpstr (got_again, ==, good[i].want);
  }
}

/* A bad prompt is shown in the message, with a hint of what to write. */
static const struct {
  const gchar *text, *template_text, *want;
} bad[] = {
  { "a;dog@1.5", NULL, "\"dog@1.5\" has a threshold" },
  { "dog@-0.1", NULL, "number from 0 to 1" },
  { "dog@nan", NULL, "@@" },
  { "dog@0x1p-1", NULL, "threshold" },
  { "dog@0.5 cats", NULL, "threshold" },
  { "me@example.org", NULL, "write @@" },
  { "dog=a dog@0.4", NULL, "right after the label" },
  { "dog@0.1@0.2", NULL, "write @@" },
  { "a=b=c", NULL, "write ==" },
  { "a|b", NULL, "write ||" },
  { "dog@0.5|b", NULL, "write ||" },
  { "=a photo", NULL, "no label" },
  { "@0.5", NULL, "no label" },
  { "a dog@", NULL, "threshold that is not a number" },
  { "a dog@=x", NULL, "threshold that is not a number" },
  { "a dog=", NULL, "empty wording" },
  { "dog=a|", NULL, "empty wording" },
  { "dog=a| |b", NULL, "leave out the = or |" },
  { "a;b;a", NULL, "\"a\" is given twice: write one of them, with its wordings as in \"a=first" },
  { "dog", "a photo", "\"a photo\" has no {}" },
  { "dog", "{} and {}", "more than one {}" },
  { "dog", "image:/srv/{}.jpg", "templates make texts" },
  { "\xff", NULL, "UTF-8" },
  { "dog", "\xff{}", "UTF-8" },
};

static void
test_bad (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autoptr (GError) error = NULL;
    ClipPromptSet *set = clip_prompt_set_parse (bad[i].text, bad[i].template_text, &error);
    g_assert_null (set);
    g_assert_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_SYNTAX);
    if (!strstr (error->message, bad[i].want))
      g_error ("message \"%s\" has no \"%s\"", error->message, bad[i].want);
    g_assert_true (g_utf8_validate (error->message, -1, NULL));
  }
}

static void
assert_limit (const gchar *text, const gchar *template_text, gboolean fits)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipPromptSet) set = clip_prompt_set_parse (text, template_text, &error);

  if (fits)
    g_assert_no_error (error);
  else
    g_assert_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_LIMIT);
  g_assert_cmpint (set != NULL, ==, fits);
}

static void
test_limits (void)
{
  g_autoptr (GString) labels = g_string_new (NULL);
  g_autoptr (GString) wordings = g_string_new ("x=");
  g_autofree gchar *long_label = g_strnfill (CLIP_PROMPTS_MAX_BYTES + 1, 'a');

  for (guint i = 0; i < CLIP_PROMPTS_MAX_LABELS; i++)
    g_string_append_printf (labels, "l%u;", i);
  assert_limit (labels->str, NULL, TRUE);
  g_string_append (labels, "more");
  assert_limit (labels->str, NULL, FALSE);

  for (guint i = 0; i < CLIP_PROMPTS_MAX_WORDINGS; i++)
    g_string_append_printf (wordings, "%sw%u", i ? "|" : "", i);
  assert_limit (wordings->str, NULL, TRUE);
  g_string_append (wordings, "|more");
  assert_limit (wordings->str, NULL, FALSE);

  assert_limit (long_label, NULL, FALSE);
  assert_limit (long_label + 1, NULL, TRUE);
  assert_limit (long_label + 1, "a {}", FALSE);
}

/* As prompts, but for thresholds. */
static void
test_negatives (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipPromptSet) set = clip_prompt_set_parse_negatives ("a@@b;c=d|e", "the {}", &error);

  g_assert_no_error (error);
  g_autofree gchar *got = dump (set);
  g_assert_cmpstr (got, ==, "[a@b] <the a@b> / [c] <d> <e>");
  g_assert_null (clip_prompt_set_parse_negatives ("a dog@0.5", NULL, &error));
  g_assert_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_SYNTAX);
  g_assert_nonnull (strstr (error->message, "\"a dog@0.5\" has a threshold, but negative"));
}

/* What begins like a picture is text in a list, and with one colon more in the other forms. */
static void
test_plain (void)
{
  const gchar *const list[] = { "image:/etc/passwd", "image::x", "image:", NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipPromptSet) set = clip_prompt_set_from_list (list, "a {}", &error);
  g_autoptr (ClipPromptSet) other = clip_prompt_set_rewrap (set, NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (clip_prompt_set_n_pictures (set), ==, 0);
  g_assert_cmpuint (clip_prompt_set_n_pictures (other), ==, 0);
  g_autofree gchar *got = dump (set);
  g_assert_cmpstr (got, ==,
                   "[image:/etc/passwd] <a image:/etc/passwd> / [image::x] <a image::x> / "
                   "[image:] <a image:>");
  g_autofree gchar *string = clip_prompt_set_to_string (other);
  g_assert_cmpstr (string, ==, "image::/etc/passwd;image:::x;image::");
  g_autoptr (ClipPromptSet) again = clip_prompt_set_parse (string, "a {}", &error);
  g_assert_no_error (error);
  g_autofree gchar *same = dump (again);
  g_assert_cmpstr (same, ==, got);
  g_auto (GStrv) back = clip_prompt_set_to_list (again);
  g_assert_cmpstrv (back, list);
}

static void
test_list (void)
{
  const gchar *const list[] = { "a;b", " c=d@2|e ", "猫", NULL };
  const gchar *const empty[] = { "a", " ", NULL };
  const gchar *const twice[] = { "a", "a", NULL };
  const gchar *const lines[] = { "a\nb", NULL };
  const gchar *const *bad_lists[] = { empty, twice, lines };
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipPromptSet) set = clip_prompt_set_from_list (list, "a {}!", &error);

  g_assert_no_error (error);
  g_autofree gchar *got = dump (set);
  g_assert_cmpstr (got, ==, "[a;b] <a a;b!> / [c=d@2|e] <a c=d@2|e!> / [猫] <a 猫!>");
  g_autofree gchar *string = clip_prompt_set_to_string (set);
  g_assert_cmpstr (string, ==, "a;;b;c==d@@2||e;猫");
  g_auto (GStrv) back = clip_prompt_set_to_list (set);
  g_assert_cmpstrv (back, ((const gchar *const[]){ "a;b", "c=d@2|e", "猫", NULL }));

  for (guint i = 0; i < G_N_ELEMENTS (bad_lists); i++) {
    g_assert_null (clip_prompt_set_from_list (bad_lists[i], NULL, &error));
    g_assert_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_SYNTAX);
    g_assert_null (strchr (error->message, '=')); /* no advice in the string form */
    g_clear_error (&error);
  }
  g_autoptr (ClipPromptSet) none = clip_prompt_set_from_list (NULL, NULL, &error);
  g_assert_cmpuint (clip_prompt_set_size (none), ==, 0);
}

static void
test_rewrap (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipPromptSet) set = clip_prompt_set_parse ("dog;cat@0.3=kitten", "a {}", &error);
  g_autoptr (ClipPromptSet) other = clip_prompt_set_rewrap (set, "the {}|one {}", &error);

  g_assert_no_error (error);
  g_autofree gchar *got = dump (other);
  g_assert_cmpstr (got, ==, "[dog] <the dog> <one dog> / [cat]@0.3 <kitten>");
  g_autofree gchar *string = clip_prompt_set_to_string (other);
  g_assert_cmpstr (string, ==, "dog;cat@0.3=kitten");
  g_assert_null (clip_prompt_set_rewrap (set, "no hole", &error));
  g_assert_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_SYNTAX);
}

static void
check_file (const gchar *path, const gchar *contents, gssize length, const gchar *want,
            const gchar *want_error)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_set_contents (path, contents, length, NULL));
  g_autoptr (ClipPromptSet) negatives = NULL;
  g_autoptr (ClipPromptSet) set = clip_prompt_set_from_file (path, NULL, &negatives, &error);
  g_assert_null (negatives);
  if (want) {
    g_assert_no_error (error);
    g_autofree gchar *got = dump (set);
    g_assert_cmpstr (got, ==, want);
  } else {
    g_assert_null (set);
    g_assert_nonnull (strstr (error->message, path));
    g_assert_nonnull (strstr (error->message, want_error));
  }
}

static void
test_file (void)
{
  ClipPromptSet *negatives = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree gchar *folder = g_dir_make_tmp ("clip-prompts-XXXXXX", NULL);
  g_autofree gchar *path = g_build_filename (folder, "prompts.txt", NULL);

  check_file (path, "", -1, NULL, "there is no prompt in it");
  check_file (path, " \n# nothing\n", -1, NULL, "there is no prompt in it");
  check_file (path, "  # pets\n dog \n\t#cat", -1, "[dog] <dog>", NULL);
  check_file (path, "\xef\xbb\xbf# pets\r\ndog@0.5=a dog; brown|a ;; puppy\r\n\r\ncat", -1,
              "[dog]@0.5 <a dog; brown> <a ; puppy> / [cat] <cat>", NULL);
  check_file (path, "dog\n\ncat@2\n", -1, NULL, "line 3");
  check_file (path, "dog\0cat", 7, NULL, "not UTF-8");
  check_file (path, "d\xff", -1, NULL, "not UTF-8");
  g_assert_null (clip_prompt_set_from_file (folder, NULL, &negatives, &error));
  g_assert_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_FILE);
  g_clear_error (&error);
  g_unlink (path);
  g_assert_null (clip_prompt_set_from_file (path, NULL, &negatives, &error));
  g_assert_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_FILE);
  g_assert_nonnull (strstr (error->message, path));
  g_assert_null (strstr (error->message, "~"));
  g_clear_error (&error);
  g_assert_null (clip_prompt_set_from_file ("~/prompts.txt", NULL, &negatives, &error));
  g_assert_nonnull (strstr (error->message, "~ is the shell's"));
  g_rmdir (folder);
}

/* Labels, "|" and negatives; or the error. */
static void
check_json (const gchar *path, const gchar *contents, const gchar *want, const gchar *want_error)
{
  g_autoptr (ClipPromptSet) negatives = NULL;
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_set_contents (path, contents, -1, NULL));
  g_autoptr (ClipPromptSet) set = clip_prompt_set_from_file (path, "one {}", &negatives, &error);
  if (!want) {
    g_assert_null (set);
    g_assert_null (negatives);
    g_assert_error (error, CLIP_PROMPTS_ERROR, error->code);
    g_test_message ("%s", error->message);
    g_assert_nonnull (strstr (error->message, path));
    g_assert_nonnull (strstr (error->message, want_error));
    return;
  }
  g_assert_no_error (error);
  g_autofree gchar *labels = dump (set);
  g_autofree gchar *others = negatives ? dump (negatives) : g_strdup ("none");
  g_autofree gchar *got = g_strdup_printf ("%s | %s", labels, others);
  g_assert_cmpstr (got, ==, want);

  /* What a JSON file gave can be written in the string form. */
  g_autofree gchar *string = clip_prompt_set_to_string (set);
  g_autoptr (ClipPromptSet) again = clip_prompt_set_parse (string, "one {}", &error);
  g_assert_no_error (error);
  g_autofree gchar *same = dump (again);
  g_assert_cmpstr (same, ==, labels);
}

static void
test_json (void)
{
  static const struct {
    const gchar *text, *want, *error;
  } cases[] = {
    { "{\"labels\":[]}", " | none" },
    { "\xef\xbb\xbf\n{\"labels\":[\"dog\",\" c;at \"],\"comment\":\"pets\"}",
      "[dog] <one dog> / [c;at] <one c;at> | none" },
    { "{\"labels\":[{\"label\":\"dog\",\"threshold\":0.25,\"wordings\":[\"a|b\",\"c\"]},"
      "{\"label\":\"cat\",\"wordings\":\"=d\"}],\"threshold\":1}",
      "[dog]@0.25 <a|b> <c> / [cat]@1 <=d> | none" },
    { "{\"templates\":[\"a {}|\",\"the {}\"],\"labels\":[\"x\",{\"label\":\"y\"}],"
      "\"negatives\":[\"z\",{\"label\":\"w\",\"wordings\":[\"v\"]}]}",
      "[x] <a x|> <the x> / [y] <a y|> <the y> | [z] <a z|> <the z> / [w] <v>" },
    { "{\"labels\":[\"x\"],\"negatives\":[]}", "[x] <one x> | " },
    { "{\"labels\":[\"x\"],\n\n\"negatives\":[}", NULL, "line 3" },
    { "{\"labels\":[\"x\"],\"labels\":[\"y\"]}", NULL, "twice" },
    { "{\"negatives\":[\"x\"]}", NULL, "the key \"labels\" is missing" },
    { "{\"labels\":\"x\"}", NULL, ": labels: this should be an array" },
    { "{\"labels\":null}", NULL, ": labels: this should be an array" },
    { "{\"label\":[\"x\"]}", NULL, "there is no key \"label\" here, only \"labels\"" },
    { "{\"labels\":[\"x\",7]}", NULL, ": labels[1]: this should be a string" },
    { "{\"labels\":[\"x\",\" \"]}", NULL, ": labels[1]: this is empty" },
    { "{\"labels\":[\"x\\ny\"]}", NULL, ": labels[0]: there is a line break" },
    { "{\"labels\":[\"x\",\"x\"]}", NULL,
      ": labels[1]: the label \"x\" is given twice: write one of them, with its wordings as in "
      "{\"label\": \"x\", \"wordings\": [" },
    { "{\"labels\":[\"image::x\",{\"label\":\"y\",\"wordings\":\"image::z\"}]}",
      "[image:x] <one image:x> / [y] <image:z> | none" },
    { "{\"labels\":[{}]}", NULL, ": labels[0]: the key \"label\" is missing" },
    { "{\"labels\":[{\"label\":[]}]}", NULL, ": labels[0].label: this should be a string" },
    { "{\"labels\":[{\"label\":\"x\",\"treshold\":1}]}", NULL, "no key \"treshold\" here" },
    { "{\"labels\":[{\"label\":\"x\",\"threshold\":1.5}]}", NULL,
      ": labels[0]: \"threshold\" is 1.5, outside 0..1" },
    { "{\"labels\":[{\"label\":\"x\",\"threshold\":\"1\"}]}", NULL, "should be a number" },
    { "{\"labels\":[{\"label\":\"x\",\"wordings\":[]}]}", NULL,
      ": labels[0].wordings: there is nothing in it" },
    { "{\"labels\":[{\"label\":\"x\",\"wordings\":[\"a\",{}]}]}", NULL,
      ": labels[0].wordings[1]: this should be a string" },
    { "{\"labels\":[\"x\"],\"templates\":\"none\"}", NULL,
      ": templates: the template \"none\" has no {}" },
    { "{\"labels\":[\"x\"],\"negatives\":[{\"label\":\"y\",\"threshold\":1}]}", NULL,
      ": negatives[0]: there is no key \"threshold\" here" },
    { "[\"x\"]", NULL, "an object was expected" },
  };
  g_autofree gchar *folder = g_dir_make_tmp ("clip-prompts-XXXXXX", NULL);
  g_autofree gchar *path = g_build_filename (folder, "prompts.json", NULL);
  g_autofree gchar *other = g_build_filename (folder, "prompts.txt", NULL);
  g_autoptr (ClipPromptSet) negatives = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    check_json (path, cases[i].text, cases[i].want, cases[i].error);
  check_json (other, cases[1].text, cases[1].want, NULL); /* a brace is enough */
  check_json (other, "\n [\"x\"]", NULL, "read as JSON, which is {\"labels\": [\"a dog\"]}");
  check_json (other, "[logo] x\n", NULL, "let a comment be the first");
  check_json (path, "dog\n", NULL, "not usable JSON");

  /* Templates of the file are the file's: another one of the element does not replace them. */
  g_assert_true (g_file_set_contents (path, cases[3].text, -1, NULL));
  g_autoptr (ClipPromptSet) set = clip_prompt_set_from_file (path, NULL, &negatives, NULL);
  g_autoptr (ClipPromptSet) rewrapped = clip_prompt_set_rewrap (set, "other {}", NULL);
  g_autofree gchar *before = dump (set);
  g_autofree gchar *after = dump (rewrapped);
  g_assert_cmpstr (after, ==, before);
  g_unlink (path);
  g_unlink (other);
  g_rmdir (folder);
}

/* Wordings that are pictures: never put into a template, not mixed with texts, relative to a file. */
static void
test_pictures (void)
{
  g_autofree gchar *folder = g_dir_make_tmp ("clip-prompts-XXXXXX", NULL);
  g_autofree gchar *path = g_build_filename (folder, "prompts.txt", NULL);
  g_autofree gchar *want = g_strdup_printf ("[a] <image:%s/x.png> <image:/y.png> / "
                                            "[image:z.png] <image:%s/z.png> / [b] <one b>",
                                            folder, folder);
  static const gchar *const bad[] = { "a=image:/x|a text", "a=image:", "image:", "a=x|image:/y",
                                      "a=image:/x|image::y" };
  g_autoptr (ClipPromptSet) negatives = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipPromptSet) set =
      clip_prompt_set_parse ("image:/a==b.png@0.9;d=image:/c;;d|image:e;f;"
                             "image::g=image:h|image:i;image:j=k|image::l",
                             "one {}", &error);

  g_assert_no_error (error);
  g_autofree gchar *got = dump (set);
  g_assert_cmpstr (
      got, ==,
      "[image:/a=b.png]@0.9 <image:/a=b.png> / [d] <image:/c;d> <image:e> / [f] <one f> / "
      "[image:g] <image:h> <image:i> / [image:j] <k> <image:l>");
  g_assert_cmpuint (clip_prompt_set_n_pictures (set), ==, 3);
  g_assert_true (clip_prompt_set_get (set, 0)->pictures);
  g_assert_false (clip_prompt_set_get (set, 2)->pictures);
  g_autofree gchar *string = clip_prompt_set_to_string (set);
  g_assert_cmpstr (string, ==,
                   "image:/a==b.png@0.9;d=image:/c;;d|image:e;f;"
                   "image::g=image:h|image:i;image::j=k|image::l");
  g_autoptr (ClipPromptSet) other = clip_prompt_set_rewrap (set, "two {}", &error);
  g_autofree gchar *rewrapped = dump (other);
  g_assert_nonnull (strstr (rewrapped, "<image:/a=b.png> /"));
  g_assert_nonnull (strstr (rewrapped, "<two f>"));

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_assert_null (clip_prompt_set_parse (bad[i], NULL, &error));
    g_assert_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_SYNTAX);
    g_clear_error (&error);
  }

  g_assert_true (
      g_file_set_contents (path, "a=image:x.png|image:/y.png\nimage:z.png\nb", -1, NULL));
  g_autoptr (ClipPromptSet) read = clip_prompt_set_from_file (path, "one {}", &negatives, &error);
  g_assert_no_error (error);
  g_autofree gchar *in_file = dump (read);
  g_assert_cmpstr (in_file, ==, want);
  g_unlink (path);
  g_rmdir (folder);
}

static guint64
fuzz_rounds (guint64 usual)
{
  const gchar *rounds = g_getenv ("GST_CLIP_FUZZ_ROUNDS");
  return rounds ? g_ascii_strtoull (rounds, NULL, 10) : usual;
}

/* A good file with some bytes changed, lost or doubled: prompts, or an error that names the file. */
static void
test_json_random (void)
{
  static const gchar good[] =
      "{\"templates\":[\"a {}\"],\"threshold\":0.5,\"labels\":[\"x\",{\"label\":\"y\","
      "\"threshold\":0.25,\"wordings\":[\"a\",\"b\"]}],\"negatives\":[\"z\",{\"label\":\"w\"}]}";
  static const gchar bytes[] = "{}[]\",:\\0.9e-nt \n\xc3x";
  g_autofree gchar *folder = g_dir_make_tmp ("clip-prompts-XXXXXX", NULL);
  g_autofree gchar *path = g_build_filename (folder, "prompts.json", NULL);

  for (guint64 round = 0; round < fuzz_rounds (1000); round++) {
    g_autoptr (ClipPromptSet) negatives = NULL;
    g_autoptr (GString) text = g_string_new (good);
    g_autoptr (GError) error = NULL;
    for (gint n = g_test_rand_int_range (1, 4); n > 0; n--) {
      const gint at = g_test_rand_int_range (0, text->len);
      const gchar byte = bytes[g_test_rand_int_range (0, sizeof bytes - 1)];
      if (g_test_rand_bit ())
        text->str[at] = byte;
      else if (g_test_rand_bit ())
        g_string_erase (text, at, 1);
      else
        g_string_insert_c (text, at, byte);
    }
    FILE *file = fopen (path, "w"); /* without GLib's fsync () */
    g_assert_nonnull (file);
    g_assert_cmpuint (fwrite (text->str, 1, text->len, file), ==, text->len);
    g_assert_cmpint (fclose (file), ==, 0);
    g_autoptr (ClipPromptSet) set = clip_prompt_set_from_file (path, NULL, &negatives, &error);
    if (set) {
      g_assert_no_error (error);
    } else {
      g_assert_null (negatives);
      g_assert_nonnull (strstr (error->message, path));
    }
  }
  g_unlink (path);
  g_rmdir (folder);
}

/* Whatever parses can be written and read again; whatever does not has a message. */
static void
test_random (void)
{
  static const gchar *const pieces[] = { "a",  "b",  " ",   ";", "|",  "=", "@",  ";;", "||",
                                         "==", "@@", "0.5", "1", "\n", "é", "{}", ":",  "image:" };

  for (guint64 round = 0; round < fuzz_rounds (50000); round++) {
    g_autoptr (GString) text = g_string_new (NULL);
    g_autoptr (GError) error = NULL;
    guint n = g_test_rand_int_range (0, 14);
    for (guint i = 0; i < n; i++)
      g_string_append (text, pieces[g_test_rand_int_range (0, G_N_ELEMENTS (pieces))]);

    g_autoptr (ClipPromptSet) set = clip_prompt_set_parse (text->str, "t {}", &error);
    if (!set) {
      g_assert_nonnull (error);
      continue;
    }
    g_autofree gchar *written = clip_prompt_set_to_string (set);
    g_autoptr (ClipPromptSet) again = clip_prompt_set_parse (written, "t {}", &error);
    g_assert_no_error (error);
    g_autofree gchar *a = dump (set);
    g_autofree gchar *b = dump (again);
    g_assert_cmpstr (a, ==, b);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/prompts/good", test_good);
  g_test_add_func ("/prompts/bad", test_bad);
  g_test_add_func ("/prompts/limits", test_limits);
  g_test_add_func ("/prompts/negatives", test_negatives);
  g_test_add_func ("/prompts/list", test_list);
  g_test_add_func ("/prompts/plain", test_plain);
  g_test_add_func ("/prompts/rewrap", test_rewrap);
  g_test_add_func ("/prompts/file", test_file);
  g_test_add_func ("/prompts/json", test_json);
  g_test_add_func ("/prompts/pictures", test_pictures);
  g_test_add_func ("/prompts/json-random", test_json_random);
  g_test_add_func ("/prompts/random", test_random);
  return g_test_run ();
}
