/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Preloaded into sanitized tests: no library is ever unloaded. LeakSanitizer runs at exit,
 * and names the frames of a driver that the Vulkan loader has unloaded by then
 * "<unknown module>"; a suppression could not tell them from ours.
 */
__attribute__ ((visibility ("default"))) int dlclose (void *handle);

int
dlclose (void *handle)
{
  return 0;
}
