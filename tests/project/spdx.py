#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""spdx.py ROOT: every source file of the repository names its licence in the first lines."""
import pathlib
import sys

TAG = "SPDX-License-Identifier: LGPL-2.1-or-later"
KINDS = {".c", ".h", ".comp", ".glsl", ".py", ".sh", ".build", ".supp", ".in", ""}
WITHOUT = {"LICENSE", ".gitignore", ".clang-format", ".editorconfig", "meson_options.txt"}

root = pathlib.Path(sys.argv[1])
bad = checked = 0
for path in sorted(root.rglob("*")):
    name = path.relative_to(root)
    if name.parts[0] == ".git" or name.parts[0].startswith("build") or "__pycache__" in name.parts \
            or path.suffix not in KINDS or path.name in WITHOUT or not path.is_file():
        continue
    checked += 1
    head = path.read_bytes()[:1000].decode("utf-8", "replace").split("\n")[:4]
    if not any(TAG in line for line in head):
        print(f"{name}: no {TAG}")
        bad += 1
print(f"{checked} files, {bad} without a licence")
sys.exit(1 if bad or not checked else 0)
