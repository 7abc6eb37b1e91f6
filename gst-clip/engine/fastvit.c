/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A FastViT as dispatches: one function a kind of step. */
#include "gst-clip/engine/fastvit.h"

#include "gst-clip/engine/convnet.h"

/* CLIP_FASTVIT_A, _B, _HIDDEN */
#define N_PLACES 3

/**
 * Activations: @places: see ClipFastvitPlace; attention's result is in that of hidden rows too
 * @means, @inner, @gates: of squeeze-and-excitation, a row a picture; @means also of the head
 * @scratch: of the first convolution, of attention
 */
typedef struct {
  ClipGpuBuffer *places[N_PLACES], *means, *inner, *gates, *scratch;
} Activations;

typedef struct {
  ClipKernels *kernels;
  ClipGpuRecording *rec;
  const ClipFastvit *tower;
  const Activations *a;
  const ClipImageRun *run;
} Walk;

static ClipPictures
pictures (const Walk *w, ClipFastvitPlace place, guint32 side, guint32 channels)
{
  const guint32 batch = w->run->batch;

  return (ClipPictures){
    clip_activation_matrix (w->a->places[place], batch * side * side, channels), batch, side, side
  };
}

/* What a step reads, and what it makes. Hidden rows are only ever multiplied. */
static ClipPictures
input_of (const Walk *w, const ClipFastvitStep *s)
{
  ClipPictures x = pictures (w, s->from, s->side * s->stride, s->in);

  if (s->from == CLIP_FASTVIT_HIDDEN)
    x.pixels.type = clip_kernels_operands (w->kernels);
  return x;
}

static ClipPictures
output_of (const Walk *w, const ClipFastvitStep *s)
{
  ClipPictures y = pictures (w, s->to, s->side, s->out);

  if (s->to == CLIP_FASTVIT_HIDDEN)
    y.pixels.type = clip_kernels_operands (w->kernels);
  return y;
}

/* A product with the step's @which-th weights. */
static ClipGemm
product (const ClipFastvitStep *s, guint which, ClipMatrix a, ClipMatrix c)
{
  return (ClipGemm){
    .a = a, .weights = s->weights[which], .bias = s->bias[which], .c = c, .plain = TRUE
  };
}

static void
add_residual (const Walk *w, const ClipFastvitStep *s, ClipGemm *gemm)
{
  const ClipMatrix kept = pictures (w, s->kept, s->side, s->out).pixels;

  if (!s->residual)
    return;
  gemm->residual = kept.address;
  gemm->residual_ld = kept.ld;
  gemm->residual_period = kept.rows;
}

static void
record_first (const Walk *w, const ClipFastvitStep *s)
{
  ClipConv op = clip_first_conv (&w->run->input, w->tower->image, w->run->batch, FALSE);

  op.weights = s->weights[0];
  op.bias = s->bias[0];
  op.y = output_of (w, s);
  op.activation = s->activation;
  clip_kernel_conv (clip_kernels_ends (w->kernels), w->rec, &op, w->a->scratch->address);
}

static void
record_depthwise (const Walk *w, const ClipFastvitStep *s)
{
  const ClipDepthwise op = { .x = input_of (w, s),
                             .window = { .taps_y = s->taps,
                                         .taps_x = s->taps,
                                         .stride = s->stride,
                                         .pad = s->taps / 2,
                                         .height = s->side,
                                         .width = s->side },
                             .weights = s->weights[0],
                             .bias = s->bias[0],
                             .y = output_of (w, s),
                             .activation = s->activation };

  clip_kernel_depthwise (w->kernels, w->rec, &op);
}

static void
record_pointwise (const Walk *w, const ClipFastvitStep *s)
{
  ClipGemm op = product (s, 0, input_of (w, s).pixels, output_of (w, s).pixels);

  op.activation = s->activation;
  add_residual (w, s, &op);
  clip_kernel_gemm (w->kernels, w->rec, &op);
}

/* The mean of all pixels, a row a picture. */
static ClipMatrix
record_mean (const Walk *w, const ClipPictures *x)
{
  const ClipMatrix mean = clip_activation_matrix (w->a->means, x->batch, x->pixels.cols);
  const ClipPictures y = { mean, x->batch, 1, 1 };

  clip_kernel_average (w->kernels, w->rec, x, x->height, &y);
  return mean;
}

static void
record_squeeze (const Walk *w, const ClipFastvitStep *s)
{
  const ClipPictures x = input_of (w, s), y = output_of (w, s);
  const ClipMatrix inner = clip_activation_matrix (w->a->inner, x.batch, s->inner);
  const ClipMatrix gates = clip_activation_matrix (w->a->gates, x.batch, s->in);
  ClipGemm first = product (s, 0, record_mean (w, &x), inner);
  const ClipGemm second = product (s, 1, inner, gates);

  first.relu = TRUE;
  clip_kernel_gemm (w->kernels, w->rec, &first);
  clip_kernel_gemm (w->kernels, w->rec, &second);
  clip_kernel_excite (w->kernels, w->rec, &x, &gates, s->activation, &y);
}

static ClipAttention
attention_shape (const ClipFastvitStep *s, guint32 batch)
{
  return (ClipAttention){ .batch = batch,
                          .tokens = s->side * s->side,
                          .heads = s->in / CLIP_FASTVIT_HEAD_DIM,
                          .head_dim = CLIP_FASTVIT_HEAD_DIM };
}

static void
record_attention (const Walk *w, const ClipFastvitStep *s)
{
  const ClipAttention shape = attention_shape (s, w->run->batch);
  const ClipPictures x = input_of (w, s);
  ClipMatrix z = clip_activation_matrix (w->a->places[CLIP_FASTVIT_HIDDEN], x.pixels.rows, s->in);
  ClipGemm qkv = product (s, 0, x.pixels, (ClipMatrix){ 0, x.pixels.rows, 3 * s->in }), out;

  qkv.plain = FALSE;
  z.type = clip_kernels_operands (w->kernels);
  clip_kernel_qkv (w->kernels, w->rec, &qkv, &shape, w->a->scratch->address);
  clip_kernel_attention (w->kernels, w->rec, &shape, w->a->scratch->address, &z);
  out = product (s, 1, z, output_of (w, s).pixels);
  add_residual (w, s, &out);
  clip_kernel_gemm (w->kernels, w->rec, &out);
}

static void
record_head (const Walk *w, const ClipFastvitStep *s)
{
  const ClipPictures x = pictures (w, s->from, s->side, s->in);
  const ClipGemm op = product (s, 0, record_mean (w, &x), w->run->embeds);

  clip_kernel_gemm (clip_kernels_ends (w->kernels), w->rec, &op);
}

static void
record (ClipKernels *kernels, ClipGpuRecording *rec, gconstpointer weights,
        gconstpointer activations, const ClipImageRun *run)
{
  static void (*const steps[]) (const Walk *w, const ClipFastvitStep *s) = {
    [CLIP_FASTVIT_FIRST] = record_first,         [CLIP_FASTVIT_DEPTHWISE] = record_depthwise,
    [CLIP_FASTVIT_POINTWISE] = record_pointwise, [CLIP_FASTVIT_SQUEEZE] = record_squeeze,
    [CLIP_FASTVIT_ATTENTION] = record_attention, [CLIP_FASTVIT_HEAD] = record_head,
  };
  const ClipFastvit *tower = weights;
  const Walk w = { kernels, rec, tower, activations, run };

  for (guint i = 0; i < tower->steps->len; i++) {
    const ClipFastvitStep *s = &g_array_index (tower->steps, ClipFastvitStep, i);

    steps[s->op](&w, s);
  }
}

static ClipGpuBuffer *
input_new (ClipKernels *kernels, gconstpointer weights, guint32 batch, ClipMatrix *rows,
           GError **error)
{
  const ClipFastvit *f = weights;

  return clip_pixels_new (kernels, f->image, f->border, batch, rows, error);
}

/* Activations ------------------------------------------------------------------ */

/* Bytes of each of Activations. */
typedef struct {
  gsize places[N_PLACES], means, inner, scratch;
} Need;

static void
at_least (gsize *bytes, gsize wanted)
{
  *bytes = MAX (*bytes, wanted);
}

static void
need_step (ClipKernels *kernels, Need *need, const ClipFastvit *f, const ClipFastvitStep *s,
           guint32 batch)
{
  const gsize pixels = clip_matrix_bytes (batch * s->side * s->side, s->out);
  const ClipWindow first = clip_first_conv_window (f->image, FALSE);
  const ClipAttention shape = attention_shape (s, batch);

  switch (s->op) {
  case CLIP_FASTVIT_FIRST:
    at_least (&need->scratch, clip_conv_scratch_bytes (clip_kernels_ends (kernels), &first,
                                                       CLIP_FIRST_CHANNELS, s->out, batch));
    break;
  case CLIP_FASTVIT_ATTENTION:
    at_least (&need->scratch, clip_attention_scratch_bytes (kernels, &shape));
    at_least (&need->places[CLIP_FASTVIT_HIDDEN], pixels);
    break;
  case CLIP_FASTVIT_SQUEEZE:
    at_least (&need->inner, clip_matrix_bytes (batch, s->inner));
    at_least (&need->means, clip_matrix_bytes (batch, s->in));
    break;
  case CLIP_FASTVIT_HEAD:
    at_least (&need->means, clip_matrix_bytes (batch, s->in));
    return;
  default:
    break;
  }
  at_least (&need->places[s->to], pixels);
}

static Need
fastvit_need (ClipKernels *kernels, const ClipFastvit *f, guint32 batch)
{
  Need need = { { 0 } };

  for (guint i = 0; i < f->steps->len; i++)
    need_step (kernels, &need, f, &g_array_index (f->steps, ClipFastvitStep, i), batch);
  return need;
}

static gsize
activations_bytes (ClipKernels *kernels, gconstpointer weights, guint32 batch)
{
  const Need need = fastvit_need (kernels, weights, batch);
  gsize bytes = 2 * need.means + need.inner + need.scratch;

  for (guint i = 0; i < N_PLACES; i++)
    bytes += need.places[i];
  return bytes;
}

static void
activations_free (gpointer activations)
{
  Activations *a = activations;

  if (a == NULL)
    return;
  for (guint i = 0; i < N_PLACES; i++)
    clip_gpu_buffer_free (a->places[i]);
  clip_gpu_buffer_free (a->means);
  clip_gpu_buffer_free (a->inner);
  clip_gpu_buffer_free (a->gates);
  clip_gpu_buffer_free (a->scratch);
  g_free (a);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Activations, activations_free)

static gpointer
activations_new (ClipKernels *kernels, gconstpointer weights, guint32 batch, GError **error)
{
  g_autoptr (Activations) a = g_new0 (Activations, 1);
  const Need need = fastvit_need (kernels, weights, batch);

  for (guint i = 0; i < N_PLACES; i++)
    if (!clip_activation_make (kernels, &a->places[i], need.places[i], "pictures", error))
      return NULL;
  if (!clip_activation_make (kernels, &a->means, need.means, "means", error)
      || !clip_activation_make (kernels, &a->inner, need.inner, "squeezed means", error)
      || !clip_activation_make (kernels, &a->gates, need.means, "gates", error)
      || !clip_activation_make (kernels, &a->scratch, need.scratch,
                                "unfolded pictures and attention", error))
    return NULL;
  return g_steal_pointer (&a);
}

static void
activations_clear (gconstpointer activations, ClipGpuRecording *rec)
{
  const Activations *a = activations;
  const ClipGpuBuffer *all[] = { a->places[0], a->places[1], a->places[2], a->means,
                                 a->inner,     a->gates,     a->scratch };

  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    clip_activation_clear (rec, all[i]);
}

const ClipImageTower clip_image_tower_fastvit = {
  .bytes = clip_fastvit_bytes,
  .weights_new = clip_fastvit_new,
  .weights_free = clip_fastvit_free,
  .foreach_tensor = clip_fastvit_foreach_tensor,
  .input_new = input_new,
  .activations_new = activations_new,
  .activations_bytes = activations_bytes,
  .activations_clear = activations_clear,
  .activations_free = activations_free,
  .record = record,
};
