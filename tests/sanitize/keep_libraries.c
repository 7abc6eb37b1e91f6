/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Preloaded into sanitized tests, for two things that LeakSanitizer cannot tell from our leaks.
 *
 * Libraries stay loaded. It runs at exit, and names the frames of a driver that the Vulkan
 * loader has unloaded by then "<unknown module>".
 *
 * GLib's table of quarks does not grow. GLib loses the old table when it does, on purpose: others
 * may be reading it. libglib has no frame pointers, so that no suppression could name the place
 * without naming every g_malloc() of ours. Instead the first table is made while
 * LeakSanitizer looks away (constructors_first.c has made it so), and is then made large enough.
 */
#include <glib.h>

#define QUARKS 30000

void __lsan_enable (void) __attribute__ ((weak));
__attribute__ ((visibility ("default"))) int dlclose (void *handle);

int
dlclose (void *handle)
{
  return 0;
}

/* After GLib's own constructor, as we are linked with GLib. */
__attribute__ ((constructor)) static void
grow_quarks (void)
{
  if (!__lsan_enable)
    return;
  for (guint i = 0; i < QUARKS; i++) {
    gchar name[32];

    g_snprintf (name, sizeof name, "keep-libraries-%u", i);
    g_quark_from_string (name);
  }
  __lsan_enable ();
}
