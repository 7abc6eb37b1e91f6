# SPDX-License-Identifier: LGPL-2.1-or-later
"""Figures of a model folder, measured by clipfilter itself, into the table of README.md.

clip-accuracy (tests/accuracy) plays the pictures through the element; nothing is measured here.
"""
import os
import pathlib
import re
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
BEGIN, END = "<!-- figures: written by train.py -->\n", "<!-- end of figures -->\n"


def report(folder, build, photos, data=None, quick=False):
    """Returns the exit status of clip-accuracy: 1 where a figure is not reached."""
    program = build / "tests/accuracy/clip-accuracy"
    if not program.exists():
        print(f"No figures: {program} is not built (meson setup -Dtests=enabled; --build names the folder).")
        return 0
    env = dict(os.environ, GST_PLUGIN_PATH=str(build / "gst-clip/element"))
    with tempfile.TemporaryDirectory() as work:
        table = pathlib.Path(work) / "table.md"
        command = [program, "--model", folder.resolve(), "--cifar", photos, "--table", table]
        status = subprocess.run(command + (["--data", data] if data else []) + ["--quick"] * quick, env=env, check=False).returncode
        if status in (0, 1):
            write(folder / "README.md", table.read_text())
    return status


def write(page, table):
    """Puts the table where the page has one, or writes a page of nothing else."""
    block = BEGIN + table + END
    text = page.read_text() if page.exists() else block
    page.write_text(re.sub(re.escape(BEGIN) + ".*?" + re.escape(END), lambda _: block, text, flags=re.DOTALL))
