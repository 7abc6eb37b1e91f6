# SPDX-License-Identifier: LGPL-2.1-or-later
"""GStreamer's videotestsrc, rendered and resized as CLIP's preprocessing does it.

The training sizes never include the sizes of the evaluation.
"""
import shlex
import subprocess

import numpy as np

from net import IMAGE
from scenes import Scene, colour_facts

EVAL_SIZES = [(320, 240), (1280, 720), (1920, 1080)]
SIZES = [(160, 120), (176, 144), (240, 180), (352, 264), (400, 300), (640, 480), (720, 576),
         (256, 256), (480, 480), (320, 180), (640, 360), (848, 480), (960, 540), (1024, 576),
         (1600, 900), (2048, 1152), (240, 320)]
CHECKER_SIZES = SIZES + [(w, w * 3 // 4) for w in range(120, 480, 12) if w != 320]

BARS = {"bars", "test", "bars:any"}
KX = [f"kx2={k} ky2={k} kt={t}" for k, t in
      ((8, 3), (12, 5), (16, 2), (20, 1), (24, 3), (30, 7), (40, 1))]
WHITE_BALL = {"ball", "shape", "shape:circle", "fg:white", "bg:black", "has:white"}

# pattern -> (options to try, number of frames, frames between them, facts, perhaps facts)
PATTERNS = {
    "smpte": (["", "horizontal-speed=13"], 6, 5, BARS, {"stripes"}),
    "smpte75": (["", "horizontal-speed=13"], 5, 5, BARS, {"stripes", "stripes:v"}),
    "smpte100": (["", "horizontal-speed=13"], 5, 5, BARS, {"stripes", "stripes:v"}),
    "smpte-rp-219": (["", "horizontal-speed=13"], 5, 5, BARS, {"stripes"}),
    "snow": ([""], 12, 1, {"noise", "noisy", "snow"}, {"plain:gray"}),
    "black": ([""], 1, 1, None, set()),
    "white": ([""], 1, 1, None, set()),
    "red": ([""], 1, 1, None, set()),
    "green": ([""], 1, 1, None, set()),
    "blue": ([""], 1, 1, None, set()),
    "blink": ([""], 2, 1, None, set()),
    "checkers-1": ([""], 1, 1, "checkers", set()),
    "checkers-2": ([""], 1, 1, "checkers", set()),
    "checkers-4": ([""], 1, 1, "checkers", set()),
    "checkers-8": ([""], 1, 1, "checkers", set()),
    "circular": ([""], 1, 1, {"circles"}, {"zone", "test"}),
    "zone-plate": (KX, 6, 7, {"zone"}, {"circles", "test", "has:gray"}),
    "chroma-zone-plate": (KX, 6, 7, {"zone", "zone:colour"}, {"circles", "test", "has:blue"}),
    "gamut": ([""], 1, 1, {"gamut"}, {"stripes", "stripes:h", "test"}),
    "ball": (["", "motion=sweep", "motion=hsweep"], 24, 5, WHITE_BALL | {"size:small"},
             {"plain:black", "at:left", "at:right", "at:top", "at:bottom", "at:centre"}),
    "bar": (["", "horizontal-speed=9"], 8, 3, "bar", set()),
    "pinwheel": (["", "horizontal-speed=5"], 4, 2, {"pinwheel"}, {"spokes", "test"}),
    "spokes": (["", "horizontal-speed=5"], 4, 2, {"spokes"}, {"pinwheel", "test"}),
    "gradient": (["", "horizontal-speed=5"], 1, 1, {"gradient", "gradient:gray"}, {"has:gray"}),
    "colors": (["", "horizontal-speed=5"], 2, 5, {"palette"}, {"test"}),
}


def taps(size, out):
    """PIL's antialiased bicubic (a = -0.5) as a matrix [out, size]."""
    scale = size / out
    support = 2 * max(scale, 1)
    centre = (np.arange(out) + 0.5) * scale
    first = np.maximum(np.trunc(centre - support + 0.5), 0)
    last = np.minimum(np.trunc(centre + support + 0.5), size)
    place = np.arange(size)
    x = np.abs((place + 0.5 - centre[:, None]) / max(scale, 1))
    near, far = (1.5 * x - 2.5) * x * x + 1, ((-0.5 * x + 2.5) * x - 4) * x + 2
    w = np.where(x < 1, near, np.where(x < 2, far, 0))
    w *= (place >= first[:, None]) & (place < last[:, None])
    return w / w.sum(1, keepdims=True)


def preprocess(frame):
    """uint8 [h, w, 3] -> uint8 [IMAGE, IMAGE, 3]: shortest edge, then the middle square."""
    h, w = frame.shape[:2]
    ow, oh = (IMAGE, int(IMAGE * h / w)) if w <= h else (int(IMAGE * w / h), IMAGE)
    left, top = (ow - IMAGE) // 2, (oh - IMAGE) // 2
    across = taps(w, ow)[left:left + IMAGE].astype(np.float32)
    down = taps(h, oh)[top:top + IMAGE].astype(np.float32)
    x = np.einsum("ow,hwc->hoc", across, frame.astype(np.float32), optimize=True)
    x = np.clip(np.round(x), 0, 255)
    x = np.einsum("oh,hwc->owc", down, x, optimize=True)
    return np.clip(np.round(x), 0, 255).astype(np.uint8)


def render(pattern, options, size, count, step=1, skip=0):
    """Frames skip, skip + step, ... of videotestsrc, preprocessed."""
    w, h = size
    total = skip + (count - 1) * step + 1
    command = (f"gst-launch-1.0 -q videotestsrc pattern={pattern} {options} num-buffers={total} ! "
               f"video/x-raw,format=RGB,width={w},height={h} ! fdsink fd=1")
    stride, out = (w * 3 + 3) // 4 * 4, []
    with subprocess.Popen(shlex.split(command), stdout=subprocess.PIPE) as p:
        for n in range(total):
            data = p.stdout.read(stride * h)
            if len(data) != stride * h:
                raise RuntimeError(f"{command}: {len(data)} bytes in frame {n}")
            if n >= skip and (n - skip) % step == 0:
                frame = np.frombuffer(data, np.uint8).reshape(h, stride)[:, :w * 3]
                out.append(preprocess(frame.reshape(h, w, 3)))
    return out


def visible(pattern, image):
    """Whether anything of the pattern is left in the middle square of IMAGE pixels."""
    if pattern in ("ball", "bar"):
        return image.max() >= 60
    return not pattern.startswith("checkers") or image.std((0, 1)).max() >= 4


def describe(pattern, image):
    """What the preprocessed picture shows; fine checkers, a bar or a ball that was cut off leave
    a plain one."""
    _, _, _, sure, maybe = PATTERNS[pattern]
    hidden = not visible(pattern, image)
    if sure == "checkers":
        if hidden:
            sure, maybe = colour_facts("plain", "olive")[0], {"check", "col:red", "col:green"}
        else:
            sure, maybe = {"check", "col:red", "col:green"}, {"test"}
    elif sure == "bar":
        sure = {"bar", "has:white", "bg:black"}
        maybe = {"stripes", "stripes:v", "plain:black", "shape:rectangle"}
    if sure is None or hidden and pattern in ("bar", "ball"):
        colour = {(0, 0, 0): "black", (255, 255, 255): "white", (255, 0, 0): "red",
                  (0, 255, 0): "green", (0, 0, 255): "blue"}[tuple(image[1, 1])]
        sure, maybe = colour_facts("plain", colour)
        maybe = maybe | {f"state:{s}" for c, s in (("black", "dark"), ("white", "bright"))
                         if c == colour}
    return Scene(set(sure), set(maybe))


def load_patterns(cache, sizes=None):
    """The training renders by pattern: uint8 [n, IMAGE, IMAGE, 3] each; made once, then cached."""
    path = cache / f"patterns-{IMAGE}.npz"
    if not path.exists():
        made = {}
        for name, (options, count, step, _, _) in PATTERNS.items():
            frames = []
            for size in sizes or (CHECKER_SIZES if name.startswith("checkers") else SIZES):
                fewer = max(1, count // 2) if size[0] * size[1] > 600000 else count
                for option in options:
                    frames += render(name, option, size, fewer, step)
            made[name] = np.unique(np.stack(frames), axis=0)
            print(f"rendered {name}: {len(made[name])} pictures", flush=True)
        np.savez_compressed(path, **made)
    return dict(np.load(path))
