"""The topics that can be subscribed to: the files of `fhir_profiles/topics`, each an R5 SubscriptionTopic.

A topic is data: which writes of which types trigger it, what a subscription may filter by, and what a notification is
about. A new topic is a new file; one that cannot be understood whole is refused with its place, so that no topic stays
silent because of a slip. R4 has no SubscriptionTopic: clients find the canonicals in the CapabilityStatement, and each
topic as a Basic. Source: http://hl7.org/fhir/R5/subscriptiontopic.html, http://hl7.org/fhir/uv/subscriptions-backport.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qsl

from carethread.core.errors import FhirError, Malformed
from carethread.core.fhir import json
from carethread.core.fhir.definitions import SearchParameterDefinition, resource_types
from carethread.core.fhir.fhirpath import Expression, FhirPathError, compile
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.search.criteria import MODIFIERS
from carethread.core.fhir.search.parameters import searchable
from carethread.core.fhir.search.query import Criterion
from carethread.core.fhir.search.values import PREFIXES
from carethread.core.settings import SettingsError

CHANGED = "https://carethread.dev/fhir/StructureDefinition/topic-changed-element"
"""Extension of a trigger: an update counts when it changed one of these elements."""

CROSSING = "https://carethread.dev/fhir/StructureDefinition/topic-crossing"
"""Extension of a trigger: a resource counts when it meets a subscription's thresholds and the one before did not. Its
parts are the parameters `threshold` (filters), `same` (who and what is compared) and `order` (a date)."""

DEPARTMENT = "department"
"""A filter that every topic may have: the department of the resource, an Organization."""

_TYPE_URL = "http://hl7.org/fhir/StructureDefinition/"
_INTERACTIONS = ("create", "update", "delete")
_RESULTS = ("test-passes", "test-fails")
_PREFIXED = ("date", "number", "quantity", "composite")
_PREVIOUS = re.compile(r"%previous(?!\.(status\b|where\(status\b|exists\(\)|empty\(\)))")
"""Of the version before only the status is known."""


class TopicError(SettingsError):
    """A topic that cannot be used; the message names the file, the element, and what is allowed."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """When a change of values counts. What went before is the version before, where it met the trigger's current
    criteria, and of the resources that did, have the `same` values and were known then, the latest by `order`. Who
    filters by a `threshold` is told when none of these met it."""

    thresholds: frozenset[str]
    same: tuple[str, ...]
    order: str


@dataclass(frozen=True, slots=True)
class Trigger:
    """Which writes of a type matter: those of `interactions` that meet the criteria.

    Of an update that changed none of the `changed` elements nothing is told; empty: whatever it changed. `previous`
    are on the status of the version before, where `on_create` stands for there being none; `current` are on this
    version, where `on_delete` stands for there being none. With `both`, both must hold, else one is enough.
    """

    type: str
    interactions: frozenset[str]
    changed: frozenset[str]
    previous: tuple[Criterion, ...] | None
    current: tuple[Criterion, ...] | None
    on_create: bool
    on_delete: bool
    both: bool
    fhirpath: Expression | None
    crossing: Crossing | None = None


@dataclass(frozen=True, slots=True)
class FilterBy:
    """A parameter that subscriptions may filter by: the modifiers, and for ordered values the prefixes, that it may
    have."""

    type: str
    param: str
    modifiers: tuple[str, ...]
    comparators: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic, compiled; `definition` is its file."""

    id: str
    url: str
    version: str
    title: str
    triggers: tuple[Trigger, ...]
    filters: Mapping[tuple[str, str], FilterBy]
    definition: Mapping[str, Any]

    @property
    def types(self) -> tuple[str, ...]:
        """The types that its notifications are about."""
        return tuple(dict.fromkeys(trigger.type for trigger in self.triggers))


def department_parameter(type_name: str) -> SearchParameterDefinition:
    """The filter by department as a search parameter; its value comes with the event."""
    url = f"https://carethread.dev/fhir/SearchParameter/{type_name}-{DEPARTMENT}"
    return SearchParameterDefinition(
        DEPARTMENT, "reference", url, f"{type_name}.extension", ("Organization",), (), None
    )


def read_criteria(type_name: str, query: str, base: str | None = None, now: int = 0) -> tuple[Criterion, ...]:
    """Search criteria on one resource alone: `status=booked&date=ge2026`.

    Raises Malformed for what is no such criterion; it names the parameter.
    """
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        raise Malformed("What is percent-encoded in criteria is UTF-8.", code="value") from None
    extra = {type_name: (department_parameter(type_name),)}
    parsed = parse_query(type_name, pairs, strict=True, extra=extra, base=base, now=now)
    nodes = [node for node in parsed.criteria if isinstance(node, Criterion) and node.param != "_lastUpdated"]
    if len(nodes) != len(pairs):
        raise FhirError("Criteria are on the resource itself: no chain, no list, and nothing that shapes an answer.")
    return tuple(nodes)


@cache
def catalogue() -> Mapping[str, Topic]:
    """Every topic by its canonical URL. Raises TopicError."""
    folder = files("carethread.fhir_profiles").joinpath("topics")
    found = sorted((file for file in folder.iterdir() if file.name.endswith(".json")), key=lambda file: file.name)
    return compiled((file.name, file.read_bytes()) for file in found)


def compiled(sources: Iterable[tuple[str, bytes]]) -> Mapping[str, Topic]:
    """Topics by canonical URL, from (file name, content). Raises TopicError."""
    topics: dict[str, Topic] = {}
    for name, content in sources:
        topic = _topic(_Place(f"fhir_profiles/topics/{name}"), content)
        if topic.url in topics:
            raise TopicError(f"fhir_profiles/topics/{name}: url: the topic {topic.url} is in another file too.")
        topics[topic.url] = topic
    return topics


def find(canonical: str) -> Topic | None:
    """The topic of a canonical, `url` or `url|version`; None where there is none of that version."""
    url, mark, version = canonical.partition("|")
    topic = catalogue().get(url)
    return topic if topic and (not mark or version == topic.version) else None


# ------------------------------------------------------------------------------------------------------ reading a file


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in which file something stands."""

    file: str
    path: str = ""

    def at(self, name: str | int) -> _Place:
        step = f"[{name}]" if isinstance(name, int) else f".{name}" if self.path else name
        return _Place(self.file, self.path + step)

    def wrong(self, why: str) -> TopicError:
        return TopicError(f"{self.file}: {self.path or 'the file'}: {why}")


_TOPIC = {
    "resourceType": str, "id": str, "url": str, "version": str, "name": str, "title": str, "status": str, "date": str,
    "publisher": str, "description": str, "resourceTrigger": list, "canFilterBy": list, "notificationShape": list,
}  # fmt: skip
_TRIGGER = {
    "extension": list, "description": str, "resource": str, "supportedInteraction": list, "queryCriteria": dict,
    "fhirPathCriteria": str,
}  # fmt: skip
_CRITERIA = {"previous": str, "resultForCreate": str, "current": str, "resultForDelete": str, "requireBoth": bool}
_FILTER = {
    "description": str, "resource": str, "filterParameter": str, "filterDefinition": str, "comparator": list,
    "modifier": list,
}  # fmt: skip
_SHAPE = {"resource": str}
"""What may stand in each element, with its JSON type."""


def _topic(place: _Place, content: bytes) -> Topic:
    try:
        definition = json.parse_object(content)
    except FhirError as error:
        raise place.wrong(error.issues[0].diagnostics) from None
    needed = ("resourceType", "id", "url", "version", "title", "status", "description", "resourceTrigger")
    _check(place, definition, _TOPIC, needed)
    if definition["resourceType"] != "SubscriptionTopic":
        raise place.at("resourceType").wrong("it is SubscriptionTopic.")
    triggers = _each(place, definition, "resourceTrigger", _trigger)
    filters = _each(place, definition, "canFilterBy", _filter)
    types = {trigger.type for trigger in triggers}
    for number, each in enumerate(filters):
        if each.type not in types:
            raise place.at("canFilterBy").at(number).at("resource").wrong("no trigger is on this type.")
    for number, shape in enumerate(definition.get("notificationShape", [])):
        at = place.at("notificationShape").at(number)
        _check(at, shape, _SHAPE, ("resource",))
        if _type_of(at.at("resource"), shape["resource"]) not in types:
            raise at.at("resource").wrong("no trigger is on this type.")
    return Topic(
        definition["id"],
        definition["url"],
        definition["version"],
        definition["title"],
        triggers,
        {(each.type, each.param): each for each in filters},
        definition,
    )


def _each(place: _Place, element: Mapping[str, Any], name: str, read: Any) -> tuple[Any, ...]:
    values = element.get(name, [])
    return tuple(read(place.at(name).at(number), value) for number, value in enumerate(values))


def _check(place: _Place, element: object, known: Mapping[str, type], needed: Sequence[str]) -> None:
    if not isinstance(element, dict):
        raise place.wrong("it is an object.")
    for name, value in element.items():
        if name not in known:
            raise place.at(name).wrong(f"this is not understood here; allowed: {', '.join(known)}.")
        if not isinstance(value, known[name]) or value == []:
            raise place.at(name).wrong(f"it is a JSON {_JSON[known[name]]} that is not empty.")
    for name in needed:
        if name not in element:
            raise place.at(name).wrong("this is needed.")


_JSON = {str: "string", list: "array", dict: "object", bool: "boolean"}


def _type_of(place: _Place, text: str) -> str:
    name = text.removeprefix(_TYPE_URL)
    if name not in resource_types():
        raise place.wrong("it is the canonical of an R4 resource type, or its name.")
    return name


def _codes(place: _Place, element: Mapping[str, Any], name: str, allowed: Sequence[str]) -> tuple[str, ...]:
    codes = tuple(element.get(name, ()))
    for number, code in enumerate(codes):
        if code not in allowed:
            raise place.at(name).at(number).wrong(f"it is one of {', '.join(allowed) or 'nothing'}.")
    return codes


def _trigger(place: _Place, element: Any) -> Trigger:
    _check(place, element, _TRIGGER, ("resource", "supportedInteraction"))
    type_name = _type_of(place.at("resource"), element["resource"])
    criteria = element.get("queryCriteria", {})
    at = place.at("queryCriteria")
    _check(at, criteria, _CRITERIA, ())
    for name in ("resultForCreate", "resultForDelete"):
        if criteria.get(name, _RESULTS[0]) not in _RESULTS:
            raise at.at(name).wrong(f"it is one of {', '.join(_RESULTS)}.")
    previous = _query(at.at("previous"), type_name, criteria.get("previous"))
    if any(each.param != "status" or each.modifier not in (None, "not") for each in previous or ()):
        raise at.at("previous").wrong("of the version before only the status is known: status=... or status:not=...")
    changed, crossing = _extensions(place, type_name, element.get("extension", []))
    return Trigger(
        type_name,
        frozenset(_codes(place, element, "supportedInteraction", _INTERACTIONS)),
        changed,
        previous,
        _query(at.at("current"), type_name, criteria.get("current")),
        criteria.get("resultForCreate") == "test-passes",
        criteria.get("resultForDelete") == "test-passes",
        criteria.get("requireBoth", False),
        _expression(place.at("fhirPathCriteria"), element.get("fhirPathCriteria")),
        crossing,
    )


def _extensions(place: _Place, type_name: str, extensions: Sequence[Any]) -> tuple[frozenset[str], Crossing | None]:
    """The elements of which one has to change, and the crossing that has to be."""
    changed: set[str] = set()
    crossing: Crossing | None = None
    for number, extension in enumerate(extensions):
        at = place.at("extension").at(number)
        _check(at, extension, {"url": str, "valueString": str, "extension": list}, ("url",))
        if extension["url"] == CROSSING and crossing is None:
            _check(at, extension, {"url": str, "extension": list}, ("extension",))
            crossing = _crossing(at, type_name, extension["extension"])
        elif extension["url"] == CHANGED:
            _check(at, extension, {"url": str, "valueString": str}, ("valueString",))
            changed.add(extension["valueString"])
        else:
            raise at.at("url").wrong(f"what is understood here is {CHANGED}, and {CROSSING} once.")
    return frozenset(changed), crossing


_CROSSING = {"threshold": None, "same": ("token", "reference"), "order": ("date",)}
"""The parts of a crossing, and what types of search parameters they may name."""


def _crossing(place: _Place, type_name: str, parts: Sequence[Any]) -> Crossing:
    found: dict[str, list[str]] = {name: [] for name in _CROSSING}
    for number, part in enumerate(parts):
        at = place.at("extension").at(number)
        _check(at, part, {"url": str, "valueString": str}, ("url", "valueString"))
        if part["url"] not in _CROSSING:
            raise at.at("url").wrong(f"it is one of {', '.join(_CROSSING)}.")
        parameter, kinds = searchable(type_name).get(part["valueString"]), _CROSSING[part["url"]]
        if parameter is None or (kinds and parameter.type not in kinds):
            kind = f"of type {' or '.join(kinds)}" if kinds else "of any type"
            raise at.at("valueString").wrong(f"it is a search parameter of {type_name}, {kind}.")
        found[part["url"]].append(part["valueString"])
    if not found["threshold"] or not found["same"] or len(found["order"]) != 1:
        raise place.at("extension").wrong("a crossing has a threshold, what is the same, and one order.")
    return Crossing(frozenset(found["threshold"]), tuple(found["same"]), found["order"][0])


def _query(place: _Place, type_name: str, query: str | None) -> tuple[Criterion, ...] | None:
    if query is None:
        return None
    try:
        return read_criteria(type_name, query)
    except FhirError as error:
        raise place.wrong(error.issues[0].diagnostics) from None


def _expression(place: _Place, text: str | None) -> Expression | None:
    if text is None:
        return None
    if _PREVIOUS.search(text):
        raise place.wrong("of the version before only the status is known: %previous.status.")
    try:
        return compile(text)
    except FhirPathError as error:
        raise place.wrong(str(error)) from None


def _filter(place: _Place, element: Any) -> FilterBy:
    _check(place, element, _FILTER, ("resource", "filterParameter"))
    type_name, param = _type_of(place.at("resource"), element["resource"]), element["filterParameter"]
    known = {**searchable(type_name), DEPARTMENT: department_parameter(type_name)}
    if param not in known or param == "_lastUpdated":
        raise place.at("filterParameter").wrong(f"{type_name} has no search parameter of this name.")
    kind = known[param].type
    return FilterBy(
        type_name,
        param,
        _codes(place, element, "modifier", [name for name in MODIFIERS[kind] if name[0] != "["]),
        _codes(place, element, "comparator", PREFIXES if kind in _PREFIXED else ["eq"]),
    )
