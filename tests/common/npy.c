/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/common/npy.h"

#include <string.h>

/* The header is a Python dictionary, written always in the same way:
 * {'descr': '<f4', 'fortran_order': False, 'shape': (3, 224, 224), } */
static gboolean
parse_header (ClipTestNpy *npy, const gchar *header)
{
  const gchar *descr = strstr (header, "'descr': '");
  const gchar *shape = strstr (header, "'shape': (");

  if (!descr || !shape || !strstr (header, "'fortran_order': False"))
    return FALSE;
  descr += strlen ("'descr': '");
  if ((descr[0] != '<' && descr[0] != '|') || !strchr ("fiu", descr[1]))
    return FALSE;
  npy->kind = descr[1];
  npy->item_bytes = (guint)g_ascii_strtoull (descr + 2, NULL, 10);
  if (!npy->item_bytes || npy->item_bytes > 8)
    return FALSE;

  npy->n_items = 1;
  for (const gchar *p = shape + strlen ("'shape': ("); *p && *p != ')';) {
    gchar *end;
    guint64 n = g_ascii_strtoull (p, &end, 10);
    if (end == p || npy->n_dims == G_N_ELEMENTS (npy->shape) || n > G_MAXUINT32
        || !g_size_checked_mul (&npy->n_items, npy->n_items, (gsize)n))
      return FALSE;
    npy->shape[npy->n_dims++] = (gsize)n;
    p = end + strspn (end, ", ");
  }
  return TRUE;
}

ClipTestNpy *
clip_test_npy_load (const gchar *path, GError **error)
{
  g_autofree gchar *file = NULL;
  gsize length;

  if (!g_file_get_contents (path, &file, &length, error))
    return NULL;

  g_autoptr (ClipTestNpy) npy = g_new0 (ClipTestNpy, 1);
  const guint8 *bytes = (const guint8 *)file;
  gboolean ok = length > 12 && !memcmp (file, "\x93NUMPY", 6);
  if (ok) {
    gsize at = bytes[6] == 1 ? 10 : 12;
    gsize n = bytes[8] | (gsize)bytes[9] << 8;
    if (bytes[6] > 1)
      n |= (gsize)bytes[10] << 16 | (gsize)bytes[11] << 24;
    ok = n <= length - at;
    if (ok) {
      g_autofree gchar *header = g_strndup (file + at, n);
      gsize size;
      ok = parse_header (npy, header) && g_size_checked_mul (&size, npy->n_items, npy->item_bytes)
           && size == length - at - n;
      if (ok)
        npy->data = g_memdup2 (file + at + n, size);
    }
  }
  if (!ok) {
    g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL, "%s: not a .npy file as expected", path);
    return NULL;
  }
  return g_steal_pointer (&npy);
}

void
clip_test_npy_free (ClipTestNpy *npy)
{
  if (!npy)
    return;
  g_free (npy->data);
  g_free (npy);
}

double
clip_test_npy_get (const ClipTestNpy *npy, gsize i)
{
  g_assert (i < npy->n_items);
  switch (npy->kind << 8 | npy->item_bytes) {
  case 'f' << 8 | 4:
    return npy->f32[i];
  case 'f' << 8 | 8:
    return npy->f64[i];
  case 'i' << 8 | 4:
    return npy->i32[i];
  case 'i' << 8 | 8:
    return (double)npy->i64[i];
  case 'u' << 8 | 1:
    return npy->u8[i];
  default:
    g_error ("clip_test_npy_get: no conversion for %c%u", npy->kind, npy->item_bytes);
  }
}

gchar *
clip_test_data (const gchar *relative)
{
  const gchar *root = g_getenv ("GST_CLIP_TESTDATA");
  if (!root || !*root)
    return NULL;
  g_autofree gchar *path = g_build_filename (root, relative, NULL);
  return g_file_test (path, G_FILE_TEST_EXISTS) ? g_steal_pointer (&path) : NULL;
}
