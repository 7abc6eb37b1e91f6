/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/engine/spiece.h"

#include <math.h>
#include <string.h>
#include "gst-clip/engine/json.h"
#include "gst-clip/engine/model.h"
#include "gst-clip/engine/tokenizer_private.h"

/* A message, or what is left of it. */
typedef struct {
  const guint8 *p, *end;
} Proto;

/* One field: a varint and fixed sizes are in @number, a length-delimited one is in @bytes. */
typedef struct {
  guint64 tag; /* of the field, not with the wire type */
  guint64 number;
  Proto bytes;
} Field;

/* What the file says beyond the pieces. */
typedef struct {
  guint64 kind;
  gboolean suffix, byte_fallback;
  gint64 unknown;
  gint64 n_unknown;
} Trainer;

/* Wire format ------------------------------------------------------------ */

static gboolean
read_varint (Proto *proto, guint64 *value)
{
  *value = 0;
  for (guint shift = 0; shift < 64 && proto->p < proto->end; shift += 7) {
    guint8 byte = *proto->p++;

    *value |= (guint64)(byte & 0x7f) << shift;
    if (byte < 0x80)
      return TRUE;
  }
  return FALSE;
}

static gboolean
read_fixed (Proto *proto, guint n_bytes, guint64 *value)
{
  *value = 0;
  if ((gsize)(proto->end - proto->p) < n_bytes)
    return FALSE;
  for (guint i = 0; i < n_bytes; i++)
    *value |= (guint64)*proto->p++ << (8 * i);
  return TRUE;
}

/* The next field; FALSE if the message is broken there. Groups are not part of the format. */
static gboolean
read_field (Proto *proto, Field *field)
{
  guint64 key, length;

  if (!read_varint (proto, &key))
    return FALSE;
  field->tag = key >> 3;
  field->number = 0;
  field->bytes = (Proto){ NULL, NULL };
  switch (key & 7) {
  case 0:
    return read_varint (proto, &field->number);
  case 1:
    return read_fixed (proto, 8, &field->number);
  case 5:
    return read_fixed (proto, 4, &field->number);
  case 2:
    if (!read_varint (proto, &length) || length > (guint64)(proto->end - proto->p))
      return FALSE;
    field->bytes = (Proto){ proto->p, proto->p + length };
    proto->p += length;
    return TRUE;
  default:
    return FALSE;
  }
}

static gdouble
float_of (guint64 number)
{
  guint32 bits = (guint32)number;
  gfloat value;

  memcpy (&value, &bits, sizeof value);
  return (gdouble)value;
}

/* Parts ------------------------------------------------------------------ */

/* SentencePiece: piece = 1, score = 2, type = 3 (1 normal, 2 unknown, 3 control, 4 user defined,
 * 5 unused, 6 byte). */
static gboolean
add_piece (ClipSpiece *spiece, Trainer *trainer, Proto proto, const gchar *what, GError **error)
{
  static const ClipPieceKind kinds[] = { CLIP_PIECE_NORMAL,   CLIP_PIECE_RESERVED,
                                         CLIP_PIECE_RESERVED, CLIP_PIECE_USER,
                                         CLIP_PIECE_UNUSED,   CLIP_PIECE_BYTE };
  guint32 id = clip_unigram_size (spiece->unigram);
  g_autofree gchar *text = NULL;
  guint64 type = 1;
  gdouble score = 0;
  Field field;

  while (proto.p < proto.end) {
    if (!read_field (&proto, &field))
      return clip_tokenizer_invalid (what, error, "piece %u is broken", id);
    if (field.tag == 1 && field.bytes.p) {
      g_free (text);
      text = g_strndup ((const gchar *)field.bytes.p, (gsize)(field.bytes.end - field.bytes.p));
      if (memchr (field.bytes.p, 0, (gsize)(field.bytes.end - field.bytes.p)))
        return clip_tokenizer_invalid (what, error, "piece %u has a NUL in it", id);
    } else if (field.tag == 2) {
      score = float_of (field.number);
    } else if (field.tag == 3) {
      type = field.number;
    }
  }
  if (id == CLIP_BPE_MAX_TOKENS)
    return clip_tokenizer_invalid (what, error, "more than %d pieces", CLIP_BPE_MAX_TOKENS);
  if (!text || !*text || strlen (text) > CLIP_BPE_MAX_TOKEN_BYTES
      || !g_utf8_validate (text, -1, NULL) || !isfinite (score) || type < 1 || type > 6)
    return clip_tokenizer_invalid (what, error, "piece %u is unusable", id);
  clip_unigram_add (spiece->unigram, text, score, kinds[type - 1]);
  if (type == 2) {
    spiece->unknown = id;
    trainer->n_unknown++;
  }
  if (type == 4) {
    if (!spiece->rules.verbatim)
      spiece->rules.verbatim = clip_prefixes_new ();
    clip_prefixes_add (spiece->rules.verbatim, text, strlen (text), id);
  }
  return TRUE;
}

/* TrainerSpec: model_type = 3 (1 unigram), treat_whitespace_as_suffix = 24, byte_fallback = 35. */
static gboolean
read_trainer (Trainer *trainer, Proto proto)
{
  Field field;

  while (proto.p < proto.end) {
    if (!read_field (&proto, &field))
      return FALSE;
    if (field.tag == 3)
      trainer->kind = field.number;
    else if (field.tag == 24)
      trainer->suffix = field.number != 0;
    else if (field.tag == 35)
      trainer->byte_fallback = field.number != 0;
  }
  return TRUE;
}

/* NormalizerSpec: precompiled_charsmap = 2, add_dummy_prefix = 3, remove_extra_whitespaces = 4,
 * escape_whitespaces = 5. */
static gboolean
read_normalizer (ClipSpieceRules *rules, Proto proto, const gchar *what, GError **error)
{
  Field field;

  while (proto.p < proto.end) {
    if (!read_field (&proto, &field))
      return clip_tokenizer_invalid (what, error,
                                     "not a sentencepiece model: the normaliser is broken");
    if (field.tag == 2 && field.bytes.p < field.bytes.end) {
      g_clear_pointer (&rules->map, clip_charsmap_free);
      rules->map =
          clip_charsmap_new (field.bytes.p, (gsize)(field.bytes.end - field.bytes.p), what, error);
      if (!rules->map)
        return FALSE;
    } else if (field.tag == 3) {
      rules->dummy_prefix = field.number != 0;
    } else if (field.tag == 4) {
      rules->remove_extra_spaces = field.number != 0;
    } else if (field.tag == 5) {
      rules->escape_spaces = field.number != 0;
    }
  }
  return TRUE;
}

/* ModelProto: pieces = 1, trainer_spec = 2, normalizer_spec = 3. */
static gboolean
read_model (ClipSpiece *spiece, Trainer *trainer, Proto proto, const gchar *what, GError **error)
{
  Field field;

  while (proto.p < proto.end) {
    if (!read_field (&proto, &field) || (field.tag == 2 && !read_trainer (trainer, field.bytes)))
      return clip_tokenizer_invalid (what, error, "not a sentencepiece model, or broken");
    if (field.tag == 1 && !add_piece (spiece, trainer, field.bytes, what, error))
      return FALSE;
    if (field.tag == 3 && !read_normalizer (&spiece->rules, field.bytes, what, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
finish (ClipSpiece *spiece, const Trainer *trainer, const gchar *what, GError **error)
{
  ClipSpieceRules *rules = &spiece->rules;

  if (trainer->kind != 1) {
    g_set_error (error, CLIP_MODEL_ERROR, CLIP_MODEL_ERROR_UNSUPPORTED,
                 "%s: a sentencepiece model of another kind than unigram", what);
    return FALSE;
  }
  if (trainer->n_unknown != 1)
    return clip_tokenizer_invalid (what, error,
                                   "%" G_GINT64_FORMAT " unknown pieces, there should be one",
                                   trainer->n_unknown);
  if (!clip_unigram_seal (spiece->unigram, spiece->unknown, trainer->byte_fallback))
    return clip_tokenizer_invalid (what, error, "a piece is there twice, or a byte is missing");
  if (rules->verbatim)
    clip_prefixes_seal (rules->verbatim);
  if (trainer->suffix) {
    rules->dummy_suffix = rules->dummy_prefix;
    rules->dummy_prefix = FALSE;
  }
  return TRUE;
}

gboolean
clip_spiece_load (ClipSpiece *spiece, const ClipSource *source, const gchar *name, GError **error)
{
  g_autofree gchar *what = g_build_filename (clip_source_path (source), name, NULL);
  g_autoptr (GBytes) bytes = clip_source_load (source, name, CLIP_JSON_MAX_BYTES, error);
  Trainer trainer = { .kind = 1 };
  const guint8 *data;
  gsize size;

  if (!bytes)
    return FALSE;
  data = g_bytes_get_data (bytes, &size);
  spiece->unigram = clip_unigram_new (TRUE);
  spiece->rules.dummy_prefix = TRUE;
  spiece->rules.remove_extra_spaces = spiece->rules.escape_spaces = TRUE;
  return read_model (spiece, &trainer, (Proto){ data, data + size }, what, error)
         && finish (spiece, &trainer, what, error);
}

void
clip_spiece_clear (ClipSpiece *spiece)
{
  g_clear_pointer (&spiece->unigram, clip_unigram_free);
  g_clear_pointer (&spiece->rules.map, clip_charsmap_free);
  g_clear_pointer (&spiece->rules.verbatim, clip_prefixes_free);
}
