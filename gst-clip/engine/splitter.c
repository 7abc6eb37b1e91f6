/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/engine/splitter.h"

#include <string.h>

/* A metaspace has a replacement; @pattern is then that, or NULL if it does not split. */
typedef struct {
  ClipPattern *pattern;
  ClipSplitBehaviour behaviour;
  gchar *replacement;
  ClipPrependScheme scheme;
} Step;

struct _ClipSplitter {
  GPtrArray *steps;
};

/* What the words go to. */
typedef struct {
  ClipTraced *text;
  GArray *ends;
} Output;

typedef struct {
  gsize begin, end;
  gboolean matched;
} Segment;

static void
free_step (gpointer data)
{
  Step *step = data;

  clip_pattern_free (step->pattern);
  g_free (step->replacement);
  g_free (step);
}

ClipSplitter *
clip_splitter_new (void)
{
  ClipSplitter *splitter = g_new0 (ClipSplitter, 1);

  splitter->steps = g_ptr_array_new_with_free_func (free_step);
  return splitter;
}

void
clip_splitter_free (ClipSplitter *splitter)
{
  if (!splitter)
    return;
  g_ptr_array_unref (splitter->steps);
  g_free (splitter);
}

void
clip_splitter_add_split (ClipSplitter *splitter, ClipPattern *pattern, ClipSplitBehaviour behaviour)
{
  Step *step = g_new0 (Step, 1);

  step->pattern = pattern;
  step->behaviour = behaviour;
  g_ptr_array_add (splitter->steps, step);
}

void
clip_splitter_add_metaspace (ClipSplitter *splitter, const gchar *replacement,
                             ClipPrependScheme scheme, gboolean split)
{
  Step *step = g_new0 (Step, 1);

  step->pattern = split ? clip_pattern_new_text (replacement) : NULL;
  step->behaviour = CLIP_SPLIT_MERGED_WITH_NEXT;
  step->replacement = g_strdup (replacement);
  step->scheme = scheme;
  g_ptr_array_add (splitter->steps, step);
}

static void
end_word (Output *out)
{
  gsize length = out->text->bytes->len;
  guint n = out->ends->len;

  if (length > (n ? g_array_index (out->ends, gsize, n - 1) : 0))
    g_array_append_val (out->ends, length);
}

/* Whether the segment @i ends a word. */
static gboolean
ends_word (const Step *step, const Segment *segments, guint n, guint i)
{
  if (i + 1 == n)
    return TRUE;
  if (step->behaviour == CLIP_SPLIT_MERGED_WITH_PREVIOUS)
    return segments[i].matched || !segments[i + 1].matched;
  if (step->behaviour == CLIP_SPLIT_MERGED_WITH_NEXT)
    return !segments[i].matched || segments[i + 1].matched;
  return TRUE;
}

/* Cuts bytes @from to @to of @in into words. */
static void
split_word (const Step *step, const ClipTraced *in, gsize from, gsize to, Output *out)
{
  g_autoptr (GArray) array = g_array_new (FALSE, FALSE, sizeof (Segment));
  Segment open = { from, from, FALSE };
  const Segment *segments;

  for (gsize at = from; at < to;) {
    gsize n = clip_pattern_match (step->pattern, in->bytes->str + at, to - at);
    Segment match = { at, at + n, TRUE };

    at += n ? n : clip_traced_char (in, at);
    if (n == 0)
      continue;
    open.end = match.begin;
    if (open.begin < open.end)
      g_array_append_val (array, open);
    g_array_append_val (array, match);
    open.begin = match.end;
  }
  open.end = to;
  if (open.begin < open.end)
    g_array_append_val (array, open);
  segments = (const Segment *)array->data;
  for (guint i = 0; i < array->len; i++) {
    if (!segments[i].matched || step->behaviour != CLIP_SPLIT_REMOVED)
      clip_traced_append_part (out->text, in, segments[i].begin, segments[i].end);
    if (ends_word (step, segments, array->len, i))
      end_word (out);
  }
}

/* The word with its blanks replaced and the replacement in front. */
static void
write_metaspace (const Step *step, const ClipTraced *in, gsize from, gsize to, ClipTraced *word)
{
  gsize n = strlen (step->replacement), origin = g_array_index (in->origins, gsize, from);
  const gchar *text = in->bytes->str;

  clip_traced_clear (word);
  for (gsize at = from; at < to; at++) {
    if (text[at] == ' ')
      clip_traced_append (word, step->replacement, n, g_array_index (in->origins, gsize, at));
    else
      clip_traced_append_part (word, in, at, at + 1);
  }
  if (step->scheme == CLIP_PREPEND_NEVER || (step->scheme == CLIP_PREPEND_FIRST && origin != 0)
      || (word->bytes->len >= n && memcmp (word->bytes->str, step->replacement, n) == 0))
    return;
  if (word->bytes->len + n > word->max)
    return;
  g_string_prepend_len (word->bytes, step->replacement, (gssize)n);
  for (gsize i = 0; i < n; i++)
    g_array_prepend_val (word->origins, origin);
}

static void
apply_step (const Step *step, const ClipTraced *in, const GArray *ends, Output *out)
{
  g_autoptr (ClipTraced) word = clip_traced_new (in->max);
  gsize from = 0;

  for (guint i = 0; i < ends->len; i++) {
    gsize to = g_array_index (ends, gsize, i);

    if (!step->replacement) {
      split_word (step, in, from, to, out);
    } else {
      write_metaspace (step, in, from, to, word);
      if (step->pattern)
        split_word (step, word, 0, word->bytes->len, out);
      else
        clip_traced_append_part (out->text, word, 0, word->bytes->len);
      end_word (out);
    }
    from = to;
  }
}

void
clip_splitter_apply (const ClipSplitter *splitter, ClipTraced *text, ClipTraced *scratch,
                     GArray *ends)
{
  gsize all = text->bytes->len;

  g_array_set_size (ends, 0);
  if (all > 0)
    g_array_append_val (ends, all);
  for (guint i = 0; i < splitter->steps->len; i++) {
    g_autoptr (GArray) next = g_array_new (FALSE, FALSE, sizeof (gsize));
    ClipTraced swap = *text;

    clip_traced_clear (scratch);
    apply_step (splitter->steps->pdata[i], text, ends, &(Output){ scratch, next });
    *text = *scratch;
    *scratch = swap;
    g_array_set_size (ends, 0);
    if (next->len > 0)
      g_array_append_vals (ends, next->data, next->len);
  }
}
