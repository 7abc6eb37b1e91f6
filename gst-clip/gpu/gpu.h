/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * gpu/gpu.h: a Vulkan compute device.
 *
 * We always create our own VkInstance and VkDevice. libvulkan is opened at run
 * time, so that everything else works (and can say what is missing) without it.
 * Layering: gpu/ knows no CLIP. Thread: every function may be called from any
 * thread unless it says otherwise.
 */
#pragma once

#include <glib.h>
#include <vulkan/vulkan.h>

G_BEGIN_DECLS

typedef struct _ClipGpu ClipGpu;

#define CLIP_GPU_ERROR (clip_gpu_error_quark ())
GQuark clip_gpu_error_quark (void);

/**
 * ClipGpuError:
 * @CLIP_GPU_ERROR_LOADER: libvulkan is not installed; the message names the package
 * @CLIP_GPU_ERROR_NO_DEVICE: no device has what we need; the message lists every
 *   device and what it lacks
 * @CLIP_GPU_ERROR_OUT_OF_MEMORY: host or device memory; the message has the size
 * @CLIP_GPU_ERROR_DEVICE_LOST: VK_ERROR_DEVICE_LOST, or a device that hangs; every later call on
 *   that ClipGpu fails with it at once, see clip_gpu_is_lost()
 * @CLIP_GPU_ERROR_TIMEOUT: a wait ran past its limit
 * @CLIP_GPU_ERROR_CANCELLED: see clip_gpu_recording_set_steps()
 * @CLIP_GPU_ERROR_FAILED: any other VkResult; the message names the call and the result
 */
typedef enum {
  CLIP_GPU_ERROR_LOADER,
  CLIP_GPU_ERROR_NO_DEVICE,
  CLIP_GPU_ERROR_OUT_OF_MEMORY,
  CLIP_GPU_ERROR_DEVICE_LOST,
  CLIP_GPU_ERROR_TIMEOUT,
  CLIP_GPU_ERROR_CANCELLED,
  CLIP_GPU_ERROR_FAILED,
} ClipGpuError;

/**
 * ClipGpuCaps: what kernels may need beyond Vulkan 1.2 with bufferDeviceAddress.
 *
 * Masked by the environment variable GST_CLIP_DISABLE, a comma-separated list of
 * the lower-case names below ("subgroup,fp16"), so that every fallback can be
 * tested on one machine. The list may also have "mapping" (device memory is not mapped, so
 * that transfers are staged) and "timestamps".
 * @SUBGROUP ("subgroup"): basic, shuffle and arithmetic operations in compute
 * @FP16 ("fp16"): storageBuffer16BitAccess
 * @FP16_ARITHMETIC ("fp16-arithmetic"): shaderFloat16
 * @COOPMAT ("coopmat"): VK_KHR_cooperative_matrix with one of ClipGpuInfo's matrix_shapes at least
 * @COOPMAT_FAST ("coopmat-fast"): and there is hardware behind it that is worth using
 * @LLVMPIPE ("llvmpipe"): the driver is llvmpipe and its subgroup size is 8: the
 *   barrier-free kernels, which use what this driver does and no specification
 *   promises, may run
 * @LLVMPIPE_LOOPS ("llvmpipe-loops"): llvmpipe from Mesa 26 on, where uniform loops are fast. Some
 *   version between 25.0 and that became so: see ClipGpuInfo's unsure
 */
typedef enum {
  CLIP_GPU_CAP_SUBGROUP = 1 << 0,
  CLIP_GPU_CAP_FP16 = 1 << 1,
  CLIP_GPU_CAP_FP16_ARITHMETIC = 1 << 2,
  CLIP_GPU_CAP_COOPMAT = 1 << 3,
  CLIP_GPU_CAP_LLVMPIPE = 1 << 4,
  CLIP_GPU_CAP_LLVMPIPE_LOOPS = 1 << 5,
  CLIP_GPU_CAP_COOPMAT_FAST = 1 << 6,
} ClipGpuCaps;

/**
 * ClipGpuMatrixShape: a subgroup multiplies (m, k) fp16 by (k, n) fp16 and adds to (m, n) fp32.
 * Each is 8 or 16.
 */
typedef struct {
  guint32 m, n, k;
} ClipGpuMatrixShape;

/**
 * ClipGpuInfo: read-only after clip_gpu_new().
 * @name: VkPhysicalDeviceProperties.deviceName
 * @driver: "driverName driverInfo", as in "llvmpipe Mesa 22.3.6 (LLVM 15.0.6)"
 * @uuid: deviceUUID as 32 hexadecimal digits
 * @is_cpu: VK_PHYSICAL_DEVICE_TYPE_CPU
 * @caps: after GST_CLIP_DISABLE
 * @unsure: capabilities that the driver may have, but its version does not tell: not in @caps; whoever
 *   needs to know measures
 * @subgroup_size: lanes
 * @processors: multiprocessors (compute units); 0 where the driver does not tell
 * @max_workgroup_invocations, @max_shared_bytes, @max_push_bytes: limits
 * @timestamp_period_ns: 0 where the queue has no timestamps
 * @matrix_shapes: (array length=n_matrix_shapes): of cooperative matrices, largest first
 * @matrix_subgroup_size: lanes of the subgroups that share one
 * @heap_bytes: size of the heap that CLIP_GPU_MEMORY_DEVICE allocates from
 */
typedef struct {
  gchar *name;
  gchar *driver;
  gchar uuid[33];
  gboolean is_cpu;
  ClipGpuCaps caps, unsure;
  guint32 vendor_id, device_id, driver_version;
  guint8 pipeline_cache_uuid[VK_UUID_SIZE];
  guint32 subgroup_size;
  guint32 processors;
  guint32 max_workgroup_invocations;
  guint32 max_shared_bytes;
  guint32 max_push_bytes;
  gdouble timestamp_period_ns;
  ClipGpuMatrixShape matrix_shapes[8];
  guint n_matrix_shapes;
  guint32 matrix_subgroup_size;
  guint64 heap_bytes;
} ClipGpuInfo;

/**
 * clip_gpu_new:
 * @wanted: (nullable): part of a device name (case-insensitive), a UUID or a
 *   decimal index; NULL takes GST_CLIP_DEVICE from the environment, and without
 *   that the best: discrete, integrated, virtual, CPU; the loader's order within
 * @error: set iff NULL is returned
 *
 * Opens the loader, an instance (with VK_LAYER_KHRONOS_validation when
 * GST_CLIP_VALIDATE=1; each of its messages counts, see clip_gpu_validation_messages())
 * and a device with one compute queue, a compute-only family first.
 * Returns: (transfer full): the device, clip_gpu_free() it after everything made from it.
 */
ClipGpu *clip_gpu_new (const gchar *wanted, GError **error);

/** clip_gpu_free: waits for the device to be idle, saves the pipeline cache. NULL-safe. What belongs to a
 * device that hangs is left to the process's end, as the device may still use it. */
void clip_gpu_free (ClipGpu *gpu);

const ClipGpuInfo *clip_gpu_info (const ClipGpu *gpu);

/** clip_gpu_is_lost: TRUE once any call returned VK_ERROR_DEVICE_LOST, and once nothing has finished for so
 * long that the device must hang: 30 s, or what GST_CLIP_PATIENCE says. */
gboolean clip_gpu_is_lost (ClipGpu *gpu);

/** clip_gpu_set_lost_error: CLIP_GPU_ERROR_DEVICE_LOST, with the reason. */
void clip_gpu_set_lost_error (ClipGpu *gpu, GError **error);

/**
 * clip_gpu_simulate_loss: for tests; from now on @gpu behaves as if the driver
 * had answered VK_ERROR_DEVICE_LOST.
 */
void clip_gpu_simulate_loss (ClipGpu *gpu);

/** clip_gpu_memory_bytes: device memory allocated through @gpu at this moment, in bytes. */
guint64 clip_gpu_memory_bytes (ClipGpu *gpu);

/**
 * clip_gpu_memory_left: bytes that the heap of CLIP_GPU_MEMORY_DEVICE can give at this moment, about: what the
 * driver says (VK_EXT_memory_budget: other programs take from it too), else what @gpu has not taken. On CPU
 * devices always the latter: there the heap is the system's memory, and the system makes room in it.
 */
guint64 clip_gpu_memory_left (ClipGpu *gpu);

/** clip_gpu_pipeline_count: pipelines created so far; the tests hold a model to 14 on a CPU. */
guint clip_gpu_pipeline_count (ClipGpu *gpu);

/**
 * clip_gpu_save_cache: writes the driver's pipeline cache to gst-clip/ in the user's cache
 * directory when pipelines were created since the last time. For after a warm-up: a process
 * that is killed later has it then. Failures are logged, no more.
 */
void clip_gpu_save_cache (ClipGpu *gpu);

/**
 * clip_gpu_remembered: what clip_gpu_remember() stored last as @kind (a word in lower case) for
 * exactly this device and driver, in this process or an earlier one. (transfer full) (nullable): NULL
 * when there is nothing, or when anything about it is odd: damaged, foreign, writable by others.
 */
GBytes *clip_gpu_remembered (ClipGpu *gpu, const gchar *kind);

/** clip_gpu_forget_oldest: of the files whose kind begins with @prefix, for whatever device, only the @keep
 * that were written last stay. */
void clip_gpu_forget_oldest (const gchar *prefix, guint keep);

/** clip_gpu_remember: keeps @data in the user's cache directory, in the place of what was there. FALSE
 * (and a log line) when it cannot. */
gboolean clip_gpu_remember (ClipGpu *gpu, const gchar *kind, gconstpointer data, gsize size);

/** clip_gpu_validation_messages: messages of the validation layer in this process. */
guint clip_gpu_validation_messages (void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipGpu, clip_gpu_free)

/* Buffers --------------------------------------------------------------- */

/**
 * ClipGpuMemory:
 * @CLIP_GPU_MEMORY_DEVICE: device-local; mapped only where that heap is host-visible
 * @CLIP_GPU_MEMORY_UPLOAD: host-visible and coherent, always mapped; the CPU writes, the GPU reads
 * @CLIP_GPU_MEMORY_READBACK: host-visible, coherent, cached where there is such a type, always mapped
 */
typedef enum {
  CLIP_GPU_MEMORY_DEVICE,
  CLIP_GPU_MEMORY_UPLOAD,
  CLIP_GPU_MEMORY_READBACK,
} ClipGpuMemory;

/**
 * ClipGpuBuffer: one VkBuffer with its own memory, its address and, where mapped, its pointer.
 * Zero-filled at creation; 64 KiB of padding, zero too, follow @size (see docs/kernels.md:
 * a driver may read past the end of a loop). @address is at least 256-byte aligned.
 */
typedef struct {
  ClipGpu *gpu;
  VkBuffer buffer;
  VkDeviceMemory memory;
  VkDeviceAddress address;
  gsize size;
  gsize allocated;
  gpointer map;
} ClipGpuBuffer;

/**
 * clip_gpu_buffer_new:
 * @size: bytes, > 0
 * @name: for debugging and error messages
 * Returns: (transfer full): NULL with @error CLIP_GPU_ERROR_OUT_OF_MEMORY (size, name and
 * heap in the message) or another ClipGpuError.
 */
ClipGpuBuffer *clip_gpu_buffer_new (ClipGpu *gpu, ClipGpuMemory memory, gsize size,
                                    const gchar *name, GError **error);

/** clip_gpu_buffer_free: the caller knows that no submitted recording uses it. NULL-safe. */
void clip_gpu_buffer_free (ClipGpuBuffer *buffer);

/**
 * clip_gpu_buffer_upload: writes @size bytes at @offset, through the mapping or through a
 * staging buffer of bounded size that is reused; blocks until done.
 */
gboolean clip_gpu_buffer_upload (ClipGpuBuffer *buffer, gsize offset, gconstpointer data,
                                 gsize size, GError **error);

/** clip_gpu_buffer_download: the reverse; blocks until done. For tests and small results. */
gboolean clip_gpu_buffer_download (ClipGpuBuffer *buffer, gsize offset, gpointer data, gsize size,
                                   GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipGpuBuffer, clip_gpu_buffer_free)

/* Pipelines ------------------------------------------------------------- */

typedef struct _ClipGpuPipeline ClipGpuPipeline;

#define CLIP_GPU_MAX_CONSTANTS   12
#define CLIP_GPU_SUBGROUP_MATRIX G_MAXUINT32

/**
 * ClipGpuShader: static description of one shader variant.
 * @name: unique, "gemm_straight"; names the pipeline in messages and captures
 * @spirv, @spirv_bytes: what the build made of shaders/NAME.comp
 * @push_bytes: size of its push-constant block, <= 128
 * @subgroup_size: 0, or the size that the shader was written for (pinned, with full
 *   subgroups, where VK_EXT_subgroup_size_control allows it); CLIP_GPU_SUBGROUP_MATRIX for
 *   ClipGpuInfo's matrix_subgroup_size
 */
typedef struct {
  const gchar *name;
  const guint32 *spirv;
  gsize spirv_bytes;
  guint32 push_bytes;
  guint32 subgroup_size;
} ClipGpuShader;

/**
 * clip_gpu_pipeline:
 * @constants: (array length=n_constants): values of the specialisation constants with
 *   the ids 0 .. n_constants-1 (32-bit each), <= CLIP_GPU_MAX_CONSTANTS
 *
 * Creates the pipeline, or returns the one made earlier for the same shader and constants.
 * Blocks while the driver compiles; two threads may compile different ones at once.
 * Returns: (transfer none): owned by @gpu.
 */
ClipGpuPipeline *clip_gpu_pipeline (ClipGpu *gpu, const ClipGpuShader *shader,
                                    const guint32 *constants, guint n_constants, GError **error);

/* Recordings ------------------------------------------------------------ */

/** Estimated cost of what a device should get at once, and of the largest dispatch that a GPU should: watchdogs
 * of drivers allow 500 ms and more, compositors want to draw in between. */
#define CLIP_GPU_CUT_NS (20 * G_GUINT64_CONSTANT (1000000))

/**
 * ClipGpuRecording: a list of command buffers, recorded once and submitted many times,
 * cut by estimated cost so that no single submission holds a device (or a desktop's
 * compositor) for long. Thread: one at a time.
 *
 * Errors are sticky: a record call after a failure does nothing, and
 * clip_gpu_recording_end() reports the first one.
 */
typedef struct _ClipGpuRecording ClipGpuRecording;

ClipGpuRecording *clip_gpu_recording_new (ClipGpu *gpu, const gchar *name);

/** clip_gpu_recording_free: waits for its last submission first. NULL-safe. */
void clip_gpu_recording_free (ClipGpuRecording *rec);

/** clip_gpu_recording_begin: empties it (waiting for its last submission) and opens it; starts
 * with a barrier against everything submitted before. */
void clip_gpu_recording_begin (ClipGpuRecording *rec);

/**
 * clip_gpu_recording_dispatch:
 * @push, @push_bytes: must equal the shader's push_bytes
 * @x, @y, @z: workgroups; each <= 65535 and > 0
 * @cost_ns: estimated time, for cutting: on a slow device unless more is known; 0 = negligible
 *
 * Ordered after all earlier dispatches only by clip_gpu_recording_barrier().
 */
void clip_gpu_recording_dispatch (ClipGpuRecording *rec, ClipGpuPipeline *pipeline,
                                  gconstpointer push, guint32 push_bytes, guint32 x, guint32 y,
                                  guint32 z, guint64 cost_ns);

/** clip_gpu_recording_barrier: shader and transfer writes so far are visible to all that follows. */
void clip_gpu_recording_barrier (ClipGpuRecording *rec);

/**
 * clip_gpu_recording_apart: while @apart, clip_gpu_recording_barrier() does nothing; the call that ends it
 * makes up for them. For calls in a row that end with a barrier each, although none reads or overwrites what
 * another one of them writes: a GPU then runs them side by side.
 */
void clip_gpu_recording_apart (ClipGpuRecording *rec, gboolean apart);

void clip_gpu_recording_copy (ClipGpuRecording *rec, const ClipGpuBuffer *src, gsize src_offset,
                              const ClipGpuBuffer *dst, gsize dst_offset, gsize size);

/** ClipGpuRegion: @size bytes, @from an offset in one buffer @to one in another. */
typedef struct {
  gsize from, to, size;
} ClipGpuRegion;

/** clip_gpu_recording_copy_regions: all at once; in any order, so they may not overlap. */
void clip_gpu_recording_copy_regions (ClipGpuRecording *rec, const ClipGpuBuffer *src,
                                      const ClipGpuBuffer *dst, const ClipGpuRegion *regions,
                                      guint n);

/** clip_gpu_recording_fill: @offset and @size are multiples of 4. */
void clip_gpu_recording_fill (ClipGpuRecording *rec, const ClipGpuBuffer *dst, gsize offset,
                              gsize size, guint32 value);

/**
 * clip_gpu_recording_mark: a timestamp; @stage is a static string. The time between a mark
 * and the next one (or the end) belongs to @stage. At most 64 per recording.
 * llvmpipe finishes all work first, which costs about 40 us: mark stages, not dispatches.
 */
void clip_gpu_recording_mark (ClipGpuRecording *rec, const gchar *stage);

/**
 * clip_gpu_recording_set_steps: from the next clip_gpu_recording_begin() on every command is a
 * command buffer of its own, for clip_gpu_run_steps().
 * @cancel: (nullable): when another thread sets it to 1, recording and running stop with
 *   CLIP_GPU_ERROR_CANCELLED; must outlive @rec
 */
void clip_gpu_recording_set_steps (ClipGpuRecording *rec, const gint *cancel);

/** clip_gpu_recording_failed: whether recording more is in vain: ask before work that only
 * serves the recording, such as making a pipeline. */
gboolean clip_gpu_recording_failed (ClipGpuRecording *rec);

/** clip_gpu_recording_fail: lets a caller that cannot record (a pipeline failed) hand in why.
 * Takes @error. */
void clip_gpu_recording_fail (ClipGpuRecording *rec, GError *error);

/** clip_gpu_recording_end: closes it (final barrier to the host included). */
gboolean clip_gpu_recording_end (ClipGpuRecording *rec, GError **error);

/**
 * clip_gpu_recording_get_times:
 * @stages, @ns: (array length=@max): filled with the marked stages of the last finished
 *   submission, in ns; wall time of the whole (stage "total") where the queue has no timestamps
 * Returns: how many were filled.
 */
guint clip_gpu_recording_get_times (ClipGpuRecording *rec, const gchar **stages, guint64 *ns,
                                    guint max);

/**
 * clip_gpu_submit:
 * @recs: (array length=n): executed in this order; as few pieces of work for the queue as CLIP_GPU_CUT_NS allows
 * Returns: the timeline value that is reached when all have finished; 0 on error.
 *
 * A recording may be submitted again before its last run has finished; the runs follow each
 * other. Takes the queue's mutex for the time of vkQueueSubmit only.
 */
guint64 clip_gpu_submit (ClipGpu *gpu, ClipGpuRecording **recs, guint n, GError **error);

/**
 * clip_gpu_wait: blocks without any lock until @value is reached. Wakes up with
 * CLIP_GPU_ERROR_DEVICE_LOST when another thread finds the device lost, and when the device hangs.
 * @timeout_ns: G_MAXUINT64 for no limit; CLIP_GPU_ERROR_TIMEOUT after it
 *
 * After every error but CLIP_GPU_ERROR_TIMEOUT nothing runs any more of what was submitted up to @value:
 * its memory may be used for something else.
 */
gboolean clip_gpu_wait (ClipGpu *gpu, guint64 value, guint64 timeout_ns, GError **error);

/** clip_gpu_has_reached: whether clip_gpu_wait() for @value would return at once; FALSE on errors. */
gboolean clip_gpu_has_reached (ClipGpu *gpu, guint64 value);

/**
 * clip_gpu_run_steps: submits the command buffers of @rec one after the other and waits for
 * each: for a first run, in which drivers compile for seconds and a user may want to leave.
 */
gboolean clip_gpu_run_steps (ClipGpuRecording *rec, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ClipGpuRecording, clip_gpu_recording_free)

G_END_DECLS
