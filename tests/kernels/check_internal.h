/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * tests/kernels/check_internal.h: what check.c (variants, execution) and check_data.c (buffers,
 * fills, comparison) share.
 */
#pragma once

#include "tests/kernels/check.h"

/** CheckVariant: @on_request: runs only when --variant names it. @foreign: of a family that this
 * device runs rightly, but would never be given. @emulated: of check_emulated_families. */
typedef struct {
  gchar *name;
  ClipKernels *kernels;
  gboolean on_request;
  gboolean foreign;
  gboolean emulated;
} CheckVariant;

/**
 * _Check: @variants: CheckVariant, of the kernel that runs. @buffers: CheckBuffer, of the case.
 * @current: index + 1 of the variant that runs; 0 before the first
 * @worst: largest error of this (case, variant), in units of its tolerance
 * @seconds: from recording to result, compilation by the driver included
 */
struct _Check {
  ClipGpu *gpu;
  CheckOptions options;
  const CheckKernel *kernel;
  const CheckCase *c;
  gchar *case_name;
  GArray *variants;
  guint current;
  GPtrArray *buffers;
  ClipGpuRecording *recording;
  double flops;
  double worst;
  gint64 started;
  double seconds;
  gboolean failed;
  guint n_failed, n_ran;
};

/** check_emulated_families: NULL-terminated; see emulated.c. */
extern const ClipFamily *const check_emulated_families[];

/** check_buffers_snapshot: remembers what may not change, before an execution. */
void check_buffers_snapshot (Check *check);
/** check_buffers_verify: guard bands and inputs, after it. Returns: FALSE if one has changed. */
gboolean check_buffers_verify (Check *check);
void check_buffer_free (CheckBuffer *buffer);
