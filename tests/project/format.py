#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""format.py ROOT: the C files are as clang-format 14 leaves them (other versions differ)."""
import pathlib
import re
import shutil
import subprocess
import sys

VERSION = "14"

root = pathlib.Path(sys.argv[1])
tool = shutil.which(f"clang-format-{VERSION}") or shutil.which("clang-format")
if not tool:
    print("no clang-format")
    sys.exit(77)
version = subprocess.run([tool, "--version"], stdout=subprocess.PIPE, check=True).stdout.decode()
if not re.search(rf"version {VERSION}\.", version):
    print(f"needs clang-format {VERSION}, this is {version.strip()}")
    sys.exit(77)
files = [path for folder in ("gst-clip", "tests", "demo") for path in root.glob(folder + "/**/*.[ch]")]
sys.exit(subprocess.run([tool, "--dry-run", "-Werror", "--ferror-limit=3", *files], cwd=root,
                        check=False).returncode)
