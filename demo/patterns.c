/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "demo/demo.h"

const DemoPattern demo_patterns[] = {
  { "smpte", "colour bars", { NULL } },
  { "snow", "snow", { NULL } },
  { "black", "a black screen", { NULL } },
  { "white", "a white screen", { NULL } },
  { "red", "red", { NULL } },
  { "green", "green", { NULL } },
  { "blue", "blue", { NULL } },
  { "checkers-8", "a checkerboard", { NULL } },
  { "circular", "circles", { NULL } },
  { "zone-plate", "a zone plate", { "kx2=20", "ky2=20", "kt=1" } },
  { "ball", "a bouncing ball", { NULL } },
  { "pinwheel", "a pinwheel", { NULL } },
  { "spokes", "spokes", { NULL } },
  { "gradient", "a gradient", { NULL } },
  { NULL, NULL, { NULL } },
};

gchar *
demo_pattern_prompts (void)
{
  GString *prompts = g_string_new (NULL);

  for (const DemoPattern *p = demo_patterns; p->pattern; p++)
    g_string_append_printf (prompts, "%s%s", prompts->len ? ";" : "", p->label);
  return g_string_free (prompts, FALSE);
}
