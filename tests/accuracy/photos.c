/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The test pictures of CIFAR-10, and photographs at their real sizes. */
#include "tests/accuracy/accuracy.h"

#include <string.h>

const gchar *const acc_classes[] = { "airplane", "automobile", "bird", "cat",   "deer", "dog",
                                     "frog",     "horse",      "ship", "truck", NULL };

/* What the labels of labels.tsv call them. */
static const struct {
  const gchar *word;
  gint class;
} words[] = { { "airplane", 0 }, { "aeroplane", 0 }, { "airliner", 0 }, { "car", 1 },
              { "cars", 1 },     { "bird", 2 },      { "eagle", 2 },    { "finch", 2 },
              { "peacock", 2 },  { "cat", 3 },       { "cats", 3 },     { "kitten", 3 },
              { "deer", 4 },     { "dog", 5 },       { "dogs", 5 },     { "puppy", 5 },
              { "frog", 6 },     { "horse", 7 },     { "horses", 7 },   { "ship", 8 },
              { "boat", 8 },     { "truck", 9 } };

GStrv
acc_class_prompts (void)
{
  GStrv prompts = g_new0 (gchar *, G_N_ELEMENTS (acc_classes));

  for (guint i = 0; acc_classes[i]; i++)
    prompts[i] = g_strdup_printf ("a photo of a %s", acc_classes[i]);
  return prompts;
}

/* Returns: a class, -1: none, -2: several. */
static gint
class_of (const gchar *label)
{
  g_auto (GStrv) parts = g_strsplit_set (label, " ()/,", -1);
  gint class = -1;

  for (guint i = 0; parts[i]; i++)
    for (guint k = 0; k < G_N_ELEMENTS (words); k++)
      if (g_str_equal (parts[i], words[k].word))
        class = class == -1 || class == words[k].class ? words[k].class : -2;
  return class;
}

static void
photo_free (gpointer data)
{
  AccPhoto *photo = data;

  g_free (photo->path);
  g_free (photo->label);
  g_free (photo);
}

/* Whether photographs can be read here. */
static gboolean
have_decoders (void)
{
  static const gchar *const names[] = { "jpegdec", "pngdec", "decodebin", "multifilesrc" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autoptr (GstElementFactory) factory = gst_element_factory_find (names[i]);

    if (!factory) {
      acc_note ("photographs are left out: there is no element \"%s\"", names[i]);
      return FALSE;
    }
  }
  return TRUE;
}

GPtrArray *
acc_list_photos (const AccOptions *o)
{
  g_autofree gchar *path = o->data ? g_build_filename (o->data, "labels.tsv", NULL) : NULL;
  g_autofree gchar *text = NULL;

  if (!path || !g_file_get_contents (path, &text, NULL, NULL) || !have_decoders ())
    return NULL;
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  GPtrArray *photos = g_ptr_array_new_with_free_func (photo_free);
  for (guint i = 0; lines[i]; i++) {
    g_auto (GStrv) columns = g_strsplit (lines[i], "\t", 2);
    const gint class = columns[0] && columns[1] ? class_of (columns[1]) : -2;
    AccPhoto *photo;

    if (class == -2 || !g_str_has_prefix (columns[0], "images/")
        || strstr (columns[0], "/cifar10/"))
      continue;
    photo = g_new0 (AccPhoto, 1);
    photo->path = g_build_filename (o->data, columns[0], NULL);
    photo->label = g_strdup (columns[1]);
    photo->class = class;
    g_ptr_array_add (photos, photo);
  }
  return photos;
}

gchar *
acc_photo_source (const gchar *path)
{
  return g_strdup_printf ("filesrc location=\"%s\" ! decodebin ! videoconvert", path);
}

gchar *
acc_cifar_source (const AccOptions *o, guint class, guint count)
{
  g_autofree gchar *whole =
      o->cifar ? g_build_filename (o->cifar, "test", acc_classes[class], NULL) : NULL;
  g_autofree gchar *few =
      o->data ? g_build_filename (o->data, "images", "cifar10", acc_classes[class], NULL) : NULL;
  const gchar *folder = whole && g_file_test (whole, G_FILE_TEST_IS_DIR) ? whole : few;

  if (!folder || !g_file_test (folder, G_FILE_TEST_IS_DIR) || !have_decoders ())
    return NULL;
  return g_strdup_printf ("multifilesrc location=\"%s/%%04d.jpg\" caps=image/jpeg,framerate=1/1 "
                          "stop-index=%d ! jpegdec",
                          folder, count ? (gint)count - 1 : -1);
}

gboolean
acc_cifar (const AccOptions *o, GError **error)
{
  g_auto (GStrv) prompts = acc_class_prompts ();
  guint right = 0, total = 0;

  for (guint c = 0; acc_classes[c]; c++) {
    g_autofree gchar *source = acc_cifar_source (o, c, o->quick ? 10 : 0);
    const AccPlay play = { .source = source, .prompts = (const gchar *const *)prompts };
    guint class_right = 0;

    if (!source) {
      acc_skip ("CIFAR-10, test pictures, ten classes", "no pictures; --cifar DIR names them");
      return TRUE;
    }
    g_autoptr (GPtrArray) results = acc_play (&play, error);
    if (!results)
      return FALSE;
    for (guint i = 0; i < results->len; i++)
      class_right += ((AccResult *)results->pdata[i])->best == c;
    acc_note ("%-11s %4u of %4u", acc_classes[c], class_right, results->len);
    right += class_right;
    total += results->len;
  }
  acc_report ("CIFAR-10, test pictures, \"a photo of a {class}\", ten classes", right, total,
              ACC_LEAST (0.8, total < 1000 ? 0.72 : 0.8));
  return TRUE;
}

gboolean
acc_photographs (const AccOptions *o, GError **error)
{
  g_auto (GStrv) prompts = acc_class_prompts ();
  g_autoptr (GPtrArray) photos = acc_list_photos (o);
  guint right = 0, total = 0;

  if (!photos) {
    acc_skip ("photographs of the ten classes", "no labels.tsv; --data DIR names its folder");
    return TRUE;
  }
  for (guint i = 0; i < photos->len; i++) {
    const AccPhoto *photo = photos->pdata[i];
    g_autofree gchar *source = acc_photo_source (photo->path);
    const AccPlay play = { .source = source, .prompts = (const gchar *const *)prompts };

    if (photo->class < 0)
      continue;
    g_autoptr (GPtrArray) results = acc_play (&play, error);
    if (!results)
      return FALSE;
    const guint best = ((AccResult *)results->pdata[0])->best;
    total++;
    right += (gint)best == photo->class;
    if ((gint)best != photo->class)
      acc_note ("%s: %s", photo->label, prompts[best]);
  }
  acc_report ("photographs of the ten classes at their real sizes", right, total,
              ACC_LEAST (0.75, 0.45));
  return TRUE;
}
