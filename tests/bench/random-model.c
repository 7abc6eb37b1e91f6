/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* clip-random-model ARCHITECTURE FOLDER [SEED]: a CLIP folder of that size, with random weights. */
#include <stdlib.h>

#include "tests/common/random_model.h"

int
main (int argc, char **argv)
{
  const ClipRandomModel *model = argc >= 3 ? clip_random_model_find (argv[1]) : NULL;
  g_autoptr (GError) error = NULL;

  if (model == NULL) {
    g_printerr ("usage: %s ARCHITECTURE FOLDER [SEED]\narchitectures:", argv[0]);
    for (const ClipRandomModel *m = clip_random_models; m->name; m++)
      g_printerr (" %s", m->name);
    g_printerr ("\n");
    return 2;
  }
  if (!clip_random_model_write (model, argv[2], argc > 3 ? atoi (argv[3]) : 1, &error)) {
    g_printerr ("%s\n", error->message);
    return 1;
  }
  return 0;
}
