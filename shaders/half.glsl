/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * half.glsl: what a fp32 value is before it is stored as fp16: f16vec4 (to_half (x)) in the store
 * itself, which is all that 16-bit storage without 16-bit arithmetic allows.
 */

/*
 * Clamped to +-65504; what is not finite stays so, or nobody would see it in the end. Tested on the
 * bits, since compilers may assume that there is no NaN. The conversion behind it rounds to nearest
 * even on the drivers that we know; packHalf2x16() rounds towards zero on some of them.
 */
vec4
to_half (vec4 x)
{
  const uvec4 exponent = floatBitsToUint (x) & 0x7f800000u;

  return mix (clamp (x, -65504.0, 65504.0), x, equal (exponent, uvec4 (0x7f800000u)));
}
