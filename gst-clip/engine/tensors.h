/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/tensors.h: all tensors of a model: model.safetensors, or the shards that
 * model.safetensors.index.json lists. Errors and threads as in safetensors.h.
 */
#pragma once

#include "gst-clip/engine/model.h"
#include "gst-clip/engine/safetensors.h"

G_BEGIN_DECLS

typedef struct _ClipTensors ClipTensors;

/** clip_tensors_open: model.safetensors where it exists, else the shards. */
ClipTensors *clip_tensors_open (const ClipSource *source, GError **error);
void clip_tensors_free (ClipTensors *tensors);

/** clip_tensors_has: whether there is a tensor of that name. */
gboolean clip_tensors_has (const ClipTensors *tensors, const gchar *name);

/** clip_tensors_read: as clip_safetensors_read(). */
gboolean clip_tensors_read (const ClipTensors *tensors, const gchar *name, guint64 first,
                            guint64 count, float *out, GError **error);

/**
 * clip_tensors_check: that every tensor which a CLIPModel of @config needs is there, with the
 * right shape and a dtype that can be read. The error names the first that is not.
 */
gboolean clip_tensors_check (const ClipTensors *tensors, const ClipModelConfig *config,
                             GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipTensors, clip_tensors_free)

G_END_DECLS
