/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One .safetensors file: the header, the conversions, ranges of rows. What broken files do is
 * tested by tests/fuzz/model_folders.c. */
#include <glib/gstdio.h>
#include <math.h>
#include <string.h>
#include "gst-clip/engine/model.h"
#include "gst-clip/engine/safetensors.h"

/* The definition, with no thought for speed. */
static double
half_value (guint16 half)
{
  double sign = half & 0x8000 ? -1.0 : 1.0;
  int exponent = (half >> 10) & 31, mantissa = half & 1023;

  if (exponent == 31)
    return mantissa ? NAN : sign * INFINITY;
  if (exponent == 0)
    return sign * mantissa / 1024.0 * pow (2.0, -14);
  return sign * (1.0 + mantissa / 1024.0) * pow (2.0, exponent - 15);
}

static double
bfloat_value (guint16 bits)
{
  double sign = bits & 0x8000 ? -1.0 : 1.0;
  int exponent = (bits >> 7) & 255, mantissa = bits & 127;

  if (exponent == 255)
    return mantissa ? NAN : sign * INFINITY;
  if (exponent == 0)
    return sign * mantissa / 128.0 * pow (2.0, -126);
  return sign * (1.0 + mantissa / 128.0) * pow (2.0, exponent - 127);
}

static gboolean
same (double a, double b)
{
  return (isnan (a) && isnan (b)) || (a == b && signbit (a) == signbit (b));
}

static void
test_conversions (void)
{
  for (guint bits = 0; bits < 65536; bits++) {
    g_assert_true (same (clip_half_to_float ((guint16)bits), half_value ((guint16)bits)));
    g_assert_true (same (clip_bfloat_to_float ((guint16)bits), bfloat_value ((guint16)bits)));
  }
}

typedef struct {
  gchar *folder;
  ClipSource *source;
  ClipSafetensors *st;
} Fixture;

/* A folder with one file of @header and @size bytes of data. */
static void
fixture_open (Fixture *f, const gchar *header, const void *data, gsize size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  guint64 length = GUINT64_TO_LE ((guint64)strlen (header));
  g_autofree gchar *path = NULL;

  f->folder = g_dir_make_tmp ("gst-clip-test-XXXXXX", NULL);
  path = g_build_filename (f->folder, "x.safetensors", NULL);
  g_byte_array_append (bytes, (const guint8 *)&length, 8);
  g_byte_array_append (bytes, (const guint8 *)header, (guint)strlen (header));
  g_byte_array_append (bytes, data, (guint)size);
  g_assert_true (g_file_set_contents (path, (gchar *)bytes->data, bytes->len, NULL));
  f->source = clip_source_open_folder (f->folder, &error);
  g_assert_no_error (error);
  f->st = clip_safetensors_open (f->source, "x.safetensors", &error);
  g_assert_no_error (error);
}

static void
fixture_close (Fixture *f)
{
  g_autofree gchar *path = g_build_filename (f->folder, "x.safetensors", NULL);

  clip_safetensors_free (f->st);
  clip_source_free (f->source);
  g_unlink (path);
  g_rmdir (f->folder);
  g_free (f->folder);
}

/* Three dtypes, a scalar, integers, an odd header length (nothing is aligned), metadata. */
static void
test_read (void)
{
  static const gchar header[] =
      "{\"__metadata__\":{\"format\":\"pt\"},"
      "\"f\":{\"dtype\":\"F32\",\"shape\":[3,2],\"data_offsets\":[8,32]},"
      "\"h\":{\"dtype\":\"F16\",\"shape\":[2,1,2],\"data_offsets\":[32,40]},"
      "\"b\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[40,44]},"
      "\"s\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[44,48]},"
      "\"empty\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[48,48]},"
      "\"ids\":{\"dtype\":\"I64\",\"shape\":[1,1],\"data_offsets\":[0,8]}}";
  static const guint8 data[48] = { 0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   /* f */ 0,
                                   0,
                                   0x80,
                                   0x3f,
                                   0,
                                   0,
                                   0,
                                   0x40,
                                   0,
                                   0,
                                   0x40,
                                   0x40,
                                   0,
                                   0,
                                   0x80,
                                   0x40,
                                   0,
                                   0,
                                   0xa0,
                                   0x40,
                                   0,
                                   0,
                                   0xc0,
                                   0x40,
                                   /* h: 1, -2, 2^-24, 65504 */ 0,
                                   0x3c,
                                   0,
                                   0xc0,
                                   1,
                                   0,
                                   0xff,
                                   0x7b,
                                   /* b: 1, -0.5 */ 0x80,
                                   0x3f,
                                   0,
                                   0xbf,
                                   /* s: 0.5 */ 0,
                                   0,
                                   0,
                                   0x3f };
  g_autoptr (GError) error = NULL;
  float v[6];
  Fixture f;

  fixture_open (&f, header, data, sizeof data);
  g_assert_cmpuint (clip_safetensors_lookup (f.st, "f")->n_dims, ==, 2);
  g_assert_cmpuint (clip_safetensors_lookup (f.st, "s")->n_dims, ==, 0);
  g_assert_null (clip_safetensors_lookup (f.st, "g"));
  g_assert_null (clip_safetensors_lookup (f.st, "__metadata__"));

  g_assert_true (clip_safetensors_read (f.st, "f", 0, 3, v, NULL));
  for (guint i = 0; i < 6; i++)
    g_assert_cmpfloat (v[i], ==, i + 1.0f);
  g_assert_true (clip_safetensors_read (f.st, "f", 1, 1, v, NULL));
  g_assert_true (v[0] == 3.0f && v[1] == 4.0f);
  g_assert_true (clip_safetensors_read (f.st, "f", 3, 0, v, NULL));
  g_assert_true (clip_safetensors_read (f.st, "h", 0, 2, v, NULL));
  g_assert_true (v[0] == 1.0f && v[1] == -2.0f && v[2] == ldexpf (1, -24) && v[3] == 65504.0f);
  g_assert_true (clip_safetensors_read (f.st, "b", 1, 1, v, NULL) && v[0] == -0.5f);
  g_assert_true (clip_safetensors_read (f.st, "s", 0, 1, v, NULL) && v[0] == 0.5f);
  g_assert_true (clip_safetensors_read (f.st, "empty", 0, 0, v, NULL));

  g_assert_false (clip_safetensors_read (f.st, "f", 2, 2, v, &error));
  g_assert_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID);
  g_clear_error (&error);
  g_assert_false (clip_safetensors_read (f.st, "f", G_MAXUINT64, 2, v, NULL));
  g_assert_false (clip_safetensors_read (f.st, "s", 0, 2, v, NULL));
  g_assert_false (clip_safetensors_read (f.st, "missing", 0, 1, v, NULL));
  g_assert_false (clip_safetensors_read (f.st, "ids", 0, 1, v, &error));
  g_assert_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_UNSUPPORTED);
  fixture_close (&f);
}

/* More than one chunk, for each width of number; the last value is bad. */
static void
test_chunks (void)
{
  static const gchar *const dtypes[] = { "F32", "F16", "BF16" };

  for (guint d = 0; d < G_N_ELEMENTS (dtypes); d++) {
    const gsize n = 3 * 262144 + 5, width = d == 0 ? 4 : 2;
    g_autofree guint8 *data = g_malloc0 (n * width);
    g_autofree float *values = g_new (float, n);
    g_autofree gchar *header =
        g_strdup_printf ("{\"x\":{\"dtype\":\"%s\",\"shape\":[%u],\"data_offsets\":[0,%u]}}",
                         dtypes[d], (guint)n, (guint)(n * width));
    g_autoptr (GError) error = NULL;
    Fixture f;

    /* The upper half of 1.0f or the whole of a 16-bit number: 0x3f80 is 1.875 as F16. */
    for (gsize i = 0; i < n - 1; i++)
      memcpy (data + i * width + width - 2, i % 2 ? "\x80\x3f" : "\x00\x00", 2);
    memset (data + (n - 1) * width, 0xff, width);
    fixture_open (&f, header, data, n * width);
    g_assert_true (clip_safetensors_read (f.st, "x", 0, n - 1, values, NULL));
    for (gsize i = 0; i < n - 1; i++)
      g_assert_cmpfloat (values[i], ==, i % 2 ? (d == 1 ? 1.875f : 1.0f) : 0.0f);
    g_assert_false (clip_safetensors_read (f.st, "x", 0, n, values, &error));
    g_assert_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_INVALID);
    g_assert_nonnull (strstr (error->message, "\"x\": the value at index 786436 is NaN"));
    fixture_close (&f);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/engine/safetensors/conversions", test_conversions);
  g_test_add_func ("/engine/safetensors/read", test_read);
  g_test_add_func ("/engine/safetensors/chunks", test_chunks);
  return g_test_run ();
}
