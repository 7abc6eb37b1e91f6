#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Trains the embedded model of clipfilter from nothing but synthetic pictures and videotestsrc.

    ./train.py --out DIR            train and write the model folder
    ./train.py --quick              a small run of everything, to see that it works
    ./train.py --evaluate --out DIR print the figures of a model folder

Needs Debian's python3-torch, python3-numpy and GStreamer's tools. Seeded; stops and resumes at
the checkpoint in --work. See README.md for what the model knows.
"""
import argparse
import ctypes
import math
import os
import pathlib
import sys
import time

# Keep freed memory: mapping it afresh in every step costs more than the arithmetic.
ctypes.CDLL(None).mallopt(-3, 1 << 30)
ctypes.CDLL(None).mallopt(-1, (1 << 31) - 1)
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
import torch.nn.functional as F

import evaluate
import net
from bpe import Tokenizer, learn_merges
from captions import GENERIC, NAMES, NOUNS, Writer, all_facts
from patterns import load_patterns
from scenes import Painter, broader

FACTS = all_facts()
MERGES = 510  # with 512 bytes and two special tokens: 1024
HERE = pathlib.Path(__file__).resolve().parent


def make_tokenizer(painter, writer):
    texts = [*GENERIC, *NOUNS, *(t for ts in NAMES.values() for t in ts)]
    for _ in range(40):
        _, scenes = painter.batch(64)
        texts += [writer.caption(s)[0] for s in scenes for _ in range(4)]
    return Tokenizer(learn_merges(texts, MERGES))


def truth(scenes, needs):
    """-> [scenes, captions]: 3 true, 2 true but broad, 1 debatable (generic texts always), 0 false."""
    def table(sets):
        t = np.zeros((len(sets), len(FACTS)), np.float32)
        for row, facts in zip(t, sets):
            row[[FACTS[f] for f in facts if f in FACTS]] = 1
        return t
    need = table(needs)
    false = need @ (1 - table([s.sure for s in scenes])).T > 0
    absurd = need @ (1 - table([s.sure | s.maybe | {"other"} for s in scenes])).T > 0
    broad = need @ table([broader(s.sure) for s in scenes]).T > 0
    level = np.where(absurd, 0, np.where(false, 1, np.where(broad, 2, 3)))
    return torch.tensor(level.T)


def ranking(logits, level):
    """Each pair is to beat, on its own, all of its row that is less true. So two captions that are
    equally true of a picture do not compete."""
    loss = 0
    for rank, weight in ((3, 1.0), (2, 1.0), (1, 0.3)):
        rest = logits.masked_fill(level >= rank, -1e4).logsumexp(1, keepdim=True)
        here = (level == rank).float()
        per_row = (F.softplus(rest - logits) * here).sum(1) / here.sum(1).clamp(min=1)
        loss = loss + weight * per_row.mean()
    return loss


def make_batch(painter, writer, tokenizer, size, generic):
    images, scenes = painter.batch(size)
    texts = [writer.caption(s) for s in scenes for _ in range(2)]
    # Near misses: what another shape of the same colours would be called.
    texts += [writer.shape(painter.misread(s)) for s in scenes[::2] if "shape" in s.sure]
    texts += [writer.generic() for _ in range(generic)]
    texts = list({t: (t, n) for t, n in texts}.values())
    return (images, [tokenizer.encode(t, net.CONTEXT) for t, _ in texts],
            truth(scenes, [n for _, n in texts]), truth(scenes, [{f} for f in FACTS]))


def optimizer(model, head, lr):
    decay = [p for n, p in model.named_parameters() if p.dim() > 1]
    plain = [p for n, p in model.named_parameters() if p.dim() <= 1]
    return torch.optim.AdamW([{"params": decay, "weight_decay": 0.05},
                              {"params": plain, "weight_decay": 0.0},
                              {"params": head.parameters(), "weight_decay": 0.0}], lr=lr, betas=(0.9, 0.98))


def train(args):
    args.work.mkdir(parents=True, exist_ok=True)
    checkpoint = args.work / "checkpoint.pt"
    rng = np.random.default_rng(args.seed)
    torch.manual_seed(args.seed)
    patterns = load_patterns(args.work, sizes=[(160, 120), (640, 360)] if args.quick else None)
    painter, writer = Painter(rng, patterns), Writer(rng)
    state = torch.load(checkpoint) if checkpoint.exists() and not args.fresh else None
    tokenizer = Tokenizer(state["merges"]) if state else make_tokenizer(painter, writer)
    model = net.Clip(len(tokenizer.ids))
    # Helps the image tower along with a word for each single fact; thrown away afterwards.
    head = torch.nn.Linear(net.PROJECTION, len(FACTS))
    optim, step, spent = optimizer(model, head, args.lr), 0, 0.0
    average = {k: v.clone() for k, v in model.state_dict().items()}
    if state:
        model.load_state_dict(state["model"])
        head.load_state_dict(state["head"])
        optim.load_state_dict(state["optim"])
        average, step, spent = state["average"], state["step"], state["spent"]
        rng.bit_generator.state = state["rng"]
        print(f"resumed at step {step}", flush=True)
    begin, shown, losses = time.monotonic() - spent, time.monotonic(), []

    def save():
        torch.save({"merges": tokenizer.merges, "model": model.state_dict(), "average": average,
                    "head": head.state_dict(), "optim": optim.state_dict(), "step": step, "rng": rng.bit_generator.state,
                    "spent": time.monotonic() - begin}, checkpoint.with_suffix(".new"))
        checkpoint.with_suffix(".new").rename(checkpoint)
        smooth = net.Clip(len(tokenizer.ids))
        smooth.load_state_dict(average)
        net.save_folder(args.out, smooth, tokenizer)

    while True:
        done = max(step / args.steps, (time.monotonic() - begin) / 60 / args.time_limit)
        if done >= 1:
            break
        rate = args.lr * min(1, (step + 1) / 300) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))
        for group in optim.param_groups:
            group["lr"] = rate
        images, tokens, level, facts = make_batch(painter, writer, tokenizer, args.batch,
                                                  args.batch // 3)
        seen = model.image(images)
        logits = model.logit_scale.exp() * seen @ model.text(tokens).T
        loss = ranking(logits, level) + 0.5 * ranking(logits.T, level.T)
        loss = loss + ranking(head(16 * seen), facts)
        optim.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optim.step()
        step += 1
        with torch.no_grad():
            model.logit_scale.clamp_(0, math.log(100))
            keep = min(0.995, 1 - 5 / (step + 10))
            for k, v in model.state_dict().items():
                average[k].lerp_(v, 1 - keep)
        losses.append(loss.item())
        if step % 50 == 0:
            true = (level >= 2) & (logits == logits.masked_fill(level == 1, -1e4).max(1, True)[0])
            now = time.monotonic()
            print(f"step {step}  loss {np.mean(losses[-50:]):.3f}  best text true "
                  f"{true.any(1).float().mean():.3f}  scale {model.logit_scale.exp():.1f}  "
                  f"{(now - shown) / 50:.2f} s/step  {done:.1%}", flush=True)
            shown = now
        if step % 200 == 0:
            save()
    save()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=HERE, help="model folder")
    parser.add_argument("--work", type=pathlib.Path, help="cache and checkpoint",
                        default=pathlib.Path.home() / ".cache/gst-clip-train")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=20000)
    parser.add_argument("--time-limit", type=float, default=60, metavar="MINUTES")
    parser.add_argument("--batch", type=int, default=96)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--fresh", action="store_true", help="ignore the checkpoint")
    parser.add_argument("--quick", action="store_true", help="a small run of everything")
    parser.add_argument("--evaluate", action="store_true", help="print the figures of --out")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.quick:
        args.time_limit, args.fresh = 0.6, True
        args.work = args.work / "quick"
        args.out = args.work / "model"
    args.out.mkdir(parents=True, exist_ok=True)
    if not args.evaluate:
        train(args)
    return evaluate.report(args.out)


if __name__ == "__main__":
    sys.exit(main())
