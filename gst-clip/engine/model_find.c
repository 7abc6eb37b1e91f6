/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From the name or path of a model to its folder, and what to do where there is none. */
#include "gst-clip/engine/model.h"

#include <string.h>

/* Those that gst-clip-fetch downloads; a test compares them with its table. */
static const gchar *const fetched_names[] = {
  "vit-b-32",
  "vit-b-16",
  "vit-l-14",
  "vit-l-14-336",
  "rn50",
  "rn101",
  "rn50x4",
  "rn50x16",
  "rn50x64",
  "laion-vit-b-32",
  "laion-vit-h-14",
  "laion-vit-g-14",
  "laion-vit-bigg-14",
  "datacomp-vit-b-16",
  "datacomp-vit-l-14",
  "siglip-b-16",
  "siglip-so400m-384",
  "siglip2-b-16",
  "siglip2-so400m-384",
  "mobileclip2-s0",
};

/* The folders that a name is looked for in. */
static GPtrArray *
search_folders (void)
{
  GPtrArray *folders = g_ptr_array_new_with_free_func (g_free);
  const gchar *own = g_getenv ("GST_CLIP_MODEL_PATH");
  const gchar *const *system = g_get_system_data_dirs ();

  if (own) {
    g_auto (GStrv) parts = g_strsplit (own, ":", -1);
    for (guint i = 0; parts[i]; i++) {
      if (*parts[i])
        g_ptr_array_add (folders, g_strdup (parts[i]));
    }
  }
  g_ptr_array_add (folders, g_build_filename (g_get_user_data_dir (), "gst-clip", "models", NULL));
  for (guint i = 0; system[i]; i++)
    g_ptr_array_add (folders, g_build_filename (system[i], "gst-clip", "models", NULL));
  return folders;
}

/* (transfer full): NULL where no folder has it */
static gchar *
find_installed (GPtrArray *folders, const gchar *name)
{
  for (guint i = 0; i < folders->len; i++) {
    g_autofree gchar *path = g_build_filename (folders->pdata[i], name, NULL);
    if (g_file_test (path, G_FILE_TEST_IS_DIR))
      return g_canonicalize_filename (path, NULL);
  }
  return NULL;
}

static gboolean
is_path (const gchar *name)
{
  return strchr (name, '/') || g_str_equal (name, ".") || g_str_equal (name, "..");
}

/* What to do ------------------------------------------------------------- */

/* "ViT-B/32" and "vit_b32" become "vitb32", as in gst-clip-fetch. */
static gchar *
simplify (const gchar *name)
{
  GString *rest = g_string_new (NULL);

  for (; *name; name++) {
    if (g_ascii_isalnum (*name))
      g_string_append_c (rest, g_ascii_tolower (*name));
  }
  if (g_str_has_suffix (rest->str, "px"))
    g_string_truncate (rest, rest->len - 2);
  return g_string_free (rest, FALSE);
}

/* NULL where gst-clip-fetch knows nothing like it */
static const gchar *
fetched_name (const gchar *name)
{
  g_autofree gchar *simple = simplify (name);

  for (guint i = 0; i < G_N_ELEMENTS (fetched_names); i++) {
    g_autofree gchar *known = simplify (fetched_names[i]);
    if (g_str_equal (known, simple))
      return fetched_names[i];
  }
  return NULL;
}

static void
add_fetched (GString *text, GPtrArray *folders, const gchar *name, const gchar *known)
{
  g_autofree gchar *installed = find_installed (folders, known);

  if (installed)
    g_string_append_printf (text, "; did you mean \"%s\", which is installed?", known);
  else if (g_str_equal (name, known))
    g_string_append_printf (text, "; gst-clip-fetch %s downloads it", known);
  else
    g_string_append_printf (text, "; if you mean \"%s\", gst-clip-fetch %s downloads it", known,
                            known);
}

/* Returns: the NAME of OWNER/NAME, as on the Hugging Face hub, or NULL. */
static const gchar *
name_in_repository (const gchar *path)
{
  const gchar *slash = strchr (path, '/');

  for (const gchar *p = path; *p; p++) {
    if (!g_ascii_isalnum (*p) && !strchr ("._-/", *p))
      return NULL;
  }
  if (*path == '.' || slash == path || slash[1] == '.' || !slash[1] || strchr (slash + 1, '/'))
    return NULL;
  return slash + 1;
}

static void
explain_path (GString *text, GPtrArray *folders, const gchar *path)
{
  const gchar *known = fetched_name (path), *name;

  if (g_file_test (path, G_FILE_TEST_EXISTS)) {
    g_string_append_printf (text, "the model \"%s\" is a file; name its folder", path);
    return;
  }
  g_string_append_printf (text, "there is no model folder \"%s\"", path);
  if (*path == '~') {
    g_string_append (text, "; ~ is the shell's: write the whole path");
  } else if (known) {
    add_fetched (text, folders, path, known);
  } else if ((name = name_in_repository (path))) {
    g_autofree gchar *installed = find_installed (folders, name);
    if (installed)
      g_string_append_printf (text, "; \"%s\" is installed", name);
    else
      g_string_append_printf (text,
                              "; if it is on the Hugging Face hub, gst-clip-fetch %s downloads it, "
                              "for model=%s",
                              path, name);
  }
}

static void
explain_name (GString *text, GPtrArray *folders, const gchar *name)
{
  const gchar *known = fetched_name (name);

  if (!*name) {
    g_string_append (text, "the model's name is empty; unset it is the built-in model");
    return;
  }
  if (*name == '~' || g_file_test (name, G_FILE_TEST_IS_REGULAR)) {
    explain_path (text, folders, name);
    return;
  }
  g_string_append_printf (text, "there is no model \"%s\" in ", name);
  for (guint i = 0; i < folders->len; i++)
    g_string_append_printf (text, "%s%s", i ? ", " : "", (gchar *)folders->pdata[i]);
  if (g_file_test (name, G_FILE_TEST_IS_DIR))
    g_string_append_printf (text, "; the folder in the current one is ./%s", name);
  else if (known)
    add_fetched (text, folders, name, known);
  else
    g_string_append (text, "; gst-clip-fetch --list shows what can be downloaded");
}

gchar *
clip_model_find (const gchar *name, GError **error)
{
  g_autoptr (GPtrArray) folders = search_folders ();
  g_autoptr (GString) text = NULL;
  g_autofree gchar *valid = NULL;
  gchar *found = NULL;

  if (!is_path (name))
    found = *name ? find_installed (folders, name) : NULL;
  else if (g_file_test (name, G_FILE_TEST_IS_DIR))
    found = g_canonicalize_filename (name, NULL);
  if (found)
    return found;
  text = g_string_new (NULL);
  if (is_path (name))
    explain_path (text, folders, name);
  else
    explain_name (text, folders, name);
  valid = g_utf8_make_valid (text->str, -1);
  g_set_error_literal (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_NOT_FOUND, valid);
  return NULL;
}
