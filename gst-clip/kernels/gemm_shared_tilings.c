/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/kernels/gemm_shared.h"

/* Workgroups that keep a GPU busy. */
#define ENOUGH 96

#define ANY G_MAXUINT32

const ClipTiling clip_shared_tilings[CLIP_SHARED_TILINGS] = {
  { 64, 64, 16, 1, 1, .least_m = 33, .most_m = ANY },
  { 64, 32, 8, 2, 2, .least_m = 33, .most_m = ANY },
  { 32, 32, 8, 4, 2, .least_m = 17, .most_m = ANY },
  { 32, 16, 8, 8, 2, .least_m = 17, .most_m = ANY },
  { 8, 32, 4, 16, 2, .least_m = 1, .most_m = 16 },
  { 32, 32, 8, 2, 2, .least_m = 1, .most_m = ANY }, /* for devices with 128 invocations */
};

static guint32
invocations (const ClipTiling *t)
{
  return t->m * t->n / 16 * t->split;
}

/* As in the shader: tiles with padded rows, or sums. */
static guint32
shared_bytes (const ClipTiling *t)
{
  const guint32 tiles = t->split * t->k * (t->m / 4 + t->n / 4 + 2);
  const guint32 sums = invocations (t) * MIN (t->split, 4);

  return MAX (tiles, sums) * 4 * sizeof (float);
}

gboolean
clip_shared_tiling_fits (ClipKernels *kernels, const ClipTiling *tiling)
{
  const ClipGpuInfo *info = clip_gpu_info (kernels->gpu);

  return invocations (tiling) <= info->max_workgroup_invocations
         && shared_bytes (tiling) <= info->max_shared_bytes;
}

/* The largest tile that gives enough workgroups, else the smallest. K does not matter: a workgroup
 * goes along all of it. */
static guint
guess (ClipKernels *kernels, guint32 m, guint32 n)
{
  guint best = CLIP_SHARED_TILINGS - 1;

  for (guint i = 0; i < CLIP_SHARED_TILINGS - 1; i++) {
    const ClipTiling *t = &clip_shared_tilings[i];
    const guint64 workgroups = (guint64)clip_divide_up (m, t->m) * clip_divide_up (n, t->n);

    if (!clip_shared_tiling_fits (kernels, t) || m < t->least_m || m > t->most_m)
      continue;
    best = i;
    if (workgroups >= ENOUGH)
      break;
  }
  return best;
}

guint
clip_shared_choose_tiling (ClipKernels *kernels, ClipGemmA a, guint32 m, guint32 n, guint32 k)
{
  guint fallback, choice;

  if (kernels->tiling >= 0)
    return kernels->tiling;
  fallback = guess (kernels, m, n);
  choice = clip_tune_choice (kernels, "gemm", a, m, n, k, CLIP_SHARED_TILINGS, fallback);
  return clip_shared_tiling_fits (kernels, &clip_shared_tilings[choice]) ? choice : fallback;
}
