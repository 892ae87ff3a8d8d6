"""The sections of a summary, as data: what stands in each, under which code, and how much of it. Pure.

LOINC's codes are those of the International Patient Summary's sections (problems, allergies, medications, plan of care,
alerts, results, social history, the patient's story) and of C-CDA's Transfer Summary (18761-7) and Goals (61146-7); for
what has none the code is ours, of the CodeSystem `about-me`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from carethread.careteams.levels import HIGH, level
from carethread.careteams.person.gathering import Gathered
from carethread.careteams.person.lines import goal_words, line, own_words
from carethread.careteams.person.topics import AVOID, HARD, LIVES, MATTERS, PREFERS, STRONG, topic
from carethread.careteams.tasks import OPEN
from carethread.core.fhir.elements import at, keys_at
from carethread.core.fhir.search.dates import date_range
from carethread.core.ports import Key, Resource

ABOUT, TRANSFER = "about-me", "transfer"

Holds = Callable[[Resource, Gathered], bool]


@dataclass(frozen=True, slots=True)
class Section:
    """A section: its title and code, which resources it holds, how they read, and how many stand in it at most."""

    title: str
    code: str
    holds: Holds
    most: int = 50
    words: Callable[[Resource], str] = line


def _of(type_name: str, **wanted: str) -> Holds:
    """Whether a resource is of a type, with one of the codes (separated by commas) at each path."""
    asked = {name.replace("__", "."): set(values.split(",")) for name, values in wanted.items()}

    def holds(resource: Resource, gathered: Gathered) -> bool:
        return resource["resourceType"] == type_name and all(
            not values.isdisjoint(map(str, at(resource, path))) for path, values in asked.items()
        )

    return holds


def _about(*topics: str) -> Holds:
    told = _of("Observation", status="final,amended,corrected")
    return lambda resource, gathered: told(resource, gathered) and topic(resource) in topics


_NO = frozenset({
    ("http://loinc.org", "LA32-8"), ("http://loinc.org", "LA19983-8"), ("http://snomed.info/sct", "373067005"),
    ("http://terminology.hl7.org/CodeSystem/v2-0136", "N"),
})  # fmt: skip
"""Answers of screenings by which there is no such need: `No`, and `No risk`."""

_NEGATIVE = frozenset({"N", "NEG", "ND"})
"""Of http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation."""


def _denied(resource: Resource, gathered: Gathered) -> bool:
    """Whether an answer says that there is none of what was asked for."""
    answers = {(each.get("system"), each.get("code")) for each in at(resource, "valueCodeableConcept.coding")}
    meant = {each.get("code") for each in at(resource, "interpretation.coding")}
    return resource.get("valueBoolean") is False or not _NO.isdisjoint(answers) or not _NEGATIVE.isdisjoint(meant)


def _any(*tests: Holds) -> Holds:
    return lambda resource, gathered: any(test(resource, gathered) for test in tests)


def _both(first: Holds, second: Holds) -> Holds:
    return lambda resource, gathered: first(resource, gathered) and second(resource, gathered)


def _not(test: Holds) -> Holds:
    return lambda resource, gathered: not test(resource, gathered)


def _own(resource: Resource, gathered: Gathered) -> bool:
    """Whether a goal is in the words of the person, or of somebody close."""
    return any(kind in ("Patient", "RelatedPerson") for kind, _ in keys_at(resource, "expressedBy", gathered.base_url))


def _looks(resource: Resource, gathered: Gathered) -> bool:
    """Whether a request asks for a result: http://hl7.org/fhir/R4/valueset-servicerequest-category.html."""
    return not {"108252007", "363679005", "laboratory", "imaging"}.isdisjoint(
        map(str, at(resource, "category.coding.code"))
    )


def _unanswered(resource: Resource, gathered: Gathered) -> bool:
    return (resource["resourceType"], resource.get("id")) not in gathered.reported


def _current(resource: Resource, gathered: Gathered) -> bool:
    """Whether an alert holds now."""
    ends = [date_range(str(end)) for end in at(resource, "period.end")]
    return all(end is None or end[1] > gathered.at for end in ends)


def _at_high_risk(resource: Resource, gathered: Gathered) -> bool:
    """Whether it says that the risk is high now."""
    return resource["resourceType"] == "RiskAssessment" and bool(level(resource, gathered.at, HIGH))


_GOALS = _of("Goal", lifecycleStatus="proposed,planned,accepted,active,on-hold")
_REQUESTS = _of("ServiceRequest", status="active,on-hold")

PERSON: Sequence[Section] = (
    Section("What matters most", "81338-6", _about(MATTERS), 5, own_words),
    Section("Preferences", "95541-9", _about(PREFERS), 8, own_words),
    Section("Life circumstances", "29762-2", _about(LIVES), 6, own_words),
    Section("Strengths", "strength", _about(STRONG), 5, own_words),
    Section("Barriers", "barrier", _both(_about(HARD), _not(_denied)), 6, own_words),
    Section("Goals in the person's own words", "61146-7", _both(_GOALS, _own), 6, goal_words),
    Section("What not to do", "what-not-to-do", _about(AVOID), 5, own_words),
)

CARE: Sequence[Section] = (
    Section(
        "Open items",
        "open-items",
        _any(
            _of("Task", status=",".join(OPEN)),
            _both(_REQUESTS, _not(_looks)),
        ),
    ),
    Section("Plan", "18776-5", _any(_of("CarePlan", status="active,on-hold"), _GOALS)),
    Section("Problems", "11450-4", _of("Condition", clinicalStatus__coding__code="active,recurrence,relapse")),
    Section(
        "Medications as known",
        "10160-0",
        _any(
            _of("MedicationStatement", status="active,intended,on-hold,unknown"),
            _of("MedicationRequest", status="active,on-hold"),
        ),
    ),
    Section("Allergies", "48765-2", _of("AllergyIntolerance", clinicalStatus__coding__code="active")),
    Section(
        "Risks",
        "104605-1",
        _any(_at_high_risk, _both(_of("Flag", status="active"), _current)),
    ),
    Section(
        "Pending results",
        "30954-2",
        _any(
            _of("DiagnosticReport", status="registered,partial,preliminary"),
            _of("Observation", status="registered,preliminary"),
            _both(_both(_REQUESTS, _looks), _unanswered),
        ),
    ),
)

SECTIONS: Mapping[str, Sequence[Section]] = {ABOUT: PERSON, TRANSFER: (*CARE, *PERSON)}

TITLES: Mapping[str, tuple[str, str]] = {ABOUT: ("About me", ABOUT), TRANSFER: ("Transfer summary", "18761-7")}
"""Of each kind of document its title and the code of its type."""

ANSWERS = ("Who answers for this person now", "85847-2")
"""The section that tells it; LOINC's code is that of a care team's information."""


def filled(section: Section, resources: Sequence[Resource], gathered: Gathered) -> tuple[list[Resource], int]:
    """What stands in a section, the newest first, and how many more there are."""
    found = [each for each in resources if section.holds(each, gathered)]
    found.sort(key=_when, reverse=True)
    return found[: section.most], max(0, len(found) - section.most)


def _when(resource: Resource) -> tuple[int, Key]:
    dates = (resource.get(name) for name in ("effectiveDateTime", "authoredOn", "startDate", "recordedDate"))
    said = next((each for each in dates if isinstance(each, str)), resource.get("meta", {}).get("lastUpdated", ""))
    span = date_range(said)
    return span[0] if span else 0, (resource["resourceType"], str(resource.get("id")))
