/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/kernels/pieces.h"

/* Of what ClipGemm's stats say of a block of columns, in these families. */
#define STATS_COLUMNS 16
#define STATS_BYTES   (2 * sizeof (float))

ClipRowPieces
clip_row_pieces (ClipKernels *kernels, const ClipGemm *op, guint32 tile, gsize c, gsize residual,
                 guint32 period, guint64 cost_ns)
{
  const guint32 m = op->a.rows, n = clip_cost_pieces (kernels, cost_ns);
  const gboolean repeats = residual && period < m;
  ClipRowPieces p = {
    .rows = m,
    .unit = 1,
    .a_unit = op->a.ld * clip_element_bytes (op->a.type),
    .c = c,
    .residual = repeats ? 0 : residual,
    .a_stats = op->norm ? clip_divide_up (op->a.cols, STATS_COLUMNS) * STATS_BYTES : 0,
    .c_stats = op->stats ? clip_divide_up (op->c.cols, STATS_COLUMNS) * STATS_BYTES : 0,
  };
  guint32 step = repeats ? period : tile;

  /* whole pictures, as what lies outside of one is told from its size */
  if (op->windows) {
    p.unit = op->windows->window.height * op->windows->window.width;
    p.a_unit = (gsize)op->windows->height * op->windows->width * op->a.ld * sizeof (float);
    if (repeats && period % p.unit)
      return p;
    step = repeats ? period : p.unit;
  }
  p.rows = MIN (clip_round_up (clip_divide_up (m, n), step), m);
  return p;
}

ClipAttentionPieces
clip_attention_pieces (ClipKernels *kernels, const ClipAttention *shape, guint64 cost_ns)
{
  const guint32 n = clip_cost_pieces (kernels, cost_ns);

  return (ClipAttentionPieces){
    .sequences = clip_divide_up (shape->batch, n),
    .heads = n <= shape->batch ? shape->heads
                               : clip_divide_up (shape->heads, clip_divide_up (n, shape->batch)),
  };
}
