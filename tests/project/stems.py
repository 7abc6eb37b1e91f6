#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""stems.py ROOT BUILD: one stem everywhere.

A kernel STEM is a clip_kernel_STEM() of the headers of kernels/. It has a shader
shaders/STEM.comp or shaders/STEM_*.comp, a wrapper gst-clip/kernels/STEM.c, a test
tests/kernels/STEM.c that meson runs as STEM, ref_STEM() in the C reference, and a place in
docs/kernels.md. Each shader belongs to a kernel, has a row in shaders/meson.build, and each
row is used by one C file.
"""
import json
import pathlib
import re
import sys

# Steps of a kernel that are shaders or entry points of their own; it is checked as a whole.
PARTS = {"convert": "preprocess", "resize": "preprocess", "softmax": "attention",
         "qkv": "attention", "conv": "unfold", "pool_tokens": "pool"}

root, build = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])


def texts(folder, pattern):
    return "".join(p.read_text(encoding="utf-8") for p in sorted((root / folder).glob(pattern)))


def stems_in(folder, pattern):
    return {p.stem for p in (root / folder).glob(pattern)}


shaders = stems_in("shaders", "*.comp")
wrappers, wrapper_text = stems_in("gst-clip/kernels", "*.c"), texts("gst-clip/kernels", "*.c")
tests, reference = stems_in("tests/kernels", "*.c"), texts("tests/kernels", "ref*.h")
rows = re.findall(r"^\s*\['(\w+)', '(\w+)\.comp'", texts("shaders", "meson.build"), re.MULTILINE)
manual = texts("docs", "kernels.md")
run_by_meson = {t["name"] for t in json.loads((build / "meson-info/intro-tests.json").read_text())}
kernels = set(re.findall(r"\bclip_kernel_(\w+) \(", texts("gst-clip/kernels", "*.h"))) - set(PARTS)

problems, shaders_of = [], {kernel: [] for kernel in kernels}
for shader in sorted(shaders):
    owners = [k for k in kernels if shader == k or shader.startswith(k + "_")
              or PARTS.get(shader) == k]
    if owners:
        shaders_of[owners[0]].append(shader)
    else:
        problems.append(f"shaders/{shader}.comp: there is no kernel of that name")
    if shader not in {source for _, source in rows}:
        problems.append(f"shaders/{shader}.comp: no row in shaders/meson.build")
for array, source in rows:
    users = wrapper_text.count(f'"clip_spv_{array}.h"') + wrapper_text.count(f"<clip_spv_{array}.h>")
    if users != 1:
        problems.append(f"clip_spv_{array}.h ({source}.comp): used by {users} files of kernels/")

for kernel in sorted(kernels):
    for there, what in (
            (shaders_of[kernel], f"shaders/{kernel}.comp"),
            (kernel in wrappers, f"gst-clip/kernels/{kernel}.c"),
            (kernel in tests, f"tests/kernels/{kernel}.c"),
            (re.search(rf"\bref_{kernel} \(", reference), f"ref_{kernel}() in tests/kernels/"),
            (kernel in run_by_meson, f"a meson test named {kernel}"),
            (kernel in manual, "a place in docs/kernels.md")):
        if not there:
            problems.append(f"{kernel}: lacks {what}")

print("\n".join(problems + [f"{len(kernels)} kernels, {len(shaders)} shaders, {len(rows)} variants, "
                            f"{len(problems)} problems"]))
sys.exit(1 if problems or not kernels or not rows else 0)
