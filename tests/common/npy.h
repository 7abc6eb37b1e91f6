/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * tests/common/npy.h: reads NumPy's .npy files and finds the test data.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * ClipTestNpy: an array as stored, C order, little endian.
 * @kind: 'f' float, 'i' signed, 'u' unsigned integer
 * @item_bytes: 1, 2, 4 or 8
 * @shape: n_dims sizes; a scalar has none and one item
 * @f32, @f64, @i32, @i64: views of the same memory; use the one that kind and item_bytes name
 */
typedef struct {
  gchar kind;
  guint item_bytes;
  guint n_dims;
  gsize shape[8];
  gsize n_items;
  union {
    gpointer data;
    float *f32;
    double *f64;
    gint32 *i32;
    gint64 *i64;
    guint8 *u8;
  };
} ClipTestNpy;

/** clip_test_npy_load: versions 1 to 3 of the format. Errors: G_FILE_ERROR. */
ClipTestNpy *clip_test_npy_load (const gchar *path, GError **error);
void clip_test_npy_free (ClipTestNpy *npy);

/** clip_test_npy_get: item @i in C order, converted to double, whatever its type. */
double clip_test_npy_get (const ClipTestNpy *npy, gsize i);

/**
 * clip_test_data: path of @relative ("goldens/images/...") in the folder that the environment
 * variable GST_CLIP_TESTDATA names.
 * Returns: (nullable): NULL when the variable is not set or there is no such file: skip the test.
 */
gchar *clip_test_data (const gchar *relative);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipTestNpy, clip_test_npy_free)

G_END_DECLS
