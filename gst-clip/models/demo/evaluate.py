# SPDX-License-Identifier: LGPL-2.1-or-later
"""Figures of a model folder: what a user who types prompts would see."""
import numpy as np
import torch

import net
from bpe import Tokenizer
from captions import BACKGROUND, article
from patterns import EVAL_SIZES, render
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

    def best(self, images, texts):
        return (self.images(images) @ self.texts(texts).T).argmax(1)


def visible(pattern, image):
    return not pattern.startswith("checkers") or image.std((0, 1)).max() >= 4


def pattern_frames(frames):
    """(pattern, size, right label, image) at the sizes that training never saw."""
    for pattern, options, right in EXPECTED:
        for size in EVAL_SIZES:
            for image in render(pattern, options, size, frames, 7, skip=40):
                yield pattern, size, right, image


def report_patterns(judge, frames=6):
    rows = list(pattern_frames(frames))
    images = judge.images([r[3] for r in rows])
    wordings = {"as in the demo": DEMO, "a photo of a {}.": [f"a photo of a {d}." for d in DEMO]}
    for label, texts in wordings.items():
        scores = judge.scale * images @ judge.texts(texts).T
        p = np.exp(scores - scores.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        right = np.array([DEMO.index(r[2]) for r in rows])
        ok = scores.argmax(1) == right
        seen = np.array([visible(r[0], r[3]) for r in rows])
        print(f"patterns, prompts {label}: {ok[seen].mean():.1%} of {seen.sum()} visible frames, "
              f"{ok.mean():.1%} of all {len(ok)}")
        for pattern, _, want in EXPECTED:
            for size in EVAL_SIZES:
                at = [i for i, r in enumerate(rows) if r[:2] == (pattern, size)]
                if label == "as in the demo" or not ok[at].all():
                    got = DEMO[np.bincount(scores.argmax(1)[at]).argmax()]
                    note = "" if seen[at].all() else "  (finer than the model's pixels)"
                    print(f"  {pattern:18}{size[0]:5}x{size[1]:<5} {ok[at].mean():4.0%}  "
                          f"p {p[at, right[at]].mean():.2f}  {got}{note}")
    wrong, total = [], 0
    for place, name in enumerate(DEMO):
        for other in SYNONYMS[name]:
            texts = [*DEMO[:place], other, *DEMO[place + 1:]]
            guess = (images @ judge.texts(texts).T).argmax(1)
            at = (right == place) & seen
            total += 1
            if (guess[at] == place).mean() < 0.95:
                wrong.append(f"{other} ({(guess[at] == place).mean():.0%})")
    print(f"patterns, {total} other wordings: {1 - len(wrong) / total:.1%} right in 95 % of the "
          f"visible frames{'; not: ' + ', '.join(wrong) if wrong else ''}")
    pair = judge.scale * images @ judge.texts(["colour bars", "snow"]).T
    for pattern in ("smpte", "snow"):
        at = [i for i, r in enumerate(rows) if r[0] == pattern]
        chance = 1 / (1 + np.exp(pair[at, 1] - pair[at, 0]))
        print(f'prompts="colour bars;snow" on {pattern}: colour bars {chance.mean():.3f}')
    report_contrast(judge, images[seen], [r[2] for r, s in zip(rows, seen) if s])


def report_contrast(judge, images, right):
    """One prompt alone against the background texts: accepted where true, refused where not."""
    background = judge.texts(BACKGROUND)
    labels = judge.texts(DEMO)
    s = judge.scale * images @ labels.T
    b = np.log(np.exp(judge.scale * images @ background.T).sum(1, keepdims=True))
    p = 1 / (1 + np.exp(b - s))
    true = np.array([[r == d for d in DEMO] for r in right])
    print(f"one prompt against the background (>= 0.5): true ones accepted {(p[true] >= .5).mean():.1%}, "
          f"false ones refused {(p[~true] < .5).mean():.1%}")


def accuracy(judge, pictures, texts, right):
    return (judge.best(pictures, texts) == np.array(right)).mean()


def report_drawn(judge, count=40):
    """Colours and shapes, drawn with another seed than the training."""
    rng = np.random.default_rng(987654)
    painter = Painter(rng, {}, held_out=())
    draw = lambda kind, *a: painter.disturb(getattr(painter, kind)(*a)[0])
    plain = [(draw("plain", c), i) for i, c in enumerate(BASIC) for _ in range(count)]
    for frame in ("{}", "a {} picture", "a photo of a {}."):
        texts = [frame.format(c) for c in BASIC]
        print(f'{len(BASIC)} plain colours as "{frame}": {accuracy(judge, [p for p, _ in plain], texts, [r for _, r in plain]):.1%}')
    names = [c for c in COLOURS]
    images = [draw("plain", c) for c in names for _ in range(count)]
    print(f"{len(names)} colours with dark and light kinds: "
          f"{accuracy(judge, images, names, np.repeat(np.arange(len(names)), count)):.1%}")
    images = [draw("shape", s) for s in SHAPES for _ in range(count * 2)]
    print(f"{len(SHAPES)} shapes of any colour and size: "
          f"{accuracy(judge, images, [article(s) for s in SHAPES], np.repeat(np.arange(len(SHAPES)), count * 2)):.1%}")
    colours = [c for c in BASIC if c not in ("black", "gray")]
    pairs = [(c, s) for c in colours for s in SHAPES]
    texts = [article(f"{c} {s}") for c, s in pairs]
    held = [p in HELD_OUT for p in pairs]
    images = [draw("shape", s, c) for c, s in pairs for _ in range(count // 4)]
    right = np.repeat(np.arange(len(pairs)), count // 4)
    ok = judge.best(images, texts) == right
    held = np.repeat(held, count // 4)
    print(f"{len(pairs)} coloured shapes ({texts[0]}, ...): {ok[~held].mean():.1%} of the pairs seen, "
          f"{ok[held].mean():.1%} of the {len(HELD_OUT)} pairs never shown")


def report(folder, _work):
    judge = Judge(folder)
    print(f"model folder {folder.name}: logit scale {judge.scale:.1f}")
    report_patterns(judge)
    report_drawn(judge)
    return 0
