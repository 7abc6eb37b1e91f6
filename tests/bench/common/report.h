/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * bench/common/report.h: results for people, and for programs: one JSON object a line.
 *
 * Every line has "bench" (what was measured), "time", "cpu", "threads", "os", "version" (of
 * gst-clip), and, where there is a device, "device", "driver" and "device_type". Spreads are
 * arrays [least, median, most]. What a kind of line has besides: docs/performance.md.
 */
#pragma once

#include "gst-clip/gpu/gpu.h"
#include "tests/bench/common/measure.h"

G_BEGIN_DECLS

typedef struct _BenchReport BenchReport;

/**
 * bench_report_new:
 * @path: (nullable): JSON is appended to it; "-" is stdout, and text then goes to stderr
 * @device: (nullable): what everything is measured on
 */
BenchReport *bench_report_new (const gchar *path, const ClipGpuInfo *device, GError **error);
void bench_report_free (BenchReport *report);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BenchReport, bench_report_free)

/** bench_print: a piece of text for people. */
void bench_print (BenchReport *report, const gchar *format, ...) G_GNUC_PRINTF (2, 3);
/** bench_print_device: a line with device, driver, processor. */
void bench_print_device (BenchReport *report);

/** bench_line_begin ... bench_line_end: one object. Nothing happens without a @path. */
void bench_line_begin (BenchReport *report, const gchar *bench);
void bench_line_string (BenchReport *report, const gchar *key, const gchar *value);
/** bench_line_number: null when it is not finite. */
void bench_line_number (BenchReport *report, const gchar *key, gdouble value);
/** bench_line_spread: times @unit; nothing when it has no values. */
void bench_line_spread (BenchReport *report, const gchar *key, BenchSpread spread, gdouble unit);
void bench_line_end (BenchReport *report);

G_END_DECLS
