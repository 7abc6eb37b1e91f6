#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""links.py ROOT: what README.md and docs/ point to exists: files, headings, ./dev commands.

A link of docs/features.md to a file of tests/ is named like a test, which that file must have; a row
that says "yes" has such a link or one to another file.
"""
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


def has_test(path, name):
    """A GLib test's path, the function of one, or a method of a Python test."""
    text, word = path.read_text(encoding="utf-8"), re.escape(name)
    return re.search(rf'"{word}"|^{word} \(|^ *def {word}\(', text, re.MULTILINE)


def features(page):
    """What is wrong with the rows of docs/features.md."""
    wrong = []
    for line in page.read_text(encoding="utf-8").split("\n"):
        links = re.findall(r"\[([^\]]*)\]\(([^)\s]+)\)", line)
        for name, target in links:
            file = page.parent / target
            if target.startswith("../tests/") and file.exists() and not has_test(file, name):
                wrong.append(f"docs/features.md: {target} has no test {name}")
        if re.match(r"\|[^|]*\| yes", line) and not links:
            wrong.append(f"docs/features.md: nothing shows this: {line}")
    return wrong


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
problems += features(root / "docs" / "features.md")
print("\n".join(problems + [f"{checked} links and commands, {len(problems)} broken"]))
sys.exit(1 if problems or not checked else 0)
