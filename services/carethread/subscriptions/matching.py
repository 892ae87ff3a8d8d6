"""Which subscriptions an event concerns: pure, and fast with many of them.

A topic's triggers are judged once for an event, however many subscribe to it. Of a subscription's filters one that asks
for equality (a reference, a code, a URI) is the key under which it lies, so that an event looks at those only that ask
for what it has; these are then judged by all their filters, on the same index rows as a search.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from carethread.core.errors import FhirError
from carethread.core.events import Event
from carethread.core.fhir.fhirpath import FhirPathError
from carethread.core.fhir.search import extract
from carethread.core.fhir.search.meets import Found, Row, by_parameter, meets
from carethread.core.fhir.search.query import Criterion, ReferenceValue, TokenValue, UriValue, Value
from carethread.core.fhir.targets import parse_reference
from carethread.core.ports import Resource
from carethread.core.ports.deliveries import Interest
from carethread.subscriptions.filters import read_filters
from carethread.subscriptions.topics import DEPARTMENT, Topic, Trigger

log = logging.getLogger(__name__)

_DEPARTMENT_URL = "https://carethread.dev/fhir/StructureDefinition/department"

_EQUAL = (None, "in")
"""The modifiers of criteria that ask for equality."""

_Key = tuple[str, str]
"""What of a value is equal in the row that meets it: (its kind, it)."""


@dataclass(frozen=True)
class Happening:
    """An event with what the criteria are on. Of a delete, `resource` is what was deleted, as far as that is known.

    `kin` are the ids of the patients who were merged with one of the resource's, by his id; `ask` finds what went
    before it, as a trigger's `crossing` says.
    """

    event: Event
    resource: Resource
    previous_status: str
    base_url: str
    kin: Mapping[str, Sequence[str]]
    ask: Callable[[Happening, Trigger], Sequence[Found]] = lambda _happening, _trigger: ()
    _before: dict[int, Sequence[Found]] = field(default_factory=dict, repr=False, compare=False)

    def before(self, trigger: Trigger) -> Sequence[Found]:
        """The index rows of what went before, asked for once. Raises Busy."""
        if id(trigger) not in self._before:
            self._before[id(trigger)] = self.ask(self, trigger)
        return self._before[id(trigger)]

    @property
    def interaction(self) -> str:
        return interaction(self.event)

    @cached_property
    def found(self) -> Mapping[str, Sequence[Row]]:
        """The resource's index rows by parameter, its id, its department, and merged patients among them."""
        found = by_parameter(extract(self.resource, base=self.base_url))
        found["_id"] = [("_id", "", self.event.resource_id, "")]
        if department := _department(self.event, self.resource, self.base_url):
            found[DEPARTMENT] = [(DEPARTMENT, "Organization", department, "", "", "", "")]
        if self.kin:
            return {param: [*rows, *self._of_kin(rows)] for param, rows in found.items()}
        return found

    def _of_kin(self, rows: Sequence[Row]) -> Iterator[Row]:
        for row in rows:
            if len(row) == 7 and row[1] == "Patient":
                yield from ((*row[:2], id_, *row[3:]) for id_ in self.kin.get(row[2], ()) if id_ != row[2])


def interaction(event: Event) -> str:
    """`create`, `update` or `delete`; a verb such as `booked` may be of either of the first two."""
    plain = {"created": "create", "updated": "update", "deleted": "delete"}.get(event.verb)
    if plain:
        return plain
    return "update" if event.version > 1 and (event.changed or event.previous_status) else "create"


def _department(event: Event, resource: Resource, base_url: str) -> str:
    if event.department:
        return event.department
    for extension in resource.get("extension", ()):
        if extension.get("url") == _DEPARTMENT_URL:
            target = parse_reference(str(extension.get("valueReference", {}).get("reference", "")), base_url)
            return target.id if target else ""
    return ""


def triggered(trigger: Trigger, happening: Happening) -> bool:
    """Whether what happened is what a trigger waits for."""
    kind = happening.interaction
    if trigger.type != happening.event.resource_type or kind not in trigger.interactions:
        return False
    if kind == "update" and trigger.changed and trigger.changed.isdisjoint(happening.event.changed):
        return False
    tests = []
    if trigger.previous is not None:
        tests.append(trigger.on_create if kind == "create" else _before(trigger.previous, happening.previous_status))
    if trigger.current is not None:
        tests.append(
            trigger.on_delete if kind == "delete" else all(meets(each, happening.found) for each in trigger.current)
        )
    met = all(tests) if trigger.both else any(tests)
    return (met or not tests) and _holds(trigger, happening)


def _before(criteria: Iterable[Criterion], status: str) -> bool:
    rows = {"status": [("status", "", status, "")]}
    return all(meets(_any_system(each), rows) for each in criteria)


def _any_system(criterion: Criterion) -> Criterion:
    values = tuple(TokenValue(None, value.code) for value in criterion.values if isinstance(value, TokenValue))
    return Criterion(criterion.param, criterion.type, criterion.modifier, values)


def _holds(trigger: Trigger, happening: Happening) -> bool:
    if trigger.fhirpath is None:
        return True
    resource, status = happening.resource, happening.previous_status
    before: list[Any] = [{"resourceType": trigger.type, "status": status}] if status else []
    current: list[Any] = [] if happening.event.deleted else [resource]
    try:
        return bool(trigger.fhirpath.holds(resource, environment={"current": current, "previous": before}))
    except FhirPathError as error:
        log.warning("topic_not_evaluated", extra={"type": trigger.type, "reason": type(error).__name__})
        return False


@dataclass(frozen=True, slots=True)
class _Entry:
    interest: Interest
    criteria: Mapping[str, Sequence[Criterion]]

    def wants(self, happening: Happening, now: int) -> bool:
        event, interest = happening.event, self.interest
        if event.sequence <= interest.starts.get(event.service, 0) or interest.ends <= now:
            return False
        return all(meets(each, happening.found) for each in self.criteria.get(event.resource_type, ()))

    def crosses(self, happening: Happening, triggers: Sequence[Trigger]) -> bool:
        """Whether one of the triggers asks for no crossing, or this is one. Raises Busy."""
        return any(self._newly(happening, trigger) for trigger in triggers)

    def _newly(self, happening: Happening, trigger: Trigger) -> bool:
        if trigger.crossing is None:
            return True
        asked = self.criteria.get(trigger.type, ())
        thresholds = [each for each in asked if each.param in trigger.crossing.thresholds]
        if not thresholds:
            return True
        return not any(all(meets(each, rows) for each in thresholds) for rows in happening.before(trigger))


class Index:
    """The interests of all who are to be told, ready for events."""

    def __init__(self, topics: Mapping[str, Topic], base_url: str) -> None:
        self._base_url = base_url
        self._triggers: dict[str, list[tuple[str, Trigger]]] = defaultdict(list)
        for topic in topics.values():
            for trigger in topic.triggers:
                self._triggers[trigger.type].append((topic.url, trigger))
        self._topics = topics
        self._places: dict[str, list[dict[str, _Entry]]] = {}
        """Where each subscription lies."""
        self._all: dict[tuple[str, str], dict[str, _Entry]] = defaultdict(dict)
        """By topic and type, those without a key."""
        self._keyed: dict[tuple[str, str], dict[str, dict[_Key, dict[str, _Entry]]]] = defaultdict(
            lambda: defaultdict(lambda: defaultdict(dict))
        )
        """By topic and type, by parameter, by key."""

    def __len__(self) -> int:
        return len(self._places)

    def change(self, interests: Iterable[Interest]) -> None:
        """Take the interests in the place of those that were known of their subscriptions."""
        for interest in interests:
            for place in self._places.pop(interest.subscription, ()):
                place.pop(interest.subscription, None)
            topic = self._topics.get(interest.topic)
            if interest.status == "off" or topic is None:
                continue
            try:
                entry = _Entry(interest, read_filters(interest.filters, self._base_url, 0))
            except FhirError:  # accepted by a version with other search parameters; it must not stop all others
                log.error("filters_not_understood", extra={"subscription": interest.subscription})
                continue
            places = [place for type_name in topic.types for place in self._of(entry, topic.url, type_name)]
            for place in places:
                place[interest.subscription] = entry
            self._places[interest.subscription] = places

    def _of(self, entry: _Entry, topic: str, type_name: str) -> Iterator[dict[str, _Entry]]:
        """Where an entry is to lie, so that every event of the type that may meet it finds it."""
        keyed = min(
            (each for each in entry.criteria.get(type_name, ()) if all(_keys(each))),
            key=lambda each: each.type != "reference",  # which is met by fewer
            default=None,
        )
        if keyed is None:
            yield self._all[topic, type_name]
        else:
            by_key = self._keyed[topic, type_name][keyed.param]
            yield from (by_key[key] for key in _keys(keyed) if key)

    def waits_for(self, event: Event) -> bool:
        """Whether anybody may be told of the event; what this says costs nothing."""
        kind = interaction(event)
        return any(kind in trigger.interactions and self._any(topic, event.resource_type) for topic, trigger in
                   self._triggers.get(event.resource_type, ()))  # fmt: skip

    def _any(self, topic: str, type_name: str) -> bool:
        return bool(self._all.get((topic, type_name))) or (topic, type_name) in self._keyed

    def matches(self, happening: Happening, now: int) -> list[str]:
        """The subscriptions that are to be told, in order; `now` is in microseconds. Raises Busy."""
        told: set[str] = set()
        type_name = happening.event.resource_type
        fired: dict[str, list[Trigger]] = defaultdict(list)
        for topic, trigger in self._triggers.get(type_name, ()):
            if self._any(topic, type_name) and triggered(trigger, happening):
                fired[topic].append(trigger)
        for topic, triggers in fired.items():
            for candidates in self._candidates(topic, happening):
                told.update(
                    id_
                    for id_, entry in candidates.items()
                    if id_ not in told and entry.wants(happening, now) and entry.crosses(happening, triggers)
                )
        return sorted(told)

    def _candidates(self, topic: str, happening: Happening) -> Iterator[Mapping[str, _Entry]]:
        place = topic, happening.event.resource_type
        if place in self._all:
            yield self._all[place]
        for param, by_key in self._keyed.get(place, {}).items():
            for row in happening.found.get(param, ()):
                for key in _keys_of(row):
                    if key in by_key:
                        yield by_key[key]


def _keys(criterion: Criterion) -> list[_Key | None]:
    """The key of each value, None for one that has none; a criterion without keys is met in another way."""
    if criterion.modifier not in _EQUAL or criterion.type not in ("token", "reference", "uri"):
        return [None]
    return [_key(value) for value in criterion.values]


def _key(value: Value) -> _Key | None:
    match value:
        case TokenValue(code=str() as code):
            return "is", code
        case TokenValue(system=str() as system):
            return "of", system
        case ReferenceValue(id=str() as id_):
            return "is", id_
        case ReferenceValue(url=str() as url):
            return "of", url
        case UriValue(uri):
            return "is", uri
    return None


def _keys_of(row: Row) -> tuple[_Key, ...]:
    """The keys that a value could have which the row meets."""
    match len(row):
        case 4:
            return ("is", row[2]), ("of", row[1])
        case 7:
            return ("is", row[2]), ("of", row[3])
    return (("is", row[1]),)
