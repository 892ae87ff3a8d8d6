"""What `$find` is given, by a URL or a Parameters resource, as texts by name.

What stands in a Parameters is put as a URL would have it, so both are read by one way, and a page's link says all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from carethread.core.errors import Malformed
from carethread.core.fhir.search.query import CURSOR
from carethread.core.ports import Resource
from carethread.core.service import Call
from carethread.interactions.operations.parameters import written
from carethread.scheduling.finding.windows import texts_of

_MOST = {"team": 20}
_MOST_ELSE = 200
"""How often a parameter may stand."""


class Given(NamedTuple):
    """The Patient of the body, the bounds of its Timing, and all else."""

    person: Resource | None
    bounds: Resource
    texts: dict[str, list[str]]


def _coding(value: Resource) -> Iterator[str]:
    yield f"{value['system']}|{value.get('code', '')}" if "system" in value else str(value.get("code", ""))


def _concept(value: Resource) -> Iterator[str]:
    yield ",".join(text for coding in value.get("coding", ()) for text in _coding(coding))


def _identifier(value: Resource) -> Iterator[str]:
    yield f"{value.get('system', '')}|{value.get('value', '')}"


_AS_TEXT: Mapping[str, Callable[[Any], Iterator[str]]] = {
    "valueCoding": _coding,
    "valueCodeableConcept": _concept,
    "valueIdentifier": _identifier,
    "valueTiming": texts_of,
}
"""How the values of a Parameters that are no simple ones are written in a URL."""

_SEVERAL = (
    "specialty", "visit-type", "practitioner", "organization", "location-reference", "location-string",
    "patient-reference", "reason", "insurance-reference", "service-type", "actor", "role", "team", "modality",
    "language", "accessibility", "window", "preferred-window", "timing",
)  # fmt: skip
_ONCE = (
    "start", "end", "referral-identifier", "zone", "arrangement", "preferred-modality", "preferred-gender", "duration",
    "sort", "_count",
)  # fmt: skip

_PERSON = "patient-resource"

NAMES = (*_ONCE, *_SEVERAL, _PERSON, CURSOR)
"""The parameters."""


def read(call: Call) -> Given:
    """What is given, each no more often than it may be. Raises Malformed, naming the parameter and its place."""
    texts = {name: [text for text in values if text] for name, values in call.params.items()}
    if any(texts.get(_PERSON, ())):
        raise Malformed(f"{_PERSON} is a Patient in a Parameters.", code="value", expression=_PERSON)
    person: Resource | None = None
    bounds: Resource = {}
    for number, part in enumerate((call.body or {}).get("parameter", ())):
        where = f"Parameters.parameter[{number}]"
        if part["name"] == _PERSON:
            person = _person(part, where)
            continue
        texts.setdefault(part["name"], []).extend(_texts(part, where, call))
        if "valueTiming" in part:
            bounds = part["valueTiming"].get("repeat", {}).get("boundsPeriod", {})
    texts = {name: values for name, values in texts.items() if values}
    _refuse_too_many(texts)
    return Given(person, bounds, texts)


def _person(part: Resource, where: str) -> Resource:
    person = part.get("resource")
    if person is None or person.get("resourceType") != "Patient":
        raise Malformed(f"{_PERSON} is a Patient.", code="value", expression=f"{where}.resource")
    return dict(person)


def _texts(part: Resource, where: str, call: Call) -> Iterator[str]:
    """What a part says that is no simple value; those are among the call's parameters already."""
    name = part["name"][:64]
    values = {member: value for member, value in part.items() if member.startswith("value")}
    if not values and part["name"] in NAMES:
        raise Malformed(f"{name} has a value of its own.", code="required", expression=where)
    for member, value in values.items():
        if member in _AS_TEXT:
            texts = list(_AS_TEXT[member](value))
            if member != "valueTiming" and not any(texts):
                said = f"{name} has a code, or a value of an identifier."
                raise Malformed(said, code="required", expression=f"{where}.{member}")
            yield from texts
        elif isinstance(value, dict) and part["name"] in NAMES and not (written(part) and part["name"] in call.params):
            raise Malformed(f"{name} is not given by {member}.", code="value", expression=f"{where}.{member}")


def _refuse_too_many(texts: Mapping[str, list[str]]) -> None:
    for name, values in texts.items():
        if len(values) > (most := _MOST.get(name, _MOST_ELSE)):
            raise Malformed(f"{name[:64]} is given {most} times at most.", code="too-costly", expression=name[:64])
    for name in _ONCE:
        if len(texts.get(name, ())) > 1:
            raise Malformed(f"{name} is given once.", code="value", expression=name)
