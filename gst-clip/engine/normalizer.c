/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/engine/normalizer.h"

#include <string.h>
#include "gst-clip/engine/unicode.h"

#define SPACE_SYMBOL  "\xe2\x96\x81" /* U+2581 */
#define CAPITAL_SIGMA 0x3a3
#define FINAL_SIGMA   0x3c2

typedef struct Step Step;
struct Step {
  void (*apply) (const Step *step, const ClipTraced *in, ClipTraced *out);
  const ClipPrefixes *keep;
  ClipPattern *pattern;
  gchar *content;
  gboolean left, right, final_sigma;
  ClipSpieceRules rules; /* its @map also for the table alone */
};

struct _ClipNormalizer {
  GPtrArray *steps;
};

static void
free_step (gpointer data)
{
  Step *step = data;

  clip_pattern_free (step->pattern);
  g_free (step->content);
  clip_charsmap_free (step->rules.map);
  clip_prefixes_free (step->rules.verbatim);
  g_free (step);
}

ClipNormalizer *
clip_normalizer_new (void)
{
  ClipNormalizer *normalizer = g_new0 (ClipNormalizer, 1);

  normalizer->steps = g_ptr_array_new_with_free_func (free_step);
  return normalizer;
}

void
clip_normalizer_free (ClipNormalizer *normalizer)
{
  if (!normalizer)
    return;
  g_ptr_array_unref (normalizer->steps);
  g_free (normalizer);
}

static Step *
add_step (ClipNormalizer *normalizer,
          void (*apply) (const Step *step, const ClipTraced *in, ClipTraced *out))
{
  Step *step = g_new0 (Step, 1);

  step->apply = apply;
  g_ptr_array_add (normalizer->steps, step);
  return step;
}

gsize
clip_normalizer_apply (const ClipNormalizer *normalizer, ClipTraced *text, ClipTraced *scratch)
{
  gsize written = 0;

  for (guint i = 0; i < normalizer->steps->len; i++) {
    const Step *step = normalizer->steps->pdata[i];
    ClipTraced swap = *text;

    clip_traced_clear (scratch);
    step->apply (step, text, scratch);
    *text = *scratch;
    *scratch = swap;
    written += text->bytes->len;
  }
  return written;
}

/* Simple steps ----------------------------------------------------------- */

static void
append_char (ClipTraced *out, gunichar c, gsize origin)
{
  gchar utf8[6];

  clip_traced_append (out, utf8, (gsize)g_unichar_to_utf8 (c, utf8), origin);
}

/* Whether there is a cased letter next to @at, but for what is ignored: before or after it. */
static gboolean
cased_before (const GString *bytes, gsize at)
{
  while (at > 0) {
    const gchar *p = g_utf8_prev_char (bytes->str + at);
    gsize before = (gsize)(p - bytes->str), n_bytes;
    gunichar c = clip_unicode_decode (p, at - before, &n_bytes);

    if (!clip_unicode_is_case_ignorable (c))
      return clip_unicode_is_cased (c);
    at = before;
  }
  return FALSE;
}

static gboolean
cased_after (const GString *bytes, gsize at)
{
  gsize n_bytes;

  for (; at < bytes->len; at += n_bytes) {
    gunichar c = clip_unicode_decode (bytes->str + at, bytes->len - at, &n_bytes);

    if (!clip_unicode_is_case_ignorable (c))
      return clip_unicode_is_cased (c);
  }
  return FALSE;
}

static void
apply_lowercase (const Step *step, const ClipTraced *in, ClipTraced *out)
{
  gsize n_bytes;

  for (gsize at = 0; at < in->bytes->len; at += n_bytes) {
    const gchar *p = in->bytes->str + at;
    gunichar c, lower[2];
    guint n;

    n_bytes = step->keep ? clip_prefixes_longest (step->keep, p, in->bytes->len - at, NULL) : 0;
    if (n_bytes > 0) {
      clip_traced_append_part (out, in, at, at + n_bytes);
      continue;
    }
    c = clip_unicode_decode (p, in->bytes->len - at, &n_bytes);
    n = clip_unicode_to_lower (c, lower);
    if (c == CAPITAL_SIGMA && step->final_sigma && cased_before (in->bytes, at)
        && !cased_after (in->bytes, at + n_bytes))
      lower[0] = FINAL_SIGMA;
    for (guint i = 0; i < n; i++)
      append_char (out, lower[i], g_array_index (in->origins, gsize, at));
  }
}

void
clip_normalizer_add_lowercase (ClipNormalizer *normalizer, gboolean final_sigma,
                               const ClipPrefixes *keep)
{
  Step *step = add_step (normalizer, apply_lowercase);

  step->final_sigma = final_sigma;
  step->keep = keep;
}

static void
apply_replace (const Step *step, const ClipTraced *in, ClipTraced *out)
{
  gsize n_bytes;

  for (gsize at = 0; at < in->bytes->len; at += n_bytes) {
    n_bytes = clip_pattern_match (step->pattern, in->bytes->str + at, in->bytes->len - at);
    if (n_bytes > 0) {
      clip_traced_append (out, step->content, strlen (step->content),
                          g_array_index (in->origins, gsize, at));
    } else {
      n_bytes = clip_traced_char (in, at);
      clip_traced_append_part (out, in, at, at + n_bytes);
    }
  }
}

void
clip_normalizer_add_replace (ClipNormalizer *normalizer, ClipPattern *pattern, const gchar *content)
{
  Step *step = add_step (normalizer, apply_replace);

  step->pattern = pattern;
  step->content = g_strdup (content);
}

static void
apply_strip (const Step *step, const ClipTraced *in, ClipTraced *out)
{
  gsize from = 0, to = in->bytes->len, n_bytes = 1;

  while (step->left && from < to && n_bytes > 0) {
    n_bytes = clip_pattern_match (step->pattern, in->bytes->str + from, to - from);
    from += n_bytes;
  }
  while (step->right && from < to) {
    const gchar *last = g_utf8_prev_char (in->bytes->str + to);
    gsize at = (gsize)(last - in->bytes->str);

    if (clip_pattern_match (step->pattern, last, to - at) != to - at)
      break;
    to = at;
  }
  clip_traced_append_part (out, in, from, to);
}

void
clip_normalizer_add_strip (ClipNormalizer *normalizer, ClipPattern *pattern, gboolean left,
                           gboolean right)
{
  Step *step = add_step (normalizer, apply_strip);

  step->pattern = pattern;
  step->left = left;
  step->right = right;
}

static void
apply_prepend (const Step *step, const ClipTraced *in, ClipTraced *out)
{
  if (in->bytes->len == 0)
    return;
  clip_traced_append (out, step->content, strlen (step->content),
                      g_array_index (in->origins, gsize, 0));
  clip_traced_append_part (out, in, 0, in->bytes->len);
}

void
clip_normalizer_add_prepend (ClipNormalizer *normalizer, const gchar *content)
{
  add_step (normalizer, apply_prepend)->content = g_strdup (content);
}

void
clip_normalizer_add_canonical (ClipNormalizer *normalizer)
{
  ClipPattern *punctuation = clip_pattern_new_regex ("[!-/:-@\\[-`{-~]");

  clip_normalizer_add_replace (normalizer, punctuation, "");
  clip_normalizer_add_replace (normalizer, clip_pattern_new_python_spaces (), " ");
  clip_normalizer_add_strip (normalizer, clip_pattern_new_python_spaces (), TRUE, TRUE);
}

/* sentencepiece ---------------------------------------------------------- */

/* What becomes of the beginning of @text. @result, @length: bytes, borrowed.
 * Returns: bytes of @text that are used up. */
static gsize
replace_prefix (const ClipSpieceRules *rules, const gchar *text, gsize n, const gchar **result,
                gsize *length)
{
  gsize n_bytes = rules->verbatim ? clip_prefixes_longest (rules->verbatim, text, n, NULL) : 0;

  if (n_bytes == 0 && rules->map) {
    n_bytes = clip_charsmap_match (rules->map, text, n, result);
    if (n_bytes > 0) {
      *length = strlen (*result);
      return n_bytes;
    }
  }
  if (n_bytes == 0)
    clip_unicode_decode (text, n, &n_bytes);
  *result = text;
  *length = n_bytes;
  return n_bytes;
}

static void
apply_charsmap (const Step *step, const ClipTraced *in, ClipTraced *out)
{
  gsize n_bytes;

  for (gsize at = 0; at < in->bytes->len; at += n_bytes) {
    const gchar *result;
    gsize length;

    n_bytes =
        replace_prefix (&step->rules, in->bytes->str + at, in->bytes->len - at, &result, &length);
    clip_traced_append (out, result, length, g_array_index (in->origins, gsize, at));
  }
}

void
clip_normalizer_add_charsmap (ClipNormalizer *normalizer, ClipCharsmap *map)
{
  add_step (normalizer, apply_charsmap)->rules.map = map;
}

static void
append_escaped (const ClipSpieceRules *rules, ClipTraced *out, const gchar *text, gsize n,
                gsize origin)
{
  for (gsize i = 0; i < n; i++) {
    if (text[i] == ' ' && rules->escape_spaces)
      clip_traced_append (out, SPACE_SYMBOL, strlen (SPACE_SYMBOL), origin);
    else
      clip_traced_append (out, text + i, 1, origin);
  }
}

static void
remove_trailing_spaces (const ClipSpieceRules *rules, ClipTraced *out)
{
  const gchar *space = rules->escape_spaces ? SPACE_SYMBOL : " ";
  gsize n = strlen (space), length = out->bytes->len;

  while (length >= n && memcmp (out->bytes->str + length - n, space, n) == 0)
    length -= n;
  g_string_truncate (out->bytes, length);
  g_array_set_size (out->origins, (guint)length);
}

/* As Normalizer::Normalize() of sentencepiece does it. */
static void
apply_spiece (const Step *step, const ClipTraced *in, ClipTraced *out)
{
  const ClipSpieceRules *rules = &step->rules;
  gboolean after_space = rules->remove_extra_spaces, started = FALSE;
  gsize n_bytes;

  for (gsize at = 0; at < in->bytes->len; at += n_bytes) {
    gsize origin = g_array_index (in->origins, gsize, at), length;
    const gchar *text;

    n_bytes = replace_prefix (rules, in->bytes->str + at, in->bytes->len - at, &text, &length);
    /* Leading white space is passed over before anything else. */
    if (!started && rules->remove_extra_spaces && length == 1 && *text == ' ')
      continue;
    if (!started && rules->dummy_prefix)
      append_escaped (rules, out, " ", 1, origin);
    started = TRUE;
    for (; after_space && length > 0 && *text == ' '; length--)
      text++;
    append_escaped (rules, out, text, length, origin);
    if (length > 0)
      after_space = text[length - 1] == ' ';
    if (!rules->remove_extra_spaces)
      after_space = FALSE;
  }
  if (rules->remove_extra_spaces)
    remove_trailing_spaces (rules, out);
  if (started && rules->dummy_suffix)
    append_escaped (
        rules, out, " ", 1,
        out->origins->len > 0 ? g_array_index (out->origins, gsize, out->origins->len - 1) : 0);
}

void
clip_normalizer_add_spiece (ClipNormalizer *normalizer, const ClipSpieceRules *rules)
{
  add_step (normalizer, apply_spiece)->rules = *rules;
}
