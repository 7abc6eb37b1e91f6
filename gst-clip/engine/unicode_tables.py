#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes unicode_tables.h: what the tokenizer knows of characters.

    unicode_tables.py UCD > unicode_tables.h
        UCD: folder with UnicodeData.txt, PropList.txt, DerivedAge.txt and DerivedCoreProperties.txt
        of the Unicode Character Database (Debian: unicode-data)
    unicode_tables.py UCD CLASSES.json LOWERCASE.json > unicode_tables.h
        the classes and the lower-casing of another version of the database, as
        {"L_onig", "N_onig", "space_onig": [[first, last]...]} and
        {"hf_lowercase": {"hex code point": "lower case"}}

Token ids must not depend on the GLib that happens to be installed, hence tables of our own.
The classes and the lower-casing are those of Unicode 17. Composition is GLib's, but only of
characters that Unicode 9 has: the tokenizers that CLIP models are used with know no later ones,
and for those that it has composition never changes again. Which letters have a case matters beside a
sigma only; that is as UCD has it.
"""
import json
import sys

VERSION = '17.0'
COMPOSE_VERSION = 9


def ranges(points):
    out = []
    for p in sorted(points):
        if out and p == out[-1][1] + 1:
            out[-1][1] = p
        else:
            out.append([p, p])
    return out


def read_data(folder):
    """(first, last, fields) of each line of UnicodeData.txt"""
    first = None
    for line in open(folder + '/UnicodeData.txt', encoding='ascii'):
        field = line.rstrip('\n').split(';')
        point = int(field[0], 16)
        if field[1].endswith(', First>'):
            first = point
            continue
        yield (first if first is not None else point), point, field
        first = None


def read_property(folder, name):
    """(first, last, value) of each line of a property file"""
    for line in open(f'{folder}/{name}', encoding='utf-8'):
        field = [f.strip() for f in line.split('#')[0].split(';')]
        if len(field) == 2:
            ends = [int(x, 16) for x in field[0].split('..')]
            yield ends[0], ends[-1], field[1]


def read_classes(folder):
    letters, numbers, spaces, lower = set(), set(), set(), {}
    for first, last, field in read_data(folder):
        if field[2][0] == 'L':
            letters.update(range(first, last + 1))
        if field[2][0] == 'N':
            numbers.update(range(first, last + 1))
        if field[13]:
            lower[first] = chr(int(field[13], 16))
    for first, last, value in read_property(folder, 'PropList.txt'):
        if value == 'White_Space':
            spaces.update(range(first, last + 1))
    lower[0x130] = 'i\u0307'  # the one unconditional mapping of SpecialCasing.txt to two
    return ranges(letters), ranges(numbers), ranges(spaces), lower


def read_composition(folder):
    """Characters that may be joined or moved to what is before them, and those that change
    alone."""
    old = set()
    for first, last, age in read_property(folder, 'DerivedAge.txt'):
        if int(age.split('.')[0]) <= COMPOSE_VERSION:
            old.update(range(first, last + 1))
    marks = set(range(0x1161, 0x1176)) | set(range(0x11a8, 0x11c3))  # the parts of Hangul
    parts = {}
    for first, last, field in read_data(folder):
        if first not in old:
            continue
        if field[3] != '0':
            marks.add(first)
        if field[5] and not field[5].startswith('<'):
            parts[first] = [int(x, 16) for x in field[5].split()]
    for point in parts:
        marks.update(parts[point][1:])
    # what begins with a mark itself: U+0F73 and its like
    marks.update([point for point in parts if parts[point][0] in marks])
    changing = set(parts)
    return ranges(marks), ranges(changing)


def read_core_property(folder, name):
    points = set()
    for first, last, value in read_property(folder, 'DerivedCoreProperties.txt'):
        if value == name:
            points.update(range(first, last + 1))
    return ranges(points)


def read_json(classes, lowercase):
    with open(classes) as f:
        c = json.load(f)
    with open(lowercase) as f:
        lower = json.load(f)['hf_lowercase']
    return c['L_onig'], c['N_onig'], c['space_onig'], {int(k, 16): v for k, v in lower.items()}


def lower_runs(lower):
    """[first, last, step, delta]: every step-th point from first to last maps to itself + delta."""
    runs = []
    for point in sorted(lower):
        delta = ord(lower[point]) - point
        if runs:
            first, last, step, d = runs[-1]
            gap = point - last
            if d == delta and gap <= 2 and step in (0, gap):
                runs[-1][1:3] = [point, gap]
                continue
        runs.append([point, point, 0, delta])
    return [[a, b, step or 1, d] for a, b, step, d in runs]


def rows(items, width=98):
    line, out = '', []
    for item in items:
        if len(line) + len(item) + 1 > width:
            out.append('  ' + line.rstrip())
            line = ''
        line += item + ' '
    return '\n'.join(out + ['  ' + line.rstrip()])


def write_ranges(name, table):
    print(f'\nstatic const ClipUnicodeRange {name}[] = {{')
    print(rows([f'{{ {a:#x}, {b:#x} }},' for a, b in table], 96))
    print('};')


def main():
    if len(sys.argv) not in (2, 4):
        sys.exit(__doc__)
    marks, changing = read_composition(sys.argv[1])
    if len(sys.argv) == 4:
        letters, numbers, spaces, lower = read_json(sys.argv[2], sys.argv[3])
    else:
        letters, numbers, spaces, lower = read_classes(sys.argv[1])
    if {k: v for k, v in lower.items() if len(v) > 1} != {0x130: 'i\u0307'}:
        sys.exit('only U+0130 is expected to become two characters')
    del lower[0x130]
    print('/* SPDX-License-Identifier: LGPL-2.1-or-later */')
    print(f'/* Classes of the Unicode Character Database {VERSION}. Written by unicode_tables.py,')
    print(' * do not edit. */')
    print('/* clang-format off */')
    print('#pragma once\n\n#include <glib.h>\n')
    print('typedef struct {\n  guint32 first, last;\n} ClipUnicodeRange;\n')
    print('/* Every @step-th point from @first to @last becomes itself + @delta in lower case. Besides,')
    print(' * U+0130 becomes U+0069 U+0307. */')
    print('typedef struct {\n  guint32 first, last, step;\n  gint32 delta;\n} ClipUnicodeLower;')
    write_ranges('clip_unicode_letters', letters)
    write_ranges('clip_unicode_numbers', numbers)
    write_ranges('clip_unicode_spaces', spaces)
    print(f'\n/* Of Unicode {COMPOSE_VERSION}: what may be joined or moved to what is before it. */', end='')
    write_ranges('clip_unicode_marks', marks)
    print(f'\n/* Of Unicode {COMPOSE_VERSION}: what has a decomposition, Hangul aside. */', end='')
    write_ranges('clip_unicode_changing', changing)
    print('\n/* What a sigma at the end of a word is told by. */', end='')
    write_ranges('clip_unicode_cased', read_core_property(sys.argv[1], 'Cased'))
    write_ranges('clip_unicode_case_ignorable', read_core_property(sys.argv[1], 'Case_Ignorable'))
    print('\nstatic const ClipUnicodeLower clip_unicode_lower[] = {')
    print(rows([f'{{ {a:#x}, {b:#x}, {s}, {d} }},' for a, b, s, d in lower_runs(lower)], 96))
    print('};')


main()
