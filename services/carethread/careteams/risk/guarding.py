"""A rule's RiskAssessment is of the person for whom it was made: its id says so, and no plain write makes it another's.

What an EHR sends (`meta.source`) is stored as sent, and is no rule's.
"""

from __future__ import annotations

from collections.abc import Iterator

from carethread.careteams.risk.assessments import id_of, rule_of
from carethread.core.errors import Conflict
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.ports import Resource, Session, Span
from carethread.core.service import Ruling, Unit

_VERSIONS = 100
"""Of a RiskAssessment that are looked through for the person whom it was made for."""


def is_of_rule(assessment: Resource | None, base_url: str) -> bool:
    """Whether a RiskAssessment is one that a rule has made, of the person whom it names."""
    found = assessment or {}
    url = rule_of(found) if "source" not in found.get("meta", {}) else ""
    people = [f"{kind}/{id_}" for kind, id_ in keys_at(found, "subject", base_url)]
    return bool(url) and any(found.get("id") == id_of(url, each) for each in people)


def assessment_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Raise Conflict where a rule's assessment would be another person's, or another rule's."""
    if (
        not unit.own
        and after is not None
        and is_of_rule(before, unit.base_url)
        and not is_of_rule(after, unit.base_url)
    ):
        said = "Whose risk this is, and by which rule, stays: a rule has made it."
        raise Conflict(said, expression="RiskAssessment.subject")
    return Ruling()


def restored(session: Session, moved: Resource, base_url: str) -> Iterator[Resource]:
    """A rule's assessment as it last was of the person whom it was made for; none where it is so, or never was."""
    if is_of_rule(moved, base_url):
        return
    for stored in session.history(Span(("RiskAssessment",), moved["id"]), _VERSIONS):
        earlier = {} if stored.deleted else json.restore(stored.body)
        if is_of_rule(earlier, base_url):
            meta = {name: earlier["meta"][name] for name in ("profile", "security") if name in earlier["meta"]}
            yield {**earlier, "meta": meta}
            return
