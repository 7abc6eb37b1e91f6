/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reduce.glsl: a sum or a maximum over a whole workgroup; every invocation gets the result, so
 * every invocation must call. Works for any subgroup size, also a varying one.
 * -DSUBGROUP: arithmetic within subgroups first; without it a tree in shared memory, for which
 * the workgroup size must be a power of two. The including shader sets the workgroup size first.
 */
#ifdef SUBGROUP
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#endif

/* one slot an invocation: enough even for subgroups of one */
shared float reduce_slots[gl_WorkGroupSize.x];

#ifdef SUBGROUP
#define CLIP_REDUCE(name, subgroup_op, op)                                                        \
  float name (float x)                                                                            \
  {                                                                                               \
    x = subgroup_op (x);                                                                          \
    barrier (); /* readers of an earlier reduction are done */                                    \
    if (subgroupElect ())                                                                         \
      reduce_slots[gl_SubgroupID] = x;                                                            \
    barrier ();                                                                                   \
    x = reduce_slots[0];                                                                          \
    for (uint i = 1; i < gl_NumSubgroups; i++)                                                    \
      x = op (x, reduce_slots[i]);                                                                \
    return x;                                                                                     \
  }
#else
#define CLIP_REDUCE(name, subgroup_op, op)                                                        \
  float name (float x)                                                                            \
  {                                                                                               \
    const uint id = gl_LocalInvocationID.x;                                                       \
    barrier ();                                                                                   \
    reduce_slots[id] = x;                                                                         \
    barrier ();                                                                                   \
    for (uint half_n = gl_WorkGroupSize.x / 2; half_n > 0; half_n /= 2) {                         \
      if (id < half_n)                                                                            \
        reduce_slots[id] = op (reduce_slots[id], reduce_slots[id + half_n]);                      \
      barrier ();                                                                                 \
    }                                                                                             \
    return reduce_slots[0];                                                                       \
  }
#endif

float
reduce_add (float a, float b)
{
  return a + b;
}

CLIP_REDUCE (workgroup_sum, subgroupAdd, reduce_add)
CLIP_REDUCE (workgroup_max, subgroupMax, max)
