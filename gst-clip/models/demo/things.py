# SPDX-License-Identifier: LGPL-2.1-or-later
"""Photographs of other things, and things cut out of photographs, from packages of Debian.

ROOT is a folder in which these packages are installed or unpacked (`dpkg-deb -x FILE ROOT`), for which of them there are:
tuxpaint-stamps-default, gcompris-qt-data, gnome-backgrounds, mate-backgrounds, plasma-workspace-wallpapers,
lomiri-wallpapers-16.04, lomiri-wallpapers-20.04, ukui-wallpapers, openclipart-png, scratch, gnome-control-center-data,
cinnamon-common. Needs python3-pil.
"""
import io
import re

import numpy as np
from PIL import Image

from net import IMAGE

STAMPS = "usr/share/tuxpaint/stamps"
# Of the stamps, those of the ten classes: a part of the path, class (index of photos.CLASSES).
KINDS = (("flight/planes/747", 0), ("military/vehicles/f22", 0), ("vehicles/auto/truck", 9), ("vehicles/auto/", 1),
         ("emergency/firetruck", 9), ("garbagetruck", 9), ("construction/dumper", 9), ("animals/birds/", 2),
         ("mammals/deer/", 4), ("mammals/dogs/dog", 5), ("mammals/dogs/dingo", 5), ("amphibians/frog", 6),
         ("equines/horse", 7), ("ship/chineseJunk", 8), ("ship/sail", 8))
# Of the clip art, all that is used.
CLIP_ART = "usr/share/openclipart/png"
DRAWN = tuple((re.compile(part), c) for part, c in (
    (r"vehicles/(aircraft|airplane|departing|military_air|plane_sil)|transportation/plane_in", 0),
    (r"vehicles/(blazer|car\.|hummer_0|old_car|redcar|shelby|skoda)|dodge_neon|sportcar|car_jamin", 1),
    (r"animals/birds/(?!.*(tux|bat|mimooh|simbolo|platter|charles|mirjam|wing|labels))", 2),
    (r"housecats/(?!cat_scr|cartoon_vg)|cartoon_cat", 3), (r"deer_matt|fawn_mo", 4),
    (r"mammals/dogs/|mammals/dog_", 5), (r"animals/(rana|red-eye_frog)", 6), (r"mammals/horses/", 7),
    (r"boating/(boat_jarno|sailboat_illustration\.)|mad_little_ship", 8),
    (r"vehicles/(big|old|small)_truck|transportation/truck", 9)))
# Drawings, writing, and what somebody might call one of the ten.
LEFT_OUT = re.compile(r"cartoon|symbols/|people/|seasonal/|sedan_police|mirror|dogs/fox|equines/(donkey|zebra)|mammals/cats/"
                      r"|walnutBoat|rubberduck|houses|infantry-stryker|toys|hedgehog|echidna")
# Parts of GCompris and which of their pictures, by number, show one of the ten (class: numbers) or what could be called
# one (-2). The rest shows monuments, tools, fish, household things, other animals.
PARTS = {"categorization": {}, "details": {}, "explore_monuments": {}, "explore_world_music": {}, "babyshapes": {},
         "gravity": {}, "leftright": {},
         "erase": {2: (3, 6, 8, 9, 19, 23, 24, 27), 3: (32,), 7: (22,), -2: (12, 20)},
         "explore_farm_animals": {2: (0, 5, 8), 3: (4,), 5: (7,), 7: (3,)},
         "explore_world_animals": {2: (5,), 4: (1,), -2: (12,)}}
# Small pictures for users to choose from, and of which class some are (-2: none, or it could be called one).
FACES = ("usr/share/pixmaps/faces", "usr/share/cinnamon/faces")
FACE_KINDS = (("kitten", 3), ("cat", 3), ("puppy", 5), ("penguin", 2), ("hummingbird", 2), ("0_cars", 1), ("plane", -2),
              ("7_", -2), ("generic", -2))
# Scratch's figures that were photographed (the drawn ones are PNG).
FIGURES = "usr/share/scratch/Media/Costumes"
FIGURE_KINDS = (("airplane", 0), ("car-", 1), ("convertible", 1), ("bird-", 2), ("frog", -2), ("cat2", -2), ("sail-boat", 8),
                ("tug-boat", 8), ("yacht", 8))
LARGEST = 160
SCENES = 24  # pieces of each photograph


def open_picture(source, mode):
    try:
        return Image.open(source).convert(mode)
    except OSError:
        return None


def class_of(name, kinds):
    """kinds: (a part of the name, class)"""
    return next((c for part, c in kinds if part in name), -1)


def photographs(root):
    """-> (class or -1, RGB picture)"""
    for folder in FACES:
        for path in sorted((root / folder).rglob("*.*")):
            yield class_of(path.name, FACE_KINDS), open_picture(path, "RGB")
    for path in sorted((root / "usr/share/scratch/Media/Backgrounds").rglob("*.jpg")):
        yield -1, open_picture(path, "RGB")
    for folder in ("usr/share/wallpapers", "usr/share/backgrounds"):
        for path in sorted((root / folder).rglob("*")):
            size = re.fullmatch(r"(\d+)x\d+\.\w+", path.name)  # the same picture, in many
            if path.suffix in (".jpg", ".png", ".webp") and (not size or size[1] == "1920"):
                yield -1, open_picture(path, "RGB")
    for part, classes in PARTS.items():
        path = root / f"usr/share/gcompris-qt/rcc/{part}.rcc"
        data = path.read_bytes() if path.exists() else b""
        for i, found in enumerate(re.finditer(b"RIFF(....)WEBPVP8", data, re.DOTALL)):
            end = found.start() + 8 + int.from_bytes(found[1], "little")
            yield (next((c for c, numbers in classes.items() if i in numbers), -1),
                   open_picture(io.BytesIO(data[found.start():end]), "RGB"))


def pieces(picture, known, rng):
    """Squares of a photograph, large and small, the large ones only if it shows something known:
    uint8 [SCENES, IMAGE, IMAGE, 3]."""
    picture.thumbnail((1280, 1280))
    w, h = picture.size
    out = []
    for i in range(SCENES):
        side = min(w, h) * (1 if i < 4 else np.exp(rng.uniform(np.log(.75 if known else .35), 0)))
        x, y = (d * rng.uniform(.2, .8) if known else rng.uniform(0, d) for d in (w - side, h - side))
        out.append(np.asarray(picture.resize((IMAGE, IMAGE), Image.BICUBIC, (x, y, x + side, y + side))))
    return out


def cut_out(path):
    """-> RGBA picture, trimmed, no larger than LARGEST, or None"""
    picture = open_picture(path, "RGBA")
    box = picture and picture.getchannel("A").point(lambda a: 255 * (a > 40)).getbbox()
    if not box or min(box[2] - box[0], box[3] - box[1]) <= 24:
        return None
    picture = picture.crop(box)
    picture.thumbnail((LARGEST, LARGEST))
    return picture


def cut_outs(root):
    """-> [(class or -1, picture)] cut out of photographs, the same of drawings"""
    def all_of(folder, kind, ending="png"):
        names = sorted(str(p.relative_to(root / folder)) for p in (root / folder).rglob(f"*.{ending}"))
        found = ((kind(n), cut_out(root / folder / n)) for n in names if kind(n) is not None)
        return [(c, p) for c, p in found if p and c > -2]
    return (all_of(STAMPS, lambda name: None if LEFT_OUT.search(name) else class_of(name, KINDS))
            + all_of(FIGURES, lambda name: class_of(name, FIGURE_KINDS), "gif"),
            all_of(CLIP_ART, lambda name: next((c for part, c in DRAWN if part.search(name)), None)))


def planes(pictures):
    """-> float [n, 3, IMAGE, IMAGE]"""
    return np.stack(pictures).astype(np.float32).transpose(0, 3, 1, 2)


class Things:
    """All of it in memory; pictures of it by `rng`."""

    def __init__(self, root, cache):
        found, drawn = cut_outs(root)
        if not found:
            raise RuntimeError(f"{root}: none of the packages' pictures are there (see things.py)")

        def by_class(pairs):
            return {k: [p for c, p in pairs if c == k] for k in {c for c, _ in pairs}}
        self.known, self.drawn = by_class(found), by_class(drawn)
        path = cache / f"scenes-{IMAGE}.npz"
        if not path.exists():
            rng = np.random.default_rng(1)
            pairs = [(c, pieces(p, c >= 0, rng)) for c, p in photographs(root)
                     if p and c > -2 and min(p.size) >= 90]
            np.savez(path, labels=[c for c, _ in pairs], pieces=[s for _, s in pairs])
        labels, scenes = (np.load(path)[name] for name in ("labels", "pieces"))
        self.places = {c: scenes[labels == c].reshape(-1, IMAGE, IMAGE, 3) for c in {*labels.tolist()}}
        self.classes = sorted({*self.known, *self.drawn, *self.places} - {-1})
        print(f"things: {len(found)} cut out, of them {len(found) - len(self.known[-1])} of the ten classes; "
              f"{len(drawn)} drawings of these; {len(labels)} photographs, of them {(labels >= 0).sum()}", flush=True)

    def ground(self, rng):
        """uint8 [IMAGE, IMAGE, 3]: a place without one of the ten, or a colour."""
        if rng.random() < 0.25:
            top, bottom = rng.uniform(0, 255, (2, 1, 1, 3))
            return np.broadcast_to(top + (bottom - top) * rng.random() * np.linspace(0, 1, IMAGE)[:, None, None],
                                   (IMAGE, IMAGE, 3))
        return self.places[-1][rng.integers(len(self.places[-1]))]

    def grounds(self, rng, count):
        return planes([self.ground(rng) for _ in range(count)])

    def thing(self, rng, cuts):
        """One of these before something. float [IMAGE, IMAGE, 3]"""
        cut = cuts[rng.integers(len(cuts))]
        side = np.exp(rng.uniform(np.log(26), np.log(74)))
        w, h = (max(4, round(n * side / max(cut.size))) for n in cut.size)
        cut = cut.resize((w, h), Image.BICUBIC)
        if rng.random() < 0.5:
            cut = cut.transpose(Image.FLIP_LEFT_RIGHT)
        image = np.array(self.ground(rng), np.float32)
        x, y = ((IMAGE - n) / 2 + rng.uniform(-1, 1) * (abs(IMAGE - n) / 2 + n * 0.15) for n in (w, h))
        x, y = int(x), int(y)
        left, top, right, bottom = max(x, 0), max(y, 0), min(x + w, IMAGE), min(y + h, IMAGE)
        piece = np.asarray(cut, np.float32)[top - y:bottom - y, left - x:right - x]
        alpha = piece[..., 3:] / 255
        image[top:bottom, left:right] += alpha * (piece[..., :3] - image[top:bottom, left:right])
        return image

    def batch(self, rng, others, known):
        """-> pictures as planes() gives them, class or -1 of each"""
        kinds = [-1] * others + [self.classes[rng.integers(len(self.classes))] for _ in range(known)]
        return planes([self.picture(rng, k) for k in kinds]), kinds

    def picture(self, rng, kind):
        """A piece of a photograph, or a thing that was cut out of one, or drawn."""
        there = [(where[kind], how) for where, how in ((self.places, None), (self.known, self.thing),
                                                       (self.drawn, self.thing)) if kind in where]
        pictures, how = there[rng.integers(len(there))]
        return how(rng, pictures) if how else pictures[rng.integers(len(pictures))]
