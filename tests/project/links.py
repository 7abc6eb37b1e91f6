#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""links.py ROOT: what README.md and docs/ point to exists: files, headings, ./dev commands."""
import pathlib
import re
import sys

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
COMMAND = re.compile(r"\./dev ([a-z]+)")


def anchors(path):
    """The names that a reader's browser gives to the headings of a page."""
    found = set()
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line.startswith("#"):
            text = re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower())
            found.add(text.replace(" ", "-"))
    return found


root = pathlib.Path(sys.argv[1])
commands = set(re.findall(r"^cmd_([a-z]+) \(\)", (root / "dev").read_text(), re.MULTILINE)) | {"help"}
problems, checked = [], 0
for page in [root / "README.md", *sorted((root / "docs").glob("*.md"))]:
    text = page.read_text(encoding="utf-8")
    for target in LINK.findall(text):
        checked += 1
        if target.startswith(("http:", "https:")):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name) if name else page
        if not file.exists():
            problems.append(f"{page.relative_to(root)}: {target}: no such file")
        elif anchor and anchor not in anchors(file):
            problems.append(f"{page.relative_to(root)}: {target}: no such heading")
    for command in COMMAND.findall(text):
        checked += 1
        if command not in commands:
            problems.append(f"{page.relative_to(root)}: ./dev {command}: no such command")
print("\n".join(problems + [f"{checked} links and commands, {len(problems)} broken"]))
sys.exit(1 if problems or not checked else 0)
