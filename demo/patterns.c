/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "demo/demo.h"

const DemoPattern demo_patterns[] = {
  { "smpte", "colour bars" },
  { "snow", "snow" },
  { "black", "black" },
  { "white", "white" },
  { "red", "red" },
  { "green", "green" },
  { "blue", "blue" },
  { "checkers-8", "a checkerboard" },
  { "circular", "circles" },
  { "ball", "a ball" },
  { "pinwheel", "a pinwheel" },
  { "spokes", "spokes" },
  { "gradient", "a gradient" },
  { NULL, NULL },
};

gchar *
demo_pattern_prompts (void)
{
  GString *prompts = g_string_new (NULL);

  for (const DemoPattern *p = demo_patterns; p->pattern; p++)
    g_string_append_printf (prompts, "%s%s", prompts->len ? ";" : "", p->label);
  return g_string_free (prompts, FALSE);
}
