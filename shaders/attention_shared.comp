/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * attention_shared.comp: z = softmax (q kT [+ causal mask]) v, for every sequence and head
 *
 * q, k, v (batch tokens, heads HEAD_DIM), rows of ld values; z likewise; fp32, or fp16 with
 * -DCLIP_HALF. 1/sqrt (d) is in q. fp32 arithmetic and shared memory; online softmax: keys come in tiles of KEYS; with each, the running maximum of a query
 * moves and what was summed so far is scaled to it.
 * Grid: (ceil (tokens / QUERIES), heads, batch).
 * 128 invocations: 8 lanes for each of 16 groups of ROWS queries. A lane makes the scores of
 * every eighth key and sums every eighth vec4 of z.
 * Constants 0..2: HEAD_DIM (multiple of 16, <= 128), ROWS (queries of a lane), KEYS (multiple of 8).
 * Shared memory: (QUERIES + KEYS) (HEAD_DIM + 4) + QUERIES (KEYS + 9) floats.
 * Queries and keys beyond the last repeat the last; such keys get the probability 0, such
 * queries are not stored. Variants: operands in fp16; on llvmpipe the families have their own.
 */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "clip.glsl"
#include "attention_shared.h"
#ifdef CLIP_HALF
#include "half.glsl"
#define OUT_VEC4(x) f16vec4 (half_range (x))
#else
#define OUT_VEC4(x) (x)
#endif

layout(local_size_x = 128) in;
layout(constant_id = 0) const uint HEAD_DIM = 64;
layout(constant_id = 1) const uint ROWS = 2;
layout(constant_id = 2) const uint KEYS = 16;
layout(push_constant, std430) uniform Push {
  AttentionSharedPush p;
};

const uint THREADS = 128, LANES = 8, GROUPS = THREADS / LANES;
const uint QUERIES = GROUPS * ROWS;
const uint VECTORS = HEAD_DIM / 4;
const uint LD = VECTORS + 1;                           /* vec4s of a row in shared memory */
const uint LANE_KEYS = KEYS / LANES;
const uint LANE_VECTORS = (VECTORS + LANES - 1) / LANES; /* the last may not exist */
const uint P_LD = KEYS + 1;
const float NEVER = -3.0e38;

shared vec4 q_tile[QUERIES * LD];
shared vec4 kv_tile[KEYS * LD];           /* keys, then values */
shared float probabilities[QUERIES * P_LD];
shared float lane_values[QUERIES * LANES]; /* maxima of lanes; at the end their sums */

void
load_q (uint sequence, uint first_query, uint column)
{
  for (uint i = gl_LocalInvocationID.x; i < QUERIES * VECTORS; i += THREADS) {
    const uint token = min (first_query + i / VECTORS, p.tokens - 1);
    q_tile[i / VECTORS * LD + i % VECTORS]
        = vec4 (p.q.v[(sequence + token) * (p.ld / 4) + column + i % VECTORS]);
  }
}

#define LOAD_KV(from)                                                                             \
  for (uint i = gl_LocalInvocationID.x; i < KEYS * VECTORS; i += THREADS) {                       \
    const uint token = min (first_key + i / VECTORS, p.tokens - 1);                               \
    kv_tile[i / VECTORS * LD + i % VECTORS]                                                       \
        = vec4 (from.v[(sequence + token) * (p.ld / 4) + column + i % VECTORS]);                  \
  }

void
main ()
{
  const uint lane = gl_LocalInvocationID.x % LANES, group = gl_LocalInvocationID.x / LANES;
  const uint first_query = gl_WorkGroupID.x * QUERIES;
  const uint column = gl_WorkGroupID.y * VECTORS;
  const uint sequence = gl_WorkGroupID.z * p.tokens;
  /* no query of this workgroup looks at later keys; the same for all invocations */
  const uint n_keys = p.causal != 0 ? min (first_query + QUERIES, p.tokens) : p.tokens;

  vec4 z[ROWS * LANE_VECTORS];
  float peak[ROWS], total[ROWS]; /* running maximum; this lane's part of the sum */
  [[unroll]] for (uint r = 0; r < ROWS; r++) {
    peak[r] = NEVER;
    total[r] = 0.0;
    [[unroll]] for (uint i = 0; i < LANE_VECTORS; i++)
      z[r * LANE_VECTORS + i] = vec4 (0.0);
  }

  load_q (sequence, first_query, column);

  for (uint first_key = 0; first_key < n_keys; first_key += KEYS) {
    barrier (); /* the values of the tile before have been used */
    LOAD_KV (p.k)
    barrier ();

    float score[ROWS * LANE_KEYS];
    [[unroll]] for (uint i = 0; i < ROWS * LANE_KEYS; i++)
      score[i] = 0.0;
    for (uint d = 0; d < VECTORS; d++) {
      vec4 q[ROWS];
      [[unroll]] for (uint r = 0; r < ROWS; r++)
        q[r] = q_tile[(group * ROWS + r) * LD + d];
      [[unroll]] for (uint i = 0; i < LANE_KEYS; i++) {
        const vec4 k = kv_tile[(lane + i * LANES) * LD + d];
        [[unroll]] for (uint r = 0; r < ROWS; r++)
          score[r * LANE_KEYS + i] += dot (q[r], k);
      }
    }

    [[unroll]] for (uint r = 0; r < ROWS; r++) {
      const uint row = group * ROWS + r, query = first_query + row;
      const uint end = p.causal != 0 ? min (query + 1, p.tokens) : p.tokens;
      float lane_peak = NEVER;
      [[unroll]] for (uint i = 0; i < LANE_KEYS; i++) {
        if (first_key + lane + i * LANES >= end)
          score[r * LANE_KEYS + i] = NEVER;
        lane_peak = max (lane_peak, score[r * LANE_KEYS + i]);
      }
      lane_values[row * LANES + lane] = lane_peak;
    }
    barrier (); /* maxima are there, keys have been used */
    LOAD_KV (p.v)

    [[unroll]] for (uint r = 0; r < ROWS; r++) {
      const uint row = group * ROWS + r;
      float new_peak = peak[r];
      [[unroll]] for (uint i = 0; i < LANES; i++)
        new_peak = max (new_peak, lane_values[row * LANES + i]);
      const float shrink = exp (peak[r] - new_peak); /* 0 at the first tile, which has key 0 */
      peak[r] = new_peak;
      total[r] *= shrink;
      [[unroll]] for (uint i = 0; i < LANE_VECTORS; i++)
        z[r * LANE_VECTORS + i] *= shrink;
      [[unroll]] for (uint i = 0; i < LANE_KEYS; i++) {
        const float s = score[r * LANE_KEYS + i];
        const float e = s > NEVER ? exp (s - new_peak) : 0.0;
        total[r] += e;
        probabilities[row * P_LD + lane + i * LANES] = e;
      }
    }
    barrier (); /* values and probabilities are there */

    for (uint key = 0; key < KEYS; key++) {
      float e[ROWS];
      [[unroll]] for (uint r = 0; r < ROWS; r++)
        e[r] = probabilities[(group * ROWS + r) * P_LD + key];
      [[unroll]] for (uint i = 0; i < LANE_VECTORS; i++) {
        const vec4 v = kv_tile[key * LD + min (lane + i * LANES, VECTORS - 1)];
        [[unroll]] for (uint r = 0; r < ROWS; r++)
          z[r * LANE_VECTORS + i] += e[r] * v;
      }
    }
  }

  /* the maxima in lane_values were read before the last barrier */
  [[unroll]] for (uint r = 0; r < ROWS; r++)
    lane_values[(group * ROWS + r) * LANES + lane] = total[r];
  barrier ();

  [[unroll]] for (uint r = 0; r < ROWS; r++) {
    const uint row = group * ROWS + r, query = first_query + row;
    float sum = 0.0;
    [[unroll]] for (uint i = 0; i < LANES; i++)
      sum += lane_values[row * LANES + i];
    [[unroll]] for (uint i = 0; i < LANE_VECTORS; i++)
      if (query < p.tokens && lane + i * LANES < VECTORS)
        p.z.v[(sequence + query) * (p.z_ld / 4) + column + lane + i * LANES]
            = OUT_VEC4 (z[r * LANE_VECTORS + i] / sum);
  }
}
