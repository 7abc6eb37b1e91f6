#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""programs.py ROOT: what the documentation shows works.

The programs in README.md, docs/app-c.md and docs/app-python.md are built and run. Comments in front of
each say how:

    <!-- needs: ELEMENT... -->   skipped where one of them is not installed
    <!-- run: ARGUMENTS -->      {pictures} is a folder with pictures, {film} a film; default: none
    <!-- expect: REGEX -->       what it prints; at least one of these
    <!-- file: NAME -->          a complete Matroska file that it writes

Each is run once more on a device that does not exist, which it must say, and fail. And every gst-launch-1.0 line of README.md and docs/ parses, so that its elements and properties exist.
Prints TAP.
"""
import concurrent.futures
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

try:
    import gi
    gi.require_version("Gst", "1.0")
    from gi.repository import GLib, Gst
except (ImportError, ValueError) as missing:
    print(f"1..0 # SKIP {missing}")
    sys.exit(0)

PAGES = ("README.md", "docs/app-c.md", "docs/app-python.md")
BLOCK = re.compile(r"((?:^<!-- [a-z]+: [^\n]* -->\n)*)^```(c|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)
DEVICE = "no such device"
END = Gst.MessageType.EOS | Gst.MessageType.ERROR


class Program:
    """One block of a page, with what its comments say."""

    def __init__(self, page, text, found):
        headings = re.findall(r"^#+ (.*)$", text[:found.start()], re.MULTILINE)
        self.name = f"{page}: {headings[-1]} ({found[2]})"
        self.language, self.source = found[2], found[3]
        said = re.findall(r"^<!-- ([a-z]+): (.*) -->$", found[1], re.MULTILINE)
        self.needs = [name for key, value in said if key == "needs" for name in value.split()]
        self.arguments = [word for key, value in said if key == "run" for word in shlex.split(value)]
        self.expected = [value for key, value in said if key == "expect"]
        self.files = [value for key, value in said if key == "file"]

    def build(self, folder):
        """The command that runs it."""
        if self.language == "python":
            (folder / "program.py").write_text(self.source, encoding="utf-8")
            return [sys.executable, folder / "program.py"]
        (folder / "program.c").write_text(self.source, encoding="utf-8")
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "gstreamer-1.0"],
                               stdout=subprocess.PIPE, check=True).stdout.decode().split()
        output(["cc", "-Wall", "-Werror", "program.c", "-o", "program", *flags], folder)
        return [folder / "program"]

    def problem(self, media):
        """None if it does what the page says."""
        if not self.expected:
            return "nothing says what it should print"
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            try:
                arguments = [word.format(pictures=media, film=media.parent / "film.avi")
                             for word in self.arguments]
                command = [*self.build(folder), *arguments]
                printed = output(command, folder)
                refused = failure(command, folder)
            except (subprocess.SubprocessError, OSError) as error:
                return f"{error}\n{getattr(error, 'stdout', '')}"
            absent = [line for line in self.expected if not re.search(line, printed)]
            absent += [f"{file} whole" for file in self.files if not complete(folder / file)]
        if absent:
            return f"no {absent} in\n{printed}"
        if "get_nth is deprecated" in printed:
            return printed
        return None if DEVICE in refused else f"without a device it says\n{refused}"


def output(command, folder, **variables):
    environment = dict(os.environ, G_DEBUG="fatal-criticals", PYTHONUNBUFFERED="1", **variables)
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=True,
                          timeout=300, cwd=folder, text=True, env=environment).stdout


def failure(command, folder):
    """What it prints where there is no device; nothing if it does not fail then."""
    try:
        output(command, folder, GST_CLIP_DEVICE=DEVICE)
    except subprocess.CalledProcessError as error:
        return error.stdout
    return ""


def play(description):
    """Whether a pipeline comes to its end, and the duration that it has then."""
    pipeline = Gst.parse_launch(description)
    pipeline.set_state(Gst.State.PLAYING)
    message = pipeline.get_bus().timed_pop_filtered(60 * Gst.SECOND, END)
    duration = pipeline.query_duration(Gst.Format.TIME)[1]
    pipeline.set_state(Gst.State.NULL)
    return bool(message) and message.type == Gst.MessageType.EOS, duration


def complete(path):
    """The header has a duration, which a muxer writes in the end."""
    if not path.exists():
        return False
    whole, duration = play(f'filesrc location="{path}" ! matroskademux ! fakesink')
    return whole and duration > Gst.SECOND // 2


def make_media(folder):
    """The files that programs look at, as far as there are elements to make them."""
    pictures = folder / "pictures"
    pictures.mkdir()
    (pictures / "notes.txt").write_text("no picture\n", encoding="utf-8")
    for pattern, name in (("smpte", "bars"), ("snow", "snow")):
        if Gst.ElementFactory.find("pngenc"):
            play(f'videotestsrc num-buffers=1 pattern={pattern} ! videoconvert ! '
                 f'video/x-raw,format=RGB ! pngenc ! filesink location="{pictures}/{name}.png"')
    if Gst.ElementFactory.find("jpegenc") and Gst.ElementFactory.find("avimux"):
        play(f'videotestsrc num-buffers=30 ! jpegenc ! avimux ! filesink location="{folder}/film.avi"')
    return pictures


def launch_lines(text):
    """gst-launch-1.0 lines of indented blocks, put together across backslashes."""
    text = text.replace("\\\n", " ")
    return re.findall(r"^(?: {4}|\$ )(?:\S+=\S+ )*gst-launch-1\.0 (.*)$", text, re.MULTILINE)


def pipelines_problem(root, overlay):
    """Of the lines with clipoverlay, which is not built everywhere, or of the others."""
    lines, problems = 0, []
    for page in [root / "README.md", *sorted((root / "docs").glob("*.md"))]:
        for line in launch_lines(page.read_text(encoding="utf-8")):
            if ("clipoverlay" in line) != overlay:
                continue
            command = re.sub(r"(^| )-[a-z]+(?= )", " ", line.split(" #")[0]).replace('\\"', '"')
            lines += 1
            try:
                Gst.parse_launch(command)
            except GLib.Error as error:
                problems.append(f"{page.relative_to(root)}: {line.strip()}\n{error.message}")
    return "\n".join(problems) if problems or lines else "no gst-launch-1.0 line was found"


def report(number, name, problem, skipped=""):
    print(f"{'not ok' if problem else 'ok'} {number} {name.replace('#', '')}{skipped}")
    if problem:
        print("# " + problem.rstrip().replace("\n", "\n# "))
    sys.stdout.flush()
    return bool(problem)


def main(root):
    Gst.init(None)
    programs = []
    for page in PAGES:
        text = (root / page).read_text(encoding="utf-8")
        programs += [Program(page, text, found) for found in BLOCK.finditer(text)]
    print(f"1..{len(programs) + len(PAGES) + 2}")
    failed = report(1, "gst-launch-1.0 lines", pipelines_problem(root, False))
    if Gst.ElementFactory.find("clipoverlay"):
        failed += report(2, "gst-launch-1.0 lines with clipoverlay", pipelines_problem(root, True))
    else:
        report(2, "gst-launch-1.0 lines with clipoverlay", None, " # SKIP no clipoverlay")
    for number, page in enumerate(PAGES, 3):
        there = any(program.name.startswith(page) for program in programs)
        failed += report(number, f"{page} has programs", "" if there else "none was found")
    with tempfile.TemporaryDirectory() as folder, \
            concurrent.futures.ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        media = make_media(pathlib.Path(folder))
        missing = [[name for name in program.needs if not Gst.ElementFactory.find(name)]
                   for program in programs]
        missing = [names or (["cc"] if program.language == "c" and not shutil.which("cc") else [])
                   for names, program in zip(missing, programs)]
        running = [None if names else pool.submit(program.problem, media)
                   for names, program in zip(missing, programs)]
        for number, (program, names, result) in enumerate(zip(programs, missing, running),
                                                          len(PAGES) + 3):
            if names:
                report(number, program.name, None, f" # SKIP no {', '.join(names)}")
            else:
                failed += report(number, program.name, result.result())
    return 1 if failed else 0


sys.exit(main(pathlib.Path(sys.argv[1])))
