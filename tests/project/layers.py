#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""layers.py ROOT: includes go downwards only: element, engine, kernels, gpu.

The compiler already refuses GStreamer below element/; this checks our own headers, that
nobody includes another folder's internal header, and that GObject stays out of the core.
"""
import pathlib
import re
import sys

LAYERS = ["gpu", "kernels", "engine", "element"]
OURS = re.compile(r'^\s*#\s*include\s+"gst-clip/([a-z]+)/([^"]+)"')
GST = re.compile(r"^\s*#\s*include\s+<gst/|^\s*#\s*include\s+<glib-object\.h>")

root = pathlib.Path(sys.argv[1])
bad = checked = 0
for level, layer in enumerate(LAYERS):
    for path in sorted((root / "gst-clip" / layer).glob("*.[ch]")):
        checked += 1
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
            problem = None
            include = OURS.match(line)
            if include and include[1] in LAYERS:
                if LAYERS.index(include[1]) > level:
                    problem = f"{layer}/ must not include {include[1]}/"
                elif include[1] != layer and "internal" in include[2]:
                    problem = f"an internal header of {include[1]}/"
            elif layer != "element" and GST.match(line):
                problem = "GStreamer or GObject below element/"
            if problem:
                print(f"{path.relative_to(root)}:{number}: {problem}")
                bad += 1
print(f"{checked} files, {bad} includes that are not allowed")
sys.exit(1 if bad or not checked else 0)
