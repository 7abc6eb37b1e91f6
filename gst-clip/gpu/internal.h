/* SPDX-License-Identifier: LGPL-2.1-or-later */
/**
 * gpu/internal.h: what the files of gpu/ share.
 */
#pragma once

#include <sys/types.h>

#include "gst-clip/gpu/vulkan.h"

G_BEGIN_DECLS

/** How long nothing may finish before a device counts as hung. Drivers for processors compile within what was
 * submitted, a minute and more on slow ones, and report nothing since they do not hang. */
#define CLIP_GPU_PATIENCE_US     (30 * G_USEC_PER_SEC)
#define CLIP_GPU_PATIENCE_CPU_US (600 * G_USEC_PER_SEC)

/** Zero bytes behind every buffer. */
#define CLIP_GPU_PADDING (64 * 1024)

/**
 * ClipGpuQuirks: switches of GST_CLIP_DISABLE that are no capabilities; they force the paths
 * that only other devices take.
 */
typedef struct {
  gboolean no_mapping;    /* "mapping": device memory is never mapped */
  gboolean no_timestamps; /* "timestamps" */
} ClipGpuQuirks;

/**
 * ClipGpuCandidate: a physical device and what it can do (choose.c).
 * @missing: what we need and it lacks, comma-separated; empty for a usable one
 * @extensions: names of the optional extensions to enable, static strings
 */
typedef struct {
  VkPhysicalDevice physical;
  VkPhysicalDeviceType type;
  ClipGpuInfo info;
  GString *missing;
  guint32 family;
  const gchar *extensions[8];
  guint n_extensions;
  gboolean storage16, float16, int16, int64, memory_model, memory_budget;
  guint32 timestamp_bits;
  gboolean pin_subgroup;
  guint32 min_subgroup, max_subgroup;
} ClipGpuCandidate;

struct _ClipGpu {
  /* Immutable after clip_gpu_new(). */
  ClipVk vk;
  pid_t pid;
  ClipGpuInfo info;
  ClipGpuQuirks quirks;
  VkInstance instance;
  VkDebugUtilsMessengerEXT messenger; /* also: validation is on */
  VkPhysicalDevice physical;
  VkDevice device;
  guint32 family;
  VkPhysicalDeviceMemoryProperties memory;
  guint32 memory_type[3]; /* by ClipGpuMemory */
  gboolean map_device, memory_budget;
  gboolean pin_subgroup;
  guint32 min_subgroup, max_subgroup;
  VkSemaphore timeline;
  guint64 timestamp_mask; /* the valid bits */
  gint64 patience_us;     /* see CLIP_GPU_PATIENCE_US; tests have less */

  /* Atomic. */
  gint lost;
  gint hangs; /* and with it lost: the device may use for ever what was submitted */
  guint64 bytes;
  guint pipelines_created;

  /* Guarded by queue_lock, which is never held over a wait. */
  GMutex queue_lock;
  VkQueue queue;
  guint64 last_value;
  GPtrArray *untimed; /* (element-type ClipGpuRecording): in flight, timed by the host's clock */

  /* Guarded by pipeline_lock; pipeline_cond tells that one is no longer being created. */
  GMutex pipeline_lock;
  GCond pipeline_cond;
  GHashTable *pipelines;
  VkPipelineCache pipeline_cache; /* immutable; Vulkan synchronises it */
  guint pipelines_saved;

  /* Guarded by staging_lock; made at the first need. */
  GMutex staging_lock;
  ClipGpuBuffer *staging;
  ClipGpuRecording *staging_rec;
};

/**
 * clip_gpu_usable: FALSE with an error in a forked child and after the loss of the device.
 */
gboolean clip_gpu_usable (ClipGpu *gpu, GError **error);

/** clip_gpu_may_free: FALSE in a forked child, where the driver must not be touched, and on a device that
 * hangs: a leak is better than memory that somebody else gets meanwhile, or than a driver that waits. */
gboolean clip_gpu_may_free (ClipGpu *gpu);

/**
 * clip_gpu_check: TRUE for VK_SUCCESS; otherwise sets @error and, where the result says so,
 * marks the device as lost.
 * @call: source text of the call
 */
gboolean clip_gpu_check (ClipGpu *gpu, const gchar *call, VkResult result, GError **error);

/**
 * VK_TRY: `VK_TRY (CreateBuffer (gpu->device, ...));` calls gpu->vk.CreateBuffer unless the
 * device is lost, and goes to `fail` with `error` set when it does not return VK_SUCCESS.
 * Uses the variables `gpu` and `error` of the caller.
 */
#define VK_TRY(call)                                                                               \
  G_STMT_START                                                                                     \
  {                                                                                                \
    if (!clip_gpu_usable (gpu, error) || !clip_gpu_check (gpu, #call, gpu->vk.call, error))        \
      goto fail;                                                                                   \
  }                                                                                                \
  G_STMT_END

/* instance.c */
gboolean clip_gpu_instance_init (ClipGpu *gpu, GError **error);
void clip_gpu_instance_clear (ClipGpu *gpu);

/* validation.c */

/**
 * ClipGpuValidation: filled from GST_CLIP_VALIDATE ("1", or "gpu" for GPU-assisted checks).
 * @wanted: the layer is there and asked for
 * @chain: goes into VkInstanceCreateInfo.pNext; points into this struct
 */
typedef struct {
  gboolean wanted;
  const void *chain;
  VkDebugUtilsMessengerCreateInfoEXT messenger;
  VkValidationFeaturesEXT features;
  VkValidationFeatureEnableEXT enables[2];
} ClipGpuValidation;

#define CLIP_GPU_VALIDATION_LAYER "VK_LAYER_KHRONOS_validation"

void clip_gpu_validation_init (ClipGpuValidation *validation, ClipVk *vk);

/** clip_gpu_set_name: names a Vulkan object for messages and captures; nothing without
 * validation. */
void clip_gpu_set_name (ClipGpu *gpu, VkObjectType type, guint64 handle, const gchar *name);

/* choose.c */

/**
 * clip_gpu_choose: the device for @wanted, see clip_gpu_new().
 * Returns: FALSE with CLIP_GPU_ERROR_NO_DEVICE and every device's shortcomings.
 */
gboolean clip_gpu_choose (ClipGpu *gpu, const gchar *wanted, ClipGpuCandidate *chosen,
                          GError **error);

/* probe.c */

/** clip_gpu_probe: fills @candidate (all but .physical, which is set); never fails. */
void clip_gpu_probe (ClipGpu *gpu, ClipGpuCandidate *candidate);
void clip_gpu_candidate_clear (ClipGpuCandidate *candidate);

gboolean clip_gpu_has_extension (ClipGpu *gpu, VkPhysicalDevice physical, const gchar *name);
/** clip_gpu_llvmpipe_caps: what llvmpipe can do by its driverInfo, "Mesa 22.3.6 (LLVM 15.0.6)", and
 * where that does not tell. */
void clip_gpu_llvmpipe_caps (const gchar *driver_info, ClipGpuCaps *caps, ClipGpuCaps *unsure);

/** clip_gpu_has_word: whether the comma-separated @list has @word (case-insensitive). */
gboolean clip_gpu_has_word (const gchar *list, const gchar *word);

/* matrix.c */

/**
 * clip_gpu_probe_matrix: fills info's matrix_shapes and matrix_subgroup_size.
 * Returns: CLIP_GPU_CAP_COOPMAT where all that kernels need besides is there too, and
 *   CLIP_GPU_CAP_COOPMAT_FAST.
 */
ClipGpuCaps clip_gpu_probe_matrix (ClipGpu *gpu, ClipGpuCandidate *candidate, VkDriverId driver);

/* memory.c */

/** clip_gpu_memory_init: chooses the memory types. */
gboolean clip_gpu_memory_init (ClipGpu *gpu, VkPhysicalDeviceType type, GError **error);
void clip_gpu_memory_clear (ClipGpu *gpu);

/* pipeline.c */

struct _ClipGpuPipeline {
  gchar *name;
  VkPipeline pipeline;
  VkPipelineLayout layout;
  guint32 push_bytes;
  gboolean ready; /* guarded by pipeline_lock */
};

gboolean clip_gpu_pipelines_init (ClipGpu *gpu, GError **error);
void clip_gpu_pipelines_clear (ClipGpu *gpu);

/* cache.c */

/** The kind of file that holds VkPipelineCache's bytes. */
#define CLIP_GPU_PIPELINES "pipelines"

/**
 * clip_gpu_cache_load: the bytes of this @kind (a word, which begins the file's name) that were saved
 * for exactly this device and driver; NULL when there are none or anything about them is odd.
 */
GBytes *clip_gpu_cache_load (const ClipGpuInfo *info, const gchar *kind);

/** clip_gpu_cache_store: replaces the file atomically. FALSE (and a log line) when it cannot. */
gboolean clip_gpu_cache_store (const ClipGpuInfo *info, const gchar *kind, gconstpointer data,
                               gsize size);

/** clip_gpu_cache_path: for tests. */
gchar *clip_gpu_cache_path (const ClipGpuInfo *info, const gchar *kind);

/* recording.c */

/** ClipGpuPart: one of a recording's command buffers, and the estimated cost of what is in it. */
typedef struct {
  VkCommandBuffer buffer;
  guint64 cost_ns;
} ClipGpuPart;

struct _ClipGpuRecording {
  ClipGpu *gpu;
  gchar *name;
  VkCommandPool pool;
  GArray *parts; /* (element-type ClipGpuPart): made so far */
  guint n_used;
  VkQueryPool queries;
  GError *error;
  gboolean open;
  VkCommandBuffer current;
  ClipGpuPipeline *bound;
  gboolean dirty;     /* commands since the last barrier */
  gboolean apart;     /* no barriers for now */
  gboolean steps;     /* one command buffer for each command */
  guint n_commands;   /* in the current one */
  const gint *cancel; /* nullable */
  const gchar *stages[64];
  guint n_marks;

  guint64 value;       /* of the last submission; 0 = none */
  gint64 submitted_us; /* monotonic */
  guint64 wall_ns;     /* guarded by queue_lock; 0 = not known */
};

/** clip_gpu_ticks_ns: from one timestamp of the queue to a later one; its counter may have few bits
 * (36 on Intel: it starts again every hour). */
guint64 clip_gpu_ticks_ns (const ClipGpu *gpu, guint64 from, guint64 to);

/* submit.c */

/**
 * clip_gpu_drain: waits for @value in order to free something, whatever single waits answer. Works on a lost
 * device too. Gives up on a device that hangs: see clip_gpu_may_free().
 */
void clip_gpu_drain (ClipGpu *gpu, guint64 value);

/** clip_gpu_forget: the recording is about to be freed or recorded anew. */
void clip_gpu_forget (ClipGpu *gpu, ClipGpuRecording *rec);

G_END_DECLS
