/* SPDX-License-Identifier: LGPL-2.1-or-later */
/** common/device.h: engines and recordings, in tests that have a device or are skipped. */
#pragma once

#include "gst-clip/engine/engine.h"
#include "gst-clip/gpu/gpu.h"

G_BEGIN_DECLS

/** clip_test_engine: (transfer full) (nullable): NULL, and a skipped test, where there is no device (for
 * this precision); any other error fails the test. */
ClipEngine *clip_test_engine (const ClipEngineConfig *config);

/** clip_test_finish: ends @rec, submits it and waits until it has run; errors fail the test. */
void clip_test_finish (ClipGpu *gpu, ClipGpuRecording *rec);

G_END_DECLS
