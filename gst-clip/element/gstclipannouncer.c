/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gst-clip/element/gstclipannouncer.h"
#include "gst-clip/element/gstclipvalue.h"

/* What has labels: the frame, a tracked region, or the untracked ones of a kind. */
typedef struct {
  GHashTable *since;   /* accepted label -> guint64 *, running time */
  GPtrArray *order;    /* the keys of @since, borrowed, best first */
  GstClipResult *last; /* nullable: the newest one */
  GstClockTime seen;   /* running time; NONE: not since it began */
} Subject;

struct _GstClipAnnouncer {
  GMutex lock;
  GHashTable *subjects; /* GstClipRegionKey -> Subject */
};

/* A label that is accepted now. */
typedef struct {
  const gchar *label;
  gdouble score;
  const GstClipResult *result;
} Accepted;

/* A change of a subject, for one message. */
typedef struct {
  GValue appeared, disappeared, since;
  guint n; /* labels that came or went */
} Change;

static GHashTable *
since_new (void)
{
  return g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
}

static void
subject_free (gpointer data)
{
  Subject *subject = data;

  g_ptr_array_unref (subject->order);
  g_hash_table_unref (subject->since);
  g_clear_pointer (&subject->last, gst_clip_result_unref);
  g_free (subject);
}

GstClipAnnouncer *
gst_clip_announcer_new (void)
{
  GstClipAnnouncer *self = g_new0 (GstClipAnnouncer, 1);

  g_mutex_init (&self->lock);
  self->subjects = g_hash_table_new_full (gst_clip_region_key_hash, gst_clip_region_key_equal,
                                          g_free, subject_free);
  return self;
}

void
gst_clip_announcer_free (GstClipAnnouncer *self)
{
  g_hash_table_unref (self->subjects);
  g_mutex_clear (&self->lock);
  g_free (self);
}

void
gst_clip_announcer_reset (GstClipAnnouncer *self)
{
  g_mutex_lock (&self->lock);
  g_hash_table_remove_all (self->subjects);
  g_mutex_unlock (&self->lock);
}

void
gst_clip_announcer_restamp (GstClipAnnouncer *self)
{
  GHashTableIter subjects, labels;
  gpointer data, since;

  g_mutex_lock (&self->lock);
  g_hash_table_iter_init (&subjects, self->subjects);
  while (g_hash_table_iter_next (&subjects, NULL, &data)) {
    Subject *subject = data;
    subject->seen = GST_CLOCK_TIME_NONE;
    g_hash_table_iter_init (&labels, subject->since);
    while (g_hash_table_iter_next (&labels, NULL, &since))
      *(guint64 *)since = GST_CLOCK_TIME_NONE;
  }
  g_mutex_unlock (&self->lock);
}

/* A change --------------------------------------------------------------------- */

static void
change_init (Change *change)
{
  *change = (Change){ G_VALUE_INIT, G_VALUE_INIT, G_VALUE_INIT, 0 };
  g_value_init (&change->appeared, GST_TYPE_ARRAY);
  g_value_init (&change->disappeared, GST_TYPE_ARRAY);
  g_value_init (&change->since, GST_TYPE_ARRAY);
}

static void
change_clear (Change *change)
{
  g_value_unset (&change->appeared);
  g_value_unset (&change->disappeared);
  g_value_unset (&change->since);
}

/* Moves the arrays into @structure. */
static void
change_move (Change *change, GstStructure *structure)
{
  gst_structure_take_value (structure, "appeared", &change->appeared);
  gst_structure_take_value (structure, "disappeared", &change->disappeared);
  gst_structure_take_value (structure, "since", &change->since);
}

/* Labels of @accepted that were not accepted before; those that stay keep their time.
 * Returns: (nullable): the result of the best of them. */
static const GstClipResult *
note_appeared (Subject *subject, GHashTable *now, GPtrArray *order, const GArray *accepted,
               Change *change)
{
  const GstClipResult *first = NULL;

  for (guint i = 0; i < accepted->len; i++) {
    const Accepted *a = &g_array_index (accepted, Accepted, i);
    const guint64 *old = g_hash_table_lookup (subject->since, a->label);
    gchar *label = g_strdup (a->label);
    guint64 *since = g_new (guint64, 1);
    *since =
        old && *old != GST_CLOCK_TIME_NONE ? *old : gst_clip_result_frame (a->result)->running_time;
    if (!old) {
      gst_clip_array_add_string (&change->appeared, label);
      change->n++;
      first = first ? first : a->result;
    }
    g_ptr_array_add (order, label);
    g_hash_table_insert (now, label, since);
  }
  return first;
}

/* @now: (nullable): NULL: all are gone */
static void
note_disappeared (Subject *subject, GHashTable *now, Change *change)
{
  for (guint i = 0; i < subject->order->len; i++) {
    const gchar *label = g_ptr_array_index (subject->order, i);
    if (now && g_hash_table_contains (now, label))
      continue;
    gst_clip_array_add_string (&change->disappeared, label);
    change->n++;
  }
}

/* Parallel to `labels`; GST_CLOCK_TIME_NONE for those not accepted. */
static void
note_since (GHashTable *now, const GstClipResult *result, Change *change)
{
  const gchar *const *labels = gst_clip_result_labels (result);

  for (guint i = 0; labels[i]; i++) {
    const guint64 *since = g_hash_table_lookup (now, labels[i]);
    gst_clip_array_add_uint64 (&change->since, since ? *since : GST_CLOCK_TIME_NONE);
  }
}

/* Regions that are gone -------------------------------------------------------- */

/* The last result of what is gone, of @frame, without labels. (transfer full) */
static GstStructure *
gone_structure (const Subject *subject, const GstClipFrameContext *frame)
{
  static const gchar *const arrays[] = { "labels", "indices", "scores", "similarities",
                                         "accepted" };
  GstStructure *s = gst_clip_result_structure (subject->last, 0);

  gst_structure_set (s, "timestamp", G_TYPE_UINT64, frame->timestamp, "stream-time", G_TYPE_UINT64,
                     frame->stream_time, "running-time", G_TYPE_UINT64, frame->running_time,
                     "duration", G_TYPE_UINT64, frame->duration, "label", G_TYPE_STRING, "",
                     "score", G_TYPE_DOUBLE, 0.0, "similarity", G_TYPE_DOUBLE, 0.0, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (arrays); i++) {
    GValue empty = G_VALUE_INIT;
    g_value_init (&empty, GST_TYPE_ARRAY);
    gst_structure_take_value (s, arrays[i], &empty);
  }
  return s;
}

static void
say_gone (Subject *subject, GstClipMessages messages, const GstClipFrameContext *frame,
          GPtrArray *out)
{
  Change change;

  if (messages != GST_CLIP_MESSAGES_ON_CHANGE || subject->order->len == 0)
    return;
  change_init (&change);
  note_disappeared (subject, NULL, &change);
  GstStructure *structure = gone_structure (subject, frame);
  change_move (&change, structure);
  g_ptr_array_add (out, structure);
}

static gboolean
is_gone (const GstClipRegionKey *key, Subject *subject, GstClockTime now)
{
  if (key->kind == GST_CLIP_REGION_FRAME || !GST_CLOCK_TIME_IS_VALID (now))
    return FALSE;
  if (!GST_CLOCK_TIME_IS_VALID (subject->seen))
    subject->seen = now; /* the time that we know begins here */
  return now > subject->seen + GST_CLIP_ANNOUNCER_PATIENCE;
}

static gboolean
is_before (const Subject *a, const Subject *b)
{
  return GST_CLOCK_TIME_IS_VALID (b->seen)
         && (!GST_CLOCK_TIME_IS_VALID (a->seen) || a->seen < b->seen);
}

/* Drops what is gone, and what is too much. */
static void
drop_gone (GstClipAnnouncer *self, GstClipMessages messages, const GstClipFrameContext *frame,
           GPtrArray *out)
{
  gpointer key, value, oldest_key = NULL;
  GHashTableIter iter;
  Subject *oldest;

  do {
    oldest = NULL;
    g_hash_table_iter_init (&iter, self->subjects);
    while (g_hash_table_iter_next (&iter, &key, &value)) {
      if (is_gone (key, value, frame->running_time)) {
        say_gone (value, messages, frame, out);
        g_hash_table_iter_remove (&iter);
      } else if (((GstClipRegionKey *)key)->kind != GST_CLIP_REGION_FRAME
                 && (!oldest || is_before (value, oldest))) {
        oldest = value;
        oldest_key = key;
      }
    }
    if (g_hash_table_size (self->subjects) <= GST_CLIP_ANNOUNCER_REGIONS)
      break;
    say_gone (oldest, messages, frame, out);
    g_hash_table_remove (self->subjects, oldest_key);
  } while (TRUE);
}

/* Prompts that are gone --------------------------------------------------------- */

/* What is left to say of @subject when its prompts were taken away: at the time of its last result. */
static void
say_emptied (Subject *subject, GstClipMessages messages, guint serial, GPtrArray *out)
{
  const guint before = out->len;

  if (!subject->last)
    return;
  say_gone (subject, messages, gst_clip_result_frame (subject->last), out);
  if (out->len > before)
    gst_structure_set (g_ptr_array_index (out, before), "prompts-serial", G_TYPE_UINT, serial,
                       NULL);
}

GPtrArray *
gst_clip_announcer_empty (GstClipAnnouncer *self, GstClipMessages messages, guint serial)
{
  const GstClipRegionKey frame = { .kind = GST_CLIP_REGION_FRAME };
  GPtrArray *out = g_ptr_array_new ();
  GHashTableIter iter;
  gpointer subject;

  g_mutex_lock (&self->lock);
  subject = g_hash_table_lookup (self->subjects, &frame);
  if (subject) {
    say_emptied (subject, messages, serial, out);
    g_hash_table_remove (self->subjects, &frame);
  }
  g_hash_table_iter_init (&iter, self->subjects);
  while (g_hash_table_iter_next (&iter, NULL, &subject))
    say_emptied (subject, messages, serial, out);
  g_hash_table_remove_all (self->subjects);
  g_mutex_unlock (&self->lock);
  return out;
}

/* Seeing ----------------------------------------------------------------------- */

static void
see (Subject *subject, GstClockTime now)
{
  /* The encoder is behind the streaming thread: time may come back a little. */
  if (GST_CLOCK_TIME_IS_VALID (now)
      && (!GST_CLOCK_TIME_IS_VALID (subject->seen) || now > subject->seen))
    subject->seen = now;
}

static Subject *
subject_of (GstClipAnnouncer *self, const GstClipRegionKey *key)
{
  Subject *subject = g_hash_table_lookup (self->subjects, key);

  if (!subject) {
    subject = g_new0 (Subject, 1);
    subject->since = since_new ();
    subject->order = g_ptr_array_new ();
    subject->seen = GST_CLOCK_TIME_NONE;
    g_hash_table_insert (self->subjects, g_memdup2 (key, sizeof *key), subject);
  }
  return subject;
}

GPtrArray *
gst_clip_announcer_see (GstClipAnnouncer *self, GstClipMessages messages,
                        const GstClipRegion *regions, guint n_regions,
                        const GstClipFrameContext *frame)
{
  GPtrArray *out = g_ptr_array_new ();

  g_mutex_lock (&self->lock);
  for (guint i = 0; i < n_regions; i++) {
    GstClipRegionKey key = gst_clip_region_key (&regions[i]);
    Subject *subject = g_hash_table_lookup (self->subjects, &key);
    if (subject)
      see (subject, frame->running_time);
  }
  drop_gone (self, messages, frame, out);
  g_mutex_unlock (&self->lock);
  return out;
}

/* Taking ----------------------------------------------------------------------- */

static gint
compare_accepted (gconstpointer a, gconstpointer b)
{
  const Accepted *x = a, *y = b;

  return x->score > y->score ? -1 : x->score < y->score;
}

/* (transfer full): of Accepted, best first: each label once. */
static GArray *
gather (const GPtrArray *group)
{
  g_autoptr (GHashTable) known = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GArray) all = g_array_new (FALSE, FALSE, sizeof (Accepted));
  GArray *accepted = g_array_new (FALSE, FALSE, sizeof (Accepted));

  for (guint g = 0; g < group->len; g++) {
    Accepted a = { .result = g_ptr_array_index (group, g) };
    for (guint i = 0; i < gst_clip_result_n_accepted (a.result); i++) {
      a.label = gst_clip_result_accepted (a.result, i, &a.score);
      g_array_append_val (all, a);
    }
  }
  if (group->len > 1) /* the labels of one result are in order */
    g_array_sort (all, compare_accepted);
  for (guint i = 0; i < all->len; i++)
    if (g_hash_table_add (known, (gpointer)g_array_index (all, Accepted, i).label))
      g_array_append_val (accepted, g_array_index (all, Accepted, i));
  return accepted;
}

/* @group: (element-type GstClipResult): those of one subject, not empty */
static void
take_group (Subject *subject, GstClipMessages messages, const GPtrArray *group, GPtrArray *out)
{
  g_autoptr (GArray) accepted = gather (group);
  GHashTable *now = since_new ();
  GPtrArray *order = g_ptr_array_new ();
  Change change;

  change_init (&change);
  const GstClipResult *shown = note_appeared (subject, now, order, accepted, &change);
  if (!shown)
    shown = g_ptr_array_index (group, 0);
  note_disappeared (subject, now, &change);
  if (messages == GST_CLIP_MESSAGES_ON_CHANGE && change.n > 0) {
    GstStructure *structure = gst_clip_result_structure (shown, 0);
    note_since (now, shown, &change);
    change_move (&change, structure);
    g_ptr_array_add (out, structure);
  } else {
    change_clear (&change);
  }
  g_ptr_array_unref (subject->order);
  g_hash_table_unref (subject->since);
  subject->order = order;
  subject->since = now;
  g_clear_pointer (&subject->last, gst_clip_result_unref);
  subject->last = gst_clip_result_ref ((GstClipResult *)shown);
  see (subject, gst_clip_result_frame (shown)->running_time);
}

static GstClipRegionKey
key_of (gconstpointer result)
{
  return gst_clip_region_key (&gst_clip_result_frame (result)->region);
}

/* The results from @first on that are of its subject, or none if an earlier one is. (transfer
 * full) */
static GPtrArray *
group_of (const GPtrArray *results, guint first)
{
  const GstClipRegionKey key = key_of (g_ptr_array_index (results, first));
  GPtrArray *group = g_ptr_array_new ();

  for (guint i = 0; i < results->len; i++) {
    const GstClipRegionKey other = key_of (g_ptr_array_index (results, i));
    if (!gst_clip_region_key_equal (&key, &other))
      continue;
    if (i < first)
      break;
    g_ptr_array_add (group, g_ptr_array_index (results, i));
  }
  return group;
}

GPtrArray *
gst_clip_announcer_take (GstClipAnnouncer *self, GstClipMessages messages, GPtrArray *results,
                         const GstClipFrameContext *frame)
{
  GPtrArray *out = g_ptr_array_new ();

  g_mutex_lock (&self->lock);
  for (guint i = 0; i < results->len; i++) {
    g_autoptr (GPtrArray) group = group_of (results, i);
    const GstClipRegionKey key = key_of (g_ptr_array_index (results, i));
    if (group->len > 0)
      take_group (subject_of (self, &key), messages, group, out);
    if (messages == GST_CLIP_MESSAGES_EVERY_RESULT)
      g_ptr_array_add (out, gst_clip_result_structure (g_ptr_array_index (results, i), 0));
  }
  drop_gone (self, messages, frame, out);
  g_mutex_unlock (&self->lock);
  return out;
}
