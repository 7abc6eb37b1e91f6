/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * kernels/windows.h: ClipGemm's windows as push constants, for families that read them.
 */
#pragma once

#include "gst-clip/kernels/internal.h"
#include "gst-clip/kernels/pictures.h"

#include "shaders/windows.h"

G_BEGIN_DECLS

/** clip_windows_push: what shaders/windows.glsl wants to know of @op, which has windows. */
static inline struct Windows
clip_windows_push (const ClipGemm *op)
{
  const ClipWindows *w = op->windows;
  const ClipWindow *window = &w->window;
  const guint32 taps = window->taps_y * window->taps_x;
  const guint32 vectors = op->a.cols / taps / 4;

  g_assert (op->a.cols % taps == 0 && op->a.cols / taps % CLIP_CHANNEL_ALIGN == 0);
  g_assert (op->a.rows % (window->height * window->width) == 0 && window->first == 0);
  g_assert (MAX (w->height, w->width) <= G_MAXUINT16);
  g_assert (MAX (window->height, window->width) <= G_MAXUINT16);
  g_assert (MAX (window->taps_y, window->taps_x) <= CLIP_WINDOWS_MAX_TAPS);
  g_assert (window->stride <= G_MAXUINT8 && window->pad <= G_MAXUINT8);
  /* as far as the last step of a product may go */
  g_assert ((guint64)(op->a.cols + 1024) / 4 * vectors <= G_MAXUINT32);

  return (struct Windows){
    .size = w->height | w->width << 16,
    .out_size = window->height | window->width << 16,
    .vectors = vectors,
    .per_vectors = (guint32)((G_GUINT64_CONSTANT (1) << 32) / vectors + 1),
    .window =
        window->taps_y | window->taps_x << 8 | window->stride << 16 | (guint32)window->pad << 24,
    .per_taps_y = 65536 / window->taps_y + 1,
  };
}

G_END_DECLS
