/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * llvmpipe.glsl: how to make llvmpipe emit vector code. Only for the barrier-free variants,
 * which run where the driver is llvmpipe and a subgroup has 8 lanes: subgroup = one 256-bit
 * register.
 *
 * llvmpipe turns a load whose address may differ from lane to lane into a loop over lanes.
 * Before Mesa 26 it believes an address to be uniform only when it is made of constants and
 * push constants, and only outside loops and branches. Hence:
 *   uniform_id()  rebuilds a workgroup id from a table of 0 .. 15 in the push constants
 *   lanes8()      picks each lane's element of eight that were loaded uniformly; the select tree
 *                 has constant conditions and becomes one vector load
 * A shader includes this file after its push-constant block `p`, which ends with CLIP_NIBBLES.
 */
#extension GL_EXT_buffer_reference_uvec2 : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require

const uint LANES = 8;

/* x < 16, 256, 65536; the same value, in a form that the driver knows to be uniform. Each digit
 * costs a gather of eight lanes. */
uint
uniform_id4 (uint x)
{
  return p.nibbles[x];
}

uint
uniform_id8 (uint x)
{
  return p.nibbles[x & 15u] | p.nibbles[x >> 4] << 4;
}

uint
uniform_id (uint x)
{
  return uniform_id8 (x & 255u) | uniform_id8 (x >> 8) << 8;
}

/*
 * base + 4 words. Sums and constants are kept apart on purpose: from one base and constant
 * indices the driver forms base + displacement, and eight loads in a row melt into one of a
 * vector. An index that is computed for each load would not.
 * -DCLIP_ADDRESS64: with 64-bit integers, for Mesa 26: the sum is one instruction there. Before
 * that such a sum is no uniform value.
 */
#ifdef CLIP_ADDRESS64
Address
place (Address base, uint words)
{
  return base + uint64_t (words) * 4ul;
}
#else
Address
place (Address base, uint words)
{
  const uint low = base.x + words * 4u;
  return uvec2 (low, base.y + (low < base.x ? 1u : 0u));
}
#endif

/* lane l gets element l of (a, b) */
float
lanes8 (vec4 a, vec4 b)
{
  const uint lane = gl_SubgroupInvocationID;
  const bool bit0 = (lane & 1u) != 0u, bit1 = (lane & 2u) != 0u, bit2 = (lane & 4u) != 0u;
  const float lo = bit1 ? (bit0 ? a.w : a.z) : (bit0 ? a.y : a.x);
  const float hi = bit1 ? (bit0 ? b.w : b.z) : (bit0 ? b.y : b.x);
  return bit2 ? hi : lo;
}

/* lane l gets element l of (a, b) */
uint
lanes8 (uvec4 a, uvec4 b)
{
  const uint lane = gl_SubgroupInvocationID;
  const bool bit0 = (lane & 1u) != 0u, bit1 = (lane & 2u) != 0u, bit2 = (lane & 4u) != 0u;
  const uint lo = bit1 ? (bit0 ? a.w : a.z) : (bit0 ? a.y : a.x);
  const uint hi = bit1 ? (bit0 ? b.w : b.z) : (bit0 ? b.y : b.x);
  return bit2 ? hi : lo;
}

/* lane l gets vector l of the eight */
vec4
lanes8x4 (vec4 a, vec4 b, vec4 c, vec4 d, vec4 e, vec4 f, vec4 g, vec4 h)
{
  return vec4 (lanes8 (vec4 (a.x, b.x, c.x, d.x), vec4 (e.x, f.x, g.x, h.x)),
               lanes8 (vec4 (a.y, b.y, c.y, d.y), vec4 (e.y, f.y, g.y, h.y)),
               lanes8 (vec4 (a.z, b.z, c.z, d.z), vec4 (e.z, f.z, g.z, h.z)),
               lanes8 (vec4 (a.w, b.w, c.w, d.w), vec4 (e.w, f.w, g.w, h.w)));
}

/*
 * Elements 2 l and 2 l + 1 of 16 that lanes have as l and 8 + l, as one word: a store is a loop over lanes, so
 * that two elements a lane are stored in half the time.
 */
uint64_t
pairs8 (vec2 y)
{
  const uint lane = gl_SubgroupInvocationID, from = lane * 2 & 7u;
  const vec2 low = vec2 (subgroupShuffle (y.x, from), subgroupShuffle (y.x, from + 1));
  const vec2 high = vec2 (subgroupShuffle (y.y, from), subgroupShuffle (y.y, from + 1));

  return packUint2x32 (floatBitsToUint (lane < 4 ? low : high));
}

float
sum8 (float x)
{
  const uint lane = gl_SubgroupInvocationID;
  x += subgroupShuffle (x, lane ^ 1u);
  x += subgroupShuffle (x, lane ^ 2u);
  return x + subgroupShuffle (x, lane ^ 4u);
}

float
max8 (float x)
{
  const uint lane = gl_SubgroupInvocationID;
  x = max (x, subgroupShuffle (x, lane ^ 1u));
  x = max (x, subgroupShuffle (x, lane ^ 2u));
  return max (x, subgroupShuffle (x, lane ^ 4u));
}
