/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a FastViT consists of, as a list of steps (timm/models/fastvit.py: the variants mci0, mci1, mci2). */
#include "gst-clip/engine/fastvit.h"

#include "gst-clip/kernels/pictures.h"

#define MLP_RATIO 3

/* What a stage has besides blocks: gates behind its first convolution; positions, and attention in the place
 * of 3x3 convolutions. */
static const struct {
  gboolean squeezes, attends;
} stages[] = { { FALSE, FALSE }, { FALSE, FALSE }, { TRUE, FALSE }, { TRUE, TRUE } };

/* @side, @channels, @at, @multiple: of the pictures so far */
typedef struct {
  GArray *steps;
  guint32 side, channels, multiple;
  ClipFastvitPlace at;
} Plan;

static void
clear_step (gpointer data)
{
  ClipFastvitStep *step = data;

  g_free (step->name);
  g_free (step->scale);
}

/* Appends @step, which reads what is there and whose name goes on from @prefix. Its @to may be set to HIDDEN;
 * else it goes to the other buffer than what it reads or adds. */
static void
add (Plan *p, const gchar *prefix, const gchar *name, ClipFastvitStep step)
{
  step.name = g_strconcat ("visual.trunk.", prefix, name, NULL);
  step.in = p->channels;
  step.out = step.out ? step.out : p->channels;
  step.taps = MAX (step.taps, 1);
  step.stride = MAX (step.stride, 1);
  step.from = p->at;
  if (step.to != CLIP_FASTVIT_HIDDEN)
    step.to =
        (step.residual ? step.kept : step.from) == CLIP_FASTVIT_A ? CLIP_FASTVIT_B : CLIP_FASTVIT_A;
  if (step.op == CLIP_FASTVIT_DEPTHWISE)
    p->multiple = step.out / step.in;
  step.multiple = p->multiple;
  if (step.op == CLIP_FASTVIT_POINTWISE)
    p->multiple = 1;
  p->side /= step.stride;
  step.side = p->side;
  p->channels = step.out;
  p->at = step.to;
  g_array_append_val (p->steps, step);
}

static void
add_stem (Plan *p, guint32 width)
{
  add (p, "", "stem.0",
       (ClipFastvitStep){ .op = CLIP_FASTVIT_FIRST,
                          .form = CLIP_FASTVIT_MOBILE_ONE,
                          .out = width,
                          .taps = 3,
                          .stride = 2,
                          .activation = CLIP_ACTIVATION_GELU });
  add (p, "", "stem.1",
       (ClipFastvitStep){ .op = CLIP_FASTVIT_DEPTHWISE,
                          .form = CLIP_FASTVIT_MOBILE_ONE,
                          .taps = 3,
                          .stride = 2,
                          .activation = CLIP_ACTIVATION_GELU });
  add (p, "", "stem.2",
       (ClipFastvitStep){ .op = CLIP_FASTVIT_POINTWISE,
                          .form = CLIP_FASTVIT_MOBILE_ONE,
                          .activation = CLIP_ACTIVATION_GELU });
}

/* Half the size, twice the channels. */
static void
add_downsample (Plan *p, const gchar *prefix, gboolean squeezes)
{
  add (p, prefix, "downsample.proj.0",
       (ClipFastvitStep){ .op = CLIP_FASTVIT_DEPTHWISE,
                          .form = CLIP_FASTVIT_LARGE_KERNEL,
                          .out = 2 * p->channels,
                          .taps = 7,
                          .stride = 2,
                          .activation = squeezes ? CLIP_ACTIVATION_NONE : CLIP_ACTIVATION_GELU });
  if (squeezes)
    add (p, prefix, "downsample.proj.0.se",
         (ClipFastvitStep){ .op = CLIP_FASTVIT_SQUEEZE,
                            .inner = p->channels / 4,
                            .activation = CLIP_ACTIVATION_GELU });
  add (p, prefix, "downsample.proj.1",
       (ClipFastvitStep){ .op = CLIP_FASTVIT_POINTWISE,
                          .form = CLIP_FASTVIT_MOBILE_ONE,
                          .activation = CLIP_ACTIVATION_GELU });
}

static void
add_mixer (Plan *p, const gchar *prefix, gboolean attends)
{
  if (attends)
    add (p, prefix, "",
         (ClipFastvitStep){ .op = CLIP_FASTVIT_ATTENTION,
                            .scale =
                                g_strconcat ("visual.trunk.", prefix, "layer_scale_1.gamma", NULL),
                            .residual = TRUE,
                            .kept = p->at });
  else
    add (p, prefix, "token_mixer",
         (ClipFastvitStep){
             .op = CLIP_FASTVIT_DEPTHWISE,
             .form = CLIP_FASTVIT_REP_MIXER,
             .scale = g_strconcat ("visual.trunk.", prefix, "token_mixer.layer_scale.gamma", NULL),
             .taps = 3 });
}

/* x + scale (fc2 (gelu (fc1 (conv (x))))): fc2's result goes where fc1's input was. */
static void
add_mlp (Plan *p, const gchar *prefix, const gchar *scale)
{
  const guint32 channels = p->channels;
  const ClipFastvitPlace x = p->at;

  add (p, prefix, "mlp.conv",
       (ClipFastvitStep){ .op = CLIP_FASTVIT_DEPTHWISE, .form = CLIP_FASTVIT_NORMED, .taps = 7 });
  add (p, prefix, "mlp.fc1",
       (ClipFastvitStep){ .op = CLIP_FASTVIT_POINTWISE,
                          .out = MLP_RATIO * channels,
                          .activation = CLIP_ACTIVATION_GELU,
                          .to = CLIP_FASTVIT_HIDDEN });
  add (p, prefix, "mlp.fc2",
       (ClipFastvitStep){ .op = CLIP_FASTVIT_POINTWISE,
                          .out = channels,
                          .scale = g_strconcat ("visual.trunk.", prefix, scale, NULL),
                          .residual = TRUE,
                          .kept = x,
                          .ends_block = TRUE });
}

static void
add_stage (Plan *p, guint stage, guint32 n_blocks)
{
  const gboolean attends = stages[stage].attends;
  g_autofree gchar *prefix = g_strdup_printf ("stages.%u.", stage);

  if (stage > 0)
    add_downsample (p, prefix, stages[stage].squeezes);
  if (attends)
    add (p, prefix, "pos_emb",
         (ClipFastvitStep){
             .op = CLIP_FASTVIT_DEPTHWISE, .form = CLIP_FASTVIT_POSITIONS, .taps = 7 });
  for (guint32 i = 0; i < n_blocks; i++) {
    g_autofree gchar *block = g_strdup_printf ("%sblocks.%u.", prefix, i);

    add_mixer (p, block, attends);
    add_mlp (p, block, attends ? "layer_scale_2.gamma" : "layer_scale.gamma");
  }
}

GArray *
clip_fastvit_plan (const ClipModelConfig *config)
{
  Plan p = { g_array_new (FALSE, FALSE, sizeof (ClipFastvitStep)), config->image_size, 3, 1,
             CLIP_FASTVIT_B };

  g_array_set_clear_func (p.steps, clear_step);
  add_stem (&p, config->fastvit.width);
  for (guint i = 0; i < G_N_ELEMENTS (stages); i++)
    add_stage (&p, i, config->fastvit.layers[i]);
  add (&p, "", "final_conv",
       (ClipFastvitStep){ .op = CLIP_FASTVIT_DEPTHWISE,
                          .form = CLIP_FASTVIT_MOBILE_ONE,
                          .out = 2 * p.channels,
                          .taps = 3 });
  add (&p, "", "final_conv.se",
       (ClipFastvitStep){ .op = CLIP_FASTVIT_SQUEEZE,
                          .inner = p.channels / 16,
                          .activation = CLIP_ACTIVATION_GELU });
  add (&p, "", "head", (ClipFastvitStep){ .op = CLIP_FASTVIT_HEAD, .out = config->projection });
  return p.steps;
}

/* Operations ---------------------------------------------------------------- */

static gdouble
step_flops (const ClipFastvitStep *s)
{
  const gdouble pixels = (gdouble)s->side * s->side;

  switch (s->op) {
  case CLIP_FASTVIT_DEPTHWISE:
    return 2 * pixels * s->out * s->taps * s->taps;
  case CLIP_FASTVIT_FIRST:
  case CLIP_FASTVIT_POINTWISE:
    return 2 * pixels * s->out * s->in * s->taps * s->taps;
  case CLIP_FASTVIT_SQUEEZE:
    return 4.0 * s->out * s->inner;
  case CLIP_FASTVIT_ATTENTION:
    return 8 * pixels * s->out * s->out + 4 * pixels * pixels * s->out;
  case CLIP_FASTVIT_HEAD:
    return 2.0 * s->out * s->in;
  }
  g_assert_not_reached ();
}

gdouble
clip_fastvit_flops (const ClipModelConfig *config)
{
  g_autoptr (GArray) steps = clip_fastvit_plan (config);
  gdouble sum = 0.0;

  for (guint i = 0; i < steps->len; i++)
    sum += step_flops (&g_array_index (steps, ClipFastvitStep, i));
  return sum;
}
