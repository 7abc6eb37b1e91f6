#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""torch_clip.py [--json FILE] [--device cuda|cpu] [--batch 1,32] [--runs N] [--quick]

The opponent on GPUs: the CLIP image encoder in plain PyTorch, random weights, fp16, with PyTorch's
fused attention and CUDA graphs, timed by CUDA events; and a product of 4096 x 4096 matrices, for
which PyTorch calls cuBLAS. --device cpu only shows that this file works (fp32, no graphs).
Exit status 77 where there is no PyTorch, or no such device.
"""
import argparse
import json
import statistics
import sys
import time

try:
    import torch
    from torch import nn
    from torch.nn import functional
except ImportError:
    print("no PyTorch")
    sys.exit(77)

# image, patch, width, layers, heads, projection
MODELS = {"vit-b-32": (224, 32, 768, 12, 12, 512), "vit-b-16": (224, 16, 768, 12, 12, 512),
          "vit-l-14": (224, 14, 1024, 24, 16, 768), "tiny": (64, 16, 64, 2, 2, 64)}


class Block(nn.Module):
    """A transformer block: q, k and v are one product."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def attend(self, x):
        batch, tokens, width = x.shape
        qkv = self.qkv(x).view(batch, tokens, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        z = functional.scaled_dot_product_attention(q, k, v)
        return self.out(z.transpose(1, 2).reshape(batch, tokens, width))

    def forward(self, x):
        x = x + self.attend(self.norm1(x))
        hidden = self.up(self.norm2(x))
        return x + self.down(hidden * torch.sigmoid(1.702 * hidden))


class Encoder(nn.Module):
    """CLIP's: class token first, which is what is pooled; the embedding has unit length."""

    def __init__(self, image, patch, width, layers, heads, projection):
        super().__init__()
        self.patches = nn.Conv2d(3, width, patch, patch, bias=False)
        self.first = nn.Parameter(torch.randn(width) * width ** -0.5)
        self.positions = nn.Parameter(torch.randn((image // patch) ** 2 + 1, width) * width ** -0.5)
        self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(layers)))
        self.project = nn.Linear(width, projection, bias=False)

    def forward(self, pixels):
        x = self.patches(pixels).flatten(2).transpose(1, 2)
        x = torch.cat([self.first.expand(x.shape[0], 1, -1), x], dim=1) + self.positions
        x = self.blocks(self.before(x))
        return functional.normalize(self.project(self.after(x[:, 0])), dim=-1)


class Timer:
    """Milliseconds of many runs of a function, by the device's own clock where it has one."""

    def __init__(self, cuda, runs):
        self.cuda, self.runs = cuda, runs

    def capture(self, function):
        """A function that does the same without Python and without launches."""
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(5):
                function()
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            function()
        return graph.replay

    def once(self, function):
        if not self.cuda:
            start = time.perf_counter()
            function()
            return 1e3 * (time.perf_counter() - start)
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        function()
        end.record()
        end.synchronize()
        return start.elapsed_time(end)

    def __call__(self, function):
        if self.cuda:
            function = self.capture(function)
        until = time.perf_counter() + (0.3 if self.cuda else 0)  # until clocks have risen
        self.once(function)
        while time.perf_counter() < until:
            self.once(function)
        times = [self.once(function) for _ in range(self.runs)]
        return min(times), statistics.median(times), max(times)


def write(args, line):
    name = torch.cuda.get_device_name() if args.device == "cuda" else "cpu"
    whole = {"bench": "torch", "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
             "torch": torch.__version__, "device": name, "device_type":
             "gpu" if args.device == "cuda" else "cpu", **line}
    if args.json:
        with open(args.json, "a", encoding="utf-8") as out:
            out.write(json.dumps(whole, separators=(",", ":")) + "\n")


def measure_encoder(args, timer, name, batch):
    kind = torch.float16 if timer.cuda else torch.float32
    torch.manual_seed(1)
    model = Encoder(*MODELS[name]).to(args.device, kind).eval()
    pixels = torch.randn(batch, 3, MODELS[name][0], MODELS[name][0], device=args.device, dtype=kind)
    with torch.inference_mode():
        length = model(pixels).float().norm(dim=-1)
        assert torch.allclose(length, torch.ones_like(length), atol=1e-2), "not finite"
        least, median, most = timer(lambda: model(pixels))
    parameters = sum(p.numel() for p in model.parameters())
    precision = str(kind).rsplit(".", maxsplit=1)[-1].replace("float", "fp")
    print(f"{name:<13} batch {batch:3} {precision}  {median:9.3f} ms ({least:.3f} to {most:.3f}), "
          f"{parameters / 1e6:.1f} million parameters")
    write(args, {"what": "encoder", "model": name, "batch": batch, "precision": precision,
                 "ms": [least, median, most]})


def measure_product(args, timer, size):
    kind = torch.float16 if timer.cuda else torch.float32
    a, b = (torch.randn(size, size, device=args.device, dtype=kind) for _ in range(2))
    with torch.inference_mode():
        out = torch.empty_like(a)
        median = timer(lambda: torch.mm(a, b, out=out))[1]
    rate = 2 * size ** 3 / median / 1e6
    print(f"product of {size}  {median:9.3f} ms, {rate:.0f} GFLOP/s")
    write(args, {"what": "product", "size": size, "gflops": rate})


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json")
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--model", default="vit-b-32")
    parser.add_argument("--batch", default="1,32")
    parser.add_argument("--runs", type=int, default=99)
    parser.add_argument("--quick", action="store_true", help="tiny sizes")
    args = parser.parse_args()
    if args.device == "cuda" and not torch.cuda.is_available():
        print("PyTorch finds no CUDA device")
        return 77
    timer = Timer(args.device == "cuda", 2 if args.quick else args.runs)
    print(f"PyTorch {torch.__version__}"
          + (f", {torch.cuda.get_device_name()}" if timer.cuda else ", CPU"))
    measure_product(args, timer, 64 if args.quick else 4096)
    for batch in map(int, args.batch.split(",")):
        measure_encoder(args, timer, "tiny" if args.quick else args.model, batch)
    return 0


if __name__ == "__main__":
    sys.exit(main())
