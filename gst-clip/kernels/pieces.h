/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * kernels/pieces.h: products and attention that would hold a GPU for too long at once (clip_cost_pieces()), in
 * several dispatches. They write to different places, so there is no barrier between them. Pipelines are those
 * of the whole. For the families whose dispatches are as large as a product.
 */
#pragma once

#include "gst-clip/kernels/internal.h"

G_BEGIN_DECLS

/**
 * ClipRowPieces: a product in ranges of rows.
 * @rows: of a piece
 * @unit, @a_unit: so many rows of the product begin so many bytes of `a` further than the rows before
 * @c, @residual, @a_stats, @c_stats: bytes from row to row
 */
typedef struct {
  guint32 rows, unit;
  gsize a_unit, c, residual, a_stats, c_stats;
} ClipRowPieces;

/**
 * clip_row_pieces:
 * @tile: rows of a workgroup
 * @c, @residual: bytes from row to row; 0 where there is none
 * @period: rows after which the residual repeats
 */
ClipRowPieces clip_row_pieces (ClipKernels *kernels, const ClipGemm *op, guint32 tile, gsize c,
                               gsize residual, guint32 period, guint64 cost_ns);

/** CLIP_ROWS_FROM: push constants (which are named alike in these families) of the piece that begins with @row. */
#define CLIP_ROWS_FROM(push, pieces, row)                                                          \
  G_STMT_START                                                                                     \
  {                                                                                                \
    (push)->m = MIN ((pieces)->rows, (push)->m - (row));                                           \
    (push)->a += (row) / (pieces)->unit * (pieces)->a_unit;                                        \
    (push)->c += (row) * (pieces)->c;                                                              \
    (push)->residual += (row) * (pieces)->residual;                                                \
    (push)->c_stats += (row) * (pieces)->c_stats;                                                  \
    if ((pieces)->a_stats) /* or there are windows in its place */                                 \
      (push)->a_stats += (row) * (pieces)->a_stats;                                                \
  }                                                                                                \
  G_STMT_END

/** ClipAttentionPieces: @sequences, @heads: of a piece; all heads where it has more than one sequence. */
typedef struct {
  guint32 sequences, heads;
} ClipAttentionPieces;

ClipAttentionPieces clip_attention_pieces (ClipKernels *kernels, const ClipAttention *shape,
                                           guint64 cost_ns);

/** CLIP_ATTENTION_FROM: push constants of the piece that begins with that sequence and head. @bytes: of an element */
#define CLIP_ATTENTION_FROM(push, shape, sequence, head, bytes)                                    \
  G_STMT_START                                                                                     \
  {                                                                                                \
    const gsize row_ = (gsize)(sequence) * (shape)->tokens, col_ = (head) * (shape)->head_dim;     \
                                                                                                   \
    (push)->q += (row_ * (push)->ld + col_) * (bytes);                                             \
    (push)->k += (row_ * (push)->ld + col_) * (bytes);                                             \
    (push)->v += (row_ * (push)->ld + col_) * (bytes);                                             \
    (push)->z += (row_ * (push)->z_ld + col_) * (bytes);                                           \
  }                                                                                                \
  G_STMT_END

G_END_DECLS
