/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/safetensors.h: one .safetensors file.
 *
 * The format: 8 bytes, little endian, the length of a JSON object; the object, which gives
 * each tensor's dtype, shape and range of bytes; the bytes, without gaps. All of it is checked
 * when the file is opened, so that reading has only the disk and the values left to doubt.
 * Errors are CLIP_MODEL_ERROR and name the file and the tensor.
 * Thread: immutable after opening; reading is safe from any thread.
 */
#pragma once

#include "gst-clip/engine/source.h"

G_BEGIN_DECLS

#define CLIP_TENSOR_MAX_DIMS 8

/** Largest header that the format allows. */
#define CLIP_SAFETENSORS_MAX_HEADER (100 * 1000 * 1000)

/** ClipDtype: @OTHER is well-formed (position ids are I64) but never read. */
typedef enum { CLIP_DTYPE_F32, CLIP_DTYPE_F16, CLIP_DTYPE_BF16, CLIP_DTYPE_OTHER } ClipDtype;

/**
 * ClipTensor:
 * @dtype_name: as in the file
 * @dims: outermost first; all of @n_dims (0: a single number)
 * @begin, @end: bytes, from the start of the file
 */
typedef struct {
  ClipDtype dtype;
  const gchar *dtype_name;
  guint n_dims;
  guint64 dims[CLIP_TENSOR_MAX_DIMS];
  guint64 begin, end;
} ClipTensor;

typedef struct _ClipSafetensors ClipSafetensors;

/** clip_safetensors_open: opens a file and checks its header. */
ClipSafetensors *clip_safetensors_open (const ClipSource *source, const gchar *name,
                                        GError **error);
void clip_safetensors_free (ClipSafetensors *st);

/** clip_safetensors_lookup: (nullable): the tensor of that name, owned by @st. */
const ClipTensor *clip_safetensors_lookup (const ClipSafetensors *st, const gchar *name);

/** clip_safetensors_names: (transfer container) (element-type utf8): names of all tensors, borrowed. */
GList *clip_safetensors_names (const ClipSafetensors *st);

/** clip_safetensors_file: for clip_tensor_read(). */
const ClipFile *clip_safetensors_file (const ClipSafetensors *st);

/** clip_safetensors_file_name: with the folder, for messages. */
const gchar *clip_safetensors_file_name (const ClipSafetensors *st);

/**
 * clip_safetensors_read: rows of a tensor as floats.
 * @first, @count: range of the first dimension (of one, for a tensor without dimensions)
 * @out: float[count * product of the other dimensions]
 * Errors: no such tensor, a dtype other than F32, F16, BF16, a range beyond the tensor, a
 * value that is not finite, reading.
 */
gboolean clip_safetensors_read (const ClipSafetensors *st, const gchar *name, guint64 first,
                                guint64 count, float *out, GError **error);

/** clip_tensor_read: the same for a tensor of @file that was looked up; @name for messages. */
gboolean clip_tensor_read (const ClipFile *file, const gchar *name, const ClipTensor *tensor,
                           guint64 first, guint64 count, float *out, GError **error);

/** clip_tensor_shape: "[2, 3]". (transfer full) */
gchar *clip_tensor_shape (const guint64 *dims, guint n_dims);

/** clip_half_to_float, clip_bfloat_to_float: exact, subnormals included. */
float clip_half_to_float (guint16 half);
float clip_bfloat_to_float (guint16 bfloat);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipSafetensors, clip_safetensors_free)

G_END_DECLS
