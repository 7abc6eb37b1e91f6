/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * tests/golden/golden.h: values that independent implementations computed.
 */
#pragma once

#include <json-glib/json-glib.h>

#include "gst-clip/engine/internal.h"
#include "tests/common/image.h"
#include "tests/common/npy.h"

G_BEGIN_DECLS

/**
 * ClipGolden: one model folder and its values.
 * @model: folder under goldens/models; @values: folder under goldens/values
 * @file, @from, @to: (nullable): what a file of the folder says and should say for the model to be the one
 *   that the values were computed with
 * @except: (nullable): a picture that the Pillow which made the values resizes otherwise, see preprocess.c
 */
typedef struct {
  const gchar *model, *values;
  const gchar *file, *from, *to;
  const gchar *except;
} ClipGolden;

/** golden_path: goldens/PART/NAME/FILE; g_test_skip() and NULL without test data. */
gchar *golden_path (const gchar *part, const gchar *name, const gchar *file);

/** golden_has: whether there is such a value file. */
gboolean golden_has (const ClipGolden *golden, const gchar *file);

/** golden_npy: a value file; aborts the test when it is broken. */
ClipTestNpy *golden_npy (const ClipGolden *golden, const gchar *file);

/** golden_strings: "images" or "prompts" of golden.json. (transfer full) */
gchar **golden_strings (const ClipGolden *golden, const gchar *member);

/** golden_engine: the model on the default device; NULL and g_test_skip() without test data,
 * without any Vulkan device, or where @precision is fp16 and the device lacks it. */
ClipEngine *golden_engine (const ClipGolden *golden, ClipPrecision precision);

/** golden_job_of: a job with a picture loaded. (transfer full) */
ClipJob *golden_job_of (ClipEngine *engine, const gchar *path);

/** golden_job: a job with the picture NAME.png loaded. (transfer full) */
ClipJob *golden_job (ClipEngine *engine, const gchar *name);

/** golden_rel_l2: |got - want| / |want| of @n values. */
gdouble golden_rel_l2 (const float *got, const ClipTestNpy *want, gsize first, gsize n);

/** Fails the test (and says by how much) unless @value <= @limit; NaN fails. */
#define golden_assert_within(value, limit, ...)                                                    \
  G_STMT_START                                                                                     \
  {                                                                                                \
    gdouble v_ = (value);                                                                          \
    if (!(v_ <= (limit))) {                                                                        \
      g_autofree gchar *what_ = g_strdup_printf (__VA_ARGS__);                                     \
      g_test_message ("%s: %g is above %g", what_, v_, (gdouble)(limit));                          \
      g_test_fail ();                                                                              \
    }                                                                                              \
  }                                                                                                \
  G_STMT_END

G_END_DECLS
