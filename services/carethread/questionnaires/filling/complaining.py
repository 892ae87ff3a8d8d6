"""What is wrong with the answers, beside the questions that it is about and in words for people. Pure.

What is wrong is found by the one judge of responses; here it is said again, for its words name elements and linkIds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from carethread.core.errors import Issue
from carethread.questionnaires.answering.plans import plans_of
from carethread.questionnaires.filling import limits
from carethread.questionnaires.filling.laying import Node, walk
from carethread.questionnaires.filling.reading import Place, Wrong
from carethread.questionnaires.filling.words import word
from carethread.questionnaires.forms.form import Form

_TOLD = {
    "required": "needed",
    "code-invalid": "not-offered",
    "structure": "times",
    "business-rule": "exclusive",
}
"""A text of the page by the code of an issue; of all others the limits of the question are told."""


@dataclass(slots=True)
class Complaints:
    """What to say where: of each place its first, and what is of no place."""

    at: dict[Place, str] = field(default_factory=dict)
    general: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.at or self.general)

    def add(self, place: Place, text: str) -> None:
        self.at.setdefault(place, text)


def complaints(
    form: Form, nodes: Sequence[Node], issues: Sequence[Issue], wrong: Sequence[Wrong], language: str
) -> Complaints:
    """The issues of a response that is laid out so, and what was written that cannot be read."""
    found = Complaints()
    there = list(walk(nodes))
    for each in wrong:
        found.add(each.place, word("time-wrong" if each.code == "time" else each.code, language))
    for issue in issues:
        if issue.severity not in ("error", "fatal"):
            continue
        about = _about(form, issue, there)
        for node in about:
            found.add(node.place, _text(issue, node, language))
        if not about:
            general = word("whole" if any(node.answers for node in there) else "nothing", language)
            found.general += [] if general in found.general else [general]
    return found


def _about(form: Form, issue: Issue, nodes: Sequence[Node]) -> list[Node]:
    """Where an issue is: at the question whose place it names; of what is missing, that is what it would stand in."""
    path = issue.expression or ""
    missing = list(_missing(form, path, nodes)) if issue.code == "required" else []
    within = [node for node in nodes if node.path and _is_within(path, node.path)]
    return missing or ([max(within, key=lambda node: len(node.path))] if within else [])


def _missing(form: Form, path: str, nodes: Sequence[Node]) -> Iterator[Node]:
    """What is needed there, and not answered: of a group, nothing in it."""
    plans = plans_of(form).items
    for node in nodes:
        if node.around == path and plans[node.item.link_id].least and not any(each.answers for each in walk([node])):
            yield node


def _is_within(path: str, whole: str) -> bool:
    return path == whole or path.startswith((f"{whole}.", f"{whole}["))


def _text(issue: Issue, node: Node, language: str) -> str:
    if issue.code == "invariant":
        return issue.diagnostics.rpartition(" (")[0] or issue.diagnostics  # the form's own words, then its key
    if issue.code == "required" and node.item.type == "group":
        return word("needed-group", language)
    if issue.code in _TOLD:
        return word(_TOLD[issue.code], language)
    bounds = limits.told(node.item, language)
    return f"{word('check', language)} {bounds}" if bounds else word("does-not-fit", language)
