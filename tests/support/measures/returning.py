"""Second computations of who comes again: because care lasts, or because it failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from support.measures import visits
from support.measures.plain import (
    NOW,
    Practice,
    Resource,
    Unit,
    code_in,
    codings,
    ended_by_day,
    extended,
    id_of,
    moment,
    observed,
    proportion,
    standing,
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
        died = practice.died(person, first.department)
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


@dataclass(frozen=True)
class Stay:
    """A stay: when it began and was over, as that stands, and each from when to when that may have been."""

    told: Resource
    person: str | None
    department: str | None
    start: datetime
    end: datetime | None
    begun: tuple[datetime, datetime]
    over: tuple[datetime, datetime] | None

    @property
    def order(self) -> tuple[datetime, datetime, str]:
        """By which the last of two is the one that is over last."""
        last = max(self.over[1], self.start) if self.over else datetime.max.replace(tzinfo=UTC)
        return last, self.start, self.told["id"]

    @property
    def goes_on(self) -> bool:
        return self.over is None and self.told["status"] != "finished"

    def may_follow(self, other: Stay) -> bool:
        """Whether this one may have begun as the other was over."""
        assert other.over is not None
        begun = self.begun[1]
        if self.over and self.over[1] > self.begun[0]:
            begun = min(begun, self.over[1])
        return begun >= max(other.over[0], other.begun[0])

    def is_within(self, other: Stay, length: timedelta) -> bool:
        """Whether this one may have begun so soon after the other."""
        assert other.over is not None and other.end is not None
        return self.begun[0] <= other.end + length or self.start < other.over[1] + length


def readmission(practice: Practice) -> Iterator[Unit]:
    stays = [stay for each in practice.of("Encounter") if _is_stay(practice, each) if (stay := _stay(practice, each))]
    for each in stays:
        if each.told["status"] != "finished" or each.end is None or each.over is None:
            continue
        if each.end < each.start and each.over[1] <= each.begun[0]:
            continue
        others = [other for other in stays if other is not each and other.person == each.person]
        last = [other for other in others if other.over is None or other.order > each.order]
        after = [other for other in last if other.may_follow(each) and other.is_within(each, timedelta(days=30))]
        following = min(after, key=lambda other: (other.start, other.told["id"]), default=None)
        planned = following is not None and _is_elective(following.told)
        brought = (
            following is not None
            and _hospital(following.told, "admitSource") == "hosp-trans"
            and following.is_within(each, timedelta(hours=24))
        )
        inside = any(not other.may_follow(each) and (other.over or other.goes_on) for other in last)
        is_over = each.over[1] + timedelta(days=30) <= NOW
        own = [*(["planned"] if planned else []), *([] if is_over else ["not-over"])]
        populations = proportion(
            is_over,
            following is not None and not planned,
            exclusion=inside or brought or _left_stay(practice, each),
            own=own,
        )
        yield Unit(f"Encounter/{each.told['id']}", each.person, each.end, each.department, (populations,))


def _stay(practice: Practice, encounter: Resource) -> Stay | None:
    period, where = encounter.get("period", {}), _department(practice, encounter)
    start, begun = standing(period.get("start")), practice.between(where, period.get("start"))
    if start is None or begun is None:
        return None
    end, over = standing(period.get("end")), practice.between(where, period.get("end"))
    return Stay(encounter, practice.person(encounter.get("subject")), where, start, end, begun, over)


def _left_stay(practice: Practice, stay: Stay) -> bool:
    """Whether somebody was brought elsewhere, left against advice, or has died in it: so it may be, where nothing is
    said of how they left, else so it must be."""
    how = _hospital(stay.told, "dischargeDisposition")
    died = practice.between(stay.department, practice.get("Patient", stay.person).get("deceasedDateTime"))
    if how in LEFT or died is None or stay.over is None or stay.end is None:
        return how in LEFT
    if how is None:
        return stay.end >= died[0] or stay.over[1] > died[0]
    return max(stay.over[0], stay.begun[0]) >= died[1]


def _seen(practice: Practice) -> list[Seen]:
    found, told, unnamed = [], set(), list[tuple[Seen, datetime, datetime]]()
    for each in practice.of("Encounter"):
        person, at = practice.person(each.get("subject")), _span(each)[0]
        if _is_visit(practice, each) and person and at:
            where, who = _department(practice, each), _practitioner(practice, each)
            found.append(Seen(f"Encounter/{each['id']}", person, at, where, who))
            told |= {(visit, person) for visit in _appointments(each)}
            if not _appointments(each):
                begun = each["period"]["start"]
                near = at - timedelta(hours=12), at + timedelta(hours=12)
                if "T" not in begun:
                    day = practice.span(where, at.date(), at.date())
                    near = day[0] - timedelta(microseconds=1), day[1]
                unnamed.append((found[-1], *near))
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
            found += [each for each in alone if not any(_is_one(each, *other) for other in unnamed)]
    return found


def _is_one(visit: Seen, met: Seen, after: datetime, before: datetime) -> bool:
    """Whether an Encounter that names no Appointment is that visit."""
    is_near = after < visit.at < before
    return is_near and met.person == visit.person and met.practitioner == visit.practitioner is not None


def _appointments(encounter: Resource) -> list[str]:
    return [found for each in encounter.get("appointment", ()) if (found := id_of(each, "Appointment"))]


def _appointment(encounter: Resource) -> str | None:
    return next(iter(_appointments(encounter)), None)


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
    start, end = standing(period.get("start")), standing(period.get("end"))
    return start, max(filter(None, (start, end)), default=None) if whole else end


def _reasons(practice: Practice, encounter: Resource) -> set[str]:
    """What a visit was for: Conditions and codes, of whatever edition of ICD-10 three characters."""
    diagnoses = {id_of(each.get("condition"), "Condition") for each in encounter.get("diagnosis", ())} - {None}
    concepts = [*encounter.get("reasonCode", ()), *(practice.get("Condition", id_).get("code") for id_ in diagnoses)]
    codes = {coding for each in concepts for coding in codings(each)}
    named = {f"ICD {code[:3]}" if "/icd-10" in system else f"{system}|{code}" for system, code in codes}
    return named | {f"Condition/{id_}" for id_ in diagnoses}


def _was_planned(practice: Practice, encounter: Resource, before: datetime) -> bool:
    visit = practice.get("Appointment", _appointment(encounter))
    made = moment(visit.get("created"))
    is_routine = visits.kind(visit) in ("CHECKUP", "FOLLOWUP")
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
