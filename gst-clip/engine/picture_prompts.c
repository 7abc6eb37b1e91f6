/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/engine/picture_prompts.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include "gst-clip/engine/internal.h"

static gpointer reader; /* ClipPictureReader; atomic */

void
clip_set_picture_reader (ClipPictureReader function)
{
  g_atomic_pointer_set (&reader, (gpointer)function);
}

/* Under which the cache of texts knows a picture; no text has a byte 1. (transfer full) */
static gchar *
cache_key (const gchar *path, GError **error)
{
  struct stat st;

  if (stat (path, &st) != 0) {
    g_set_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_FILE, "%s: %s", path,
                 g_strerror (errno));
    return NULL;
  }
  return g_strdup_printf ("\1%s\1%" G_GINT64_FORMAT "\1%" G_GINT64_FORMAT ".%09ld", path,
                          (gint64)st.st_size, (gint64)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

/* (transfer full): a set without rows: only the embedding is wanted. */
static ClipTexts *
no_texts (ClipEngine *engine, GError **error)
{
  g_autoptr (ClipPromptSet) none = clip_prompt_set_parse (NULL, NULL, error);

  return none ? clip_texts_new (engine, none, NULL, FALSE, NULL, NULL, NULL, NULL, error) : NULL;
}

/* The way of a frame. (transfer full) */
static float *
encode (ClipEngine *engine, const ClipPicture *picture, GError **error)
{
  g_autoptr (ClipTexts) none = no_texts (engine, error);
  g_autoptr (ClipJob) job = none ? clip_job_new (engine, &picture->info, error) : NULL;
  guint dim = 0;

  if (!job)
    return NULL;
  clip_job_load (job, &picture->planes);
  if (!clip_job_run (job, none, NULL, NULL, error))
    return NULL;
  const float *embedding = clip_job_embedding (job, &dim);
  return g_memdup2 (embedding, dim * sizeof (float));
}

static float *
read_and_encode (ClipEngine *engine, const gchar *path, const ClipCancel *cancel, GError **error)
{
  ClipPictureReader read = (ClipPictureReader)g_atomic_pointer_get (&reader);
  ClipPicture picture = { 0 };

  if (!read) {
    g_set_error (error, CLIP_PROMPTS_ERROR, CLIP_PROMPTS_ERROR_FILE,
                 "%s: this program has no reader of pictures", path);
    return NULL;
  }
  if (!read (path, cancel, &picture, error))
    return NULL;
  float *embedding = encode (engine, &picture, error);
  picture.release (picture.owner);
  return embedding;
}

/* (transfer full) */
static float *
embedding_of (ClipEngine *engine, const gchar *path, const ClipCancel *cancel, GError **error)
{
  const guint32 dim = clip_model_config (engine->model)->projection;
  g_autofree gchar *key = cache_key (path, error);
  float *embedding = NULL;

  if (!key || clip_cancelled (cancel, error))
    return NULL;
  g_mutex_lock (&engine->text_lock);
  const ClipTextRow *known = g_hash_table_lookup (engine->cache, key);
  if (known)
    embedding = g_memdup2 (known->values, dim * sizeof (float));
  g_mutex_unlock (&engine->text_lock);
  if (embedding)
    return embedding;

  embedding = read_and_encode (engine, path, cancel, error);
  if (!embedding)
    return NULL;
  g_mutex_lock (&engine->text_lock);
  g_hash_table_replace (engine->cache, g_steal_pointer (&key),
                        clip_text_row_new (embedding, dim, G_MAXSIZE));
  g_mutex_unlock (&engine->text_lock);
  return embedding;
}

static gboolean
encode_set (GHashTable *pictures, ClipEngine *engine, const ClipPromptSet *set,
            const ClipCancel *cancel, GError **error)
{
  if (!set || clip_prompt_set_n_pictures (set) == 0)
    return TRUE;
  for (guint i = 0; i < clip_prompt_set_size (set); i++) {
    const ClipPrompt *prompt = clip_prompt_set_get (set, i);

    for (gchar **w = prompt->wordings; prompt->pictures && *w; w++) {
      if (g_hash_table_contains (pictures, *w))
        continue;
      float *embedding = embedding_of (engine, clip_prompt_picture_path (*w), cancel, error);
      if (!embedding) {
        if (error && (*error)->domain == CLIP_PROMPTS_ERROR)
          g_prefix_error (error, "the picture of \"%s\": ", prompt->label);
        return FALSE;
      }
      g_hash_table_insert (pictures, g_strdup (*w), embedding);
    }
  }
  return TRUE;
}

GHashTable *
clip_picture_prompts_encode (ClipEngine *engine, const ClipPromptSet *prompts,
                             const ClipPromptSet *negatives, const ClipCancel *cancel,
                             GError **error)
{
  g_autoptr (GHashTable) pictures = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);

  if (!encode_set (pictures, engine, prompts, cancel, error)
      || !encode_set (pictures, engine, negatives, cancel, error))
    return NULL;
  return g_steal_pointer (&pictures);
}
