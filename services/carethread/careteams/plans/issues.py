"""A finding about a person's plans as a DetectedIssue: open while it is so, closed when it is gone, open again later.

Its id follows from what it is about, so that whoever finds it finds the same one. Open is `final` with a period that
has begun; gone is `cancelled`, and the period has an end. What people have agreed on stands in `mitigation`, which is
theirs and goes with the finding. Source: http://hl7.org/fhir/R4/detectedissue.html.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from carethread.core.clock import instant, to_micros
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.search.query import CURSOR
from carethread.core.ports import Resource, Session
from carethread.core.service import PROFILES
from carethread.interactions.writing.unit import WriteUnit

PROFILE = PROFILES + "plan-issue"
CODES = "https://carethread.dev/fhir/CodeSystem/plan-issue"

OVERDUE = "activity-overdue"

_PAGE = 500
"""Issues that are read at once."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What is to be said: of which kind, how grave, about which references, in which words."""

    kind: str
    severity: str
    about: tuple[str, ...]
    said: str


def is_open(issue: Resource) -> bool:
    """Whether a finding stands."""
    return issue.get("status") == "final"


def issues_of(
    session: Session, patient: str, kinds: Iterable[str], about: str = "", base_url: str = ""
) -> list[Resource]:
    """All issues of a person that are of these kinds, open or not; of those, the ones about one reference."""
    wanted = [("patient", patient), ("code", ",".join(f"{CODES}|{kind}" for kind in kinds)), ("_sort", "_id")]
    if about:
        wanted.append(("implicated", about))
    found: list[Resource] = []
    cursor: list[tuple[str, str]] = []
    while True:
        page = session.search(parse_query("DetectedIssue", [*wanted, *cursor], base=base_url), _PAGE)
        found += (json.restore(one.body) for one in page.matches)
        if not page.next:
            return found
        cursor = [(CURSOR, page.next)]


def say(unit: WriteUnit, patient: str, wanted: Mapping[str, Finding], known: Iterable[Resource]) -> None:
    """Stage what opens the findings that are wanted, by id, and closes those that are known and not wanted."""
    now = instant(to_micros(unit.context.clock()))
    for issue in known:
        if issue["id"] not in wanted and is_open(issue):
            period = {**issue.get("identifiedPeriod", {}), "end": now}
            unit.update({**issue, "status": "cancelled", "identifiedPeriod": period})
    standing = {issue["id"]: issue for issue in known}
    for id_, finding in sorted(wanted.items()):
        before = standing.get(id_) or unit.find(("DetectedIssue", id_))
        if before is None or not is_open(before):
            unit.update(_issue(id_, patient, finding, now))
        elif _differs(before, finding):
            unit.update({**before, **_content(finding)})


def _content(finding: Finding) -> Resource:
    return {
        "severity": finding.severity,
        "implicated": [{"reference": each} for each in finding.about],
        "detail": finding.said,
    }


def _differs(issue: Resource, finding: Finding) -> bool:
    return {name: issue.get(name) for name in _content(finding)} != _content(finding)


def _issue(id_: str, patient: str, finding: Finding, now: str) -> Resource:
    return {
        "resourceType": "DetectedIssue",
        "id": id_,
        "meta": {"profile": [PROFILE]},
        "status": "final",
        "code": {"coding": [{"system": CODES, "code": finding.kind}]},
        "patient": {"reference": patient},
        "identifiedPeriod": {"start": now},
        **_content(finding),
    }


def about(issue: Resource, base_url: str) -> list[str]:
    """The references that an issue is about."""
    return [f"{kind}/{id_}" for kind, id_ in keys_at(issue, "implicated", base_url)]
