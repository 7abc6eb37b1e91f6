/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gemm_straight.comp: c[m,n] = act (sum_k a[m,k] w[n,k] + bias[n]) + residual[m,n],
 * with RELU the larger of that and 0;
 * for llvmpipe before Mesa 26, where only code without loops and branches becomes vector code.
 *
 * a (M, K), c (M, N) fp32; w in panels [N / 16][K][16], fp32, -DCLIP_HALF or -DCLIP_I8. fp32 accumulation.
 * A tile is 5 rows x 16 columns: ten vector sums, one per row and 8 columns. A workgroup makes
 * PANELS of them, one beside the other: subgroups that follow each other use the same rows of a.
 *
 *                 K = CHUNKS x CHUNK                    One subgroup a chunk: it unrolls CHUNK k
 *         +--------+--------+-- ... --+--------+        steps of two vector loads (weights), five
 *      5  | sub-   | sub-   |         | sub-   |  a     scalar ones (a) and ten multiply-adds, and
 *         | group 0| group 1|         | group  |        puts its ten sums in shared memory.
 *         +--------+--------+-- ... --+--------+        Behind the barrier each subgroup adds up
 *             x        x                   x            one or a few of the ten over all chunks
 *            w 16     w 16                w 16          and finishes them (surplus subgroups
 *             \________\____ sum ________/              repeat the last: c may not alias inputs).
 *
 * The loop over subgroups is the driver's own, which is why it can be fast when ours cannot.
 * CHUNK: larger means fewer partial sums, until the code outgrows the instruction cache (128).
 * Grid: (row tiles <= 16, or 256 where TALL; panels / PANELS <= 256; batch <= 16), for the digits that
 * uniform ids have.
 * Constants: 0 local size = 8 CHUNKS PANELS, 1 CHUNK, 2 CHUNKS, 3 ACTIVATES, 4 BATCHED, 5 PANELS,
 *   7 PAIRS, 8 TALL, 9 LINES.
 *
 * TALL and not BATCHED: rows may be pixels of a picture, line after line, whose lines lie further apart in c.
 * LINES > 1: in a too, by one row, and a row is as many pieces of K / LINES neighbours, one below the other:
 * a window of a convolution on a picture with a border, where nothing has to be unfolded.
 */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "clip.glsl"
#include "gemm_llvmpipe.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint CHUNK = 64;
layout(constant_id = 2) const uint CHUNKS = 1;
layout(constant_id = 5) const uint PANELS = 1;
layout(constant_id = 7) const bool PAIRS = false; /* never with lanes apart */
layout(constant_id = 8) const bool TALL = false;
layout(push_constant, std430) uniform Push {
  GemmLlvmpipePush p;
};

#define PICTURES (TALL && !BATCHED)
#include "llvmpipe.glsl"
#include "gemm_llvmpipe.glsl"

const uint TILE_SUMS = ROWS * 2, SUMS = PANELS * TILE_SUMS;
const uint SUBGROUPS = CHUNKS * PANELS;
const uint STORES = PAIRS ? SUMS / 2 : SUMS;
const uint EACH = (STORES + SUBGROUPS - 1) / SUBGROUPS;

shared float partial[CHUNKS * SUMS * 8];

/* One scalar store a lane: with a constant lane the driver sees uniform addresses and values. */
void
put_partial (uint slot, float sum)
{
  [[unroll]] for (uint lane = 0; lane < 8; lane++)
    partial[slot * 8 + lane] = subgroupShuffle (sum, lane);
}

float
get_partial (uint slot)
{
  const uint i = slot * 8;
  return lanes8 (vec4 (partial[i], partial[i + 1], partial[i + 2], partial[i + 3]),
                 vec4 (partial[i + 4], partial[i + 5], partial[i + 6], partial[i + 7]));
}

/* Stores all 16 columns of panel n of row m; y as sums are, columns 0 .. 7 and 8 .. 15 (6 % of all). */
void
store_pairs (uint m, uint n, uint z, vec2 y)
{
  const uint first = stored_at (m, n, z, LOW16 (p.c_row) * 16u) / 2;

  Uint64s (p.c).v[subgroupShuffle (first, 0u) + gl_SubgroupInvocationID] = pairs8 (y);
}

/* From sums of 8 columns to values of c; an exp() in vain costs 8 % of the time, hence ACTIVATES. */
float
finish (uint m, uint n, uint z, uint side, float sum)
{
#ifdef CLIP_I8
  const float x = sum * scale_of (n, z, side) + bias_of (n, side);
#else
  const float x = sum + bias_of (n, side);
#endif
  const float y = activates () ? activate_one (flags () & GEMM_ACTIVATION_MASK, x) : x;

  const float whole = y + residual_of (m, n, side);

  return whole < least () ? least () : whole; /* a NaN stays one */
}

/* Row m of panel n: its two sums as finish() has them. */
void
finish_row (uint m, uint n, uint z, vec2 sum)
{
  const vec2 y = vec2 (finish (m, n, z, 0, sum.x), finish (m, n, z, 1, sum.y));

  if (PAIRS) {
    store_pairs (m, n, z, y);
  } else {
    store (m, n, z, 0, y.x);
    store (m, n, z, 1, y.y);
  }
}

/* Panel i of the workgroup; those beyond the last repeat it. */
uint
panel_of (uint first_panel, uint i)
{
  return PANELS == 1 ? first_panel : min (first_panel + i, HIGH16 (p.c_step));
}

float
add_partials (uint s)
{
  float total = 0.0;

  [[unroll]] for (uint c = 0; c < CHUNKS; c++)
    total += get_partial (c * SUMS + s);
  return total;
}

/* This subgroup's share of the workgroup's sums, over all chunks. */
void
finish_shared (uint id, uint m0, uint first_panel, uint z)
{
  [[unroll]] for (uint i = 0; i < EACH; i++) {
    const uint u = min (id * EACH + i, STORES - 1);
    const uint s = PAIRS ? u * 2 : u;
    const uint m = m0 + s % TILE_SUMS / 2, n = panel_of (first_panel, s / TILE_SUMS);

    if (PAIRS)
      finish_row (m, n, z, vec2 (add_partials (s), add_partials (s + 1)));
    else
      store (m, n, z, s & 1u, finish (m, n, z, s & 1u, add_partials (s)));
  }
}

/* Floats from where row m of a begins to @chunk of it. */
uint
chunk_of_row (uint m, uint chunk)
{
  const uint row = min (m, p.last_row & 0xfffu), each = CHUNKS / LINES;

  if (LINES == 1)
    return row * (LOW16 (p.ld) * 4) + chunk * CHUNK;

  const uint line = chunk * (65536 / each + 1) >> 16; /* chunk / each, of at most 64 */
  return (row + line_of (row)) * (LOW16 (p.ld) * 4) + line * (LOW16 (p.panel) * 16)
         + (chunk - line * each) * CHUNK;
}

void
main ()
{
  const uint id = SUBGROUPS == 1    ? 0
                  : SUBGROUPS <= 16 ? uniform_id4 (gl_SubgroupID)
                                    : uniform_id8 (gl_SubgroupID);
  const uint chunk = id / PANELS, tile = id % PANELS;
  const uint m0 = (TALL ? uniform_id8 (gl_WorkGroupID.x) : uniform_id4 (gl_WorkGroupID.x)) * ROWS;
  const uint first_panel = uniform_id8 (gl_WorkGroupID.y) * PANELS, n = panel_of (first_panel, tile);
  const uint z = BATCHED ? uniform_id4 (gl_WorkGroupID.z) : 0;

  const uvec2 w = place (p.w, n * (HIGH16 (p.panel) * WEIGHT_WORDS) + chunk * (CHUNK * WEIGHT_WORDS)
                                  + z * (HIGH16 (p.step) * 16));
  uvec2 a[ROWS];
  vec2 sum[ROWS];

  [[unroll]] for (uint r = 0; r < ROWS; r++) {
    a[r] = place (p.a, chunk_of_row (m0 + r, chunk) + (BATCHED ? z * (LOW16 (p.step) * 16) : 0));
    sum[r] = vec2 (0.0);
  }
  MULTIPLY (sum, a, w, 0, CHUNK);

  if (CHUNKS == 1) {
    [[unroll]] for (uint r = 0; r < ROWS; r++)
      finish_row (m0 + r, n, z, sum[r]);
  } else {
    [[unroll]] for (uint r = 0; r < ROWS; r++) {
      put_partial (chunk * SUMS + tile * TILE_SUMS + r * 2, sum[r].x);
      put_partial (chunk * SUMS + tile * TILE_SUMS + r * 2 + 1, sum[r].y);
    }
    barrier ();
    finish_shared (id, m0, first_panel, z);
  }
}
