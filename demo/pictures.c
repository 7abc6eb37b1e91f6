/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "demo/demo.h"

#define FRAMES "num-buffers=10"
#define PLAIN  "videotestsrc " FRAMES " pattern=solid-color foreground-color="

static const DemoPicture patterns[] = {
  { "videotestsrc " FRAMES " pattern=smpte", NULL, "colour bars" },
  { "videotestsrc " FRAMES " pattern=snow", NULL, "snow" },
  { "videotestsrc " FRAMES " pattern=black", NULL, "a black screen" },
  { "videotestsrc " FRAMES " pattern=white", NULL, "a white screen" },
  { "videotestsrc " FRAMES " pattern=red", NULL, "red" },
  { "videotestsrc " FRAMES " pattern=green", NULL, "green" },
  { "videotestsrc " FRAMES " pattern=blue", NULL, "blue" },
  { "videotestsrc " FRAMES " pattern=checkers-8", NULL, "a checkerboard" },
  { "videotestsrc " FRAMES " pattern=circular", NULL, "circles" },
  { "videotestsrc " FRAMES " pattern=zone-plate kx2=20 ky2=20 kt=1", NULL, "a zone plate" },
  { "videotestsrc " FRAMES " pattern=ball", NULL, "a bouncing ball" },
  { "videotestsrc " FRAMES " pattern=pinwheel", NULL, "a pinwheel" },
  { "videotestsrc " FRAMES " pattern=spokes", NULL, "spokes" },
  { "videotestsrc " FRAMES " pattern=gradient", NULL, "a gradient" },
  { NULL },
};

/* A square or rectangle is a second source in front of the first. */
#define GROUND(colour)                                                                             \
  PLAIN colour " ! video/x-raw,width=320,height=240 ! compositor name=c sink_1::xpos="
#define FRONT(colour, width, height)                                                               \
  PLAIN colour " ! video/x-raw,width=" width ",height=" height " ! c."

static const DemoPicture shapes[] = {
  { PLAIN "0xffff8800", NULL, "orange" },
  { PLAIN "0xff7020b0", NULL, "purple" },
  { PLAIN "0xff804020", NULL, "brown" },
  { "videotestsrc " FRAMES " pattern=ball foreground-color=0xffffff00 background-color=0xff0000c8",
    NULL, "a small yellow circle on a blue background" },
  { GROUND ("0xff0000c8") "80 sink_1::ypos=40", FRONT ("0xffff0000", "150", "150"),
    "a large red square on a blue background" },
  { GROUND ("0xffffffff") "60 sink_1::ypos=100", FRONT ("0xff00b020", "50", "50"),
    "a small green square on the left" },
  { GROUND ("0xffffffff") "210 sink_1::ypos=100", FRONT ("0xff00b020", "50", "50"),
    "a small green square on the right" },
  { GROUND ("0xff000000") "70 sink_1::ypos=85", FRONT ("0xffffffff", "180", "70"),
    "a white rectangle on a black background" },
  { NULL },
};

const DemoChapter demo_chapters[] = { { "Test patterns", patterns },
                                      { "Colours and shapes", shapes },
                                      { NULL, NULL } };

/* Some that the built-in model knows; how many it does not, its card says. */
const DemoPhoto demo_photos[] = {
  { "cat-orange-kitten.jpg", "a cat" }, { "cat-in-bag.jpg", "a cat" }, { "horses.jpg", "horses" },
  { "bird-finch.jpg", "a bird" },       { "peacock.jpg", "a bird" },   { NULL, NULL },
};

const gchar demo_photo_prompts[] =
    "an airplane;a car;a bird;a cat;a deer;a dog;a frog;horses;a ship;a truck";

gchar *
demo_chapter_prompts (const DemoChapter *chapter)
{
  GString *prompts = g_string_new (NULL);

  for (const DemoPicture *p = chapter->pictures; p->source; p++)
    g_string_append_printf (prompts, "%s%s", prompts->len ? ";" : "", p->label);
  return g_string_free (prompts, FALSE);
}
