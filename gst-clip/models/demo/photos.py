# SPDX-License-Identifier: LGPL-2.1-or-later
"""The photographs of CIFAR-10, and what video does to pictures, a batch at a time.

The folder has train/CLASS/NNNN.jpg and test/CLASS/NNNN.jpg. They are decoded with GStreamer, and
enlarged once, as CLIP's preprocessing enlarges them.
"""
import shlex
import subprocess

import numpy as np
import torch
import torch.nn.functional as F

from net import IMAGE
from scenes import COLOURS, Scene, other_scene

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
ANIMALS = ("bird", "cat", "deer", "dog", "frog", "horse")
STATES = ("state:dark", "state:bright", "state:blur", "noisy", "state:blocks")
COLOUR_GUESSES = frozenset(f"{role}:{c}" for role in ("has", "bg") for c in COLOURS)
SIDE = 32
MATRICES = ((.299, .114), (.2126, .0722))


def decode(folder):
    """All pictures of a class: uint8 [n, SIDE, SIDE, 3]."""
    command = (f'gst-launch-1.0 -q multifilesrc location="{folder}/%04d.jpg" '
               'caps=image/jpeg,framerate=1/1 ! jpegdec ! videoconvert ! video/x-raw,format=RGB ! '
               'fdsink fd=1 sync=false')
    data = subprocess.run(shlex.split(command), stdout=subprocess.PIPE, check=True).stdout
    if not data or len(data) % (SIDE * SIDE * 3):
        raise RuntimeError(f"{folder}: {len(data)} bytes are not pictures of {SIDE}x{SIDE}")
    return np.frombuffer(data, np.uint8).reshape(-1, SIDE, SIDE, 3)


def enlarge(pictures):
    """uint8 [n, h, w, 3] -> uint8 [n, 3, IMAGE, IMAGE], as patterns.preprocess does one."""
    from patterns import taps
    across = torch.tensor(taps(SIDE, IMAGE).astype(np.float32))
    out = []
    for part in torch.from_numpy(pictures.copy()).permute(0, 3, 1, 2).split(2000):
        x = (part.float() @ across.T).round().clamp(0, 255)
        out.append((across @ x).round().clamp(0, 255).byte())
    return torch.cat(out)


def load_photos(root, split, cache):
    """-> uint8 [n, 3, IMAGE, IMAGE], labels [n] (indices of CLASSES); made once, then cached."""
    path = cache / f"photos-{split}-{IMAGE}.pt"
    if not path.exists():
        parts = []
        for name in CLASSES:
            parts.append(enlarge(decode(root / split / name)))
            print(f"photographs: {split}/{name}: {len(parts[-1])}", flush=True)
        labels = torch.cat([torch.full((len(p),), i) for i, p in enumerate(parts)])
        torch.save((torch.cat(parts), labels), path)
    return torch.load(path)


def photo_scene(label, soft, state, severity):
    """soft: sharpness is debatable. state: of STATES or None. What a picture is of is sure until it
    is spoiled badly; colours are anybody's guess."""
    name = CLASSES[label]
    what = {f"class:{name}", "kind:animal" if name in ANIMALS else "kind:vehicle"}
    scene = Scene({"photo", "kind:detail"}, set(), set(COLOUR_GUESSES))
    (scene.sure if state is None or severity < 0.7 else scene.unsure).update(what)
    if state is None:
        (scene.unsure if soft else scene.sure).add("state:good")
        if soft:
            scene.unsure |= {"state:blur", "noisy"}
    else:
        (scene.sure if severity > 0.35 else scene.unsure).add(state)
        if severity <= 0.35 or state == "state:blocks":
            scene.unsure |= {"state:good", "state:blur"} if severity <= 0.35 else {"state:blur"}
        if state in ("state:dark", "state:bright"):
            scene.unsure |= {"plain:black" if state == "state:dark" else "plain:white", "noisy"}
    return scene


class Camera:
    """Augmentation of float [n, 3, IMAGE, IMAGE] in 0..255; random numbers from a torch generator."""

    def __init__(self, seed, device="cpu"):
        self.random = torch.Generator(device).manual_seed(seed)
        self.device = device

    def uniform(self, shape, low, high):
        return torch.rand(shape, generator=self.random, device=self.device) * (high - low) + low

    def some(self, n, share):
        return self.uniform(n, 0, 1) < share

    def normal(self, like):
        return torch.empty_like(like).normal_(generator=self.random)

    def move(self, x, share=0.5):
        """Mirror, shift; of a share zoom (0.5 to 1.7 of the picture is seen), stretch and turn.
        -> pictures, how much of each is seen"""
        n = len(x)
        free = self.some(n, share)

        def mostly(low, high, otherwise):
            return torch.where(free, self.uniform(n, low, high), torch.full_like(free, otherwise,
                                                                                 dtype=torch.float))
        zoom, stretch = mostly(np.log(.5), np.log(1.7), 0).exp(), mostly(-.2, .3, 0).exp()
        turn, mirror = mostly(-.15, .15, 0), torch.where(self.some(n, .5), -1., 1.)
        whole = self.uniform((2, n), -8, 8).round() * (2 / IMAGE)
        shift = torch.where(free, self.uniform((2, n), -1, 1) * (1 - zoom).abs().clamp(min=.15), whole)
        c, s = torch.cos(turn) * zoom, torch.sin(turn) * zoom
        theta = torch.stack([torch.stack([c * mirror * stretch, -s, shift[0]], 1),
                             torch.stack([s * mirror, c / stretch, shift[1]], 1)], 1)
        grid = F.affine_grid(theta, x.shape, align_corners=False)
        return F.grid_sample(x, grid, padding_mode="reflection", align_corners=False), zoom

    def light(self, x, share=0.5):
        """Brightness, contrast, colour."""
        n = len(x)
        on = self.some(n, share).float().view(n, 1, 1, 1)
        gain, lift, colour = (self.uniform((n, 1, 1, 1), *r) for r in
                              ((.75, 1.25), (-25, 25), (.5, 1.4)))
        gray = x.mean(1, keepdim=True)
        middle = gray.mean((2, 3), keepdim=True)
        y = (gray - middle + (x - gray) * colour) * gain + middle + lift
        return torch.lerp(x, y, on).clamp(0, 255)

    def focus(self, x, share=0.4):
        """Softer or sharper: photographs made small are sharper than small ones made large.
        -> pictures, how much softer"""
        n = len(x)
        on = self.some(n, share)
        amount = torch.where(on, self.uniform(n, -2, .8), torch.zeros(n, device=x.device))
        x = x.clone()
        x[on] = torch.lerp(x[on], soften(x[on], 3), amount[on].view(-1, 1, 1, 1)).clamp(0, 255)
        return x, amount

    def crisp(self, x, share=0.35):
        """Adds fine detail of other pictures, which says nothing: large photographs made small have
        some that these never had."""
        n, on = len(x), self.some(len(x), share)
        count = int(on.sum())
        small = F.avg_pool2d(x, 2)
        a, b, c, d = (small[torch.randperm(n, generator=self.random, device=x.device)[:count]]
                      for _ in range(4))
        other = torch.cat([torch.cat([a, b], 3), torch.cat([c, d], 3)], 2)
        gain = self.uniform((count, 1, 1, 1), .2, .8)
        x = x.clone()
        x[on] = (x[on] + gain * (other - soften(other, 3))).clamp(0, 255)
        return x

    def yuv(self, x, share=0.3):
        """8-bit limited-range YCbCr 4:2:0 and back; now and then by the other matrix."""
        on = self.some(len(x), share)
        if not on.any():
            return x
        first = int(self.some(1, .5))
        there = ycbcr(*MATRICES[first]).to(x.device)
        back = torch.linalg.inv(ycbcr(*MATRICES[first ^ int(self.some(1, .15))])).to(x.device)
        coded = torch.einsum("ij,njhw->nihw", there, x[on]).round()
        colour = F.avg_pool2d(coded[:, 1:], 2).round().repeat_interleave(2, 2).repeat_interleave(2, 3)
        x = x.clone()
        x[on] = torch.einsum("ij,njhw->nihw", back, torch.cat([coded[:, :1], colour], 1)).clamp(0, 255)
        return x

    def grain(self, x, share=0.3, most=8):
        on = self.some(len(x), share)
        noise = self.normal(x[on])
        x = x.clone()
        x[on] = (x[on] + noise * self.uniform((len(noise), 1, 1, 1), 0, most)).clamp(0, 255)
        return x

    def cover(self, x, share=0.3):
        """A rectangle of one colour: a logo, something in front."""
        n = len(x)
        half, centre = self.uniform((2, n, 1), 5, 13), self.uniform((2, n, 1), 0, IMAGE)
        rows, columns = (torch.arange(IMAGE, device=x.device) + 0.5 - centre).abs() < half
        mask = rows[:, None, :, None] & columns[:, None, None, :]
        mask = mask & self.some(n, share).view(n, 1, 1, 1)
        return torch.where(mask, self.uniform((n, 3, 1, 1), 0, 255), x)

    def letterbox(self, x, share=0.08):
        """Black bars above and below, or left and right."""
        n = len(x)
        wide = self.uniform((n, 1), 3, 11) * self.some(n, share).view(n, 1)
        at = torch.arange(IMAGE, device=x.device)
        bar = (at < wide.round()) | (at >= IMAGE - wide.round())
        flat = self.some(n, .7).view(n, 1, 1, 1)
        return x.masked_fill(torch.where(flat, bar[:, None, :, None], bar[:, None, None, :]), 0)

    def spoil(self, x):
        """-> pictures as bad as an operator fears, a state of each, severities 0..1"""
        out, states = x.clone(), [STATES[int(k)] for k in self.uniform(len(x), 0, len(STATES))]
        severity = self.uniform(len(x), 0, 1)
        for i, (state, u) in enumerate(zip(states, severity.tolist())):
            y = x[i:i + 1]
            if state == "state:dark":
                y = y * (0.4 * (1 - u) + 0.03) + self.normal(y) * 1.5 * u
            elif state == "state:bright":
                y = y * (1.5 + 2.5 * u) + 30 + 60 * u
            elif state == "state:blur":
                y = soften(soften(y, 2 * int(2 + 4 * u) + 1), 2 * int(2 + 3 * u) + 1)
            elif state == "noisy":
                y = y + self.normal(y if u * 7 % 1 < .5 else y[:, :1]) * (15 + 55 * u)
            else:
                side = 4 if u < .6 else 8
                y = F.avg_pool2d(y, side).repeat_interleave(side, 2).repeat_interleave(side, 3)
                y = torch.lerp(x[i:i + 1], y, min(1, .5 + u))
            out[i] = y[0].clamp(0, 255)
        return out, states, severity.tolist()

    def tiles(self, x):
        """Pieces of many pictures at random: something, but nothing in particular."""
        n, side = len(x), IMAGE // 4
        pieces = x.view(n, 3, 4, side, 4, side).permute(0, 2, 4, 1, 3, 5).reshape(n * 16, 3, side, side)
        pieces = pieces[torch.randperm(n * 16, generator=self.random, device=self.device)]
        mixed = pieces.view(n, 4, 4, 3, side, side).permute(0, 3, 1, 4, 2, 5).reshape(x.shape)
        zoomed = F.interpolate(pieces[:n], scale_factor=4, mode="bicubic").clamp(0, 255)
        return torch.where(self.some(n, .5).view(n, 1, 1, 1), mixed, zoomed)

    def inset(self, x, grounds, share=0.25):
        """Some become smaller, as sharp as they were before they were enlarged, and are in another place: what is in the
        distance in a large photograph. grounds: float, as many as x. -> pictures"""
        on = self.some(len(x), share)
        if not on.any():
            return x
        side = int(self.uniform(1, 30, 54))
        small = F.interpolate(x[on], size=side, mode="bicubic", antialias=True).clamp(0, 255)
        at = [int(self.uniform(1, 0, IMAGE - side + 1)) for _ in "xy"]
        edge = torch.linspace(0.5, side - 0.5, side, device=x.device)
        fade = (torch.minimum(edge, side - edge) / float(self.uniform(1, 1, 8))).clamp(max=1)
        room = [r for left in at for r in (left, IMAGE - side - left)]
        mask, small = F.pad(fade[:, None] * fade, room), F.pad(small, room)
        x = x.clone()
        x[on] = torch.lerp(grounds[on], small, mask)
        return x

    def things(self, x, kinds):
        """Pictures of other things (kinds: -1) and sharp ones of a class. -> pictures, [Scene]"""
        x, soft = self.focus(self.light(self.move(x, .2)[0], .3), .3)
        x = self.letterbox(self.yuv(self.grain(x, .3)))
        return x, [other_scene() if k < 0 else photo_scene(k, s > .2, None, 0)
                   for k, s in zip(kinds, soft.tolist())]

    def photos(self, x, labels, hard, spoiled, grounds=None):
        """The first `spoiled` come out in a bad state. -> pictures, [Scene]"""
        x, zoom = self.move(x.float(), .5 * hard)
        if grounds is not None:
            x = self.inset(x, grounds, .25 if hard > .5 else .12)
        x, soft = self.focus(self.light(x, .5 * hard), .5)
        x = self.crisp(x)
        bad, states, severity = self.spoil(x[:spoiled])
        x = torch.cat([bad, self.grain(self.cover(x[spoiled:], .3 * hard), .3 * hard)])
        x = self.letterbox(self.yuv(x))
        doubt = ((soft > .2) | (zoom < .8)).tolist()
        none = len(x) - spoiled
        return x, [photo_scene(*row) for row in
                   zip(labels, doubt, states + [None] * none, severity + [0] * none)]

    def gentle(self, x):
        """What cameras, codecs and converters do to drawings, so little that no fact changes."""
        n = len(x)
        on = self.some(n, .5).float().view(n, 1, 1, 1)
        y = x * self.uniform((n, 1, 1, 1), .94, 1.03) + self.uniform((n, 1, 1, 1), -5, 5)
        x = torch.lerp(x, y, on).clamp(0, 255)
        x = torch.where(self.some(n, .1).view(n, 1, 1, 1), torch.lerp(x, soften(x, 3), .5), x)
        return self.letterbox(self.yuv(self.grain(x, .4, 1.3), .35), .03)


def soften(x, side):
    edge = side // 2
    return F.avg_pool2d(F.pad(x, (edge,) * 4, mode="replicate"), side, 1)


def ycbcr(kr, kb):
    y = torch.tensor([kr, 1 - kr - kb, kb])
    unit = torch.eye(3)
    return torch.stack([y * 219, (unit[2] - y) / (2 - 2 * kb) * 224,
                        (unit[0] - y) / (2 - 2 * kr) * 224]) / 255
