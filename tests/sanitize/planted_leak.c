/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Opens and closes a device, so that the driver's own leaks are there too; with the
 * argument "leak" it then loses 4242 bytes of ours. planted-leak.sh looks at the report.
 */
#include <string.h>

#include "gst-clip/gpu/gpu.h"

__attribute__ ((noinline)) static void
planted_leak (void)
{
  gchar *volatile lost = g_malloc (4242);

  memset (lost, 1, 4242);
  lost = NULL;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ClipGpu) gpu = clip_gpu_new (NULL, &error);

  if (!gpu)
    g_printerr ("no device: %s\n", error->message);
  if (argc > 1 && g_str_equal (argv[1], "leak"))
    planted_leak ();
  return 0;
}
