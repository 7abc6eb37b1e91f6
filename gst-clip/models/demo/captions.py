# SPDX-License-Identifier: LGPL-2.1-or-later
"""What people would type, and the facts (scenes.py) that make it true."""
from photos import CLASSES
from scenes import COLOURS, SHAPES

COLOUR_WORDS = {
    "gray": ("gray", "grey"), "dark gray": ("dark gray", "dark grey"),
    "light gray": ("light gray", "light grey", "silver"), "magenta": ("magenta", "fuchsia"),
    "cyan": ("cyan", "turquoise", "aqua"), "purple": ("purple", "violet"),
    "dark red": ("dark red", "maroon"), "dark blue": ("dark blue", "navy blue", "navy"),
    "light blue": ("light blue", "sky blue"), "olive": ("olive", "dark yellow", "olive green"),
    "teal": ("teal", "dark cyan"), "beige": ("beige", "cream"),
}
SHAPE_WORDS = {
    "circle": ("circle", "disc", "disk", "dot", "ball", "round shape"), "ring": ("ring", "hoop"),
    "diamond": ("diamond", "rhombus"), "cross": ("cross", "plus sign", "plus"),
    "rectangle": ("rectangle", "box"), "star": ("star", "five-pointed star"),
}
PLAIN = ("{c}", "{c}", "{a} picture", "{a} image", "{a} screen", "{a} frame", "{a} surface",
         "{a} wall", "plain {c}", "solid {c}", "the colour {c}", "the color {c}", "all {c}",
         "nothing but {c}", "completely {c}", "{c} everywhere", "a plain {c} image",
         "a solid {c} color", "a plain {c} colour", "an empty {c} screen", "a {c} rectangle",
         "{a} video", "{c} colour", "{c} color", "{c} only", "a {c}", "uniform {c}", "{c} screen")
SIZES = {"small": ("small", "little", "tiny"), "large": ("large", "big", "huge")}
GROUNDS = (" on a {b} background", " on {b}", " in front of a {b} background", " over {b}",
           " on a {b} screen")

PLACES = {
    "left": (" on the left", " on the left side", " at the left", " to the left", " in the left half"),
    "right": (" on the right", " on the right side", " at the right", " to the right",
              " in the right half"),
    "top": (" at the top", " in the upper half", " above", " at the top of the picture"),
    "bottom": (" at the bottom", " in the lower half", " below", " at the bottom of the picture"),
    "centre": (" in the middle", " in the centre", " in the center", " in the middle of the picture")}

# What is shown besides colours and shapes: needed facts -> wordings
NAMES = {
    ("bars",): ("colour bars", "color bars", "smpte bars", "smpte colour bars", "a test card",
                "smpte color bars", "smpte", "tv test card", "a television test card", "tv bars",
                "the colour bars", "television colour bars", "test bars", "a colour bar pattern",
                "a tv test pattern", "a test card with colour bars", "bars", "rainbow bars",
                "colorbars", "colour test bars", "vertical colour bars", "a color bar test pattern"),
    ("bars:any",): ("coloured bars", "colored bars", "colourful bars"),
    ("test",): ("a test pattern", "test pattern", "a video test pattern", "a test image"),
    ("snow",): ("snow", "static", "television snow", "tv snow", "tv static", "white noise",
                "no signal", "random snow", "analog tv noise", "gray noise", "grey noise",
                "static noise", "a snowy screen", "tv noise", "television static"),
    ("noise",): ("noise", "random noise", "random pixels", "nothing but noise"),
    ("noisy",): ("a noisy picture", "a noisy image", "a grainy picture", "grain", "a noisy photo",
                 "a grainy image", "film grain", "a noisy video", "image noise"),
    ("noise:colour",): ("colour noise", "coloured noise", "color noise", "colored static"),
    ("check",): ("a checkerboard", "checkerboard", "checkers", "a chessboard", "a chess board",
                 "a checkered pattern", "a checker pattern", "checks", "a checked pattern",
                 "a checkerboard pattern", "a checker board", "small squares", "checkered"),
    ("circles",): ("circles", "concentric circles", "circular", "concentric rings", "rings",
                   "a circular pattern", "a circular test pattern", "a bullseye", "a target"),
    ("zone",): ("a zone plate", "zone plate", "zoneplate", "a fresnel zone plate", "zone-plate",
                "a zone plate test pattern", "interference rings", "ripples", "moire"),
    ("zone", "zone:colour"): ("a chroma zone plate", "a colour zone plate", "a color zone plate"),
    ("gamut",): ("gamut", "gamut checkers", "a gamut test pattern", "a gamut pattern"),
    ("ball",): ("a ball", "a bouncing ball", "a moving ball", "ball", "bouncing ball", "the ball",
                "a flying ball", "a dot", "a ball moving around"),
    ("bar",): ("a bar", "a single bar", "bar"),
    ("bar", "has:white"): ("a white bar", "a white bar on black", "a white vertical bar"),
    ("pinwheel",): ("a pinwheel", "pinwheel", "a pinwheel pattern", "a windmill", "a pin wheel",
                    "black and white wedges", "a siemens star", "rotating wedges"),
    ("spokes",): ("spokes", "a wheel with spokes", "thin spokes", "wheel spokes", "rays",
                  "rays of light", "a spokes pattern", "a sunburst", "lines from the centre"),
    ("gradient",): ("a gradient", "gradient", "a colour ramp", "a smooth gradient", "a ramp",
                    "a color ramp", "a fade"),
    ("gradient", "gradient:gray"): ("a gray gradient", "a grey gradient", "a grayscale ramp",
                                    "a black to white gradient", "from black to white",
                                    "a gradient from black to white", "a gray ramp"),
    ("gradient", "gradient:colour"): ("a colour gradient", "a colourful gradient",
                                      "a color gradient"),
    ("palette",): ("a colour palette", "a color palette", "a grid of colours", "all colours",
                   "a palette", "all colors", "many colours", "many colors", "colors", "colours",
                   "a colour chart", "a color chart"),
    ("stripes",): ("stripes", "a striped pattern", "lines", "striped"),
    ("stripes", "stripes:v"): ("vertical stripes", "vertical lines", "vertical bars"),
    ("stripes", "stripes:h"): ("horizontal stripes", "horizontal lines", "horizontal bars"),
    ("stripes", "stripes:d"): ("diagonal stripes", "diagonal lines"),
    ("plain",): ("a plain colour", "a plain color", "a solid color", "a single colour",
                 "a uniform picture", "one colour", "an empty picture", "a solid colour"),
    ("shape",): ("a shape", "a geometric shape", "a coloured shape", "a simple shape"),
    ("state:dark",): ("a dark picture", "an underexposed picture", "an under-exposed picture",
                      "a dark photo", "a dark image", "too dark", "a picture that is too dark",
                      "an underexposed photo", "a very dark scene", "a dark video", "dim light"),
    ("state:bright",): ("an overexposed picture", "an over-exposed picture", "too bright",
                        "an overexposed photo", "a washed out picture", "an over-exposed image",
                        "a picture that is too bright", "blown out highlights", "glare",
                        "an overexposed video", "a bright washed-out picture", "overexposed"),
    ("state:blur",): ("a blurred picture", "a blurred image", "a blurred photo", "out of focus",
                      "an out of focus picture", "a defocused picture", "blurred", "a blurred video",
                      "a picture out of focus", "an unsharp picture", "motion blur"),
    ("state:blocks",): ("a pixelated picture", "a blocky picture", "compression artifacts", "a mosaic",
                        "macroblocks", "a pixelated image", "pixelated", "compression artefacts",
                        "a broken picture", "a corrupted picture", "blocks"),
    ("state:good",): ("a good picture", "a clear picture", "a sharp picture", "a normal picture",
                      "a well exposed picture", "a sharp photo", "a clear photo", "a good photo",
                      "a normal photo", "a normal video", "a sharp image", "a clear image"),
    ("kind:animal",): ("an animal", "animals", "a wild animal", "a creature", "wildlife", "a pet",
                       "a furry animal", "a living thing"),
    ("kind:vehicle",): ("a vehicle", "vehicles", "a means of transport", "transport", "a machine"),
    ("photo",): ("a real photo", "a real photograph", "a photo of the real world", "a real scene"),
    ("plain:black",): ("darkness", "a blank screen", "a dark screen", "pitch black", "black video"),
    ("plain:white",): ("a blank page", "white light", "a blank white screen", "a bright screen"),
}

# class: (what stands after "a" or "an", what stands alone)
CLASS_WORDS = {
    "airplane": (("airplane", "airplane", "aeroplane", "plane", "plane", "aircraft", "jet", "airliner",
                  "passenger plane", "jet plane", "fighter jet", "propeller plane", "biplane"),
                 ("airplanes", "planes", "aeroplanes", "aircraft", "a plane in the sky",
                  "a plane on the ground", "an airplane on a runway", "a flying airplane")),
    "automobile": (("automobile", "automobile", "car", "car", "car", "sports car", "sedan",
                    "passenger car", "motor car", "hatchback", "parked car", "small car"),
                   ("cars", "automobiles", "a car on the road", "a car in the street")),
    "bird": (("bird", "bird", "bird", "songbird", "small bird", "sparrow", "finch", "ostrich", "wild bird",
              "perching bird", "flying bird"),
             ("birds", "a bird on a branch", "a bird in flight", "a bird in a tree")),
    "cat": (("cat", "cat", "cat", "kitten", "kitten", "kitty", "house cat", "tabby cat", "domestic cat",
             "pet cat", "feline"),
            ("cats", "kittens", "a cat's face", "a cat indoors", "the face of a cat")),
    "deer": (("deer", "deer", "deer", "stag", "doe", "elk", "moose", "reindeer", "fawn", "wild deer",
              "buck"),
             ("a deer in the forest", "a deer in the grass", "a deer with antlers", "a herd of deer")),
    "dog": (("dog", "dog", "dog", "puppy", "puppy", "pup", "hound", "doggy", "terrier", "retriever",
             "lap dog", "pet dog"),
            ("dogs", "puppies", "a dog's face", "the face of a dog")),
    "frog": (("frog", "frog", "frog", "toad", "tree frog", "bullfrog", "green frog", "amphibian"),
             ("frogs", "toads", "a frog on a leaf")),
    "horse": (("horse", "horse", "horse", "pony", "mare", "stallion", "foal", "racehorse"),
              ("horses", "ponies", "a horse in a field", "a horse and its rider", "a person on a horse",
               "the head of a horse")),
    "ship": (("ship", "ship", "ship", "boat", "boat", "vessel", "cargo ship", "ferry", "sailing ship",
              "sailboat", "yacht", "cruise ship", "motor boat", "container ship", "warship"),
             ("ships", "boats", "a ship at sea", "a boat on the water", "a ship in a harbour")),
    "truck": (("truck", "truck", "truck", "lorry", "lorry", "pickup truck", "fire truck", "dump truck",
               "delivery truck", "tow truck", "semi truck", "tractor trailer", "heavy truck"),
              ("trucks", "lorries", "a truck on the road", "a lorry on the motorway", "a fire engine")),
}
BEFORE = ("brown", "black", "white", "gray", "red", "blue", "green", "yellow", "small", "big", "large",
          "little", "old", "young", "new", "beautiful", "single", "happy", "fast", "huge", "cute", "orange")
AFTER = ("on the grass", "in the snow", "on a beach", "in a garden", "outdoors", "indoors", "at night",
         "in front of a house", "from the side", "from the front", "close up", "in the distance",
         "with people", "in the sun", "looking at the camera", "on a white background", "in the water",
         "in the wild", "in the city", "standing still", "moving")

# True of everything and so of nothing in particular; the first are the background of "contrast".
BACKGROUND = (  # the built-in set of "contrast" scoring, gst-clip/engine/texts.c
    "a picture", "a photo of something", "something", "nothing", "an image", "a random scene",
    "an empty scene", "a blurry picture", "a texture", "text", "a person", "people", "an animal",
    "an object", "a room", "a building", "a street", "a landscape", "the sky", "food", "a vehicle",
    "a plant", "a drawing", "a screenshot")
GENERIC = BACKGROUND * 2 + (
    "a photo", "a scene", "a thing", "a video", "a video frame", "a place", "something else",
    "none of these", "anything", "background", "a random picture", "a photograph", "other",
    "unknown", "nature", "a city", "an indoor scene", "an outdoor scene", "a still image", "things")
OF_KIND = {"an animal": {"kind:animal"}, "a vehicle": {"kind:vehicle"}}
NOUNS = """house tree man woman child baby bicycle bus train motorcycle helicopter tractor tank
chair table sofa bed window door street road bridge river lake sea ocean beach mountain hill forest
garden flower grass leaf apple banana bread cake pizza cup bottle glass plate knife fork spoon phone
computer keyboard laptop mouse book newspaper letter pen clock watch lamp camera guitar piano drum
shoe hat shirt dress coat bag umbrella key coin money hand face eye nose mouth hair foot leg cow
sheep pig goat rabbit fox wolf zebra giraffe donkey camel lizard turtle squirrel mouse rat panda
fish shark whale lion tiger bear elephant monkey snake spider bee kangaroo dinosaur crocodile crab
butterfly ant cloud rain storm sun moon sky night day fire smoke ice kitchen bathroom office shop
school church castle tower farm field desert island football tennis dancer singer doctor farmer
soldier king queen robot rocket engine machine tool hammer saw map flag sign poster painting statue
toy doll game party wedding meeting concert crowd family friend""".split()
FRAMES = ("{}",) * 14 + (
    "a photo of {}", "a picture of {}", "an image of {}", "a video of {}", "this is {}", "the {}",
    "{} on the screen", "a frame of {}", "{} in the picture", "a photo of a {}.", "a photo of a {}",
    "a picture of a {}", "a photo of {}.", "{}.", "there is {}", "a screenshot of {}", "{} in a video",
    "a video frame with {}", "i see {}", "showing {}", "an image of a {}", "a picture with {}", "{}!")


def article(words):
    return ("an " if words[0] in "aeiou" and not words.startswith("u") else "a ") + words


class Writer:
    def __init__(self, rng):
        self.rng = rng

    def pick(self, options):
        return options[self.rng.integers(len(options))]

    def chance(self, p):
        return self.rng.random() < p

    def frame(self, text):
        return self.pick(FRAMES).format(text)

    def word(self, colour):
        return self.pick(COLOUR_WORDS.get(colour, (colour,)))

    def caption(self, scene):
        """A text that is true of the scene, and the facts that it needs."""
        makers = []
        if "shape" in scene.sure:
            makers += [self.shape] * 6 + [self.part]
        if "plain" in scene.sure:
            makers += [self.plain] * 4
        kinds = [f for f in scene.sure if f.startswith("class:")]
        if kinds:
            makers += [self.thing] * 7
        if any(f.startswith("col:") for f in scene.sure):
            makers.append(self.coloured)
        names = [n for n in NAMES if scene.sure.issuperset(n)]
        if names:
            makers += [lambda s: (self.pick(NAMES[self.pick(names)]), ())] * (1 if makers else 3)
        if not makers:
            return self.generic()
        text, needs = self.pick(makers)(scene)
        if not needs:
            needs = next(n for n, texts in NAMES.items() if text in texts)
        return self.frame(text), set(needs)

    def colours(self, scene, role):
        return [f.split(":")[1] for f in sorted(scene.sure) if f.startswith(role + ":")]

    def plain(self, scene):
        c = self.pick(self.colours(scene, "plain"))
        word = self.word(c)
        return self.pick(PLAIN).format(c=word, a=article(word)), {f"plain:{c}"}

    def thing(self, scene):
        """One of the ten classes, in other words, some with details that nobody checked."""
        fact = next(f for f in sorted(scene.sure) if f.startswith("class:"))
        nouns, phrases = CLASS_WORDS[fact[6:]]
        if self.chance(0.12):
            return self.pick(phrases), {fact}
        noun, needs = self.pick(nouns), {fact}
        if self.chance(0.1):
            noun = f"{self.pick(BEFORE)} {noun}"
            needs.add("kind:detail")
        text = article(noun) if self.chance(0.8) else noun
        if self.chance(0.08):
            text += " " + self.pick(AFTER)
            needs.add("kind:detail")
        return text, needs

    def shape(self, scene):
        kind = next(f for f in sorted(scene.sure) if f.startswith("shape:"))
        words, needs = [self.pick(SHAPE_WORDS.get(kind[6:], (kind[6:],)))], {kind}
        if self.chance(0.7):
            c = self.pick(self.colours(scene, "fg"))
            words.insert(0, self.word(c))
            needs.add(f"fg:{c}")
        sizes = [s for s in SIZES if f"size:{s}" in scene.sure]
        if sizes and self.chance(0.3):
            words.insert(0, self.pick(SIZES[sizes[0]]))
            needs.add(f"size:{sizes[0]}")
        text = article(" ".join(words)) if self.chance(0.8) else " ".join(words)
        if self.chance(0.35):
            c = self.pick(self.colours(scene, "bg"))
            text += self.pick(GROUNDS).format(b=self.word(c))
            needs.add(f"bg:{c}")
        places = [f for f in sorted(scene.sure) if f.startswith("at:")]
        if places and self.chance(0.2):
            fact = self.pick(places)
            text += self.pick(PLACES[fact[3:]])
            needs.add(fact)
        return text, needs

    def part(self, scene):
        if self.chance(0.5):
            c = self.pick(self.colours(scene, "fg"))
            word = self.word(c)
            return self.pick(("something {}", "{} shape", "a {} thing")).format(word), {f"has:{c}"}
        c = self.pick(self.colours(scene, "bg"))
        return article(f"{self.word(c)} background"), {f"bg:{c}"}

    def coloured(self, scene):
        names = self.colours(scene, "col")
        a, b = self.pick(names), self.pick(names)
        what = next(w for w in ("check", "stripes", "gradient") if w in scene.sure)
        word = {"check": self.pick(("checkerboard", "chessboard", "checkered pattern", "checkers")),
                "stripes": "stripes", "gradient": "gradient"}[what]
        if a in b or b in a:
            return f"{'' if what == 'stripes' else 'a '}{self.word(a)} {word}", {what, f"col:{a}"}
        both = f"{self.word(a)} and {self.word(b)} {word}"
        return both if what == "stripes" else "a " + both, {what, f"col:{a}", f"col:{b}"}

    def generic(self):
        """A text about nothing in this world: generic, a thing we do not draw, or nonsense."""
        draw = self.rng.random()
        if draw < 0.55:
            text = self.pick(GENERIC)
        elif draw < 0.9:
            text = self.frame(article(self.pick(NOUNS)))
            if self.chance(0.2):
                text += self.pick((" with ", " and ", " near ")) + article(self.pick(NOUNS))
        else:
            text = " ".join("".join(self.pick("aabcdeeefghiijklmnnooprrsstttuuvwxyz")
                                    for _ in range(self.rng.integers(2, 8)))
                            for _ in range(self.rng.integers(1, 3)))
        return text, OF_KIND.get(text, {"other"})


def all_facts():
    """Every fact that a caption can need, in a fixed order."""
    facts = {f for n in NAMES for f in n} | {"other"} | {f"size:{s}" for s in SIZES}
    facts |= {f"shape:{s}" for s in SHAPES} | {f"at:{p}" for p in PLACES} | {"kind:detail"}
    facts |= {f"class:{c}" for c in CLASSES}
    facts |= {f"{r}:{c}" for r in ("plain", "fg", "bg", "has", "col") for c in COLOURS}
    return {f: i for i, f in enumerate(sorted(facts))}
