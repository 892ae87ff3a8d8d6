"""What is known of a person already, for questions: found once for all of a form's, before it is filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from carethread.core.fhir.fhirpath.quantity import measure
from carethread.core.ports import Resource
from carethread.questionnaires.forms.expressions import SDC
from carethread.questionnaires.forms.form import Form, Item

_SUBJECT = SDC + "isSubject"
_SECOND = 1_000_000
_LONGEST = 200 * 366 * 86_400


class Known(NamedTuple):
    """What answers a question: values, each with its FHIR type, and the resource (`Observation/1`) that says so."""

    values: Sequence[tuple[str, Any]]
    source: str


Knowledge = Mapping[Item, Known]


def length(duration: Resource) -> int | None:
    """The microseconds of a Duration; None where its unit is no time, or is not known."""
    seconds = measure(str(duration.get("code") or duration.get("unit") or ""))
    value = duration.get("value")
    if seconds is None or seconds[1] != (("s", 1),) or not isinstance(value, int | float) or value <= 0:
        return None
    return round(min(float(value) * float(seconds[0]), _LONGEST) * _SECOND)


def asked_once(form: Form) -> list[Item]:
    """The questions of a form that are about the person as a whole: not within something that repeats, where nobody
    knows which one is meant, nor beside or below one that says whom they are about (`isSubject`)."""
    others = {item.parent for item in form.items.values() if item.extension(_SUBJECT).get("valueBoolean")}
    within: dict[Item | None, bool] = {None: None in others}
    found = []
    for item in form.items.values():
        within[item] = within[item.parent] or item in others or (item.type == "group" and item.repeats)
        if not within[item] and item.type not in ("group", "display", "question"):
            found.append(item)
    return found
