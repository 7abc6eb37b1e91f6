#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""help.py PROGRAM...: --help of each, in a locale whose characters are not all ASCII, and wrong use."""
import os
import subprocess
import sys

for program in sys.argv[1:]:
    environment = {**os.environ, 'LC_ALL': 'C.UTF-8'}
    done = subprocess.run([program, '--help'], capture_output=True, env=environment, check=True)
    assert b'Usage:' in done.stdout and b'?]' not in done.stdout, done.stdout
    done = subprocess.run([program, '--no-such-option'], capture_output=True, env=environment)
    assert done.returncode == 2 and b'--no-such-option' in done.stderr, (program, done.stderr)
