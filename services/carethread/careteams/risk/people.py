"""What is known of one person, as rules look at it: each resource read once, whatever the number of rules. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from carethread.careteams.risk.rules import MOST, Date, Group, Input
from carethread.careteams.risk.windows import (
    ALWAYS,
    NEVER,
    Interval,
    Intervals,
    both,
    covers,
    next_change,
    ranges_of,
    union,
)
from carethread.core.fhir.fhirpath import Element
from carethread.core.fhir.fhirpath.element import child, resource_element
from carethread.core.fhir.search.dates import EARLIEST, LATEST
from carethread.core.ports import Resource

Path = tuple[str, ...]
Token = tuple[str | None, str]


@dataclass(slots=True)
class Fact:
    """A resource of a person; `counts` are the moments at which it may be looked at at all, `feedback` whether it is
    what they say of their care, `doubtful` whether it is a Condition that nobody has confirmed."""

    resource: Resource
    counts: Intervals = ALWAYS
    feedback: bool = False
    doubtful: bool = False
    _nodes: dict[str, list[Element]] = field(default_factory=dict)
    _tokens: dict[tuple[str, Path], list[frozenset[Token]]] = field(default_factory=dict)
    _ranges: dict[tuple[str, Path], list[list[Interval]]] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        return f"{self.resource['resourceType']}/{self.resource['id']}"

    def nodes(self, under: str) -> list[Element]:
        if under not in self._nodes:
            root = resource_element(self.resource)
            self._nodes[under] = list(child(root, under)) if under else [root]
        return self._nodes[under]

    def tokens(self, under: str, path: Path) -> list[frozenset[Token]]:
        """The codes at a path, with and without their systems, of each element under `under`."""
        key = under, path
        if key not in self._tokens:
            self._tokens[key] = [frozenset(_tokens(_below(node, path))) for node in self.nodes(under)]
        return self._tokens[key]

    def ranges(self, under: str, path: Path) -> list[list[Interval]]:
        """The dates at a path, of each element under `under`."""
        key = under, path
        if key not in self._ranges:
            self._ranges[key] = [[r for e in _below(node, path) for r in ranges_of(e)] for node in self.nodes(under)]
        return self._ranges[key]

    def within(self, groups: Iterable[Group]) -> Intervals:
        """The moments at which the resource meets all groups."""
        found = self.counts
        for group in groups:
            if not found:
                return NEVER
            found = both(found, self._meets(group))
        return found

    def _meets(self, group: Group) -> Intervals:
        some = [self._node_meets(group, number) for number in range(len(self.nodes(group.under)))]
        if len(some) == 1:
            return some[0]
        return union(each for intervals in some for each in intervals)

    def _node_meets(self, group: Group, number: int) -> Intervals:
        for code in group.codes:
            if code.codes.isdisjoint(self.tokens(group.under, code.path)[number]):
                return NEVER
        found = ALWAYS
        for date in group.dates:
            found = both(found, _dated(date, self.ranges(group.under, date.path)[number]))
        return found

    def dated(self, path: Path) -> int:
        """By which facts are put in order: the first moment at a path; the earliest of all where there is none."""
        if not path:
            return EARLIEST
        return min((low for ranges in self.ranges("", path) for low, _ in ranges), default=EARLIEST)


def _below(node: Element, path: Path) -> list[Element]:
    found = [node]
    for name in path:
        found = [below for each in found for below in child(each, name)]
    return found


def _tokens(elements: Iterable[Element]) -> Iterable[Token]:
    for element in elements:
        value = element.value
        if isinstance(value, bool):
            value = str(value).lower()
        if isinstance(value, str):
            text = value.partition("|")[0] if element.type == "canonical" else value
            yield None, text
        elif isinstance(value, dict):
            codings = value.get("coding", ()) if element.type == "CodeableConcept" else (value,)
            for coding in codings:
                if isinstance(coding, dict) and isinstance(coding.get("code"), str):
                    yield None, coding["code"]
                    yield coding.get("system"), coding["code"]


def _dated(date: Date, ranges: Sequence[Interval]) -> Intervals:
    if date.during:
        begin, end = date.during
        return ALWAYS if any(low < end and high > begin for low, high in ranges) else NEVER
    assert date.within is not None
    return union((low, date.within.after(high)) for low, high in ranges)


@dataclass(frozen=True, slots=True)
class Known:
    """What an input is at a moment: the facts in its order, and when they may be others."""

    facts: Sequence[Fact]
    resources: list[Resource]
    until: int


@dataclass(slots=True)
class Person:
    """One person at a moment: the Patient who stands for all that were merged, and the facts of all of them."""

    patient: Resource
    facts: Mapping[str, Sequence[Fact]]
    """By type, the Patient among them."""
    now: int
    _known: dict[str, Known] = field(default_factory=dict)

    def known(self, wanted: Input) -> Known:
        """The set of an input: in order of its date, the latest MOST."""
        if wanted.asked not in self._known:
            self._known[wanted.asked] = self._find(wanted)
        return self._known[wanted.asked]

    def _find(self, wanted: Input) -> Known:
        facts = [
            fact
            for fact in self.facts.get(wanted.type, ())
            if (wanted.feedback or not fact.feedback) and (wanted.doubtful or not fact.doubtful)
        ]
        when = [fact.within(wanted.groups) for fact in facts]
        here = [fact for fact, intervals in zip(facts, when, strict=True) if covers(intervals, self.now)]
        if len(here) > 1:
            here.sort(key=lambda fact: (fact.dated(wanted.sorted_by), fact.reference))
        until = min((next_change(intervals, self.now) for intervals in when), default=LATEST)
        return Known(here[-MOST:], [fact.resource for fact in here[-MOST:]], until)
