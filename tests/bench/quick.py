#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""quick.py BUILD BLAS: every benchmark runs, writes what programs can read, and can be drawn.

BLAS: "blas" when the benchmarks were built with OpenBLAS. What the numbers are does not matter.
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONTEXT = "bench", "time", "version", "cpu", "threads", "os", "device", "driver", "device_type"
# What a kind of line must have besides, and how many lines there are at least.
KINDS = {
    "ceiling": (9, "what value unit how"),
    "encoder": (4, "model batch family precision runs wall_ms cpu_ms device_ms ms_per_image "
                   "limit_ms limit_ratio device_bytes resident_bytes"),
    "scaling": (2, "batch ratio"),
    "kernel": (15, "kernel size family precision cpu_us wall_us device_us rate unit limit_rate "
                   "limit_ratio"),
    "preprocess": (1, "width height cpu_ms wall_ms copy_cpu_ms"),
    "prompts": (2, "prompts score_ms encode_ms"),
    "frame": (2, "width height load_ms preprocess_ms encode_ms total_ms"),
    "memory": (2, "open_s device_bytes weights_bytes activations_bytes resident_bytes"),
    "passing": (2, "element frames wall_us cpu_us"),
    "streams": (2, "streams fps latency_ms batch device_bytes"),
    "processes": (1, "streams frames one_cpu_ms each_cpu_ms ratio whole_ratio"),
    "live": (2, "element sent arrived late_ms"),
    "first-label": (1, "caches wall_s cpu_s"),
    "soak": (1, "images first_ms last_ms ratio"),
}
PLOTS = {"batch.svg", "frame-size.svg", "prompts.svg", "streams.svg"}


def run(*command):
    print("$", *command, flush=True)
    return subprocess.run([str(c) for c in command], check=False).returncode


def problems_of_lines(lines, blas):
    for kind, (least, keys) in KINDS.items():
        of_kind = [line for line in lines if line["bench"] == kind]
        if len(of_kind) < least:
            yield f"{kind}: {len(of_kind)} lines, at least {least} expected"
        for line in of_kind:
            missing = [key for key in (*CONTEXT, *keys.split()) if line.get(key) is None]
            if missing:
                yield f"{kind}: without {', '.join(missing)}: {line}"
    compared = [line for line in lines if line.get("blas_ratio")]
    if blas and not any(line["bench"] == "encoder" for line in compared):
        yield "the encoder is not compared with OpenBLAS"
    for line in compared:
        if not 0 < line["blas_ratio"][0] <= line["blas_ratio"][1] <= line["blas_ratio"][2]:
            yield f"no spread: {line['blas_ratio']}"


def problems_of_plots(folder):
    if {path.name for path in folder.iterdir()} != PLOTS:
        yield f"plots: {sorted(path.name for path in folder.iterdir())}"
    for path in folder.iterdir():
        points = xml.etree.ElementTree.parse(path).findall("{http://www.w3.org/2000/svg}circle")
        if len(points) < 2:
            yield f"{path.name}: {len(points)} points"


def check(build, blas, folder):
    results, plots = folder / "results.json", folder / "plots"
    for parts in [], ["soak"]:
        if run(ROOT / "scripts/bench-run", build, "--quick", "--json", results, *parts):
            return ["a benchmark failed"]
    lines = [json.loads(row) for row in results.read_text(encoding="utf-8").splitlines()]
    found = list(problems_of_lines(lines, blas))
    if run(ROOT / "scripts/bench-plot", results, plots):
        return found + ["bench-plot failed"]
    return found + list(problems_of_plots(plots))


def main():
    build = pathlib.Path(sys.argv[1])
    if subprocess.run([build / "tests/bench/bench-ceiling", "--quick"], check=False).returncode:
        print("no device to measure")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        found = check(build, sys.argv[2] == "blas", pathlib.Path(folder))
    print("\n".join(found + [f"{len(found)} problems"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
