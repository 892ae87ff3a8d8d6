"""What a PDF that Chromium has printed says: the size of each page, its text, and where each of it stands.

Only what Skia writes is read: streams that are deflated, fonts with a ToUnicode map, text shown by Tj and TJ within the
matrices of `cm` and `Tm`. Source: ISO 32000-1, 7.3 (objects), 8.3.4 (matrices), 9.4 (text), 9.10.3 (ToUnicode).
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from unicodedata import normalize

_OBJECT = re.compile(rb"(\d+) 0 obj\s(.*?)endobj", re.DOTALL)
_STREAM = re.compile(rb"stream\r?\n(.*)\r?\nendstream", re.DOTALL)
_BOX = re.compile(rb"/MediaBox \[([\d. ]+)\]")
_TOKEN = re.compile(rb"<([0-9A-Fa-f]*)>|\[|\]|/([^\s/<>\[\]()]+)|([-+.\d]+)|([A-Za-z'\"*]+)")

Matrix = tuple[float, float, float, float, float, float]
_UNIT: Matrix = (1, 0, 0, 1, 0, 0)


@dataclass(frozen=True)
class Sheet:
    """One page: its size in points (1/72 inch), and its texts, each with where it begins from the left and the top."""

    width: float
    height: float
    texts: list[tuple[float, float, str]]

    @property
    def text(self) -> str:
        """All of it, without ligatures."""
        return normalize("NFKC", "".join(text for _, _, text in self.texts))


def sheets(pdf: bytes) -> list[Sheet]:
    """The pages, in order."""
    objects = {int(number): body for number, body in _OBJECT.findall(pdf)}
    pages = [body for body in objects.values() if re.search(rb"/Type /Page\b", body)]
    return [_sheet(page, objects) for page in pages]


def _sheet(page: bytes, objects: dict[int, bytes]) -> Sheet:
    found = _BOX.search(page)
    assert found, "a page says its size"
    _, _, width, height = map(float, found[1].split())
    fonts = {name: _letters(objects[int(number)], objects) for name, number in re.findall(rb"/(F\d+) (\d+) 0 R", page)}
    content = re.search(rb"/Contents (\d+) 0 R", page)
    assert content, "a page has content"
    texts = [(x, height - y, text) for x, y, text in _shown(_inflated(objects[int(content[1])]), fonts)]
    return Sheet(width, height, texts)


def _inflated(body: bytes) -> bytes:
    found = _STREAM.search(body)
    assert found, "there is a stream"
    return zlib.decompress(found[1])


def _letters(font: bytes, objects: dict[int, bytes]) -> dict[int, str]:
    """What the glyphs of a font are."""
    named = re.search(rb"/ToUnicode (\d+) 0 R", font)
    if named is None:
        return {}
    made: dict[int, str] = {}
    text = _inflated(objects[int(named[1])])
    for kind, block in re.findall(rb"beginbf(char|range)(.*?)endbf", text, re.DOTALL):
        codes = re.findall(rb"<([0-9A-Fa-f]+)>", block)
        for part in zip(*[iter(codes)] * (2 if kind == b"char" else 3), strict=True):
            first, last, said = (
                int(part[0], 16),
                int(part[-2], 16),
                bytes.fromhex(part[-1].decode()).decode("utf-16-be"),
            )
            last = first if kind == b"char" else last
            made |= {each: said[:-1] + chr(ord(said[-1]) + each - first) for each in range(first, last + 1)}
    return made


def _shown(content: bytes, fonts: dict[bytes, dict[int, str]]) -> Iterator[tuple[float, float, str]]:
    here, kept, placed = _UNIT, list[Matrix](), _UNIT
    letters: dict[int, str] = {}
    numbers: list[float] = []
    name, said = b"", ""
    for token in _TOKEN.finditer(content):
        coded, named, number, operator = token.groups()
        if coded is not None:
            said += "".join(letters.get(int(coded[i : i + 4], 16), "") for i in range(0, len(coded), 4))
        elif named is not None:
            name = named
        elif number is not None:
            numbers.append(float(number))
        elif operator:
            if operator == b"q":
                kept.append(here)
            elif operator == b"Q":
                here = kept.pop()
            elif operator == b"cm":
                here = _within(_matrix(numbers), here)
            elif operator == b"Tm":
                placed = _matrix(numbers)
            elif operator == b"Tf":
                letters = fonts.get(name, {})
            elif operator in (b"Tj", b"TJ"):
                *_, x, y = _within(placed, here)
                yield x, y, said
            numbers, said = [], ""


def _matrix(numbers: list[float]) -> Matrix:
    a, b, c, d, e, f = numbers[-6:]
    return a, b, c, d, e, f


def _within(inner: Matrix, outer: Matrix) -> Matrix:
    a, b, c, d, e, f = inner
    m, n, o, p, q, r = outer
    return a * m + b * o, a * n + b * p, c * m + d * o, c * n + d * p, e * m + f * o + q, e * n + f * p + r
