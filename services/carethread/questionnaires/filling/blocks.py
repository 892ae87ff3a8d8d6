"""What the templates write: blocks of texts and controls, free of HTML.

Whatever a form or an answer says is text here, and is escaped where it is written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from carethread.questionnaires.filling.helping import Help
from carethread.questionnaires.rendering.words import Words
from carethread.questionnaires.safety.reaching import Reached


class Option(NamedTuple):
    """One of what can be chosen, and what is asked about it once it is."""

    id: str
    value: str
    text: Words
    chosen: bool
    within: tuple[Block, ...] = ()


class Field(NamedTuple):
    """One line or box to write in. `kind` is line, box, list of `options`, or unit where there is only one; `mode` is
    which keys a telephone shows, `width` narrow or medium where little is to be written."""

    id: str
    name: str
    kind: str
    label: str
    value: str
    mode: str = ""
    width: str = ""
    options: tuple[Option, ...] = ()


class Line(NamedTuple):
    """One answer that is written: its fields, the button that takes it away, and what is asked about it."""

    fields: tuple[Field, ...]
    remove: str = ""
    remove_label: str = ""
    within: tuple[Block, ...] = ()


class Occurrence(NamedTuple):
    """A group once: its mark, what it is called where there are several, and the button that takes it away."""

    id: str
    mark: str
    title: str
    remove: str
    remove_label: str
    within: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """One item of the form. `kind`: group, note, output, none, one, some, list, written, aside (`kept`: the fields of
    what is not asked at present, which stay so that nothing is lost)."""

    kind: str
    id: str
    text: Words
    level: int = 2
    focus: str = ""
    mark: str = ""
    name: str = ""
    required: bool = False
    hints: tuple[Words, ...] = ()
    ends: tuple[Words, ...] = ()
    error: str = ""
    prefilled: str = ""
    help: tuple[Help, ...] = ()
    told: Reached = ""
    options: tuple[Option, ...] = ()
    other: Field | None = None
    other_option: Option | None = None
    in_row: bool = False
    lines: tuple[Line, ...] = ()
    occurrences: tuple[Occurrence, ...] = ()
    add: str = ""
    add_label: str = ""
    output: tuple[Words, ...] = ()
    kept: tuple[tuple[str, str], ...] = ()
    several: bool = False

    @property
    def inner(self) -> list[Block]:
        """The blocks in it, in order."""
        of_options = [each for option in self.options for each in option.within]
        of_lines = [each for line in self.lines for each in line.within]
        return [*of_options, *of_lines, *(each for one in self.occurrences for each in one.within)]
