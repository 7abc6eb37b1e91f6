#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""launch.py: clipfilter on the command line: gst-inspect, gst-launch, errors, leaks.

The environment has the plugin path, a registry of its own and GST_CLIP_TESTDATA.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

MODEL = pathlib.Path(os.environ["GST_CLIP_TESTDATA"]) / "goldens/models/tiny-awk"
SOURCE = "videotestsrc num-buffers={} ! video/x-raw,width=320,height=240 !"
PLAIN = ["clipfilter"] + ([f"model={MODEL}"] if MODEL.is_dir() else [])  # else the built-in one
FILTER = PLAIN + ["prompts=colour bars;snow"]


def run(command, **environment):
    done = subprocess.run(command, env=dict(os.environ, **environment), timeout=240,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.returncode, done.stdout


def launch(*element, buffers=10, options=(), **environment):
    line = SOURCE.format(buffers).split() + list(element) + ["!", "fakesink"]
    return run(["gst-launch-1.0", "--no-fault", *options, *line], **environment)


def inspect():
    code, out = run(["gst-inspect-1.0", "clipfilter"])
    for word in ("CLIP zero-shot labeller", "Filter/Analyzer/Video", "none (0)", "LGPL",
                 "meta:GstVideoOverlayComposition", "changeable only in NULL or READY state"):
        assert word in out, word
    assert code == 0
    enums = dict(re.findall(r"^  ([\w-]+) +: .*\n.*\n +Enum \"(\w+)\"", out, re.M))
    assert all(name.startswith("GstClip") for name in enums.values()), enums
    assert {"scoring", "precision", "mode", "messages"} <= set(enums), enums
    for value in ("latest", "on-change", "contrast", "int8"):
        assert re.search(rf"^ +\(\d+\): {value} +- \S", out, re.M), value
    assert re.search(r"Element Actions:\s+\"reload\".*gboolean", out), out


def messages():
    code, out = launch(*FILTER, "messages=every-result", options=["-m"])
    assert code == 0, out
    results = re.findall(r"\(element\): clipfilter, .*", out)
    assert len(results) == 10, f"{len(results)} results"
    assert re.search(r"labels=\(string\)< .*snow.*, scores=\(double\)< [\d.e-]+, [\d.e-]+ >",
                     results[0]), results[0]
    assert "clipfilter-prompts, serial=(uint)1, in-force=(boolean)true, count=(uint)2" in out
    assert "Progress: (clip-load)" in out


def bad_prompt():
    code, out = launch(*FILTER, "prompts=dog@7")
    assert code == 0 and "prompts keeps its old value" in out and "dog@7" in out, out
    code, out = launch(*PLAIN, "prompts=dog@7")
    assert code == 0 and re.search(r"WARNING: from element .*prompts keeps its old value.*dog@7", out), out
    assert re.search(r"No prompts: .* because `prompts` was refused: .*dog@7", out), out


def no_prompts():
    code, out = launch(*PLAIN)
    assert code == 0 and out.count("No prompts") == 1, out


def no_model():
    code, out = launch("clipfilter", "model=no-such-model", "prompts=a")
    assert code != 0 and "no-such-model" in out, out


def no_device():
    nowhere = dict.fromkeys(("VK_DRIVER_FILES", "VK_ICD_FILENAMES"), "/nonexistent.json")
    code, out = launch(*FILTER, **nowhere)
    assert code != 0 and re.search(r"ERROR.*(device|driver)", out, re.I), out
    code, out = run(["gst-inspect-1.0", "clipfilter"], **nowhere)
    assert code == 0


def other_device():
    code, out = launch(*FILTER, "device=no such device")
    assert code != 0 and "no such device" in out, out


def leaks_of(*element):
    code, out = launch(*element, buffers=30, GST_TRACERS="leaks", GST_DEBUG="GST_TRACER:7",
                       GST_DEBUG_NO_COLOR="1")
    assert code == 0, out
    assert "object-alive.class" in out, "the tracer did not run"
    alive = [line for line in out.splitlines() if "object-alive, " in line
             and "new format string" not in line]
    assert not alive, "\n".join(alive)


def leaks():
    leaks_of(*FILTER)
    leaks_of(*FILTER, "region=both", "mode=latest", "messages=every-result")
    if run(["gst-inspect-1.0", "clipoverlay"])[0] == 0:
        leaks_of(*FILTER, "!", "clipoverlay")


def main():
    if not shutil.which("gst-launch-1.0"):
        print("1..0 # SKIP no gst-launch-1.0")
        return 77
    tests = [inspect, messages, bad_prompt, no_prompts, no_model, no_device, other_device, leaks]
    failed = 0
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        try:
            test()
            print("ok", number, test.__name__, flush=True)
        except AssertionError as error:
            failed += 1
            print("not ok", number, test.__name__, flush=True)
            print("# " + str(error).replace("\n", "\n# "), flush=True)
    return 1 if failed else 0


sys.exit(main())
