/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * attention_coopmat.comp: z = softmax (q kT [+ causal mask]) v, for every sequence and head
 *
 * q, k, v (batch tokens, heads HEAD_DIM) fp16, rows of ld halves; z fp16. 1/sqrt (d) is in q.
 * Cooperative matrices: fp16 products (of probabilities too), fp32 sums; softmax in fp32.
 * Online softmax: keys come in steps of 32; with each, the running maximum of a query moves and
 * what was summed so far is scaled to it.
 *
 * A subgroup has 16 queries, in registers, and their sums; keys and then values of a step lie in
 * shared memory for all subgroups. Which element of a matrix is in which lane is the device's own
 * affair, so scores go through shared memory to lanes that know their row, and probabilities and
 * the factors of the sums come back the same way: factors as a matrix with equal columns.
 * Grid: (ceil (tokens / (16 WAVES)), heads, batch).
 * Constants 0..2: local size = subgroup size x WAVES, WAVES, HEAD_DIM (multiple of 16, <= 128);
 * 3..5: shape of a cooperative matrix, each 8 or 16.
 * Shared memory: 32 (2 HEAD_DIM + 16) + 16 WAVES (144 + 80 + 4 MAT_N + 16) bytes.
 * Keys beyond the last repeat the last and get the probability 0. Queries beyond are whatever
 * lies there, 16 WAVES - 1 rows at most; nothing of them is stored.
 */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "clip.glsl"
#include "attention_coopmat.h"
#include "half.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint THREADS = 128;
layout(constant_id = 1) const uint WAVES = 4;
layout(constant_id = 2) const uint HEAD_DIM = 64;
layout(constant_id = 3) const uint MAT_M = 16;
layout(constant_id = 4) const uint MAT_N = 16;
layout(constant_id = 5) const uint MAT_K = 16;
layout(push_constant, std430) uniform Push {
  AttentionCoopmatPush p;
};
#include "coopmat.glsl"

const uint ROWS = ATTENTION_COOPMAT_ROWS, KEYS = ATTENTION_COOPMAT_KEYS;
const uint LANES = THREADS / WAVES;
/* Rows of shared memory, each 16 bytes longer than it needs to be: in uvec4s and vec4s. */
const uint KV_V = HEAD_DIM / 8, KV_LD = KV_V + 1;
const uint SCORES_LD = KEYS / 4 + 1, P_LD = KEYS / 8 + 1, FACTORS_LD = MAT_N / 4 + 1;
const uint FETCHES = (KEYS * KV_V + THREADS - 1) / THREADS;
/* in matrices */
const uint MATS_M = ROWS / MAT_M, MATS_D = HEAD_DIM / MAT_K, MATS_Z = HEAD_DIM / MAT_N;
/* Lanes that share a row, 8 keys each at least; turns that a lane takes, a row each. */
const uint SHARE = LANES < 2 * ROWS ? 1 : LANES < 4 * ROWS ? 2 : 4;
const uint TURN_ROWS = LANES / SHARE, TURNS = TURN_ROWS < ROWS ? ROWS / TURN_ROWS : 1;
const uint SHARE_V = KEYS / 8 / SHARE;
const float NEVER = -3.0e38;

shared uvec4 kv[KEYS * KV_LD];
shared vec4 scores[WAVES * ROWS * SCORES_LD]; /* at the end totals, then z */
shared uvec4 probabilities[WAVES * ROWS * P_LD];
shared vec4 factors[WAVES * ROWS * FACTORS_LD];

uvec4 kv_next[FETCHES];
float peak[TURNS], total[TURNS]; /* of a row: running maximum; this lane's part of the sum */

/* 8 features of a key at a time. */
void
fetch (ConstUvec4s from, uint sequence, uint first_key, uint column)
{
  [[unroll]] for (uint f = 0; f < FETCHES; f++) {
    const uint i = f * THREADS + gl_LocalInvocationID.x;
    const uint token = min (first_key + i / KV_V, p.tokens - 1);
    kv_next[f] = from.v[(sequence + token) * (p.ld / 8) + column + i % KV_V];
  }
}

void
store_kv ()
{
  [[unroll]] for (uint f = 0; f < FETCHES; f++) {
    const uint i = f * THREADS + gl_LocalInvocationID.x;
    if (KEYS * KV_V % THREADS == 0 || i < KEYS * KV_V)
      kv[i / KV_V * KV_LD + i % KV_V] = kv_next[f];
  }
}

/* Four scores of a row; those of keys from `end` on are NEVER. */
vec4
scores_of (uint row, uint i, uint first_key, uint end)
{
  const uvec4 key = first_key + 4 * i + uvec4 (0, 1, 2, 3);

  return mix (vec4 (NEVER), scores[row * SCORES_LD + i], lessThan (key, uvec4 (end)));
}

/* As fp16, which is what is multiplied and therefore what is summed up. */
f16vec4
probability (vec4 score, float new_peak)
{
  return f16vec4 (mix (vec4 (0.0), exp (score - new_peak), greaterThan (score, vec4 (NEVER))));
}

/* scores -> probabilities and factors, for this lane's rows. */
void
softmax (uint first_row, uint first_query, uint first_key)
{
  const uint part = gl_SubgroupInvocationID % SHARE;

  [[unroll]] for (uint t = 0; t < TURNS; t++) {
    const uint in_wave = gl_SubgroupInvocationID / SHARE + t * TURN_ROWS;
    const uint row = first_row + in_wave;
    const uint end = p.causal != 0 ? min (first_query + row + 1, p.tokens) : p.tokens;
    float new_peak = peak[t];

    if (in_wave >= ROWS) /* more lanes than there is to do */
      continue;
    [[unroll]] for (uint i = 0; i < KEYS / 4; i++) {
      const vec4 s = scores_of (row, i, first_key, end);
      new_peak = max (new_peak, max (max (s.x, s.y), max (s.z, s.w)));
    }
    const float factor = exp (peak[t] - new_peak); /* 0 in the first step, which has key 0 */
    peak[t] = new_peak;
    total[t] *= factor;
    for (uint i = part; i < MAT_N / 4; i += SHARE)
      factors[row * FACTORS_LD + i] = vec4 (factor);
    [[unroll]] for (uint j = 0; j < SHARE_V; j++) {
      const uint i = part * SHARE_V + j;
      const f16vec4 a = probability (scores_of (row, 2 * i, first_key, end), new_peak);
      const f16vec4 b = probability (scores_of (row, 2 * i + 1, first_key, end), new_peak);
      total[t] += dot (vec4 (a) + vec4 (b), vec4 (1.0));
      probabilities[row * P_LD + i] = uvec4 (packFloat2x16 (a.xy), packFloat2x16 (a.zw),
                                             packFloat2x16 (b.xy), packFloat2x16 (b.zw));
    }
  }
}

/* The last factor of a row is 1 / its sum. */
void
finish_totals (uint first_row)
{
  const uint part = gl_SubgroupInvocationID % SHARE;

  [[unroll]] for (uint t = 0; t < TURNS; t++) {
    const uint in_wave = gl_SubgroupInvocationID / SHARE + t * TURN_ROWS;
    if (in_wave < ROWS)
      scores[(first_row + in_wave) * SCORES_LD][part] = total[t];
  }
  barrier ();
  [[unroll]] for (uint t = 0; t < TURNS; t++) {
    const uint in_wave = gl_SubgroupInvocationID / SHARE + t * TURN_ROWS;
    const uint row = first_row + in_wave;
    float sum = 0.0;

    if (in_wave >= ROWS)
      continue;
    [[unroll]] for (uint i = 0; i < SHARE; i++)
      sum += scores[row * SCORES_LD][i];
    for (uint i = part; i < MAT_N / 4; i += SHARE)
      factors[row * FACTORS_LD + i] = vec4 (1.0 / sum);
  }
  barrier ();
}

/* The block of 16 x 16 of z that lies in scores, to columns 4 column and on. */
void
store_block (uint first_row, uint first_query, uint sequence, uint column)
{
  for (uint i = gl_SubgroupInvocationID; i < ROWS * 4; i += LANES) {
    const uint row = first_row + i / 4, query = first_query + row;
    if (query < p.tokens)
      p.z.v[(sequence + query) * (p.z_ld / 4) + column + i % 4]
          = f16vec4 (half_range (scores[row * SCORES_LD + i % 4]));
  }
}

void
main ()
{
  const uint first_query = gl_WorkGroupID.x * ROWS * WAVES;
  const uint first_row = gl_SubgroupID * ROWS; /* of the workgroup's rows, this subgroup's */
  const uint column = gl_WorkGroupID.y * HEAD_DIM;
  const uint sequence = gl_WorkGroupID.z * p.tokens;
  /* no query of this workgroup looks at later keys; the same for all invocations */
  const uint n_keys = p.causal != 0 ? min (first_query + ROWS * WAVES, p.tokens) : p.tokens;

  MATRIX_A q[MATS_M * MATS_D];
  MATRIX_SUM z[MATS_M * MATS_Z];
  [[unroll]] for (uint m = 0; m < MATS_M; m++)
    [[unroll]] for (uint d = 0; d < MATS_D; d++)
      MATRIX_LOAD_A (q[m * MATS_D + d], p.q.v,
                     (sequence + first_query + first_row + m * MAT_M) * (p.ld / 8)
                         + (column + d * MAT_K) / 8,
                     p.ld / 8);
  [[unroll]] for (uint i = 0; i < MATS_M * MATS_Z; i++)
    MATRIX_CLEAR (z[i]);
  [[unroll]] for (uint t = 0; t < TURNS; t++) {
    peak[t] = NEVER;
    total[t] = 0.0;
  }

  fetch (p.k, sequence, 0, column / 8);
  for (uint first_key = 0; first_key < n_keys; first_key += KEYS) {
    store_kv ();
    barrier ();
    fetch (p.v, sequence, first_key, column / 8);
    for (uint n = 0; n < KEYS; n += MAT_N) {
      MATRIX_SUM s[MATS_M];
      MATRIX_B k;

      [[unroll]] for (uint m = 0; m < MATS_M; m++)
        MATRIX_CLEAR (s[m]);
      [[unroll]] for (uint d = 0; d < MATS_D; d++) {
        MATRIX_LOAD_B_TRANSPOSED (k, kv, n * KV_LD + d * MAT_K / 8, KV_LD);
        [[unroll]] for (uint m = 0; m < MATS_M; m++)
          MATRIX_MULTIPLY_ADD (s[m], q[m * MATS_D + d], k);
      }
      [[unroll]] for (uint m = 0; m < MATS_M; m++)
        MATRIX_STORE_SUM (s[m], scores, (first_row + m * MAT_M) * SCORES_LD + n / 4, SCORES_LD);
    }
    barrier (); /* scores are there, keys have been used */
    store_kv ();
    fetch (p.k, sequence, first_key + KEYS, column / 8);
    softmax (first_row, first_query, first_key);
    barrier (); /* values, probabilities and factors are there */

    [[unroll]] for (uint m = 0; m < MATS_M; m++) {
      MATRIX_SUM factor;
      MATRIX_LOAD_SUM (factor, factors, (first_row + m * MAT_M) * FACTORS_LD, FACTORS_LD);
      [[unroll]] for (uint c = 0; c < MATS_Z; c++)
        MATRIX_SCALE (z[m * MATS_Z + c], factor);
    }
    for (uint k = 0; k < KEYS; k += MAT_K) {
      MATRIX_A e[MATS_M];
      MATRIX_B v;

      [[unroll]] for (uint m = 0; m < MATS_M; m++)
        MATRIX_LOAD_A (e[m], probabilities, (first_row + m * MAT_M) * P_LD + k / 8, P_LD);
      [[unroll]] for (uint c = 0; c < MATS_Z; c++) {
        MATRIX_LOAD_B (v, kv, k * KV_LD + c * MAT_N / 8, KV_LD);
        [[unroll]] for (uint m = 0; m < MATS_M; m++)
          MATRIX_MULTIPLY_ADD (z[m * MATS_Z + c], e[m], v);
      }
    }
    barrier (); /* values have been used */
  }

  finish_totals (first_row);
  [[unroll]] for (uint d = 0; d < HEAD_DIM; d += 16) {
    [[unroll]] for (uint m = 0; m < MATS_M; m++) {
      MATRIX_SUM factor;
      MATRIX_LOAD_SUM (factor, factors, (first_row + m * MAT_M) * FACTORS_LD, FACTORS_LD);
      [[unroll]] for (uint c = 0; c < 16; c += MAT_N) {
        MATRIX_SCALE (z[m * MATS_Z + (d + c) / MAT_N], factor);
        MATRIX_STORE_SUM (z[m * MATS_Z + (d + c) / MAT_N], scores,
                          (first_row + m * MAT_M) * SCORES_LD + c / 4, SCORES_LD);
      }
    }
    barrier ();
    store_block (first_row, first_query, sequence, (column + d) / 4);
    barrier (); /* before the next block comes */
  }
}
