"""Words by which free text and names without a known code tell what is sensitive, however they are written.

A net under the codes; the words are those of `stems`. It errs towards keeping back; what is common in another meaning
(the ST depression of an ECG) is left through.

Sources: https://unicode.org/reports/tr15 (NFKC), https://www.unicode.org/reports/tr36 (what is not to be seen).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import unescape
from unicodedata import normalize

from carethread.careteams.sharing.categories import CATEGORIES
from carethread.careteams.sharing.stems import HARMLESS, PATTERNS, STEMS

_BETWEEN = re.compile(r"[\W_]+")

_IN_A_WORD = re.compile(r"<!--.*?-->|</?(?:a|b|em|i|small|span|strong|sub|sup|tt|u)(?:\s[^<>]*)?/?>", re.DOTALL)
"""What of a narrative stands within words: it is not seen."""

_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)
"""Letters without width, and those that only say how others are shown."""

_PATTERNS = {category: re.compile("|".join(several)) for category, several in PATTERNS.items()}


def plain(text: str) -> str:
    """A text as words with a blank around each: one spelling for what reads alike."""
    if "<" in text:
        text = _IN_A_WORD.sub("", text)
    if "&" in text:
        text = unescape(text)
    if not text.isascii():
        text = normalize("NFKC", _UNSEEN.sub("", text))
    return f" {_BETWEEN.sub(' ', text.casefold()).strip()} "


def telling(texts: Iterable[str]) -> frozenset[str]:
    """The categories that words of the texts tell of."""
    said = "\n".join(map(plain, texts))
    for phrase in HARMLESS:
        said = said.replace(phrase, " ")
    return frozenset(each for each in CATEGORIES if _tells(each, said))


def _tells(category: str, said: str) -> bool:
    pattern = _PATTERNS.get(category)
    return any(stem in said for stem in STEMS[category]) or (pattern is not None and bool(pattern.search(said)))
