# SPDX-License-Identifier: LGPL-2.1-or-later
"""CLIP's byte-level BPE tokenizer, and a trainer for small vocabularies.

A text is lower-cased, its white space folded, split into words by CLIP's expression, each word
turned into bytes (shown as printable characters), and merged pair by pair. The last byte of a
word carries `</w>`. Same file layout as the published models: vocab.json and merges.txt.
"""
import collections
import json
import re

START, END = "<|startoftext|>", "<|endoftext|>"

# \p{L} and \p{N} in terms of Python's re; digits stand alone, as in CLIP.
WORDS = re.compile(
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[^\W\d_]+|\d|(?:[^\s\w]|_)+")


def byte_alphabet():
    """The printable character that stands for each of the 256 bytes, in vocabulary order."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {b: chr(b) for b in printable}
    for b in range(256):
        if b not in table:
            table[b] = chr(256 + len(table) - len(printable))
    return table


BYTES = byte_alphabet()


def split_words(text):
    words = WORDS.findall(" ".join(text.lower().split()))
    return ["".join(BYTES[b] for b in w.encode()) for w in words]


def learn_merges(texts, count):
    """The `count` most useful merges: again and again the most frequent pair of neighbours."""
    words = collections.Counter(w for t in texts for w in split_words(t))
    pieces = {w: [*w[:-1], w[-1] + "</w>"] for w in words}
    merges = []
    while len(merges) < count:
        pairs = collections.Counter()
        for word, n in words.items():
            for pair in zip(pieces[word], pieces[word][1:]):
                pairs[pair] += n
        if not pairs:
            break
        best = min(pairs, key=lambda p: (-pairs[p], p))
        merges.append(best)
        for word in words:
            pieces[word] = merge(pieces[word], best)
    return merges


def merge(parts, pair):
    out, i = [], 0
    while i < len(parts):
        if tuple(parts[i:i + 2]) == pair:
            out.append(pair[0] + pair[1])
            i += 2
        else:
            out.append(parts[i])
            i += 1
    return out


class Tokenizer:
    def __init__(self, merges):
        alphabet = list(BYTES.values())
        tokens = alphabet + [c + "</w>" for c in alphabet] + [a + b for a, b in merges]
        self.merges = merges
        self.ids = {t: i for i, t in enumerate([*tokens, START, END])}
        self.ranks = {pair: i for i, pair in enumerate(merges)}
        self.start, self.end = self.ids[START], self.ids[END]
        self.cache = {}

    def word(self, word):
        if word not in self.cache:
            parts = [*word[:-1], word[-1] + "</w>"]
            while len(parts) > 1:
                best = min(zip(parts, parts[1:]), key=lambda p: self.ranks.get(p, 1 << 30))
                if best not in self.ranks:
                    break
                parts = merge(parts, best)
            self.cache[word] = [self.ids[p] for p in parts]
        return self.cache[word]

    def encode(self, text, context):
        ids = [i for w in split_words(text) for i in self.word(w)]
        return [self.start, *ids[:context - 2], self.end]

    def save(self, folder):
        (folder / "vocab.json").write_text(
            json.dumps(self.ids, ensure_ascii=False, separators=(",", ":")) + "\n")
        lines = ["#version: 0.2", *(f"{a} {b}" for a, b in self.merges)]
        (folder / "merges.txt").write_text("\n".join(lines) + "\n")

    @classmethod
    def load(cls, folder):
        lines = (folder / "merges.txt").read_text().splitlines()[1:]
        return cls([tuple(line.split(" ")) for line in lines if line])
