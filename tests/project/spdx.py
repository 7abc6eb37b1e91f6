#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""spdx.py ROOT: every source file of the repository names its licence in the first lines."""
import pathlib
import subprocess
import sys

TAG = "SPDX-License-Identifier: LGPL-2.1-or-later"
KINDS = {".c", ".h", ".comp", ".glsl", ".py", ".sh", ".build", ".supp", ".in", ""}
WITHOUT = {"LICENSE", ".gitignore", ".clang-format", ".editorconfig", "meson_options.txt"}

root = pathlib.Path(sys.argv[1])
listing = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard",
                          "-z"], cwd=root, stdout=subprocess.PIPE, check=False)
if listing.returncode:
    print("not a git checkout")
    sys.exit(77)
bad = checked = 0
for name in filter(None, listing.stdout.decode().split("\0")):
    path = root / name
    if path.suffix not in KINDS or path.name in WITHOUT or not path.is_file():
        continue
    checked += 1
    head = path.read_bytes()[:1000].decode("utf-8", "replace").split("\n")[:4]
    if not any(TAG in line for line in head):
        print(f"{name}: no {TAG}")
        bad += 1
print(f"{checked} files, {bad} without a licence")
sys.exit(1 if bad or not checked else 0)
