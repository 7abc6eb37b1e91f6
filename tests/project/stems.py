#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""stems.py ROOT BUILD: one stem everywhere.

Each kernel STEM has shaders/STEM.comp or shaders/STEM_*.comp, gst-clip/kernels/STEM.c,
tests/kernels/STEM.c, ref_STEM() in the C reference, a meson test STEM and a place in
docs/kernels.md. The kernels are what kernels.h declares as clip_kernel_STEM() and what
shaders/ contains; a shader belongs to the longest stem that it starts with.
"""
import json
import pathlib
import re
import sys

root, build = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
shaders = {p.stem for p in (root / "shaders").glob("*.comp")}
wrappers = {p.stem for p in (root / "gst-clip/kernels").glob("*.c")}
tests = {p.stem for p in (root / "tests/kernels").glob("*.c")}
headers = "".join(p.read_text() for p in sorted((root / "gst-clip/kernels").glob("*.h")))
reference = "".join(p.read_text() for p in sorted((root / "tests/kernels").glob("*.h")))
listed = (root / "shaders/meson.build").read_text()
manual = root / "docs/kernels.md"
manual = manual.read_text() if manual.exists() else ""
meson_tests = {t["name"] for t in json.loads((build / "meson-info/intro-tests.json").read_text())}

declared = set(re.findall(r"\bclip_kernel_([a-z0-9_]+) \(", headers))
problems = []
stems = set(declared)
for shader in sorted(shaders):
    owners = [s for s in declared | wrappers if shader == s or shader.startswith(s + "_")]
    if owners:
        stems.add(max(owners, key=len))
    else:
        problems.append(f"shaders/{shader}.comp: no wrapper gst-clip/kernels/{shader}.c")
    if f"'{shader}.comp'" not in listed:
        problems.append(f"shaders/{shader}.comp: no row in shaders/meson.build")

for stem in sorted(stems):
    for there, what in (
            (any(s == stem or s.startswith(stem + "_") for s in shaders), f"shaders/{stem}.comp"),
            (stem in wrappers, f"gst-clip/kernels/{stem}.c"),
            (stem in tests, f"tests/kernels/{stem}.c"),
            (re.search(rf"\bref_{stem} \(", reference), f"ref_{stem}() in tests/kernels/"),
            (stem in meson_tests, f"a meson test named {stem}"),
            (stem in manual, "a place in docs/kernels.md")):
        if not there:
            problems.append(f"{stem}: lacks {what}")

print("\n".join(problems + [f"{len(stems)} kernels, {len(problems)} problems"]))
sys.exit(1 if problems or not stems else 0)
