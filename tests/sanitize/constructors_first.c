/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Preloaded, and by its linker flag initialised before all other libraries: what their
 * constructors allocate is no leak of ours. keep_libraries.c makes LeakSanitizer look again. */
void __lsan_disable (void) __attribute__ ((weak));

__attribute__ ((constructor)) static void
look_away (void)
{
  if (__lsan_disable)
    __lsan_disable ();
}
