#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""spirv.py SPIRV-VAL HEADER...: every built shader passes spirv-val for Vulkan 1.2."""
import pathlib
import re
import struct
import subprocess
import sys

tool, headers = sys.argv[1], sys.argv[2:]
bad = 0
for header in headers:
    text = pathlib.Path(header).read_text()
    words = [int(w, 16) for w in re.findall(r"0x[0-9a-fA-F]{8}", text.split("=", 1)[1])]
    run = subprocess.run([tool, "--target-env", "vulkan1.2", "-"], check=False,
                         input=struct.pack(f"<{len(words)}I", *words),
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if run.returncode or not words:
        print(f"{pathlib.Path(header).name}: {run.stdout.decode()}")
        bad += 1
print(f"{len(headers)} shaders, {bad} invalid")
sys.exit(1 if bad or not headers else 0)
