# SPDX-License-Identifier: LGPL-2.1-or-later
"""Figures of a model folder: what a user who types prompts would see."""
import numpy as np
import torch

import net
from bpe import Tokenizer
from captions import BACKGROUND, article
from patterns import EVAL_SIZES, render, visible
from scenes import COLOURS, HELD_OUT, SHAPES, Painter

DEMO = ("colour bars", "snow", "a black screen", "a white screen", "red", "green", "blue",
        "a checkerboard", "a zone plate", "a bouncing ball", "a pinwheel", "spokes", "a gradient",
        "circles")
ZONE = "kx2=20 ky2=20 kt=1"
# pattern, its options, the right labels among DEMO (none: not visible at that size)
EXPECTED = (
    ("smpte", "", "colour bars"), ("smpte75", "", "colour bars"), ("smpte100", "", "colour bars"),
    ("smpte-rp-219", "", "colour bars"), ("snow", "", "snow"), ("black", "", "a black screen"),
    ("white", "", "a white screen"), ("red", "", "red"), ("green", "", "green"),
    ("blue", "", "blue"), ("checkers-8", "", "a checkerboard"), ("circular", "", "circles"),
    ("zone-plate", ZONE, "a zone plate"), ("chroma-zone-plate", ZONE, "a zone plate"),
    ("ball", "", "a bouncing ball"), ("pinwheel", "", "a pinwheel"), ("spokes", "", "spokes"),
    ("gradient", "", "a gradient"))
BASIC = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "magenta", "pink", "brown",
         "black", "gray", "white")
SYNONYMS = {
    "colour bars": ("color bars", "SMPTE bars", "a test card", "smpte colour bars"),
    "snow": ("noise", "static", "TV static"), "a black screen": ("black", "a black picture"),
    "a white screen": ("white", "a white picture"), "red": ("a red picture", "a red screen"),
    "green": ("a green picture", "a green screen"), "blue": ("a blue picture", "a blue screen"),
    "a checkerboard": ("checkers", "a chessboard"), "a zone plate": ("zone plate",),
    "a bouncing ball": ("a white ball on black", "a ball"), "a pinwheel": ("pinwheel",),
    "spokes": ("a wheel with spokes", "rays"), "a gradient": ("gradient", "a grey gradient"),
    "circles": ("concentric circles", "circular")}


class Judge:
    def __init__(self, folder):
        self.tokenizer = Tokenizer.load(folder)
        self.model = net.load_folder(folder, len(self.tokenizer.ids))
        self.scale = float(self.model.logit_scale.exp())

    @torch.no_grad()
    def texts(self, texts):
        return self.model.text([self.tokenizer.encode(t, net.CONTEXT) for t in texts]).numpy()

    @torch.no_grad()
    def images(self, images):
        return np.concatenate([self.model.image(np.stack(images[i:i + 100])).numpy()
                               for i in range(0, len(images), 100)])

    def softmax(self, embeddings, texts):
        """What clipfilter's scoring=softmax gives: [images, texts]."""
        p = np.exp(self.scale * (embeddings @ self.texts(texts).T - 1))
        return p / p.sum(1, keepdims=True)


class Frames:
    """The patterns at the sizes that training never saw, encoded."""

    def __init__(self, judge, count=8):
        rows = [(pattern, size, DEMO.index(label), visible(pattern, image), image)
                for pattern, options, label in EXPECTED for size in EVAL_SIZES
                for image in render(pattern, options, size, count, 11, skip=2)]
        self.pattern, self.size, right, seen, images = zip(*rows)
        self.right, self.seen = np.array(right), np.array(seen)
        self.embeddings = judge.images(images)

    def at(self, pattern, size=None):
        return np.array([p == pattern and size in (None, s)
                         for p, s in zip(self.pattern, self.size)]) & self.seen


def report_patterns(judge, frames):
    for label, texts in (("as in the demo", DEMO),
                         ('"a photo of a {}."', [f"a photo of a {d}." for d in DEMO])):
        p = judge.softmax(frames.embeddings, texts)
        ok = p.argmax(1) == frames.right
        print(f"patterns, prompts {label}: {ok[frames.seen].mean():.1%} of {frames.seen.sum()} frames"
              f" ({(~frames.seen).sum()} more show nothing of theirs)")
        for pattern, _, want in EXPECTED:
            cells = []
            for size in EVAL_SIZES:
                at = frames.at(pattern, size)
                mean = p[at, DEMO.index(want)].mean() if at.any() else 0
                cells.append(f"{ok[at].mean():6.0%} {mean:.2f}" if at.any() else "     -     ")
            if label == "as in the demo":
                print(f"  {pattern:18} {want:15}" + "  ".join(cells))


def report_wordings(judge, frames):
    wrong, total = [], sum(map(len, SYNONYMS.values()))
    for place, name in enumerate(DEMO):
        for other in SYNONYMS[name]:
            guess = judge.softmax(frames.embeddings, [*DEMO[:place], other, *DEMO[place + 1:]])
            share = (guess.argmax(1) == place)[(frames.right == place) & frames.seen].mean()
            if share < 0.95:
                wrong.append(f"{other} ({share:.0%})")
    print(f"patterns, {total - len(wrong)} of {total} other wordings are right in 95 % of the frames"
          f"{'; not: ' + ', '.join(wrong) if wrong else ''}")
    for pattern in ("smpte", "snow"):
        p = judge.softmax(frames.embeddings[frames.at(pattern)], ["colour bars", "snow"])
        print(f'  prompts="colour bars;snow" on {pattern}: colour bars {p[:, 0].mean():.3f}')


def report_contrast(judge, frames):
    """One prompt alone against the background texts: accepted where true, refused where not."""
    images = frames.embeddings[frames.seen]
    background = np.exp(judge.scale * images @ judge.texts(BACKGROUND).T).sum(1, keepdims=True)
    own = np.exp(judge.scale * images @ judge.texts(DEMO).T)
    p = own / (own + background)
    true = frames.right[frames.seen][:, None] == np.arange(len(DEMO))
    print(f"one prompt against the background: true ones accepted {(p[true] >= .5).mean():.1%}, "
          f"false ones refused {(p[~true] < .5).mean():.1%}")


def report_drawn(judge, count=40):
    """Colours and shapes, drawn with another seed than the training; none held out."""
    painter = Painter(np.random.default_rng(987654), {}, held_out=())

    def accuracy(kind, options, texts, each):
        images = [painter.disturb(getattr(painter, kind)(*o)[0]) for o in options for _ in range(each)]
        best = judge.softmax(judge.images(images), texts).argmax(1)
        return best.reshape(len(options), each) == np.arange(len(options))[:, None]

    for frame in ("{}", "a {} picture", "a photo of a {}."):
        ok = accuracy("plain", [(c,) for c in BASIC], [frame.format(c) for c in BASIC], count)
        print(f'{len(BASIC)} plain colours as "{frame}": {ok.mean():.1%}')
    ok = accuracy("plain", [(c,) for c in COLOURS], [*COLOURS], count)
    print(f"{len(COLOURS)} colours with dark and light kinds: {ok.mean():.1%}")
    ok = accuracy("shape", [(s,) for s in SHAPES], [article(s) for s in SHAPES], 2 * count)
    print(f"{len(SHAPES)} shapes of any colour and size: {ok.mean():.1%}  ("
          + ", ".join(f"{s} {r.mean():.0%}" for s, r in zip(SHAPES, ok)) + ")")
    pairs = [(s, c) for c in BASIC if c not in ("black", "gray") for s in SHAPES]
    ok = accuracy("shape", pairs, [article(f"{c} {s}") for s, c in pairs], count // 4)
    held = np.array([(c, s) in HELD_OUT for s, c in pairs])
    print(f"{len(pairs)} coloured shapes (a red circle, ...): {ok[~held].mean():.1%} of the pairs "
          f"shown in training, {ok[held].mean():.1%} of the {held.sum()} held out")


def report(folder):
    judge = Judge(folder)
    print(f"logit scale {judge.scale:.1f}")
    frames = Frames(judge)
    report_patterns(judge, frames)
    report_wordings(judge, frames)
    report_contrast(judge, frames)
    report_drawn(judge)
    return 0
