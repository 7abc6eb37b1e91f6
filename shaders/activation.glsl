/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * activation.glsl: ClipActivation for a vec4, right for every finite x.
 */

/*
 * erfc (z) for z >= 0 as t exp (P (t) - z^2), t = 1 / (1 + z / 2). P is a least-squares fit of
 * log (erfcx (z) / t) in Chebyshev nodes over z = 0 .. 11; its error, 6e-8, is a relative one of
 * the result, so that gelu's small left tail is right too.
 */
float
erfc_positive (float z)
{
  const float t = 1.0 / (1.0 + 0.5 * z);
  /* written out: coefficients in an array are stores and loads, lane by lane, on llvmpipe before Mesa 26 */
  float sum = 0.15419173;

  sum = sum * t - 0.73105930;
  sum = sum * t + 1.27436159;
  sum = sum * t - 0.85187944;
  sum = sum * t + 0.04750861;
  sum = sum * t - 0.06602828;
  sum = sum * t + 0.05724635;
  sum = sum * t + 0.38196390;
  sum = sum * t + 0.99916880;
  sum = sum * t - 1.26547390;
  return t * exp (sum - z * z);
}

float
gelu (float x)
{
  const float tail = 0.5 * erfc_positive (min (abs (x) * 0.70710678, 11.0));
  return x * (x >= 0.0 ? 1.0 - tail : tail);
}

/* x sigmoid (1.702 x). The exponent is clamped: some drivers' exp() overflows to NaN. */
vec4
quick_gelu (vec4 x)
{
  return x / (1.0 + exp (min (-1.702 * x, 80.0)));
}

/* 0.5 x (1 + tanh (u)) = x sigmoid (2 u) */
vec4
gelu_tanh (vec4 x)
{
  const vec4 b = clamp (x, -30.0, 30.0); /* beyond, u decides nothing any more */
  const vec4 u = 0.79788456 * (b + 0.044715 * b * b * b);
  return x / (1.0 + exp (min (-2.0 * u, 80.0)));
}

/* the larger of x and 0; a NaN stays one */
vec4
relu (vec4 x)
{
  return mix (x, vec4 (0.0), lessThan (x, vec4 (0.0)));
}

vec4
activate (uint activation, vec4 x)
{
  if (activation == CLIP_ACTIVATION_ID_QUICK_GELU)
    return quick_gelu (x);
  if (activation == CLIP_ACTIVATION_ID_GELU)
    return vec4 (gelu (x.x), gelu (x.y), gelu (x.z), gelu (x.w));
  if (activation == CLIP_ACTIVATION_ID_GELU_TANH)
    return gelu_tanh (x);
  return x;
}
