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
    extended,
    id_of,
    moment,
    observed,
    proportion,
)

CAME = ("arrived", "checked-in", "fulfilled")
DAY = 86_400


def no_show(practice: Practice) -> Iterator[Unit]:
    for visit, at in _dated(practice):
        status = visit["status"]
        waits = status in ("booked", "pending")
        populations = proportion(
            status in (*CAME, "noshow"),
            status == "noshow",
            begin=waits or status in (*CAME, "noshow"),
            own=["unresolved"] if waits and at < NOW else [],
        )
        yield _unit(practice, visit, at, populations)


def late_cancellation(practice: Practice) -> Iterator[Unit]:
    for visit, at in _dated(practice):
        status = visit["status"]
        if at >= NOW:
            continue
        late = status == "cancelled" and extended(visit, "late-cancellation").get("valueBoolean", False)
        by_person = late or (status == "cancelled" and extended(visit, "cancelled-by").get("valueCode") == "patient")
        waits = status in ("booked", "pending")
        own = ["unresolved"] if waits else ["cancelled-otherwise"] if status == "cancelled" and not by_person else []
        known = status in (*CAME, "noshow")
        populations = proportion(known or by_person, late, begin=known or waits or status == "cancelled", own=own)
        yield _unit(practice, visit, at, populations)


def waiting_time(practice: Practice) -> Iterator[Unit]:
    for visit, at in _dated(practice):
        if visit["status"] not in ("booked", *CAME, "noshow"):
            continue
        asked = _time(visit, "waited", "since") or moment(visit.get("created"))
        kinds = [each.get("code") for each in visit.get("appointmentType", {}).get("coding", ())]
        days = (at - asked).total_seconds() / DAY if asked and asked <= at else None
        planned = days is not None and kinds[:1] in (["CHECKUP"], ["FOLLOWUP"], ["WALKIN"])
        came, began = _time(visit, "visit-times", "arrived"), _time(visit, "visit-times", "started")
        minutes = (began - came).total_seconds() / 60 if came and began and came <= began else None
        first = observed(None, ["measure-population-exclusion"]) if planned else observed(days)
        yield _unit(practice, visit, at, first, observed(minutes))


def waitlist_fairness(practice: Practice) -> Iterator[Unit]:
    for entry in practice.of("Appointment"):
        waits = entry["status"] == "waitlist"
        since = _time(entry, "waited", "since") or moment(entry.get("created"))
        if not (waits or extended(entry, "waited")) or since is None or entry["status"] == "entered-in-error":
            continue
        offered = _time(entry, "waited", "offered") or moment(extended(entry, "offer").get("valueInstant"))
        own = []
        if offered is None:
            own = ["still-waiting" if waits or entry["status"] == "pending" else "ended-without-offer"]
        days = (offered - since).total_seconds() / DAY if offered and offered >= since else None
        yield _unit(practice, entry, since, observed(days, own))


def third_next_available(practice: Practice) -> Iterator[Unit]:
    future: defaultdict[tuple[str, str | None], list[Resource]] = defaultdict(list)
    for slot in practice.of("Slot"):
        schedule = practice.get("Schedule", id_of(slot.get("schedule"), "Schedule"))
        actors = [each.get("reference", "").partition("/")[0] for each in schedule.get("actor", ())]
        bookable = schedule and schedule.get("active", True) and {"Practitioner", "PractitionerRole"} & set(actors)
        begins = moment(slot["start"])
        if bookable and slot["status"] in ("free", "busy", "busy-tentative") and begins and begins > NOW:
            future[schedule["id"], _service(slot) or _service(schedule)].append(slot)
    for (id_, _), slots in future.items():
        schedule = practice.get("Schedule", id_)
        where = _department(practice, schedule, schedule["actor"])
        free = sorted(str(moment(slot["start"])) for slot in slots if slot["status"] == "free")
        third = datetime.fromisoformat(free[2]) if len(free) > 2 else None
        zone = _zone(practice, where)
        days = (third.astimezone(zone).date() - NOW.astimezone(zone).date()).days if third else None
        counted = observed(days, [] if third else ["fewer-than-three"])
        yield Unit(f"Schedule/{id_}", None, NOW, where, (counted,))


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
    for visit in practice.of("Appointment"):
        if at := moment(visit.get("start")):
            yield visit, at


def _time(visit: Resource, name: str, part: str) -> datetime | None:
    told = extended(visit, name).get("extension", ())
    return next((moment(each["valueInstant"]) for each in told if each["url"] == part), None)


def _unit(practice: Practice, visit: Resource, at: datetime, *groups: tuple[frozenset[str], float | None]) -> Unit:
    patients = [found for each in actors(visit) if (found := id_of(each, "Patient"))]
    person = practice.survivor(patients[0]) if patients else None
    return Unit(f"Appointment/{visit['id']}", person, at.astimezone(UTC), department(practice, visit), groups)
