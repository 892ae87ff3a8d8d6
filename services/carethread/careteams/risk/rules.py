"""A rule as it is worked with: the PlanDefinition of profile `risk-rule` without its spelling.

Each input names a set of a person's resources, which the condition speaks of as `%name`: of one type, narrowed by codes
and by dates, in order of the date that narrows it. Filters that lead into the same repeating element of a resource are
about the same one: a plan's activity that is not done and is past its date.
Source: http://hl7.org/fhir/R4/plandefinition.html, http://hl7.org/fhir/R4/metadatatypes.html#DataRequirement.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from sys import intern

from carethread.careteams.risk.doubting import STATUS
from carethread.careteams.risk.windows import Interval
from carethread.core.fhir.fhirpath import Expression, compile
from carethread.core.lengths import Length
from carethread.core.ports import Stored

PROFILE = "https://carethread.dev/fhir/StructureDefinition/risk-rule"
LEVELS = "http://terminology.hl7.org/CodeSystem/risk-probability"

_PLAIN = re.compile(r"[ !#-\[\]-~]+")
"""What JSON writes as it is."""

MOST = 100
"""Facts in a set: of more the latest count."""

_REMEMBERED = 100
"""Parts of the rules in effect."""

STEPS = 50_000
"""What a condition may cost at most, as `core.fhir.fhirpath.Budget` counts."""

PEOPLE: Mapping[str, tuple[str, str]] = {
    "Appointment": ("patient", "participant.actor"),
    "CarePlan": ("patient", "subject"),
    "CareTeam": ("patient", "subject"),
    "Communication": ("patient", "subject"),
    "Condition": ("patient", "subject"),
    "DetectedIssue": ("patient", "patient"),
    "Encounter": ("patient", "subject"),
    "Goal": ("patient", "subject"),
    "Observation": ("patient", "subject"),
    "QuestionnaireResponse": ("patient", "subject"),
    "RelatedPerson": ("patient", "patient"),
    "Task": ("patient", "for"),
}
"""What rules can read of a person besides the Patient: by which search parameter it is found, and where it names the
person. What is made because of a risk, such as a Flag, is not there: a rule cannot cause itself."""

TYPES = ("Patient", *PEOPLE)


@dataclass(frozen=True, slots=True)
class Code:
    """An element at a path has one of these: (system or None, code)."""

    path: tuple[str, ...]
    codes: frozenset[tuple[str | None, str]]


@dataclass(frozen=True, slots=True)
class Date:
    """An element at a path is at most so long before now, and not after it; or it touches a period."""

    path: tuple[str, ...]
    within: Length | None = None
    during: Interval | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """What one element under `under` has to meet, the resource itself where that is empty; paths begin there."""

    under: str
    codes: tuple[Code, ...] = ()
    dates: tuple[Date, ...] = ()


@dataclass(frozen=True, eq=False)
class Input:
    """A set of a person's resources. `sorted_by` is the path of the date that they are in order of; `feedback`: what
    the person has said of their care may be among them."""

    name: str
    type: str
    groups: tuple[Group, ...] = ()
    weight: Decimal = Decimal(0)
    sorted_by: tuple[str, ...] = ()
    feedback: bool = False

    @cached_property
    def asked(self) -> str:
        """What is the same for inputs with the same facts; a text, whose hash is computed once."""
        return intern(repr((self.type, self.groups, self.sorted_by, self.feedback)))

    @cached_property
    def doubtful(self) -> bool:
        """Whether it says how sure its Conditions are, and so has also those that nobody has confirmed."""
        return any(each.path[0] == STATUS for group in self.groups for each in group.codes if not group.under)

    @cached_property
    def codes(self) -> frozenset[str]:
        """Of which one stands in each of its resources; empty where any may be one."""
        some = [frozenset(code for _, code in each.codes) for group in self.groups for each in group.codes]
        return min(some, key=len, default=frozenset())


@dataclass(frozen=True, eq=False)
class Rule:
    """A rule. `id` and `version` are those of its PlanDefinition as stored, `edition` its business version."""

    id: str
    url: str
    edition: str
    title: str
    says: str
    level: str
    condition: str
    inputs: tuple[Input, ...]
    helps: tuple[str, ...] = ()
    feedback: bool = False
    """Whether it reads what people say of their care."""

    @cached_property
    def expression(self) -> Expression:
        return compile(self.condition)

    @property
    def name(self) -> str:
        """Its canonical, as an assessment names it."""
        return f"{self.url}|{self.edition}" if self.edition else self.url


class Rules:
    """The rules that are asked together."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.all = tuple(rules)
        self.feedback = any(rule.feedback for rule in rules)
        self._parts: dict[frozenset[Rule], Rules] = {frozenset(rules): self}

    @cached_property
    def types(self) -> frozenset[str]:
        """What they read."""
        more = ("Encounter",) if self.feedback else ()  # who took part in one is who was rated
        return frozenset((*more, *(each.type for rule in self.all for each in rule.inputs)))

    @cached_property
    def traces(self) -> Mapping[str, re.Pattern[bytes]]:
        """By type, what stands in each resource that any of them may look at, so that the others need not be parsed."""
        inputs = [each for rule in self.all for each in rule.inputs]
        plain = {kind: all(_is_plain(each) for each in inputs if each.type == kind) for kind in self.types}
        if self.feedback:
            plain["Encounter"] = False
        return {kind: _any_of(each for each in inputs if each.type == kind) for kind in self.types if plain[kind]}

    def reading(self, facts: Iterable[Stored]) -> Rules:
        """Those that may say something else for these versions: the others look at none of them."""
        found = frozenset(rule for each in facts for rule in self._reading(each))
        if found not in self._parts:
            if len(self._parts) >= _REMEMBERED:
                self._parts = {frozenset(self.all): self}
            self._parts[found] = Rules([rule for rule in self.all if rule in found])
        return self._parts[found]

    def _reading(self, fact: Stored) -> Iterator[Rule]:
        if fact.type == "Patient":
            yield from self.all
        for trace, rules in self._readers.get(fact.type, {}).items():
            if trace is None or fact.deleted or trace.search(fact.body):
                yield from rules

    @cached_property
    def _readers(self) -> Mapping[str, Mapping[re.Pattern[bytes] | None, set[Rule]]]:
        """By type, and by what stands in each resource that they may look at, if that is known: who looks at it."""
        found: dict[str, dict[re.Pattern[bytes] | None, set[Rule]]] = {}
        for rule in self.all:
            for each in rule.inputs:
                trace = _any_of([each]) if _is_plain(each) else None
                found.setdefault(each.type, {}).setdefault(trace, set()).add(rule)
            for kind in ("Consent", "Encounter") if rule.feedback else ():  # who may be read, and who was rated
                found.setdefault(kind, {}).setdefault(None, set()).add(rule)
        return found


def _any_of(inputs: Iterable[Input]) -> re.Pattern[bytes]:
    return re.compile(b"|".join(sorted({re.escape(code.encode()) for each in inputs for code in each.codes})))


def _is_plain(each: Input) -> bool:
    """Whether one of its codes stands in each resource, as JSON writes it."""
    return bool(each.codes) and all(_PLAIN.fullmatch(code) for code in each.codes)
