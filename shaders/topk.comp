/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * topk.comp: the k best of x[0 .. n-1], best first. x[i] is better than x[j] if it is larger, or
 * equal and i < j; -0 equals 0; any number is better than a NaN.
 *
 * x fp32, compared as integers: nothing is computed, so nothing is rounded or flushed.
 * Two dispatches. !SELECT: the best of each block of TOPK_BLOCK values; grid: one workgroup a
 * block. SELECT: one workgroup; k times the best of the blocks' best is the next result, and its
 * block's best is searched anew among what comes after it: k (n / TOPK_BLOCK + TOPK_BLOCK) steps
 * altogether, and never more, whatever the values.
 * Constant 0: SELECT. Variants: none; it is short beside the product that makes x.
 */
#version 460
#extension GL_GOOGLE_include_directive : require
#include "clip.glsl"
#include "topk.h"

layout(local_size_x = TOPK_LANES) in;
layout(constant_id = 0) const bool SELECT = false;
layout(push_constant, std430) uniform Push {
  TopkPush p;
};

/* An entry is (key, index): the larger key wins, then the lower index. */
const uvec2 NOTHING = uvec2 (0u, 0xffffffffu);

shared uvec2 slots[TOPK_LANES];
shared uvec2 blocks[TOPK_MAX_BLOCKS];

bool
is_better (uvec2 a, uvec2 b)
{
  return a.x > b.x || (a.x == b.x && a.y < b.y);
}

/* Grows with the number; 0 for NaN. */
uint
key_of (uint bits)
{
  const uint magnitude = bits & 0x7fffffffu;
  const uint ordered = magnitude == 0u ? 0x80000000u
                       : bits > 0x80000000u ? ~bits
                                            : bits | 0x80000000u;
  return magnitude > 0x7f800000u ? 0u : ordered;
}

/* The best of all invocations' entries, for all of them. */
uvec2
workgroup_best (uvec2 entry)
{
  const uint id = gl_LocalInvocationID.x;

  barrier (); /* readers of an earlier one are done */
  slots[id] = entry;
  barrier ();
  for (uint half_n = TOPK_LANES / 2; half_n > 0; half_n /= 2) {
    if (id < half_n && is_better (slots[id + half_n], slots[id]))
      slots[id] = slots[id + half_n];
    barrier ();
  }
  return slots[0];
}

/* The best of what comes after `last` in a block. */
uvec2
block_best (uint block, uvec2 last)
{
  uvec2 best = NOTHING;

  for (uint i = 0; i < TOPK_BLOCK / TOPK_LANES; i++) {
    const uint index = block * TOPK_BLOCK + i * TOPK_LANES + gl_LocalInvocationID.x;
    const uvec2 entry = uvec2 (key_of (p.values.v[min (index, p.n - 1)]), index);

    if (index < p.n && is_better (last, entry) && is_better (entry, best))
      best = entry;
  }
  return workgroup_best (best);
}

void
find_blocks ()
{
  const uvec2 best = block_best (gl_WorkGroupID.x, uvec2 (0xffffffffu, 0u));

  if (gl_LocalInvocationID.x == 0) {
    p.dst.v[2 * gl_WorkGroupID.x] = best.x;
    p.dst.v[2 * gl_WorkGroupID.x + 1] = best.y;
  }
}

void
select_best ()
{
  const uint id = gl_LocalInvocationID.x, n_blocks = (p.n + TOPK_BLOCK - 1) / TOPK_BLOCK;

  for (uint b = id; b < n_blocks; b += TOPK_LANES)
    blocks[b] = uvec2 (p.best.v[2 * b], p.best.v[2 * b + 1]);

  uint rank = 0;
  do {
    uvec2 best = NOTHING;
    for (uint b = id; b < n_blocks; b += TOPK_LANES)
      if (is_better (blocks[b], best))
        best = blocks[b];
    best = workgroup_best (best);

    const uint index = min (best.y, p.n - 1), block = index / TOPK_BLOCK;
    const uvec2 next = block_best (block, best);
    if (id == block % TOPK_LANES) /* the only one that reads it */
      blocks[block] = next;
    if (id == 0) {
      p.dst.v[2 * rank] = index;
      p.dst.v[2 * rank + 1] = p.values.v[index];
    }
    rank++;
  } while (rank < p.k);
}

void
main ()
{
  if (SELECT)
    select_best ();
  else
    find_blocks ();
}
