/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * norm.glsl: layer normalisation folded into two products. The one that makes x leaves moments of
 * its rows behind; the one that has x for its a merges them and normalises what it loads.
 *
 * Moments: mean and M2 = sum (x - mean)^2 of each row and block of STATS_COLUMNS columns (a
 * multiple of 4, which the including shader defines first; the last block may be shorter), fp32:
 *     vec2 stats[rows][ceil (cols / STATS_COLUMNS)]
 * A block's values are at hand, so they are gone through twice; E[x^2] - mean^2 would lose
 * everything when the mean is large. Blocks are merged pairwise, as in T. F. Chan, G. H. Golub,
 * R. J. LeVeque: Updating Formulae and a Pairwise Algorithm for Computing Sample Variances,
 * Stanford University, STAN-CS-79-773 (1979).
 */

/* of `count` columns of one row; none: all three 0 */
struct Moments {
  float count, mean, m2;
};

/* Count and share do not wait for memory: only the mean's two operations are one chain. */
Moments
moments_merge (Moments a, Moments b)
{
  const float count = a.count + b.count;
  const float share = b.count / max (count, 1.0);
  const float apart = b.mean - a.mean;

  return Moments (count, a.mean + apart * share, a.m2 + b.m2 + apart * apart * (a.count * share));
}

uint
stats_blocks (uint cols)
{
  return (cols + STATS_COLUMNS - 1) / STATS_COLUMNS;
}

/* 1 for those of the columns 4 i .. 4 i + 3 that exist */
vec4
columns_exist (uint i, uint cols)
{
  return vec4 (lessThan (4 * i + uvec4 (0, 1, 2, 3), uvec4 (cols)));
}

/*
 * moments: of the first `cols` (1 .. STATS_COLUMNS) columns of a block; VALUE (i) is its vec4 i
 */
#define MOMENTS_OF_BLOCK(moments, VALUE, cols)                                                    \
  {                                                                                               \
    moments = Moments (float (cols), 0.0, 0.0);                                                   \
    [[unroll]] for (uint i = 0; i < STATS_COLUMNS / 4; i++)                                       \
      moments.mean += dot (VALUE (i), columns_exist (i, cols));                                   \
    moments.mean /= moments.count;                                                                \
    [[unroll]] for (uint i = 0; i < STATS_COLUMNS / 4; i++) {                                     \
      const vec4 d = (VALUE (i) - moments.mean) * columns_exist (i, cols);                        \
      moments.m2 += dot (d, d);                                                                   \
    }                                                                                             \
  }

/* Blocks `first`, `first + step`, ... of a row of `cols` columns. */
Moments
stats_merge (ConstVec2s stats, uint row, uint cols, uint first, uint step)
{
  const uint blocks = stats_blocks (cols);
  Moments all = Moments (0.0, 0.0, 0.0);

  for (uint b = first; b < blocks; b += step) {
    const vec2 part = stats.v[row * blocks + b];
    const uint count = min (cols - b * STATS_COLUMNS, STATS_COLUMNS);
    all = moments_merge (all, Moments (float (count), part.x, part.y));
  }
  return all;
}

/* mean and 1 / sqrt (var + eps) of a row whose blocks are all merged */
vec2
row_norm (Moments row, float eps)
{
  return vec2 (row.mean, inversesqrt (row.m2 / row.count + eps));
}

/* gamma and beta are 0 beyond the last column, and so is this, whatever finite x is there */
vec4
normalise (vec4 x, vec2 norm, vec4 gamma, vec4 beta)
{
  return (x - norm.x) * norm.y * gamma + beta;
}
