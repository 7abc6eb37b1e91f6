/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * windows.glsl: a product whose a are windows of pictures, which lie nowhere: a convolution as implicit GEMM.
 *
 *   a[(b out_height + oy) out_width + ox][(kx taps_y + ky) channels + c]
 *     = x[b][oy stride + ky - pad][ox stride + kx - pad][c], 0 outside of the picture and from the last tap on
 *
 * That is what unfold.comp would write. Pixels are fp32, ld4 vec4s apart. Four k that follow each other, even
 * sixteen, are of one pixel, since channels are a multiple of 16. So of an address one part belongs to the row,
 * for all k (Corner), and one to k, for all rows (Tap); their sum is the pixel's, and two comparisons tell whether
 * there is one. Where there is none, the picture's first vec4 is loaded, and zeros take its place when it is used: a
 * value that is selected right after a load would wait for it.
 *
 * All is modulo 2^32: what lies above or to the left of the picture is very far below or to the right.
 */
#extension GL_EXT_buffer_reference_uvec2 : require

/* Where a row's window begins: a pixel, and its vec4. */
struct Corner {
  uint y, x, at;
};

/* What a tap adds to that, and k's place in the pixel to `at`. */
struct Tap {
  uint y, x, at;
};

/* from the push constants, see CLIP_NORM_OR_WINDOWS */
Windows
windows_from (uvec2 a, uvec2 b, uvec2 c)
{
  return Windows (a.x, a.y, b.x, b.y, c.x, c.y);
}

Corner
window_corner (Windows w, uint row, uint ld4)
{
  const uint out_height = w.out_size & 0xffffu, out_width = w.out_size >> 16;
  const uint stride = w.window >> 16 & 255u, pad = w.window >> 24;
  const uint line = row / out_width, picture = line / out_height;
  const uint y = (line - picture * out_height) * stride - pad;
  const uint x = (row - line * out_width) * stride - pad;

  return Corner (y, x, ((picture * (w.size & 0xffffu) + y) * (w.size >> 16) + x) * ld4);
}

/* of the k from 4 k4 */
Tap
window_tap (Windows w, uint k4, uint ld4)
{
  const uint taps_y = w.window & 255u, taps_x = w.window >> 8 & 255u;
  uint tap, x, unused;

  umulExtended (k4, w.per_vectors, tap, unused);
  x = tap * w.per_taps_y >> 16;
  /* beyond the last one: outside of every picture, whose sides have 16 bits */
  const uint y = x < taps_x ? tap - x * taps_y : 0x40000000u;
  return Tap (y, x, (y * (w.size >> 16) + x) * ld4 + k4 - tap * w.vectors);
}

bool
window_inside (Windows w, Corner corner, Tap tap)
{
  return corner.y + tap.y < (w.size & 0xffffu) && corner.x + tap.x < w.size >> 16;
}
