"""Whole numbers that a parameter asks for, such as how many of a work list."""

from __future__ import annotations

from carethread.core.errors import Malformed
from carethread.core.service import Call

COUNT = "_count"

_DIGITS = 10
"""More than any bound has, and few enough to be read at no cost."""


def count_of(call: Call, most: int) -> int:
    """`_count`, 50 where it is not said. Raises Malformed for anything but one number from 1 to `most`."""
    return number_in(call, COUNT, most, 50)


def number_in(call: Call, name: str, most: int, otherwise: int) -> int:
    """A parameter of a URL. Raises Malformed for anything but one number from 1 to `most`."""
    given = call.params.get(name, [str(otherwise)])
    return number_of(given[0] if len(given) == 1 else "", name, most)


def number_of(text: str, name: str, most: int, *, least: int = 1, unit: str = "") -> int:
    """The number that a text is, in ASCII digits. Raises Malformed, naming the parameter and what is allowed."""
    if text.isascii() and text.isdecimal() and len(text) <= _DIGITS and least <= int(text) <= most:
        return int(text)
    said = f"a number of {unit}" if unit else "a number"
    raise Malformed(f"{name} is {said} from {least} to {most}.", code="value", expression=name)
