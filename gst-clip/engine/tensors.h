/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * engine/tensors.h: all tensors of a model, under the engine's names (engine/layout.h): from one
 * .safetensors file, or from the shards that its index lists. Errors and threads as in safetensors.h.
 */
#pragma once

#include "gst-clip/engine/layout.h"
#include "gst-clip/engine/model.h"
#include "gst-clip/engine/safetensors.h"

G_BEGIN_DECLS

typedef struct _ClipTensors ClipTensors;

/**
 * clip_tensors_open: the file of that layout where it exists, else the shards: model.safetensors, and
 * for open_clip's layouts before it open_clip_model.safetensors.
 */
ClipTensors *clip_tensors_open (const ClipSource *source, ClipLayout layout, GError **error);
void clip_tensors_free (ClipTensors *tensors);

/** clip_tensors_present: whether @source has weights of that layout's own file name. */
gboolean clip_tensors_present (const ClipSource *source, ClipLayout layout);

/** clip_tensors_has: whether there is a tensor of that name of ours. */
gboolean clip_tensors_has (const ClipTensors *tensors, const gchar *name);

/** clip_tensors_read: as clip_safetensors_read(), by our name and in our shape. */
gboolean clip_tensors_read (const ClipTensors *tensors, const gchar *name, guint64 first,
                            guint64 count, float *out, GError **error);

/**
 * clip_tensors_check_one: that a tensor is there, in a dtype that can be read and in the shape @dims,
 * ours. The error says what the file should have.
 * @used: (nullable) (element-type utf8): gets the file's name of it
 */
gboolean clip_tensors_check_one (const ClipTensors *tensors, const gchar *name, const guint64 *dims,
                                 guint n_dims, GHashTable *used, GError **error);

/**
 * clip_tensors_check: that every tensor which a model of @config needs is there. In open_clip's
 * layouts, whose configurations do not say all, also that a tower has no tensor that would be ignored.
 * The error names the first that is wrong.
 */
gboolean clip_tensors_check (const ClipTensors *tensors, const ClipModelConfig *config,
                             GError **error);

/** clip_tensors_find_problems: the same, but all that is wrong is appended to @problems, as
 * messages. @problems: (element-type utf8), which frees its elements */
void clip_tensors_find_problems (const ClipTensors *tensors, const ClipModelConfig *config,
                                 GPtrArray *problems);

/** clip_tensors_lookup: (nullable): a tensor by the file's name of it; owned by @tensors. */
const ClipTensor *clip_tensors_lookup (const ClipTensors *tensors, const gchar *name);

/** clip_tensors_n_files: 1, or the number of shards. */
guint clip_tensors_n_files (const ClipTensors *tensors);

/** clip_tensors_names: (transfer container) (element-type utf8): the files' names of all, borrowed. */
GList *clip_tensors_names (const ClipTensors *tensors);

/** clip_tensors_file: where the weights are, for messages. (transfer full) */
gchar *clip_tensors_file (const ClipTensors *tensors);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipTensors, clip_tensors_free)

G_END_DECLS
