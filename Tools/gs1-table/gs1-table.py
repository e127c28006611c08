#!/usr/bin/env python3
"""Generates Sources/GS1/SyntaxTable.swift from the GS1 Barcode Syntax Dictionary.

usage: gs1-table.py DICTIONARY [-o SWIFT_FILE]

Reads the dictionary's own grammar (see the comment at its head) and the code lists beside this
script. Stops with file:line and a sentence when the dictionary says something this table cannot
hold, rather than writing a table that is silently wrong.
"""

import argparse
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent

# The linters that Linter.swift implements, in the order of their raw values (from 1).
LINTERS = """
couponcode couponposoffer cset39 cset64 cset82 csetnumeric csum csumalpha gcppos1 gcppos2
hasnondigit hh hhmi hyphen iban importeridx iso3166 iso3166999 iso3166alpha2 iso4217 iso5218
latitude longitude mediatype mi nonzero nozeroprefix packagetype pcenc pieceoftotal posinseqslash
ss winding yesno yymmd0 yymmdd yyyymmd0 yyyymmdd zero
""".split()

CHARACTER_SETS = {"N": 0, "X": 1, "Y": 2, "Z": 3}

# Limits of the packed words; SyntaxTable+Layout.swift unpacks the same fields.
COMPONENT_COUNT_MAX = 7
LINTERS_PER_COMPONENT_MAX = 3
VALUE_LENGTH_MAX = 127


class DictionaryError(Exception):
    """Something in the dictionary that the table cannot hold."""


def ai_number(text):
    """AIs are stored as numbers: two digits are below 100, three from 230, four from 3100."""
    if not re.fullmatch(r"\d{2,4}", text):
        raise DictionaryError(f"not an AI: {text!r}")
    number = int(text)
    if len(text) > 2 and number < 10 ** (len(text) - 1):
        raise DictionaryError(f"AI {text}: longer AIs with a leading zero cannot be told apart")
    return number


def ai_range(text):
    first, _, last = text.partition("-")
    last = last or first
    if len(first) != len(last) or first[:-1] != last[:-1] or first > last:
        raise DictionaryError(f"AI range {text}: may differ in its last digit only, ascending")
    return [str(n).zfill(len(first)) for n in range(int(first), int(last) + 1)]


def pattern(text):
    """A pattern such as 01, 310n or 35nn, as the lowest and highest AI it matches."""
    if not re.fullmatch(r"(?=.{2,4}$)\d{2,4}n{0,2}", text):
        raise DictionaryError(f"AI pattern {text!r}: at least two digits, then n")
    return ai_number(text.replace("n", "0")), ai_number(text.replace("n", "9"))


def component(text):
    """One component: [N6],yymmdd and the like, packed into one word."""
    spec, *linters = text.split(",")
    match = re.fullmatch(r"(\[?)([NXYZ])(\.\.)?(\d{1,2})(\]?)", spec)
    if not match or bool(match[1]) != bool(match[5]):
        raise DictionaryError(f"component {text!r}")
    optional, variable, longest = bool(match[1]), bool(match[3]), int(match[4])
    shortest = 1 if variable else longest
    for name in linters:
        if name not in LINTERS:
            raise DictionaryError(f"linter {name!r} has no routine in Linter.swift")
    if len(linters) > LINTERS_PER_COMPONENT_MAX:
        raise DictionaryError(f"component {text!r}: more than {LINTERS_PER_COMPONENT_MAX} linters")
    return {
        "set": CHARACTER_SETS[match[2]], "min": shortest, "max": longest,
        "optional": optional, "linters": [LINTERS.index(name) + 1 for name in linters],
    }


def component_word(part):
    word = part["set"] | part["min"] << 2 | part["max"] << 9 | int(part["optional"]) << 16
    for index, linter in enumerate(part["linters"]):
        word |= linter << (17 + 6 * index)
    return word


EXCLUSION, LAST_OF_GROUP, LAST_OF_REQUIREMENT, LAST_OF_ROW = (1 << bit for bit in (28, 29, 30, 31))


def rule_words(attributes):
    """The row's ex= and req= attributes as words: lowest AI, highest AI, and what ends here."""
    words = []
    for key, value in attributes:
        if key == "ex":
            for text in value.split(","):
                low, high = pattern(text)
                words.append(low | high << 14 | EXCLUSION)
    for key, value in attributes:
        if key != "req":
            continue
        for group in value.split(","):
            for text in group.split("+"):
                low, high = pattern(text)
                words.append(low | high << 14)
            words[-1] |= LAST_OF_GROUP
        words[-1] |= LAST_OF_REQUIREMENT
    if words:
        words[-1] |= LAST_OF_ROW
    return tuple(words)


def parse_line(line):
    body, _, title = line.partition("#")
    fields = body.split()
    ais = ai_range(fields.pop(0))
    flags = ""
    if fields and not re.match(r"[\[NXYZ]", fields[0]):
        flags = fields.pop(0)
    if set(flags) - set("*?"):
        raise DictionaryError(f"flags {flags!r}: only * and ? are known")
    parts, attributes = [], []
    for field in fields:
        if re.match(r"\[?[NXYZ]", field) and not attributes:
            parts.append(component(field))
            continue
        key, _, value = field.partition("=")
        if key not in ("ex", "req", "dlpkey"):
            raise DictionaryError(f"attribute {field!r} is not known")
        attributes.append((key, value))
    if not 1 <= len(parts) <= COMPONENT_COUNT_MAX:
        raise DictionaryError(f"{len(parts)} components")
    for earlier, later in zip(parts, parts[1:]):
        if earlier["min"] != earlier["max"]:
            raise DictionaryError("only the final component may have variable length")
        if earlier["optional"] and not later["optional"]:
            raise DictionaryError("a mandatory component follows an optional one")
    shortest = sum(part["min"] for part in parts if not part["optional"])
    longest = sum(part["max"] for part in parts)
    if longest > VALUE_LENGTH_MAX:
        raise DictionaryError(f"value of {longest} characters")
    if "*" in flags and shortest != longest:
        raise DictionaryError("predefined length, yet the components vary")
    return {
        "ais": ais, "predefined": "*" in flags, "attribute": "?" in flags, "parts": parts,
        "min": shortest, "max": longest, "attributes": attributes, "title": title.strip(),
        "source": " ".join(body.split()),
    }


def read_dictionary(path):
    rows, release = [], None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if match := re.match(r"#\s*Release:\s*(\S+)", line):
            release = match[1]
        if not line.strip() or line.startswith("#"):
            continue
        try:
            rows.append(parse_line(line))
        except (DictionaryError, IndexError) as error:
            sys.exit(f"{path}:{number}: {error}")
    if release is None:
        sys.exit(f"{path}: no line '# Release: ...'; the table has to name its release")
    return release, rows


def read_code_lists(path):
    lists, current = {}, None
    for line in path.read_text(encoding="utf-8").splitlines():
        line = line.partition("#")[0].strip()
        if line.startswith("["):
            current = lists.setdefault(line.strip("[]"), [])
        elif line:
            current.extend(line.split())
    return lists


def bitmap(positions, size):
    words = [0] * ((size + 63) // 64)
    for position in positions:
        words[position // 64] |= 1 << (position % 64)
    return words


class Pool:
    """Sequences laid end to end, equal ones once."""

    def __init__(self):
        self.words, self.starts = [], {}

    def add(self, sequence):
        key = tuple(sequence)
        if key not in self.starts:
            self.starts[key] = len(self.words)
            self.words.extend(key)
        return self.starts[key]


def inline_array(name, element, words, summary, comments=None, digits=0):
    out = [f"  /// {summary}", f"  static let {name}: InlineArray<{len(words)}, {element}> = ["]
    text = [f"0x{word:0{digits}x}" if digits else str(word) for word in words]
    if comments:
        out += [f"    {word},  // {comment}" for word, comment in zip(text, comments)]
    else:
        line = "   "
        for word in text:
            if len(line) + len(word) + 2 > 98:
                out.append(line)
                line = "   "
            line += f" {word},"
        out.append(line)
    return "\n".join(out + ["  ]"])


def generate(release, rows, lists):
    # AI digits by their first two digits, and where the prefix's slots begin.
    digits_by_prefix, row_by_ai = {}, {}
    for index, row in enumerate(rows):
        for ai in row["ais"]:
            known = digits_by_prefix.setdefault(int(ai[:2]), len(ai))
            if known != len(ai):
                sys.exit(f"AI {ai}: AIs beginning {ai[:2]} differ in length")
            row_by_ai[ai] = index
    prefixes, slots = [], [0]
    for prefix in range(100):
        digits = digits_by_prefix.get(prefix, 0)
        if not digits:
            prefixes.append(0)
            continue
        prefixes.append(digits << 12 | len(slots))
        for rest in range(10 ** (digits - 2)):
            ai = f"{prefix:02d}" + (str(rest).zfill(digits - 2) if digits > 2 else "")
            slots.append(row_by_ai.get(ai, -1) + 1)

    components, rules, sequences = Pool(), Pool(), []
    row_words, comments, titles = [0], ["no such AI"], [""]
    rules.words.append(0)
    for row in rows:
        key_attributes = [value for key, value in row["attributes"] if key == "dlpkey"]
        for value in key_attributes:
            for ai in row["ais"]:
                for alternative in value.split("|"):
                    qualifiers = alternative.split(",") if alternative else []
                    sequences += [ai_number(ai), len(qualifiers), *map(ai_number, qualifiers)]
        start = components.add(component_word(part) for part in row["parts"])
        words = rule_words(row["attributes"])
        rule_start = rules.add(words) if words else 0
        assert start < 1 << 10 and rule_start < 1 << 12
        row_words.append(
            int(row["predefined"]) | int(row["attribute"]) << 1 | int(bool(key_attributes)) << 2
            | len(row["parts"]) << 3 | row["min"] << 6 | row["max"] << 13
            | start << 20 | rule_start << 32)
        comments.append(row["source"])
        titles.append(row["title"])

    def alpha2(code):
        return (ord(code[0]) - 65) * 26 + ord(code[1]) - 65

    package = sorted(
        sum(ord(letter) << (8 * (3 - index)) for index, letter in enumerate(code))
        for code in lists["packagetype"])
    cases = "\n".join(f"  case {name} = {index}" for index, name in enumerate(LINTERS, 1))
    title_lines = "\n".join(f'    "{title}",' for title in titles)
    assert not any(set(title) & set('"\\') for title in titles)
    parts = [
        inline_array(
            "prefixes", "UInt16", prefixes,
            "By the first two digits: digits of the AI (from bit 12), first slot; 0 is unassigned.",
            digits=4),
        inline_array(
            "slots", "UInt16", slots,
            "By slot of the prefix plus the AI's further digits: its row, 0 for no such AI."),
        inline_array(
            "rows", "UInt64", row_words,
            "One word a line of the dictionary; `Row` unpacks it.", comments, digits=12),
        inline_array(
            "components", "UInt64", components.words,
            "The components of the rows, equal runs once; `Component` unpacks a word.", digits=9),
        inline_array(
            "rules", "UInt32", rules.words,
            "Exclusions and requirements of the rows, equal runs once; `Rule` unpacks a word.",
            digits=8),
        inline_array(
            "keySequences", "UInt16", sequences,
            "Digital Link keys: key, number of qualifiers, the qualifiers in their order."),
        inline_array(
            "iso3166", "UInt64", bitmap(map(int, lists["iso3166"]), 1000),
            "Country codes, ISO 3166-1 numeric, as bits.", digits=16),
        inline_array(
            "iso3166alpha2", "UInt64", bitmap(map(alpha2, lists["iso3166alpha2"]), 676),
            "Country codes, ISO 3166-1 alpha-2, as bits of 26 x first letter + second.", digits=16),
        inline_array(
            "iso4217", "UInt64", bitmap(map(int, lists["iso4217"]), 1000),
            "Currency codes, ISO 4217 numeric, as bits.", digits=16),
        inline_array(
            "mediaTypes", "UInt64", bitmap(map(int, lists["mediatype"]), 100),
            "AIDC media types of AI (7241), as bits.", digits=16),
        inline_array(
            "packageTypes", "UInt32", package,
            "Package types of AI (7041), letters from the highest byte down, ascending.", digits=8),
    ]
    body = "\n\n".join(parts)
    return f"""// swift-format-ignore-file
// Generated by Tools/gs1-table/gs1-table.py; change the dictionary or the code lists, not this file.
// GS1 Barcode Syntax Dictionary, release {release}: {len(row_by_ai)} AIs in {len(rows)} lines.
// The dictionary is Copyright (c) 2020-2021 BWIPP project and Zint Project, (c) 2021-2026 GS1 AISBL,
// Apache License 2.0.

/// The content checks that the dictionary names; `Linter.swift` holds the routines.
enum Linter: UInt8, CaseIterable {{
{cases}
}}

/// The Syntax Dictionary as static tables, packed so that a parse touches few cache lines.
enum SyntaxTable {{
  /// Release of the dictionary that this table was made from.
  static let release = "{release}"

{body}

  /// Data titles, in the order of `rows`.
  static let titles: [String] = [
{title_lines}
  ]
}}
"""


def main():
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("dictionary", type=pathlib.Path)
    arguments.add_argument(
        "-o", "--output", type=pathlib.Path,
        default=HERE.parents[1] / "Sources/GS1/SyntaxTable.swift")
    options = arguments.parse_args()
    release, rows = read_dictionary(options.dictionary)
    text = generate(release, rows, read_code_lists(HERE / "code-lists.txt"))
    options.output.write_text(text, encoding="utf-8")
    print(f"{options.output}: release {release}, {sum(len(row['ais']) for row in rows)} AIs")


if __name__ == "__main__":
    main()
