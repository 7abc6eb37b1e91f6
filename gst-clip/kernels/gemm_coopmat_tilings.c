/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/kernels/gemm_coopmat.h"

#include "shaders/gemm_coopmat.h"

/* Multiprocessors of a GPU of the middle, for drivers that do not tell. */
#define PROCESSORS 64

/* The last ones are for few rows: K is split, so that a workgroup for a small tile still has
 * several subgroups that keep loads under way. */
const ClipCoopmatTiling clip_coopmat_tilings[CLIP_COOPMAT_TILINGS] = {
  { 128, 128, 2, 4, 1, 1.f }, { 128, 64, 2, 2, 1, 0.9f }, { 64, 64, 2, 2, 1, 0.75f },
  { 64, 32, 1, 1, 4, 0.55f }, { 32, 64, 1, 2, 2, 0.55f }, { 32, 32, 1, 1, 4, 0.45f },
  { 16, 32, 1, 1, 4, 0.25f },
};

static guint32
subgroups (const ClipCoopmatTiling *t)
{
  return t->waves_m * t->waves_n * t->split;
}

/* As in the shader: rows of both tiles, 16 bytes longer than a step, and a block of 16 rows of 20
 * floats for each subgroup. */
static guint32
shared_bytes (const ClipCoopmatTiling *t)
{
  return (t->m + t->n) * (2 * GEMM_COOPMAT_SLICE * t->split + 16) + subgroups (t) * 16 * 20 * 4;
}

gboolean
clip_coopmat_tiling_fits (ClipKernels *kernels, const ClipCoopmatTiling *tiling)
{
  const ClipGpuInfo *info = clip_gpu_info (kernels->gpu);

  return subgroups (tiling) * info->matrix_subgroup_size <= info->max_workgroup_invocations
         && shared_bytes (tiling) <= info->max_shared_bytes;
}

/* Of one product, in units of no meaning. */
static double
cost (const ClipCoopmatTiling *t, guint32 processors, guint32 m, guint32 n)
{
  const guint64 workgroups = (guint64)clip_divide_up (m, t->m) * clip_divide_up (n, t->n);
  const guint64 rounds = (workgroups + processors - 1) / processors;

  return (double)rounds * t->m * t->n / t->rate;
}

/* K does not matter: a workgroup goes along all of it. */
static guint
guess (ClipKernels *kernels, guint32 m, guint32 n)
{
  const guint32 told = clip_gpu_info (kernels->gpu)->processors;
  const guint32 processors = told ? told : PROCESSORS;
  double least = G_MAXDOUBLE;
  guint best = CLIP_COOPMAT_TILINGS - 1;

  for (guint i = 0; i < CLIP_COOPMAT_TILINGS; i++) {
    const double c = cost (&clip_coopmat_tilings[i], processors, m, n);

    if (c < least && clip_coopmat_tiling_fits (kernels, &clip_coopmat_tilings[i])) {
      least = c;
      best = i;
    }
  }
  return best;
}

guint
clip_coopmat_choose_tiling (ClipKernels *kernels, ClipGemmA a, guint32 m, guint32 n, guint32 k)
{
  const guint fallback = guess (kernels, m, n);
  guint choice = kernels->tiling;

  if (kernels->tiling < 0)
    choice = clip_tune_choice (kernels, "gemm", a, m, n, k, CLIP_COOPMAT_TILINGS, fallback);
  return clip_coopmat_tiling_fits (kernels, &clip_coopmat_tilings[choice]) ? choice : fallback;
}
