#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""readme.py ROOT: what the documentation shows works.

The C and the Python program of README.md run and print the right label; every
gst-launch-1.0 line of README.md and docs/ parses, so that its elements and properties exist.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

try:
    import gi
    gi.require_version("Gst", "1.0")
    from gi.repository import GLib, Gst
except (ImportError, ValueError) as error:
    print(error)
    sys.exit(77)

LABEL = "colour bars"


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def launch_lines(text):
    """gst-launch-1.0 lines of indented blocks, put together across backslashes."""
    text = text.replace("\\\n", " ")
    return re.findall(r"^(?: {4}|\$ )(?:\S+=\S+ )*gst-launch-1\.0 (.*)$", text, re.MULTILINE)


def run(what, command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                          timeout=300)
    output = done.stdout.decode()
    if done.returncode or LABEL not in output:
        return [f"{what}: status {done.returncode}, printed:\n{output}"]
    print(f"{what}: {output.strip()}")
    return []


def parse(page, line):
    command = re.sub(r"(^| )-[a-z]+(?= )", " ", line.split(" #")[0]).replace('\\"', '"')
    try:
        Gst.parse_launch(command)
    except GLib.Error as error:
        return [f"{page}: {line.strip()}\n    {error.message}"]
    return []


def main(root):
    Gst.init(None)
    problems = []
    readme = (root / "README.md").read_text(encoding="utf-8")
    c_programs, python_programs = blocks(readme, "c"), blocks(readme, "python")
    if not c_programs or not python_programs:
        problems.append("README.md has lost its programs")
    with tempfile.TemporaryDirectory() as folder:
        for program in c_programs:
            source, binary = f"{folder}/labels.c", f"{folder}/labels"
            pathlib.Path(source).write_text(program, encoding="utf-8")
            flags = subprocess.run(["pkg-config", "--cflags", "--libs", "gstreamer-1.0"],
                                   stdout=subprocess.PIPE, check=True).stdout.decode().split()
            subprocess.run([shutil.which("cc"), "-Wall", "-Werror", source, "-o", binary, *flags],
                           check=True)
            problems += run("the C program", [binary])
        for program in python_programs:
            problems += run("the Python program", [sys.executable, "-c", program])
    lines = 0
    for page in [root / "README.md", *sorted((root / "docs").glob("*.md"))]:
        for line in launch_lines(page.read_text(encoding="utf-8")):
            problems += parse(page.relative_to(root), line)
            lines += 1
    print("\n".join(problems + [f"{lines} pipelines, {len(problems)} problems"]))
    return 1 if problems or not lines else 0


sys.exit(main(pathlib.Path(sys.argv[1])))
