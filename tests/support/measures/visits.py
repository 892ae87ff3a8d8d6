"""Second computations of what becomes of visits: missed, called off, waited for; and of what is free."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from support.measures.plain import (
    NOW,
    TIMEZONE,
    Practice,
    Resource,
    Unit,
    code_in,
    extended,
    first_code,
    id_of,
    moment,
    observed,
    proportion,
    standing,
)

CAME = ("arrived", "checked-in", "fulfilled")
DAY = 86_400
REASONS = "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason"


def no_show(practice: Practice) -> Iterator[Unit]:
    for visit, at in _dated(practice):
        status = visit["status"]
        waits = status in ("booked", "pending")
        dead = _after_death(practice, visit, at)
        populations = proportion(
            status in (*CAME, "noshow"),
            status == "noshow",
            exclusion=dead,
            begin=waits or status in (*CAME, "noshow"),
            own=["unresolved"] if waits and at < NOW and not dead else [],
        )
        yield _unit(practice, visit, at, populations)


def late_cancellation(practice: Practice) -> Iterator[Unit]:
    for visit, at in _dated(practice):
        status = visit["status"]
        if at >= NOW:
            continue
        cancelled, waits, dead = (
            status == "cancelled",
            status in ("booked", "pending"),
            _after_death(practice, visit, at),
        )
        mark = extended(visit, "cancelled-by").get("valueCode")
        is_late = extended(visit, "late-cancellation").get("valueBoolean")
        by = mark or _canceller(visit) or ("patient" if is_late is not None else "")
        by_person = cancelled and by == "patient"
        own = ["unresolved"] if waits and not dead else []
        if cancelled and (not by_person or is_late is None):
            own = ["moment-unknown" if by_person else "cancelled-otherwise"]
        known = status in (*CAME, "noshow")
        populations = proportion(
            known or (by_person and not own),
            by_person and bool(is_late),
            exclusion=dead,
            begin=known or waits or cancelled,
            own=own,
        )
        yield _unit(practice, visit, at, populations)


def _canceller(visit: Resource) -> str:
    code = code_in(visit.get("cancelationReason"), REASONS) or ""
    return {"pat": "patient", "pro": "provider", "mai": "provider"}.get(code[:3], "")


def _after_death(practice: Practice, visit: Resource, at: datetime) -> bool:
    """Whether it was to be after the first patient's death; who came was alive."""
    patients = [found for each in actors(visit) if (found := id_of(each, "Patient"))]
    person = practice.survivor(patients[0]) if patients else None
    dead = practice.died(person) is True or practice.had_died(person, at, department(practice, visit))
    return visit["status"] not in CAME and dead


def kind(visit: Resource) -> str | None:
    """What kind of visit it is: HL7's code, else the first that is told."""
    told = visit.get("appointmentType")
    return code_in(told, "http://terminology.hl7.org/CodeSystem/v2-0276") or first_code(told)


def waiting_time(practice: Practice) -> Iterator[Unit]:
    for visit, at in _dated(practice):
        if visit["status"] not in ("booked", *CAME, "noshow"):
            continue
        asked = _time(visit, "waited", "since") or moment(visit.get("created"))
        days = (at - asked).total_seconds() / DAY if asked and asked <= at else None
        planned = days is not None and kind(visit) in ("CHECKUP", "FOLLOWUP", "WALKIN")
        came, began = _time(visit, "visit-times", "arrived"), _time(visit, "visit-times", "started")
        minutes = (began - came).total_seconds() / 60 if came and began and came <= began else None
        first = observed(None, ["measure-population-exclusion"]) if planned else observed(days)
        yield _unit(practice, visit, at, first, observed(minutes))


def waitlist_fairness(practice: Practice) -> Iterator[Unit]:
    for entry in practice.of("Appointment"):
        listed = entry["status"] == "waitlist"
        waits = entry["status"] in ("waitlist", "pending")
        stored = moment(entry.get("meta", {}).get("lastUpdated")) if listed else None
        since = _time(entry, "waited", "since") or standing(entry.get("created")) or stored
        if not (listed or extended(entry, "waited")) or since is None or entry["status"] == "entered-in-error":
            continue
        if not _is_of_somebody(entry):
            continue
        offered = _time(entry, "waited", "offered") or moment(extended(entry, "offer").get("valueInstant"))
        own = []
        if offered is None:
            own = ["still-waiting" if waits else "ended-without-offer"]
        booked = None if waits else _time(entry, "waited", "booked")
        ended = ["not-placed"] if waits else ["left"] if _time(entry, "waited", "left") else []
        first, last = observed(_days(since, offered), own), observed(_days(since, booked), ended)
        yield _unit(practice, entry, since, first, last)


def _days(since: datetime, until: datetime | None) -> float | None:
    return (until - since).total_seconds() / DAY if until and until >= since else None


def third_next_available(practice: Practice) -> Iterator[Unit]:
    future: defaultdict[tuple[str, str | None], list[Resource]] = defaultdict(list)
    for slot in practice.of("Slot"):
        schedule = practice.get("Schedule", id_of(slot.get("schedule"), "Schedule"))
        begins = moment(slot["start"])
        if schedule and slot["status"] != "entered-in-error" and begins and begins > NOW:
            future[schedule["id"], _service(slot) or _service(schedule)].append(slot)
    for schedule in practice.of("Schedule"):
        if schedule["id"] not in {id_ for id_, _ in future}:
            future[schedule["id"], _service(schedule)] = []
    for (id_, _), slots in future.items():
        schedule = practice.get("Schedule", id_)
        whose = {each.get("reference", "").partition("/")[0] for each in schedule["actor"]}
        if not schedule.get("active", True) or not whose & {"Practitioner", "PractitionerRole"}:
            continue
        where = _department(practice, schedule, schedule["actor"])
        free = sorted(str(moment(slot["start"])) for slot in slots if slot["status"] == "free")
        third = datetime.fromisoformat(free[2]) if len(free) > 2 else None
        zone = _zone(practice, where)
        days = (third.astimezone(zone).date() - NOW.astimezone(zone).date()).days if third else None
        counted = observed(days, [] if third else ["fewer-than-three"])
        yield Unit(f"Schedule/{id_}", None, NOW, where, (counted,))
    yield from _kept(practice)


def _kept(practice: Practice) -> Iterator[Unit]:
    """What was counted on days before that of now."""
    for report in practice.of("MeasureReport"):
        (group,) = report["group"]
        at = datetime.fromisoformat(report["date"])
        where = id_of(extended(report, "department").get("valueReference"), "Organization")
        zone = _zone(practice, where)
        if (
            group["code"]["coding"][0]["code"] == "of-the-day"
            and at.astimezone(zone).date() < NOW.astimezone(zone).date()
        ):
            days = group.get("measureScore", {}).get("value")
            counted = observed(days, [] if days is not None else ["fewer-than-three"])
            yield Unit(f"MeasureReport/{report['id']}", None, at, where, (counted,))


def department(practice: Practice, visit: Resource) -> str | None:
    """Where an Appointment takes place."""
    return _department(practice, visit, actors(visit))


def practitioner(practice: Practice, visit: Resource) -> str | None:
    """With whom an Appointment is."""
    named = [found for each in actors(visit) if (found := id_of(each, "Practitioner"))]
    roles = [found for each in actors(visit) if (found := id_of(each, "PractitionerRole"))]
    role = practice.get("PractitionerRole", roles[0]) if roles else {}
    return named[0] if named else id_of(role.get("practitioner"), "Practitioner")


def actors(visit: Resource) -> list[Resource]:
    return [each.get("actor", {}) for each in visit.get("participant", ())]


def _department(practice: Practice, resource: Resource, actors: list[Resource]) -> str | None:
    if found := id_of(extended(resource, "department").get("valueReference"), "Organization"):
        return found
    in_order = ("PractitionerRole", "HealthcareService", "Location")
    if resource["resourceType"] == "Appointment":
        in_order = ("HealthcareService", "PractitionerRole", "Location")
    for type_name in in_order:
        of_type = [id_ for each in actors if (id_ := id_of(each, type_name))]
        there = practice.get(type_name, of_type[0]) if of_type else {}
        for name in ("providedBy", "organization", "managingOrganization"):
            if found := id_of(there.get(name), "Organization"):
                return found
    return None


def _zone(practice: Practice, department: str | None) -> ZoneInfo:
    extensions = practice.get("Organization", department).get("extension", ())
    return next((ZoneInfo(each["valueCode"]) for each in extensions if each["url"] == TIMEZONE), ZoneInfo("UTC"))


def _service(resource: Resource) -> str | None:
    codings = [each.get("coding", []) for each in resource.get("serviceType", ())][:1]
    return codings[0][0].get("code") if codings and codings[0] else None


def _dated(practice: Practice) -> Iterator[tuple[Resource, datetime]]:
    """Appointments of somebody that have a time."""
    for visit in practice.of("Appointment"):
        if _is_of_somebody(visit) and (at := moment(visit.get("start"))):
            yield visit, at


def _is_of_somebody(visit: Resource) -> bool:
    return any(id_of(each, "Patient") for each in actors(visit))


def _time(visit: Resource, name: str, part: str) -> datetime | None:
    told = extended(visit, name).get("extension", ())
    return next((moment(each["valueInstant"]) for each in told if each["url"] == part), None)


def _unit(practice: Practice, visit: Resource, at: datetime, *groups: tuple[frozenset[str], float | None]) -> Unit:
    patients = [found for each in actors(visit) if (found := id_of(each, "Patient"))]
    person = practice.survivor(patients[0]) if patients else None
    return Unit(f"Appointment/{visit['id']}", person, at.astimezone(UTC), department(practice, visit), groups)
