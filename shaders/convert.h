/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef CONVERT_H
#define CONVERT_H

#include "clip.h"

/* Constant 0, LAYOUT: how a row of pixels lies in words. */
#define CONVERT_GRAY      0 /* 8 bits */
#define CONVERT_RGB24     1
#define CONVERT_RGB32     2
#define CONVERT_FULL      3 /* Y, U, V planes, 8 bits, chroma at full width */
#define CONVERT_PLANAR    4 /* Y, U, V planes, 8 bits, chroma at half width, as in all below */
#define CONVERT_PAIRS     5 /* Y plane and a plane of chroma pairs, 8 bits */
#define CONVERT_PACKED    6 /* YUY2, UYVY */
#define CONVERT_PLANAR_16 7 /* as PLANAR with 16 bits a sample */
#define CONVERT_PAIRS_16  8 /* as PAIRS with 16 bits a sample */
#define CONVERT_V210      9

/* Constant 1, ROWS: chroma in vertical direction. */
#define CONVERT_ROWS_ALL     0 /* as many rows as luma */
#define CONVERT_ROWS_CENTER  1 /* half as many, between luma rows 2k and 2k+1 */
#define CONVERT_ROWS_COSITED 2 /* half as many, on luma row 2k */

/* Each lane converts this many neighbours of a row, in this many rows. */
#define CONVERT_PIXELS     4
#define CONVERT_PAIR       2

/* LLVMPIPE: a workgroup's subgroups side by side, and below each other */
#define CONVERT_ACROSS     2
#define CONVERT_DOWN       8

/*
 * @src: staging memory; plane 0 starts at its first word
 * @params: CONVERT_PARAM_* words below
 * @dst: dst_stride words from row to row; LLVMPIPE: from block to block, see resize.comp
 * @plane1, @plane2: words from @src to chroma sample (first column, first staged row)
 * @stride0, @stride1: words from row to row of plane 0 and of the others
 * @groups: groups of CONVERT_PIXELS pixels in a row of the region
 * @first_pair: LLVMPIPE: pair of rows that dst begins with
 * @last_row: number of the region's last row
 * @chroma_row: number of the staged chroma row that belongs to the region's first two rows of
 *   pixels, where there are half as many
 * @chroma_last: number of the last staged chroma row
 */
struct ConvertPush {
  CLIP_ADDRESS (ConstUints) src;
  CLIP_ADDRESS (ConstUints) params;
  CLIP_ADDRESS (Uints) dst;
  uint32_t plane1;
  uint32_t plane2;
  uint32_t stride0;
  uint32_t stride1;
  uint32_t dst_stride;
  uint32_t groups;
  uint32_t first_pair;
  uint32_t last_row;
  uint32_t chroma_row;
  uint32_t chroma_last;
  CLIP_NIBBLES;
};

/*
 * Words of the parameter block. The matrix works on sixteenths of a level and has
 * CONVERT_FRACTION fraction bits: R = Y * LUMA + V * RV + R0 and so on.
 */
#define CONVERT_PARAM_SHIFT     0 /* 3 words: bit where a component starts, see convert.comp */
#define CONVERT_PARAM_H_EVEN    3 /* quarters of the left chroma sample for an even pixel ... */
#define CONVERT_PARAM_H_ODD     4 /* ... of the right one for an odd pixel */
#define CONVERT_PARAM_LUMA      5
#define CONVERT_PARAM_RV        6
#define CONVERT_PARAM_GU        7
#define CONVERT_PARAM_GV        8
#define CONVERT_PARAM_BU        9
#define CONVERT_PARAM_R0        10
#define CONVERT_PARAM_G0        11
#define CONVERT_PARAM_B0        12
#define CONVERT_PARAM_V210_ZERO 13 /* V210: pixel that the staged row starts with, times 2 */
#define CONVERT_PARAM_V210_X    14 /* V210: first pixel of the region */
#define CONVERT_PARAM_V210_LAST 15 /* V210: number of the row's last chroma pair */
#define CONVERT_PARAMS          16

#define CONVERT_FRACTION        20

#endif
