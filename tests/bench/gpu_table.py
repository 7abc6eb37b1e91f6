#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""gpu_table.py [--quick] FILE: the table that gpu.sh ends with, and its limits.

FILE has the JSON lines of bench-ceiling, bench-encoder and, maybe, torch_clip.py. Exit status 1
when a limit is missed on a GPU; on a CPU, or with --quick, limits are shown and not judged.
"""
import json
import pathlib
import sys

BATCH_1_MS = 0.4   # ViT-B/32, fp16, on a data-centre GPU
BATCH_32_SHARE = 0.5  # of the rate of a large product


def read(path):
    return [json.loads(row) for row in pathlib.Path(path).read_text(encoding="utf-8").splitlines()]


def ceilings(lines):
    """{what: (value, unit, how)}"""
    return {line["what"]: (line["value"], line["unit"], line["how"])
            for line in lines if line["bench"] == "ceiling"}


def time_of(line):
    """Median ms by the clock that counts."""
    return line["cpu_ms" if line["device_type"] == "cpu" else "device_ms"][1]


def print_ceilings(found):
    for what, (value, unit, how) in found.items():
        print(f"{what:<34} {value:12.2f} {unit:<8} {how}")


def print_encoder(encoder, torch, product):
    """@product: GFLOP/s of a large one, by precision."""
    print(f"\n{'model':<13} {'batch':>5} {'precision':<9} {'family':<10} {'ms':>9} {'ms/image':>9} "
          f"{'GFLOP/s':>9} {'of product':>10} {'/ limit':>8}"
          + (f" {'PyTorch, ms':>12} {'PyTorch / ours':>15}" if torch else ""))
    for line in encoder:
        ms, key = time_of(line), (line["model"], line["batch"], line["precision"])
        rate = line["gflop"] / ms * 1e3
        other = torch.get(key)
        print(f"{key[0]:<13} {key[1]:5} {key[2]:<9} {line['family']:<10} {ms:9.3f} "
              f"{ms / key[1]:9.4f} {rate:9.0f} {100 * rate / product[line['precision']]:8.1f} % "
              f"{line['limit_ratio']:8.2f}" + (f" {other:12.3f} {other / ms:15.2f}" if other else ""))


def limits(encoder, torch, product):
    """Yields (what, value, limit, whether it holds; None when it cannot be told)."""
    ours = {(line["model"], line["batch"], line["precision"]): line for line in encoder}
    one, many = (ours.get(("vit-b-32", batch, "fp16")) for batch in (1, 32))
    ms = time_of(one) if one else None
    yield ("ViT-B/32 fp16, batch 1, ms", ms, f"at most {BATCH_1_MS}",
           ms <= BATCH_1_MS if one else None)
    other = torch.get(("vit-b-32", 1, "fp16"))
    ratio = other / ms if other and one else None
    yield ("ViT-B/32 fp16, batch 1, PyTorch / ours", ratio, "more than 1",
           ratio > 1 if ratio else None)
    share = many["gflop"] / time_of(many) * 1e3 / product["fp16"] if many else None
    yield ("ViT-B/32 fp16, batch 32, of the product's rate", share, f"at least {BATCH_32_SHARE}",
           share >= BATCH_32_SHARE if many else None)


def main():
    quick, path = sys.argv[1:-1] == ["--quick"], sys.argv[-1]
    lines = read(path)
    encoder = [line for line in lines if line["bench"] == "encoder"]
    found = ceilings(lines)
    if not encoder or not found:
        sys.exit("gpu_table: nothing was measured")
    product = {what.rsplit(", ", 1)[1]: value for what, (value, _, _) in found.items()
               if what.startswith("product")}
    torch = {(line["model"], line["batch"], line["precision"]): line["ms"][1] for line in lines
             if line["bench"] == "torch" and line["what"] == "encoder"}
    cublas = [line["gflops"] for line in lines
              if line["bench"] == "torch" and line["what"] == "product"]

    print(f"{encoder[0]['device']}, {encoder[0]['driver']}\n")
    print_ceilings(found)
    for rate in cublas:
        print(f"{'product, PyTorch':<34} {rate:12.2f} {'GFLOP/s':<8} cuBLAS")
    print_encoder(encoder, torch, product)
    judged = encoder[0]["device_type"] == "gpu" and not quick
    print("\nlimit" + ("" if judged else " (not judged here)"))
    missed = 0
    for what, value, limit, holds in limits(encoder, torch, product):
        verdict = "not measured" if holds is None else "holds" if holds else "MISSED"
        print(f"  {what:<47} {f'{value:.3f}' if value is not None else '-':>9}  {limit:<13} {verdict}")
        missed += holds is False
    return 1 if judged and missed else 0


if __name__ == "__main__":
    sys.exit(main())
