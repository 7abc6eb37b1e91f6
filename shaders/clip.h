/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * clip.h: makes one header readable by C and by GLSL, so that every push-constant block is
 * declared once. A shader's header declares `struct NamePush` with uint32_t, float and
 * CLIP_ADDRESS (Type) members, addresses first, at most 128 bytes (std430 and C then agree).
 */
#ifndef CLIP_H
#define CLIP_H

#ifdef VULKAN_SHADER
#define uint32_t           uint
/* a reference to the buffer_reference block Type of clip.glsl */
#define CLIP_ADDRESS(Type) Type
/* a plain address, for llvmpipe.glsl's place() */
#ifdef CLIP_ADDRESS64
#define Address            uint64_t
#else
#define Address            uvec2
#endif
#else
#include <stdint.h>
#include <vulkan/vulkan.h>
#define CLIP_ADDRESS(Type) VkDeviceAddress
#endif

/* Last member of a block that llvmpipe.glsl's uniform_id() reads: 0 .. 15. */
#define CLIP_NIBBLES       uint32_t nibbles[16]
#define CLIP_NIBBLES_INIT  { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 }

/* Values of ClipActivation, which kernels.h declares for C. */
#define CLIP_ACTIVATION_ID_NONE       0
#define CLIP_ACTIVATION_ID_QUICK_GELU 1
#define CLIP_ACTIVATION_ID_GELU       2
#define CLIP_ACTIVATION_ID_GELU_TANH  3

#endif
