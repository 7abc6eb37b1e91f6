/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who is in a batch, and where; and how large batches may be. */
#include "gst-clip/engine/internal.h"

/* What batches may add to the memory of an engine: this part of its weights, but for small models as much
 * as a few pictures take; and on GPUs, where nobody else has a use for it, this part of what is left. */
#define BUDGET_PART  12
#define BUDGET_LEAST (1u << 20)
#define LEFT_PART    8

guint64
clip_batch_budget (gboolean is_cpu, guint64 used, guint64 left)
{
  const guint64 budget = MAX (used / BUDGET_PART, BUDGET_LEAST);

  return is_cpu ? budget : MAX (budget, left / LEFT_PART);
}

static gboolean
has_stream (ClipJob *const *jobs, guint n, gconstpointer stream)
{
  for (guint i = 0; i < n; i++)
    if (jobs[i]->stream == stream)
      return TRUE;
  return FALSE;
}

/* Jobs that were started together with @link's: they follow it. */
static guint
group_size (const GList *link)
{
  const ClipJob *first = link->data;
  guint n = 1;

  if (first->group != 0)
    while ((link = link->next) && ((const ClipJob *)link->data)->group == first->group)
      n++;
  return n;
}

guint
clip_batch_choose (GQueue *waiting, ClipJob **jobs, guint places)
{
  guint n = 0;

  for (guint pass = 0; pass < 2; pass++) {
    GList *link = waiting->head;

    while (link) {
      const ClipJob *job = link->data;
      const guint size = group_size (link);
      const gboolean skip = pass == 0 && has_stream (jobs, n, job->stream);

      if (!skip && n + size > places)
        return n;
      for (guint i = 0; i < size; i++) {
        GList *next = link->next;

        if (!skip) {
          jobs[n++] = link->data;
          g_queue_unlink (waiting, link);
        }
        link = next;
      }
    }
  }
  return n;
}

void
clip_batch_arrange (ClipJob **jobs, guint n, guint serial)
{
  for (guint i = 0; i < n;) {
    const ClipJobPlace *place = &jobs[i]->load_place;
    const guint row = place->row;

    if (place->serial != serial || row >= n || row == i
        || (jobs[row]->load_place.serial == serial && jobs[row]->load_place.row == row)) {
      i++;
      continue;
    }
    ClipJob *other = jobs[row];
    jobs[row] = jobs[i];
    jobs[i] = other;
  }
}
