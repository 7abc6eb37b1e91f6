#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Trains the built-in model of clipfilter from CIFAR-10, drawings and videotestsrc.

    ./train.py --photos DIR --out DIR     train and write the model folder
    ./train.py --photos DIR --quick       a small run of everything, to see that it works
    ./train.py --photos DIR --evaluate    the figures of a model folder, into its README.md

DIR has train/CLASS/NNNN.jpg and test/CLASS/NNNN.jpg of 32x32, ten classes. Needs Debian's
python3-torch, python3-numpy and GStreamer's tools, for --things python3-pil. Seeded; stops and
resumes at the checkpoint in --work. See README.md for what the model knows.
"""
import ctypes
import os

# Keep freed memory: mapping it afresh in every step costs more than the arithmetic (and one heap
# for all threads, where it is found again). And one
# thread an operation: threads that wait for each other in each of them are slow on a busy machine.
ctypes.CDLL(None).mallopt(-3, 1 << 30)
ctypes.CDLL(None).mallopt(-1, (1 << 31) - 1)
ctypes.CDLL(None).mallopt(-8, 1)
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import argparse
import pathlib
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
import torch.nn.functional as F

import evaluate
import net
from bpe import Tokenizer, learn_merges
from captions import CLASS_WORDS, GENERIC, NAMES, NOUNS, Writer, all_facts
from patterns import load_patterns
from photos import CLASSES, Camera, load_photos
from scenes import Painter, broader, other_scene

FACTS = all_facts()
PIECES = 3  # pictures of nothing in particular in a part of a batch
OTHERS, SHARP = 7, 6  # photographs of other things and larger ones of the classes, where there are some
MERGES = 510  # with 512 bytes and two special tokens: 1024
HERE = pathlib.Path(__file__).resolve().parent


def make_tokenizer(seed, patterns):
    rng = np.random.default_rng(seed)
    painter, writer = Painter(rng, patterns), Writer(rng)
    texts = [*GENERIC, *NOUNS, *(t for ts in NAMES.values() for t in ts)]
    texts += [t for both in CLASS_WORDS.values() for words in both for t in words] * 4
    for _ in range(40):
        _, scenes = painter.batch(64)
        texts += [writer.caption(s)[0] for s in scenes for _ in range(4)]
    return Tokenizer(learn_merges(texts, MERGES))


def truth(scenes, needs):
    """-> [scenes, captions]: 3 true, 2 true but broad, 1 debatable (generic texts always), 0 false,
    -1 not known."""
    def table(sets):
        t = np.zeros((len(sets), len(FACTS)), np.float32)
        for row, facts in zip(t, sets):
            row[[FACTS[f] for f in facts if f in FACTS]] = 1
        return t
    need, unsure = table(needs), table([s.unsure for s in scenes])
    false = need @ (1 - table([s.sure for s in scenes])).T > 0
    absurd = need @ (1 - table([s.sure | s.maybe | s.unsure | {"other"} for s in scenes])).T > 0
    broad = need @ table([broader(s.sure) for s in scenes]).T > 0
    level = np.where(false, np.where(need @ unsure.T > 0, -1, 1), np.where(broad, 2, 3))
    return torch.tensor(np.where(absurd, 0, level).T)


def ranking(logits, level):
    """Each pair is to beat, on its own, all of its row that is less true. So two captions that are
    equally true of a picture do not compete."""
    loss = 0
    for rank, weight in ((3, 1.0), (2, 1.0), (1, 0.3)):
        rest = logits.masked_fill((level >= rank) | (level < 0), -1e4).logsumexp(1, keepdim=True)
        here = (level == rank).float()
        per_row = (F.softplus(rest - logits) * here).sum(1) / here.sum(1).clamp(min=1)
        loss = loss + weight * per_row.mean()
    return loss


class Lane:
    """Makes a part of each batch and its gradients, in a thread of its own."""

    def __init__(self, number, args, shared):
        seed = args.seed * 1000 + number
        self.rng = np.random.default_rng(seed)
        self.painter, self.writer = Painter(self.rng, shared.patterns), Writer(self.rng)
        self.camera, self.args, self.shared = Camera(seed, args.device), args, shared

    def pictures(self, count, hard, alone):
        """-> float [count, 3, IMAGE, IMAGE], [Scene]; alone: photographs only."""
        pixels, labels = self.shared.photos
        photos = count if alone else round(count * self.args.photo_share)
        chosen = torch.from_numpy(self.rng.integers(0, len(labels), photos))
        things, device = self.shared.things, self.args.device
        grounds = torch.from_numpy(things.grounds(self.rng, photos)).to(device) if things else None
        x, scenes = self.camera.photos(pixels[chosen].to(device), labels[chosen].tolist(), hard, round(photos * 0.13),
                                       grounds)
        if alone:
            return x, scenes
        if things:
            others, kinds = things.batch(self.rng, OTHERS, SHARP)
            others, more = self.camera.things(torch.from_numpy(others).to(device), kinds)
            x, scenes, count = torch.cat([x, others]), scenes + more, count - len(more)
        pieces = pixels[torch.from_numpy(self.rng.integers(0, len(labels), PIECES))]
        drawn, drawn_scenes = self.painter.batch(count - photos - PIECES)
        drawn = torch.from_numpy(drawn).permute(0, 3, 1, 2).to(self.args.device).float()
        x = torch.cat([x, self.camera.tiles(pieces.to(self.args.device).float()), self.camera.gentle(drawn)])
        return x, scenes + [other_scene() for _ in range(PIECES)] + drawn_scenes

    def captions(self, scenes):
        """-> [(text, the facts that it needs)], every text once."""
        texts = [self.writer.caption(s) for s in scenes for _ in range(1 if "photo" in s.sure else 2)
                 if "photo" not in s.sure or self.writer.chance(0.6)]
        # Near misses. A held-out pair is never mentioned: what is always false is learnt as such.
        misread = [self.painter.misread(s) for s in scenes if "shape" in s.sure]
        texts += [self.writer.shape(s) for s in misread if not self.painter.is_held_out(s)]
        texts += [self.writer.generic() for _ in range(len(scenes) // 5)]
        return [*{t: (t, n) for t, n in texts}.values()]

    def captions_of(self, scenes):
        """-> texts and the facts that they need; their embeddings"""
        texts = self.captions(scenes)
        tokens = [self.shared.tokenizer.encode(t, net.CONTEXT) for t, _ in texts]
        with torch.autocast(self.args.device, dtype=torch.bfloat16):
            return texts, self.shared.model.text(tokens)

    def gradients(self, hard, alone, edges_learn=True):
        """-> gradients of the shared parameters, loss, share of pictures whose best text is true"""
        torch.set_num_threads(1)
        shared, model = self.shared, self.shared.model
        x, scenes = self.pictures(self.args.batch // self.args.lanes, hard, alone)
        facts = truth(scenes, [{f} for f in FACTS]).to(x.device)
        with torch.autocast(x.device.type, dtype=torch.bfloat16):
            seen = model.image(x, edges_learn)
        logits, level = shared.head(seen), facts
        loss = ranking(logits, level)
        if not alone:
            texts, said = self.captions_of(scenes)
            level = truth(scenes, [n for _, n in texts]).to(x.device)
            logits = model.logit_scale.exp() * F.normalize(seen, dim=-1) @ said.T
            loss = loss + ranking(logits, level) + 0.5 * ranking(logits.T, level.T)
        best = logits.detach().masked_fill((level == 1) | (level < 0), -1e4).argmax(1, keepdim=True)
        grads = torch.autograd.grad(0.5 * loss, shared.parameters, allow_unused=True)
        return grads, loss.item(), (level.gather(1, best) >= 2).float().mean().item()

    def state(self):
        return self.rng.bit_generator.state, self.camera.random.get_state()

    def restore(self, state):
        self.rng.bit_generator.state = state[0]
        self.camera.random.set_state(state[1])


class Training:
    def __init__(self, args):
        self.args, self.step, self.spent = args, 0, 0.0
        args.work.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(args.seed)
        self.checkpoint = args.work / "checkpoint.pt"
        state = None
        if self.checkpoint.exists() and not args.fresh:
            state = torch.load(self.checkpoint, map_location=args.device)
        self.patterns = load_patterns(args.work, sizes=[(160, 120), (640, 360)] if args.quick else None)
        self.photos = load_photos(args.photos, "train", args.work)
        self.tests = load_photos(args.photos, "test", args.work)
        self.things = None
        if args.things:
            from things import Things  # which needs PIL
            self.things = Things(args.things, args.work)
        self.tokenizer = self.make_tokenizer(state)
        vocab = len(self.tokenizer.ids)
        self.model = (net.load_folder(args.start, vocab).train() if args.start else net.Clip(vocab)).to(args.device)
        self.start = {k: v.clone() for k, v in self.model.state_dict().items()}
        self.model.visual.to(memory_format=torch.channels_last)
        # Helps the image tower along with a word for each single fact; thrown away afterwards.
        self.head = torch.nn.Linear(net.EMBED, len(FACTS)).to(args.device)
        self.parameters = [*self.model.parameters(), *self.head.parameters()]
        self.optimizers = self.make_optimizers()
        self.average = {k: v.clone() for k, v in self.model.state_dict().items()}
        self.lanes = [Lane(i, args, self) for i in range(args.lanes)]
        self.pool = ThreadPoolExecutor(args.lanes)
        if state:
            self.restore(state)

    def make_tokenizer(self, state):
        if state:
            return Tokenizer(state["merges"])
        if self.args.start:
            return Tokenizer.load(self.args.start)
        return make_tokenizer(self.args.seed, self.patterns)

    def make_optimizers(self):
        """SGD for the residual network, AdamW for the rest."""
        image = [*self.model.visual.parameters()]
        text = [p for n, p in self.model.named_parameters() if not n.startswith("visual.")]
        text += self.head.parameters()

        def groups(parameters, decay):
            return [{"params": [p for p in parameters if p.dim() > 1], "weight_decay": decay},
                    {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0}]
        return ((torch.optim.SGD(groups(image, 5e-4), lr=1, momentum=0.9, nesterov=True), self.args.lr),
                (torch.optim.AdamW(groups(text, 0.05), lr=1, betas=(0.9, 0.98)), self.args.text_lr))

    def restore(self, state):
        self.model.load_state_dict(state["model"])
        self.head.load_state_dict(state["head"])
        for (optimizer, _), saved in zip(self.optimizers, state["optimizers"]):
            optimizer.load_state_dict(saved)
        for lane, saved in zip(self.lanes, state["lanes"]):
            lane.restore(saved)
        self.average, self.step, self.spent = state["average"], state["step"], state["spent"]
        print(f"resumed at step {self.step}", flush=True)

    def save(self):
        new = self.checkpoint.with_suffix(".new")
        torch.save({"merges": self.tokenizer.merges, "model": self.model.state_dict(),
                    "average": self.average, "head": self.head.state_dict(),
                    "optimizers": [o.state_dict() for o, _ in self.optimizers],
                    "lanes": [lane.state() for lane in self.lanes],
                    "step": self.step, "spent": self.spent}, new)
        new.rename(self.checkpoint)
        net.save_folder(self.args.out, self.smooth(), self.tokenizer)

    def smooth(self):
        """The model with the running average of its weights; of --keep-start's share with those it began with, which
        keeps what they knew of pictures unlike those of the training (Wortsman et al., "Robust fine-tuning of zero-shot
        models", 2022)."""
        keep = self.args.keep_start
        model = net.Clip(len(self.tokenizer.ids))
        model.load_state_dict({k: torch.lerp(v, self.start[k], keep) if v.dtype.is_floating_point else v
                               for k, v in self.average.items()})
        return model.eval()

    @torch.no_grad()
    def accuracy(self, count=1000):
        """On some of the test pictures, by the prompts "a photo of a CLASS"; steers nothing."""
        model, (pixels, labels) = self.smooth(), self.tests
        model.visual.to(memory_format=torch.channels_last)
        texts = [self.tokenizer.encode(f"a photo of a {c}", net.CONTEXT) for c in CLASSES]
        chosen = torch.arange(0, len(labels), max(1, len(labels) // count))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            guess = [(model.image(pixels[part].float()) @ model.text(texts).T).argmax(1)
                     for part in chosen.split(250)]
        return (torch.cat(guess) == labels[chosen]).float().mean().item()

    def rate(self, done):
        """Of the learning rate: up, level until 40 % of the way, down to nothing."""
        return min(1, (self.step + 1) / 200) * min(1, max(0.005, (1 - done) / 0.6))

    def one_step(self, done):
        hard = 0.6 if done < 0.8 else 0.3
        alone, edges_learn = done < self.args.alone, done < 0.4
        parts = [*self.pool.map(lambda lane: lane.gradients(hard, alone, edges_learn), self.lanes)]
        for p, *grads in zip(self.parameters, *(g for g, _, _ in parts)):
            p.grad = None if grads[0] is None else sum(grads) / len(grads)
        torch.nn.utils.clip_grad_norm_([p for p in self.parameters if p.grad is not None], 5.0)
        for optimizer, peak in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = peak * self.rate(done)
            optimizer.step()
        self.step += 1
        keep = min(0.998, 1 - 10 / (self.step + 20))
        with torch.no_grad():
            self.model.logit_scale.clamp_(0, np.log(100))
            for k, v in self.model.state_dict().items():
                if v.dtype.is_floating_point:
                    self.average[k].lerp_(v, 1 - keep)
        return np.mean([p[1:] for p in parts], 0)

    def run(self):
        recent, last = [], time.monotonic()
        while True:
            done = max(self.step / self.args.steps, self.spent / 60 / self.args.time_limit)
            if done >= 1:
                break
            recent.append(self.one_step(done))
            now = time.monotonic()
            self.spent, last, seconds = self.spent + now - last, now, now - last
            bar(done, self.step, recent, seconds)
            if self.step % 300 == 0:
                self.save()
                print(f"step {self.step}: {self.accuracy():.1%} of 1000 test photographs, logit scale "
                      f"{self.model.logit_scale.exp().item():.1f}", flush=True)
        self.save()


def bar(done, step, recent, seconds):
    """A line that is redrawn on a terminal, and one in 50 in a file."""
    tty = sys.stdout.isatty()
    if not tty and step % 50:
        return
    loss, right = np.mean(recent[-50:], 0)
    print(f"{chr(13) * tty}[{'#' * int(30 * done):30}] {done:6.1%}  step {step}  loss {loss:.3f}  best text "
          f"true {right:.3f}  {seconds:.2f} s/step ", end="" if tty else "\n", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=pathlib.Path, required=True, metavar="DIR", help="CIFAR-10 as JPEG")
    parser.add_argument("--things", type=pathlib.Path, metavar="ROOT",
                        help="where Debian's packages with pictures are (things.py)")
    parser.add_argument("--out", type=pathlib.Path, default=HERE, help="model folder")
    parser.add_argument("--work", type=pathlib.Path, help="cache and checkpoint",
                        default=pathlib.Path.home() / ".cache/gst-clip-train")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=12000)
    parser.add_argument("--time-limit", type=float, default=1e9, metavar="MINUTES")
    parser.add_argument("--alone", type=float, default=0.12, metavar="SHARE",
                        help="of the steps, in which the image tower learns single facts of photographs")
    parser.add_argument("--start", type=pathlib.Path, metavar="DIR", help="begin with this model folder's weights")
    parser.add_argument("--keep-start", type=float, default=0, metavar="SHARE",
                        help="what is written is the mean of the weights with those of --start, of which this is the share")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--photo-share", type=float, default=0.68)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--text-lr", type=float, default=1.5e-3)
    parser.add_argument("--lanes", type=int, default=2, help="threads, each with a part of the batch")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--fresh", action="store_true", help="ignore the checkpoint")
    parser.add_argument("--quick", action="store_true", help="a small run of everything")
    parser.add_argument("--evaluate", action="store_true", help="only the figures of --out")
    parser.add_argument("--build", type=pathlib.Path, default=HERE.parents[2] / "build",
                        help="where clipfilter was built with its tests, to measure with")
    parser.add_argument("--data", type=pathlib.Path, help="more photographs to measure with (labels.tsv)")
    args = parser.parse_args()
    if args.start:
        args.alone = 0  # what these have learnt already
    elif args.keep_start:
        parser.error("--keep-start is about the weights of --start")
    if args.quick:
        args.time_limit, args.fresh = 0.6, True
        args.work = args.work / "quick"
        args.out = args.work / "model"
    args.out.mkdir(parents=True, exist_ok=True)
    if not args.evaluate:
        Training(args).run()
    return evaluate.report(args.out, args.build, args.photos, args.data, args.quick)


if __name__ == "__main__":
    sys.exit(main())
