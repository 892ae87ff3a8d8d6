"""Second computations of who comes again: because care lasts, or because it failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from support.measures import visits
from support.measures.plain import (
    NOW,
    Practice,
    Resource,
    Unit,
    code_in,
    ended_by_day,
    extended,
    first_code,
    id_of,
    moment,
    observed,
    proportion,
)

BEGUN = ("arrived", "triaged", "in-progress", "onleave", "finished")
STAYS = ("IMP", "ACUTE", "NONAC")
NO_VISITS = (*STAYS, "OBSENC", "PRENC", "SS")
LEFT = ("exp", "aadvice", "other-hcf")

TERMS = "http://terminology.hl7.org/CodeSystem/"
_SYSTEMS = {"dischargeDisposition": "discharge-disposition", "admitSource": "admit-source"}


@dataclass(frozen=True)
class Seen:
    """That a person was seen."""

    resource: str
    person: str
    at: datetime
    department: str | None
    practitioner: str | None


def retention(practice: Practice) -> Iterator[Unit]:
    seen = _seen(practice)
    for person in {each.person for each in seen}:
        own = [each for each in seen if each.person == person]
        first = min(own, key=lambda each: (each.at, each.resource))
        died = practice.died(person)
        groups = []
        for days in (183, 365):
            until = first.at + timedelta(days=days)
            again = any(first.at + timedelta(days=90) <= each.at <= until for each in own)
            gone = died <= until if isinstance(died, datetime) else died
            is_over = until <= NOW
            groups.append(proportion(is_over, again, exclusion=gone, own=[] if is_over else ["not-over"]))
        yield Unit(first.resource, person, first.at, first.department, tuple(groups))


def continuity(practice: Practice, first: date, last: date) -> Iterator[Unit]:
    seen = [each for each in _seen(practice) if each.practitioner]
    for person in {each.person for each in seen}:
        own = [each for each in seen if each.person == person]
        spans = ((each, practice.span(each.department, first, last)) for each in own)
        inside = [each for each, (start, end) in spans if start <= each.at < end]
        if inside:
            latest = max(inside, key=lambda each: (each.at, each.resource))
            year = [each for each in own if latest.at - timedelta(days=365) < each.at <= latest.at]
            usual = max(Counter(each.practitioner for each in year).values())
            counted = observed(usual / len(year)) if len(year) > 1 else observed(None, ["only-one"])
            yield Unit(latest.resource, person, latest.at, latest.department, (counted,))


def repeat_visits(practice: Practice) -> Iterator[Unit]:
    met = [each for each in practice.of("Encounter") if _is_visit(practice, each)]
    for each in met:
        start, end, person = *_span(each), practice.person(each.get("subject"))
        if each["status"] != "finished" or start is None or end is None:
            continue
        until = end + timedelta(hours=72)
        why = _reasons(practice, each)
        again = any(
            other is not each
            and practice.person(other.get("subject")) == person
            and (begins := _span(other)[0]) is not None
            and end < begins <= until
            and bool(why & _reasons(practice, other))
            and not _was_planned(practice, other, end)
            for other in met
        )
        own = ["reason-unknown"] if not why else ["not-over"] if until > NOW else []
        populations = proportion(not own, again, exclusion=_left(practice, each, end), own=own)
        yield Unit(f"Encounter/{each['id']}", person, start, _department(practice, each), (populations,))


def readmission(practice: Practice) -> Iterator[Unit]:
    stays = [each for each in practice.of("Encounter") if _is_stay(practice, each)]
    for each in stays:
        (start, end), person = _span(each, whole=False), practice.person(each.get("subject"))
        if each["status"] != "finished" or start is None or end is None or end < start:
            continue
        until = end + timedelta(days=30)
        others = [(*_span(other, whole=False), other) for other in stays if other is not each]
        others = [other for other in others if practice.person(other[2].get("subject")) == person]
        later = sorted(
            (begins, other["id"], other)
            for begins, ends, other in others
            if begins
            and end <= begins <= until
            and (begins > start or ends is None or ends > end or other["id"] > each["id"])
        )
        planned = bool(later) and _is_elective(later[0][2])
        within = any(
            begins is not None
            and begins < end
            and (
                other["status"] != "finished"
                if ends is None
                else ends > end or (ends == end > start and other["id"] > each["id"])
            )
            for begins, ends, other in others
        )
        begins, _, after = later[0] if later else (until, "", {})
        brought = _hospital(after, "admitSource") == "hosp-trans" and begins <= end + timedelta(hours=24)
        own = [*(["planned"] if planned else []), *(["not-over"] if until > NOW else [])]
        populations = proportion(
            until <= NOW,
            bool(later) and not planned,
            exclusion=within or brought or _left(practice, each, end),
            own=own,
        )
        yield Unit(f"Encounter/{each['id']}", person, end, _department(practice, each), (populations,))


def _seen(practice: Practice) -> list[Seen]:
    found, told, unnamed = [], set(), list[Seen]()
    for each in practice.of("Encounter"):
        person, at = practice.person(each.get("subject")), _span(each)[0]
        if _is_visit(practice, each) and person and at:
            where, who = _department(practice, each), _practitioner(practice, each)
            found.append(Seen(f"Encounter/{each['id']}", person, at, where, who))
            told.add((_appointment(each), person))
            if _appointment(each) is None:
                unnamed.append(found[-1])
    for visit in practice.of("Appointment"):
        at = moment(visit.get("start"))
        if visit["status"] == "fulfilled" and at:
            where, who = visits.department(practice, visit), visits.practitioner(practice, visit)
            people = [
                (practice.person(each.get("actor")), each["status"])
                for each in visit.get("participant", ())
                if id_of(each.get("actor"), "Patient")
            ]
            coming = {person for person, _ in people} - {person for person, status in people if status == "declined"}
            alone = [
                Seen(f"Appointment/{visit['id']}", person, at, where, who)
                for person in coming
                if person and (visit["id"], person) not in told
            ]
            found += [each for each in alone if not any(_is_one(each, other) for other in unnamed)]
    return found


def _is_one(visit: Seen, met: Seen) -> bool:
    """Whether an Encounter that names no Appointment is that visit."""
    is_near = abs(met.at - visit.at) < timedelta(hours=12)
    return is_near and met.person == visit.person and met.practitioner == visit.practitioner is not None


def _appointment(encounter: Resource) -> str | None:
    return next((found for each in encounter.get("appointment", ()) if (found := id_of(each, "Appointment"))), None)


def _is_visit(practice: Practice, encounter: Resource) -> bool:
    return (
        encounter["status"] in BEGUN
        and encounter.get("class", {}).get("code") not in NO_VISITS
        and _stands_alone(practice, encounter)
    )


def _is_stay(practice: Practice, encounter: Resource) -> bool:
    kind = encounter.get("class", {}).get("code")
    return encounter["status"] in BEGUN and kind in STAYS and _stands_alone(practice, encounter)


def _stands_alone(practice: Practice, encounter: Resource) -> bool:
    whole = id_of(encounter.get("partOf"), "Encounter")
    return whole is None and practice.person(encounter.get("subject")) is not None


def _span(encounter: Resource, *, whole: bool = True) -> tuple[datetime | None, datetime | None]:
    """Start and end; with `whole` the start where there is no end after it."""
    period = encounter.get("period", {})
    start, end = moment(period.get("start")), moment(period.get("end"))
    return start, max(filter(None, (start, end)), default=None) if whole else end


def _reasons(practice: Practice, encounter: Resource) -> set[str]:
    diagnoses = [each.get("condition") for each in encounter.get("diagnosis", ())]
    condition = next((found for each in diagnoses if (found := id_of(each, "Condition"))), None)
    concepts = [*encounter.get("reasonCode", ())[:1], practice.get("Condition", condition).get("code", {})]
    codings = [each["coding"][0] for each in concepts if each.get("coding")]
    codes = {(each.get("system", ""), each["code"]) for each in codings if "code" in each}
    named = {f"{system}|{code[:3] if 'icd-10' in system else code}" for system, code in codes}
    return named | ({f"Condition/{condition}"} if condition else set())


def _was_planned(practice: Practice, encounter: Resource, before: datetime) -> bool:
    visit = practice.get("Appointment", _appointment(encounter))
    made = moment(visit.get("created"))
    is_routine = first_code(visit.get("appointmentType")) in ("CHECKUP", "FOLLOWUP")
    return _is_elective(encounter) or is_routine or (made is not None and made <= before)


def _is_elective(encounter: Resource) -> bool:
    return code_in(encounter.get("priority"), TERMS + "v3-ActPriority") == "EL"


def _left(practice: Practice, encounter: Resource, end: datetime) -> bool:
    person, how = practice.person(encounter.get("subject")), _hospital(encounter, "dischargeDisposition")
    where, by_day = _department(practice, encounter), ended_by_day(encounter, end)
    return how in LEFT or practice.had_died(person, end, where, surely=how is not None, by_day=by_day)


def _hospital(encounter: Resource, name: str) -> str | None:
    return code_in(encounter.get("hospitalization", {}).get(name), TERMS + _SYSTEMS[name])


def _department(practice: Practice, encounter: Resource) -> str | None:
    named = [extended(encounter, "department").get("valueReference"), encounter.get("serviceProvider")]
    if found := next((found for each in named if (found := id_of(each, "Organization"))), None):
        return found
    places = [found for each in encounter.get("location", ()) if (found := id_of(each.get("location"), "Location"))]
    where = practice.get("Location", places[0]) if places else {}
    role = _role(practice, encounter)
    return id_of(role.get("organization"), "Organization") or id_of(where.get("managingOrganization"), "Organization")


def _practitioner(practice: Practice, encounter: Resource) -> str | None:
    people = [each.get("individual") for each in encounter.get("participant", ())]
    named = next((found for each in people if (found := id_of(each, "Practitioner"))), None)
    return named or id_of(_role(practice, encounter).get("practitioner"), "Practitioner")


def _role(practice: Practice, encounter: Resource) -> Resource:
    people = [each.get("individual") for each in encounter.get("participant", ())]
    found = next((found for each in people if (found := id_of(each, "PractitionerRole"))), None)
    return practice.get("PractitionerRole", found) if found else {}
