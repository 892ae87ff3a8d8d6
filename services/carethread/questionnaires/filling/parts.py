"""A form in parts, each a page of its own: what fits on one is one. Pure."""

from __future__ import annotations

from functools import lru_cache

from carethread.questionnaires.filling.controls import aside, is_open
from carethread.questionnaires.forms.form import Form, Item
from carethread.questionnaires.scoring.anonymous import is_anonymous

FEW = 10
"""Questions of a form that stands on one page."""

MANY = 20
"""Questions of a part, beyond which the next begins; a group is not taken apart."""

Part = tuple[Item, ...]
"""Items at the top of the form."""


@lru_cache(maxsize=256)
def parts_of(form: Form) -> tuple[Part, ...]:
    """The parts, at least one. What is answered without a name is kept nowhere on the way, so it is on one page."""
    roots = [item for item in form.roots if not item.hidden and not aside(item)]
    sizes = {item: _size(item) for item in roots}
    if sum(sizes.values()) <= FEW or is_anonymous(form):
        return (tuple(roots),)
    parts: list[list[Item]] = []
    room = 0
    for item in roots:
        grouped = item.type == "group" and sizes[item] > 0
        if not parts or grouped or room < sizes[item] or (parts[-1][-1].type == "group" and sizes[parts[-1][-1]] > 0):
            parts.append([])
            room = MANY
        parts[-1].append(item)
        room -= sizes[item]
    return tuple(map(tuple, _joined(parts, sizes)))


def _joined(parts: list[list[Item]], sizes: dict[Item, int]) -> list[list[Item]]:
    """What asks nothing is read with what comes after it."""
    made: list[list[Item]] = []
    before: list[Item] = []
    for part in parts:
        if any(sizes[item] for item in part):
            made.append([*before, *part])
            before = []
        else:
            before += part
    if before:
        made = [*made[:-1], [*(made[-1] if made else []), *before]]
    return made


def _size(item: Item) -> int:
    """How many questions there are in an item."""
    count, waiting = 0, [item]
    while waiting:
        each = waiting.pop()
        if each.hidden:
            continue
        count += each.type not in ("group", "display") and is_open(each)
        waiting += each.children
    return count
