# SPDX-License-Identifier: LGPL-2.1-or-later
"""Synthetic pictures, each with the facts that are true of it and those that may be said of it.

Facts are short strings: "plain:red", "shape:star", "fg:red", "bg:white", "size:small", "at:left",
"check", "class:dog", "kind:animal", "state:dark"...
A caption (captions.py) needs some facts; needs met by `sure` make it true, needs met by
`sure | maybe` make it debatable, otherwise it is false.
"""
import colorsys
from dataclasses import dataclass, field

import numpy as np

from net import IMAGE

SPAN = 48  # sizes here are in parts of a picture of 48 x 48, whatever IMAGE is

# name: hue range in degrees, saturation, value, names that are also true, names that may be said
COLOURS = {
    "red": ((-8, 8), (.8, 1), (.75, 1), (), ()),
    "orange": ((22, 37), (.85, 1), (.88, 1), (), ()),
    "yellow": ((52, 63), (.78, 1), (.85, 1), (), ()),
    "green": ((95, 148), (.7, 1), (.5, 1), (), ()),
    "cyan": ((175, 188), (.75, 1), (.8, 1), (), ("light blue", "teal")),
    "blue": ((215, 245), (.75, 1), (.68, 1), (), ()),
    "purple": ((267, 286), (.6, 1), (.45, .85), (), ("magenta",)),
    "magenta": ((296, 308), (.8, 1), (.85, 1), (), ("pink", "purple")),
    "pink": ((325, 352), (.3, .62), (.93, 1), (), ("magenta",)),
    "brown": ((16, 32), (.55, .85), (.3, .55), (), ("orange",)),
    "black": ((0, 360), (0, .2), (0, .06), (), ()),
    "dark gray": ((0, 360), (0, .04), (.18, .3), ("gray",), ("black",)),
    "gray": ((0, 360), (0, .04), (.4, .62), (), ()),
    "light gray": ((0, 360), (0, .04), (.7, .82), ("gray",), ("white",)),
    "white": ((0, 360), (0, .03), (.95, 1), (), ()),
    "dark red": ((-6, 6), (.85, 1), (.3, .52), ("red",), ("brown",)),
    "dark green": ((105, 142), (.8, 1), (.2, .42), ("green",), ()),
    "dark blue": ((222, 245), (.8, 1), (.22, .5), ("blue",), ()),
    "teal": ((175, 186), (.8, 1), (.38, .56), (), ("cyan", "green", "blue")),
    "olive": ((55, 64), (.8, 1), (.4, .55), (), ("yellow", "green")),
    "light blue": ((195, 215), (.3, .58), (.92, 1), ("blue",), ("cyan",)),
    "light green": ((95, 140), (.3, .5), (.9, 1), ("green",), ()),
    "beige": ((34, 48), (.14, .3), (.88, .97), (), ("white", "yellow", "brown")),
}
SHAPES = ("circle", "square", "rectangle", "triangle", "diamond", "star", "ring", "cross", "heart",
          "hexagon")
# Never shown as a shape's colour (nor its darker and lighter kinds): for a figure on composition.
HELD_OUT = {("red", "star"), ("blue", "triangle"), ("green", "ring"), ("yellow", "cross"),
            ("purple", "square"), ("orange", "heart"), ("cyan", "diamond"), ("white", "hexagon"),
            ("pink", "rectangle"), ("magenta", "circle")}


@dataclass
class Scene:
    sure: set
    maybe: set
    unsure: set = field(default_factory=set)  # nobody looked: neither true nor false


def colour_facts(role, name):
    """role: plain, fg or bg. -> (sure, maybe)"""
    _, _, _, also, perhaps = COLOURS[name]
    names = (name, *also)
    sure = {f"{role}:{n}" for n in names}
    if role == "plain":
        sure |= {"plain"} | {f"{r}:{n}" for r in ("bg", "has") for n in names}
    elif role == "fg":
        sure |= {f"has:{n}" for n in names}
    maybe = {f"{role}:{n}" for n in perhaps} | {f"has:{n}" for n in (*perhaps, *names)}
    return sure, maybe


def broader(sure):
    """Of the facts, those that a more precise one makes broad: "plain:red" of a dark red picture."""
    named = [f.split(":") for f in sure if ":" in f]
    return {f"{role}:{also}" for role, name in named if name in COLOURS
            for also in COLOURS[name][3]} | {f for f in sure if f.startswith("kind:")}


def other_scene():
    """Of a picture that shows nothing which has a name here."""
    return Scene({"other"}, {"kind:animal", "kind:vehicle", "photo", "state:good"},
                 {f"{role}:{c}" for role in ("has", "bg") for c in COLOURS}
                 | {"state:blur", "state:dark", "state:bright", "state:blocks", "noisy", "noise"})


class Painter:
    """Draws batches; everything random comes from `rng`."""

    def __init__(self, rng, patterns, held_out=HELD_OUT):
        self.rng, self.patterns, self.held_out = rng, patterns, held_out
        axis = (np.arange(IMAGE) + 0.5) * (SPAN / IMAGE) - SPAN / 2
        self.x, self.y = (a.astype(np.float32) for a in np.meshgrid(axis, axis))

    def uniform(self, low, high):
        return self.rng.uniform(low, high)

    def pick(self, options):
        return options[self.rng.integers(len(options))]

    def colour(self, name):
        hue, saturation, value, _, _ = COLOURS[name]
        rgb = colorsys.hsv_to_rgb(self.uniform(*hue) / 360 % 1, self.uniform(*saturation),
                                  self.uniform(*value))
        return np.array(rgb, np.float32) * 255

    def two_colours(self):
        while True:
            a, b = self.pick([*COLOURS]), self.pick([*COLOURS])
            if self.rng.random() < 0.35:
                b = self.pick(("white", "black", "white", "black", "gray"))
            first, second = self.colour(a), self.colour(b)
            if np.linalg.norm(first - second) > 110:
                return a, first, b, second

    def blend(self, mask, front, back):
        return back + (front - back) * mask[..., None]

    # Kinds of pictures: each returns float [IMAGE, IMAGE, 3] in 0..255 and a Scene.

    def plain(self, name=None):
        name = name or self.pick([*COLOURS])
        image = np.broadcast_to(self.colour(name), (IMAGE, IMAGE, 3)).copy()
        if self.rng.random() < 0.25:
            image *= self.slope(0.06)[..., None] + 1
        return image, Scene(*colour_facts("plain", name))

    def slope(self, strength):
        angle = self.uniform(0, 2 * np.pi)
        return (self.x * np.cos(angle) + self.y * np.sin(angle)) / SPAN * 2 * strength

    def shape(self, shape=None, fg=None):
        kind = shape or self.pick(SHAPES)
        while True:
            a, front, b, back = self.two_colours()
            if fg:
                a, front = fg, self.colour(fg)
                if np.linalg.norm(front - back) <= 110:
                    continue
            if not any((n, kind) in self.held_out for n in (a, *COLOURS[a][3])):
                break
        size = self.pick(("small", "medium", "large"))
        r = {"small": self.uniform(5, 8), "medium": self.uniform(9.5, 13),
             "large": self.uniform(15, 21)}[size]
        if kind == "circle" and self.rng.random() < 0.15:
            r = self.uniform(0.8, 4)
            size = "small"
        room = max(SPAN / 2 - r * 0.95, 0)
        cx, cy = self.uniform(-room, room), self.uniform(-room, room)
        mask = np.clip(0.5 - self.field(kind, cx, cy, r) / self.uniform(0.75, 2), 0, 1)
        ground = np.broadcast_to(back, (IMAGE, IMAGE, 3))
        if self.rng.random() < 0.15:
            ground = ground * (self.slope(0.12)[..., None] + 1)
        sure = {"shape", f"shape:{kind}", f"size:{size}"}
        maybe = {f"plain:{b}", "plain"} if size == "small" else {f"plain:{a}"}
        if size == "medium":
            maybe |= {"size:small", "size:large"}
        for role, name in (("fg", a), ("bg", b)):
            facts, perhaps = colour_facts(role, name)
            sure, maybe = sure | facts, maybe | perhaps
        maybe |= {"circle": {"shape:dot"}, "ring": {"shape:circle", "circles"},
                  "square": {"shape:rectangle"}, "diamond": {"shape:square"},
                  "rectangle": {"bar"}}.get(kind, set())
        if kind == "circle" and size != "large":
            sure.add("ball")
        elif kind == "circle":
            maybe.add("ball")
        for low, high, at in (("left", "right", cx), ("top", "bottom", cy)):
            if abs(at) > 7:
                sure.add("at:" + (low if at < 0 else high))
            elif abs(at) > 3:
                maybe.add("at:" + (low if at < 0 else high))
        middle = max(abs(cx), abs(cy))
        if middle < 7:
            (sure if middle < 4 else maybe).add("at:centre")
        return self.blend(mask, front, ground), Scene(sure, maybe)

    def is_held_out(self, scene):
        """Whether colour and shape are a pair that training never shows."""
        kinds = [f[6:] for f in scene.sure if f.startswith("shape:")]
        return any((f[3:], k) in self.held_out for f in scene.sure if f.startswith("fg:") for k in kinds)

    def misread(self, scene):
        """The same scene with one fact changed, to make captions that are nearly right: another
        shape, the colours the other way round, another size or place."""
        swaps = {"fg": "bg", "bg": "fg", "small": "large", "large": "small", "left": "right",
                 "right": "left", "top": "bottom", "bottom": "top"}
        what = self.pick(("shape", "shape", "colour", "colour", "size", "at"))
        if what == "shape":
            other = f"shape:{self.pick(SHAPES)}"
            return Scene({f for f in scene.sure if not f.startswith("shape:")} | {other}, set())

        def change(fact):
            role, _, name = fact.partition(":")
            if what == "colour" and role in ("fg", "bg"):
                return f"{swaps[role]}:{name}"
            return f"{role}:{swaps[name]}" if role == what and name in swaps else fact
        return Scene({change(f) for f in scene.sure}, set())

    def field(self, kind, cx, cy, r):
        """Distance in pixels to the outline, negative inside."""
        x, y = self.x - cx, self.y - cy
        turn = {"square": 12, "rectangle": 8, "diamond": 8, "triangle": 14, "heart": 12,
                "cross": 12, "star": 36, "hexagon": 30}.get(kind, 0)
        angle = np.deg2rad(self.uniform(-turn, turn))
        c, s = np.cos(angle), np.sin(angle)
        x, y = c * x + s * y, c * y - s * x
        if kind == "circle":
            return np.hypot(x, y) - r
        if kind == "ring":
            inner = r * self.uniform(0.5, 0.75)
            return np.abs(np.hypot(x, y) - (r + inner) / 2) - (r - inner) / 2
        if kind == "square":
            return np.maximum(np.abs(x), np.abs(y)) - r * 0.85
        if kind == "rectangle":
            short = r / self.uniform(1.6, 2.8)
            if self.rng.random() < 0.35:
                x, y = y, x
            return np.maximum(np.abs(x) - r, np.abs(y) - short)
        if kind == "diamond":
            k = self.uniform(1, 1.5)
            return (np.abs(x) * k + np.abs(y) - r) / np.hypot(k, 1)
        if kind in ("triangle", "hexagon"):
            sides = np.deg2rad([90, 210, 330] if kind == "triangle" else [30, 90, 150, 210, 270, 330])
            edges = [x * np.cos(t) + y * np.sin(t) for t in sides]
            return np.max(edges, axis=0) - r * (0.55 if kind == "triangle" else 0.87)
        if kind == "cross":
            w = r * self.uniform(0.22, 0.36)
            x, y = np.abs(x), np.abs(y)
            return np.minimum(np.maximum(x - r, y - w), np.maximum(x - w, y - r))
        if kind == "heart":
            h = r * 0.62
            y = y - r * 0.08
            box = (np.abs(x) + np.abs(y)) / 2 ** 0.5 - h
            lobe = np.hypot(np.abs(x) - h / 2 ** 0.5, y + h / 2 ** 0.5) - h
            return np.minimum(box, lobe)
        # star: fold the plane onto half a point, distance to its edge
        rho, inner = np.hypot(x, y), r * self.uniform(0.38, 0.48)
        fold = np.abs((np.arctan2(x, -y) + np.pi / 5) % (2 * np.pi / 5) - np.pi / 5)
        edge = np.array([inner * np.cos(np.pi / 5) - r, inner * np.sin(np.pi / 5)])
        edge /= np.linalg.norm(edge)
        return (rho * np.cos(fold) - r) * edge[1] - rho * np.sin(fold) * edge[0]

    def wave(self, phase, soft):
        """A square wave with soft flanks over the phase (in periods)."""
        tri = np.abs((phase % 1) - 0.5) * 4 - 1
        return np.clip(0.5 + tri / soft, 0, 1)

    def check(self):
        a, front, b, back = self.two_colours()
        if self.rng.random() < 0.4:
            a, b, front, back = "white", "black", self.colour("white"), self.colour("black")
        side = np.exp(self.uniform(np.log(1.7), np.log(14)))
        soft = min(4 * 0.6 / side, 1.5)
        u = 2 * self.wave((self.x + self.uniform(0, 50)) / (2 * side), soft) - 1
        v = 2 * self.wave((self.y + self.uniform(0, 50)) / (2 * side), soft) - 1
        sure = {"check"} | {f"col:{n}" for c in (a, b) for n in (c, *COLOURS[c][3])}
        return self.blend((1 + u * v) / 2, front, back), Scene(sure, {"shape:square"})

    def stripes(self):
        a, front, b, back = self.two_colours()
        way = self.pick("vhd")
        angle = {"v": 0, "h": np.pi / 2, "d": self.pick((-1, 1)) * np.pi / 4}[way]
        side = np.exp(self.uniform(np.log(2), np.log(10)))
        along = self.x * np.cos(angle) + self.y * np.sin(angle) + self.uniform(0, 50)
        mask = self.wave(along / (2 * side), min(2.4 / side, 1.5))
        sure = {"stripes", f"stripes:{way}"} | {f"col:{n}" for c in (a, b)
                                               for n in (c, *COLOURS[c][3])}
        return self.blend(mask, front, back), Scene(sure, {"bar"})

    def many_stripes(self):
        """Bars of many colours that are not the standard ones."""
        edges = np.cumsum(self.rng.uniform(4, 12, 14)) - self.uniform(0, 8)
        table = np.stack([self.colour(self.pick([*COLOURS])) for _ in range(16)])
        flip = self.rng.random() < 0.5
        index = np.searchsorted(edges, (self.y if flip else self.x) + SPAN / 2)
        return table[index], Scene({"stripes", "stripes:" + "vh"[flip]}, {"bars:any", "palette"})

    def bars(self):
        """Full-height colour bars as televisions show them, cropped anywhere."""
        order = [(1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1),
                 (0, 0, 0)][:self.pick((7, 8))]
        level = self.pick((191, 255, 230))
        wide = self.uniform(SPAN, SPAN * 1.8)
        place = (self.x + wide / 2 + self.uniform(-1, 1)) / wide * len(order)
        table = np.array(order, np.float32) * level
        return table[np.clip(place.astype(int), 0, len(order) - 1)], Scene(
            {"bars", "bars:any", "test"}, {"stripes", "stripes:v"})

    def noise(self):
        gray = self.rng.random() < 0.6
        sigma = np.exp(self.uniform(np.log(4.5), np.log(70)))
        image = self.rng.normal(0, sigma, (IMAGE, IMAGE, 1 if gray else 3))
        if sigma > 15 and self.rng.random() < 0.3:
            image = image.repeat(2, 0).repeat(2, 1)[:IMAGE, :IMAGE] / 1.5
        image = image + self.uniform(100, 150)
        return (np.broadcast_to(image, (IMAGE, IMAGE, 3)).astype(np.float32),
                Scene({"noise", "noisy", "snow"} if gray else {"noise", "noisy", "noise:colour"},
                      {"plain:gray"} if gray else {"snow"}))

    def gradient(self):
        a, front, b, back = self.two_colours()
        if self.rng.random() < 0.4:
            a, b, front, back = "white", "black", self.colour("white"), self.colour("black")
        angle = self.pick((0, 0.5, 1, 1.5)) * np.pi + (self.uniform(-.8, .8)
                                                        if self.rng.random() < 0.3 else 0)
        ramp = 0.5 + (self.x * np.cos(angle) + self.y * np.sin(angle)) / SPAN
        gray = {"black", "white", "dark gray", "light gray", "gray"}
        sure = {"gradient", f"col:{a}", f"col:{b}"}
        sure |= {"gradient:gray"} if {a, b} <= gray else {"gradient:colour"}
        return self.blend(np.clip(ramp, 0, 1), front, back), Scene(sure, set())

    def cloud(self, cells, contrast):
        """Smooth random light and dark, `cells` across."""
        grid = self.rng.normal(0, 1, (cells + 3, cells + 3))
        at = np.linspace(0.5, cells + 0.5, IMAGE)
        i, f = at.astype(int), (at % 1) ** 2 * (3 - 2 * (at % 1))
        rows = grid[i] * (1 - f)[:, None] + grid[i + 1] * f[:, None]
        return contrast * (rows[:, i] * (1 - f) + rows[:, i + 1] * f)

    def other(self):
        """What photographs look like from far away: patches, textures, clutter, writing."""
        kind = self.pick(("clouds", "landscape", "clutter", "writing", "mixture"))
        anything = self.rng.uniform(0, 255, (4, 3)).astype(np.float32)
        if kind == "clouds":
            image = sum(self.cloud(c, 40 / c ** 0.6)[..., None] * self.rng.uniform(.3, 1, 3)
                        for c in (2, 4, 8, 16, 30)) + anything[0]
        elif kind == "landscape":
            horizon = self.cloud(self.pick((2, 5)), 4) + self.y + self.uniform(-12, 12)
            image = np.where(horizon[..., None] < 0, anything[0] + 3 * self.y[..., None],
                             anything[1] + self.cloud(20, 25)[..., None])
        elif kind in ("clutter", "mixture"):
            image = np.broadcast_to(anything[0], (IMAGE, IMAGE, 3)) + self.cloud(3, 25)[..., None]
            for _ in range(self.rng.integers(3, 12)):
                field = self.field(self.pick(SHAPES), self.uniform(-22, 22), self.uniform(-22, 22),
                                   self.uniform(3, 16))
                image = self.blend(np.clip(0.5 - field / 1.5, 0, 1) * self.uniform(0.5, 1),
                                   self.rng.uniform(0, 255, 3), image)
            if kind == "mixture":
                image = image + self.cloud(12, 20)[..., None] + self.rng.normal(0, 8, image.shape)
        else:
            ink = self.rng.random((IMAGE // 4, IMAGE // 2)).repeat(4, 0).repeat(2, 1) > 0.45
            rows = (np.arange(IMAGE) // 3 % 2).astype(bool)[:, None]
            image = np.where((ink & rows)[..., None], anything[0], 255 - anything[0])
        return image.astype(np.float32), other_scene()

    def rendered(self):
        from patterns import describe
        # The ball is the hardest: in wide pictures it is two pixels.
        name = "ball" if self.rng.random() < 0.15 else self.pick([*self.patterns])
        image = self.pick(self.patterns[name])
        scene = describe(name, image)
        if self.rng.random() < 0.3:
            image = image[:, ::-1]
        return image.astype(np.float32), scene

    MIX = (("shape", 62), ("rendered", 17), ("plain", 7), ("other", 6), ("check", 2),
           ("stripes", 1.5), ("many_stripes", 1), ("bars", 1), ("noise", 1.5), ("gradient", 1.5))

    def batch(self, count):
        """-> uint8 [count, IMAGE, IMAGE, 3], [Scene]"""
        kinds, weights = zip(*self.MIX)
        chosen = self.rng.choice(len(kinds), count, p=np.array(weights) / sum(weights))
        pairs = [getattr(self, kinds[k])() for k in chosen]
        images = np.stack([np.clip(np.round(image), 0, 255).astype(np.uint8) for image, _ in pairs])
        return images, [scene for _, scene in pairs]
