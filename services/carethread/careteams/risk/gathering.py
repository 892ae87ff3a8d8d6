"""The people whom rules look at, with their facts, read from this service's own database in few statements."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from carethread.careteams.risk.assessments import id_of, rule_of
from carethread.careteams.risk.doubting import is_doubtful
from carethread.careteams.risk.feedback import agreed, is_feedback
from carethread.careteams.risk.people import Fact, Person
from carethread.careteams.risk.rules import PEOPLE, Rules
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.search.merges import survivor
from carethread.core.ports import Key, Resource, Session, Stored

log = logging.getLogger(__name__)

MOST_FACTS = 20_000
"""What of one person can be looked at; of who has more, the newest of each type."""

_ALSO: Mapping[str, tuple[str, str]] = {"Consent": ("patient", "patient"), "RiskAssessment": ("patient", "subject")}


@dataclass(slots=True)
class Looked:
    """One person to be judged: None where nobody is to be, for they are dead, gone or away; and what was said of
    them (`before`), under all ids that they have; and what was made for another, and moved here (`moved`)."""

    id: str
    person: Person | None
    before: dict[str, Resource] = field(default_factory=dict)
    moved: list[Resource] = field(default_factory=list)


def gather(session: Session, ids: Collection[str], rules: Rules, now: int, base_url: str) -> list[Looked]:
    """The people with these Patient ids, each with all ids that they have, now."""
    patients, found = _read(session, session.kin(ids), rules)
    stands_for = {id_: _last(id_, patients, base_url) for id_ in patients}
    by_person: dict[str, dict[str, list[Resource]]] = defaultdict(lambda: defaultdict(list))
    paths = {**PEOPLE, **_ALSO}
    for resource in found:
        kind = resource["resourceType"]
        of = {stands_for[i] for t, i in keys_at(resource, paths[kind][1], base_url) if t == "Patient" and i in patients}
        for each in of:
            by_person[each][kind].append(resource)
    return [_looked(id_, patients[id_], by_person[id_], now) for id_ in sorted(set(stands_for.values()))] + [
        Looked(id_, None, {}) for id_ in sorted(set(patients) - set(stands_for.values()))
    ]


def _read(session: Session, ids: Sequence[str], rules: Rules) -> tuple[dict[str, Resource | None], list[Resource]]:
    """The Patients, and all that a rule may look at of them."""
    wanted = {*rules.types, "RiskAssessment", *(["Consent"] if rules.feedback else ())}
    names = {kind: name for kind, (name, _) in {**PEOPLE, **_ALSO}.items() if kind in wanted}
    params = [f"{kind}.{name}" for kind, name in names.items()]
    most = MOST_FACTS * len(ids)
    people: list[Key] = [("Patient", id_) for id_ in ids]
    keys = session.referring(people, params, most + 1)
    if len(keys) > most:
        log.warning("risk_facts_left_out", extra={"people": len(ids)})
        keys = _newest(session, ids, names)
    stored = session.current([*keys, *people])
    patients = {id_: _living(stored.get(("Patient", id_))) for id_ in ids}
    bodies = (each for key, each in stored.items() if key[0] != "Patient" and not each.deleted)
    return patients, [json.restore(each.body) for each in bodies if _may_count(each, rules)]


def _newest(session: Session, ids: Sequence[str], names: Mapping[str, str]) -> list[Key]:
    """What was stored last of each type (and the parameter that leads to the Patient), an equal part of each."""
    found: dict[Key, None] = {}
    for id_ in ids:
        for kind, name in names.items():
            query = parse_query(kind, [(name, f"Patient/{id_}"), ("_sort", "-_lastUpdated")])
            page = session.search(query, MOST_FACTS // len(names))
            found |= {(kind, each.id): None for each in page.matches}
    return list(found)


def _living(stored: Stored | None) -> Resource | None:
    return json.restore(stored.body) if stored and not stored.deleted else None


def _may_count(stored: Stored, rules: Rules) -> bool:
    trace = rules.traces.get(stored.type)
    return trace is None or trace.search(stored.body) is not None


def _last(id_: str, patients: Mapping[str, Resource | None], base_url: str) -> str:
    """Who stands for a Patient: the one at the end of the merges, as far as they are here."""
    seen = {id_}
    while (into := survivor(patients.get(id_), base_url)) and into not in seen and patients.get(into):
        seen.add(into)
        id_ = into
    return id_


def _looked(id_: str, patient: Resource | None, known: Mapping[str, list[Resource]], now: int) -> Looked:
    before = {each["id"]: each for each in known.get("RiskAssessment", ()) if _is_ours(each)}
    moved = [each for each in known.get("RiskAssessment", ()) if each["id"] not in before and rule_of(each)]
    if patient is None or not _is_here(patient):
        return Looked(id_, None, before, moved)
    facts = {
        kind: [Fact(each, doubtful=is_doubtful(each)) for each in resources]
        for kind, resources in known.items()
        if kind not in _ALSO
    }
    facts["Patient"] = [Fact(patient)]
    responses = [*facts.get("QuestionnaireResponse", ()), *facts.get("Task", ())]
    if said := [fact for fact in responses if is_feedback(fact.resource)]:
        counts = agreed(known.get("Consent", ()))
        for fact in said:
            fact.counts, fact.feedback = counts, True
    return Looked(id_, Person(patient, facts, now), before, moved)


def _is_ours(assessment: Resource) -> bool:
    url = rule_of(assessment)
    return bool(url) and assessment["id"] == id_of(url, assessment.get("subject", {}).get("reference", ""))


def _is_here(patient: Resource) -> bool:
    """Whether somebody may still come to harm that we can help against; who is away stops all contact."""
    dead = patient.get("deceasedBoolean") is True or "deceasedDateTime" in patient
    return not dead and patient.get("active") is not False


def of_whom(resources: Iterable[Resource], base_url: str) -> set[str]:
    """The ids of the Patients that facts are about."""
    return {
        id_
        for each in resources
        for kind, id_ in keys_at(each, {**PEOPLE, **_ALSO}[each["resourceType"]][1], base_url)
        if kind == "Patient"
    }
