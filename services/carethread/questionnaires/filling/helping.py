"""Where help is for whoever gives a critical answer, as the form says it, with its numbers to be dialled, and whether
somebody was reached for it, as it is. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from carethread.core.fhir.elements import extension
from carethread.core.ports import Resource
from carethread.questionnaires.filling.words import word
from carethread.questionnaires.forms.form import Form, Item
from carethread.questionnaires.rendering.words import Words, said
from carethread.questionnaires.safety.critical import Critical, criticals
from carethread.questionnaires.safety.marking import marks_of
from carethread.questionnaires.safety.reaching import Reached

_NUMBER = re.compile(r"(?<![\w-])\+?\d(?:[\d-]|[ .](?=\d))*\d(?![\w-])")
_FEWEST, _MOST = 3, 15


class Piece(NamedTuple):
    """Some text; `link` is where it leads (`tel:988`), empty where it is only text."""

    text: str
    link: str = ""


class Help(NamedTuple):
    """Help of one kind, and the questions whose answers have called for it."""

    kind: str
    words: Words
    pieces: tuple[Piece, ...]
    links: frozenset[str]

    @property
    def calls(self) -> list[Piece]:
        """The numbers, each once."""
        return list({each.link: each for each in self.pieces if each.link}.values())


def told(reached: Reached, calls: Sequence[Piece], language: str) -> str:
    """What is true of whether somebody was told, and where nobody was what to do instead; empty where nothing critical
    was said by the person."""
    if reached in ("nobody", "unsaved"):
        then = "help-nobody-call" if calls else "help-nobody-emergency"
        return f"{word(f'help-{reached}', language)} {word(then, language)}"
    return word(f"help-{reached}", language) if reached else ""


def helps(form: Form, response: Resource, language: str) -> list[Help]:
    """The help that the answers of a response call for, each text once."""
    found: dict[str, Help] = {}
    own = str(form.raw.get("language", ""))
    for critical in criticals(form, response):
        for mark in _marks(form.items[critical.link_id], critical):
            words = said(extension(mark, "help"), "valueString", language, own)
            known = found.get(words.text)
            links = (known.links if known else frozenset()) | {critical.link_id}
            found[words.text] = Help(critical.kind, words, pieces(words.text), links)
    return list(found.values())


def _marks(item: Item, critical: Critical) -> Iterator[Resource]:
    """The marks of the form by which an answer is critical."""
    for element in (item.raw, *(option.raw for option in item.options)):
        for mark in marks_of(element):
            kind, urgency = extension(mark, "kind"), extension(mark, "urgency")
            if (kind.get("valueCode"), urgency.get("valueCode", "stat")) == (critical.kind, critical.urgency):
                yield mark


def pieces(text: str) -> tuple[Piece, ...]:
    """A text with its telephone numbers as links; a number of five or six digits takes messages only."""
    found: list[Piece] = []
    end = 0
    for match in _NUMBER.finditer(text):
        digits = re.sub(r"[^\d+]", "", match[0])
        count = len(digits.lstrip("+"))
        if _FEWEST <= count <= _MOST:
            scheme = "sms" if count in (5, 6) else "tel"
            found += [Piece(text[end : match.start()]), Piece(match[0], f"{scheme}:{digits}")]
            end = match.end()
    return (*found, Piece(text[end:]))
