/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * half.glsl: what fp16 can hold.
 */

/* x within +-65504, infinities too. A NaN stays one: clamp() may make a number of it, and then
 * nobody would see that a row is broken. */
vec4
half_range (vec4 x)
{
  const uvec4 bits = floatBitsToUint (x), magnitude = bits & 0x7fffffffu;
  const bvec4 beyond = equal (greaterThan (magnitude, uvec4 (0x477fe000u)),
                              lessThanEqual (magnitude, uvec4 (0x7f800000u)));

  return uintBitsToFloat (mix (bits, (bits & 0x80000000u) | 0x477fe000u, beyond));
}
