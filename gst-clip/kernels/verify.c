/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A product whose result is known, so that what a driver compiles wrongly is not used. */
#include "gst-clip/kernels/tune_internal.h"

/* The same of all kernels that belong together. */
static gboolean
are_right (ClipKernels *kernels, guint32 m, guint32 k, gboolean *right, GError **error)
{
  return clip_verify_product (kernels, m, k, right, error)
         && (!*right || !kernels->ends || clip_verify_product (kernels->ends, m, k, right, error));
}

/* The next one in the table that runs, be it slow; NULL when there is none. */
static const ClipFamily *
next_family (const ClipKernels *kernels)
{
  const ClipFamily *const *family = kernels->families;

  while (*family && *family != kernels->family)
    family++;
  if (*family)
    family++;
  while (*family
         && (((*family)->needs & ~(guint)kernels->caps)
             || !clip_family_packs (*family, kernels->weights)))
    family++;
  return *family;
}

static ClipKernels *
take_next (ClipKernels *kernels, const ClipFamily *family, GError **error)
{
  ClipKernels *next = clip_kernels_new_with_family (kernels->gpu, kernels->weights, family, error);

  if (next)
    next->families = kernels->families;
  if (next && clip_gpu_info (kernels->gpu)->unsure)
    clip_tune_remember_family (kernels->gpu, family);
  return next;
}

ClipKernels *
clip_kernels_verify (ClipKernels *kernels, guint32 m, guint32 k, GError **error)
{
  const gchar *device = clip_gpu_info (kernels->gpu)->driver;

  while (kernels) {
    const ClipFamily *family = NULL;
    g_autoptr (ClipKernels) wrong = NULL;
    g_autoptr (GError) failure = NULL;
    gboolean right = FALSE;

    if (are_right (kernels, m, k, &right, &failure) && right)
      return kernels;
    wrong = g_steal_pointer (&kernels);
    /* What does not compile is as good as wrong; no memory, or no device, is another matter. */
    if (failure && !g_error_matches (failure, CLIP_GPU_ERROR, CLIP_GPU_ERROR_FAILED)) {
      g_propagate_error (error, g_steal_pointer (&failure));
      return NULL;
    }
    g_warning ("%s: the \"%s\" kernels are not used: %s", device, wrong->family->name,
               failure ? failure->message : "a product came out wrong");
    family = next_family (wrong);
    if (family)
      kernels = take_next (wrong, family, error);
    else
      g_set_error (error, CLIP_GPU_ERROR, CLIP_GPU_ERROR_FAILED,
                   "%s: none of the matrix kernels gives the right result", device);
  }
  return NULL;
}
