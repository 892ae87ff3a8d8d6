"""Visits of adults, and for how many of the five domains there was an answer."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from support.measures.plain import (
    GRAVITY,
    NOW,
    Practice,
    Resource,
    Unit,
    code_in,
    codings,
    ended_by_day,
    id_of,
    moment,
    proportion,
    standing,
)
from support.measures.strata import years

_DOMAINS = {
    "food-insecurity": "food",
    "housing-instability": "housing",
    "homelessness": "housing",
    "inadequate-housing": "housing",
    "transportation-insecurity": "transport",
    "utility-insecurity": "utilities",
    "intimate-partner-violence": "safety",
    "elder-abuse": "safety",
}
_STAYS = ("IMP", "ACUTE", "NONAC", "OBSENC")
_YEAR, _DAY = timedelta(days=365), timedelta(days=1)
_DISPOSITION = "http://terminology.hl7.org/CodeSystem/discharge-disposition"


def units(practice: Practice) -> Iterator[Unit]:
    for visit in practice.of("Encounter"):
        start = standing(visit.get("period", {}).get("start"))
        person = practice.person(visit.get("subject"))
        born = practice.get("Patient", person).get("birthDate")
        if start is None or not born or "partOf" in visit:
            continue
        where = practice.department(visit, visit.get("serviceProvider"), *_roles(visit), *_places(practice, visit))
        if years(date.fromisoformat(born), start.astimezone(practice.zone(where)).date()) < 18:
            continue
        if visit["status"] not in ("arrived", "triaged", "in-progress", "onleave", "finished"):
            continue
        ended = visit["period"].get("end")
        goes_on = visit["status"] != "finished" and visit.get("class", {}).get("code") in _STAYS
        now = NOW if goes_on and not ended else start
        over = max(start, standing(ended) or now)
        until = max((moment(visit["period"]["start"]) or start) + _DAY, moment(ended, last=True) or now)
        how = code_in(visit.get("hospitalization", {}).get("dischargeDisposition"), _DISPOSITION)
        told = [each for each in _asked(practice, person) if start - _YEAR <= each[0] < until]
        answered = {domain for _, domain, is_answered in told if is_answered}
        asked = {domain for _, domain, _ in told}
        yield Unit(
            f"Encounter/{visit['id']}",
            person,
            start,
            where,
            (
                proportion(
                    denominator=True,
                    numerator=len(answered) == 5,
                    exclusion=how == "exp"
                    or practice.had_died(person, over, where, surely=how is not None, by_day=ended_by_day(visit, over)),
                    exception=len(asked) == 5,
                ),
            ),
        )


def _asked(practice: Practice, person: str | None):  # type: ignore[no-untyped-def]
    """When somebody was asked, in which domain, and whether there is an answer; else they have declined."""
    for observation in practice.of("Observation"):
        at = standing(
            observation.get("effectiveDateTime")
            or observation.get("effectiveInstant")
            or observation.get("effectivePeriod", {}).get("start")
            or next(iter(observation.get("effectiveTiming", {}).get("event", ())), None)
            or observation.get("issued")
        )
        codes = {
            code for each in observation.get("category", ()) for system, code in codings(each) if system == GRAVITY
        }
        parts = [observation, *observation.get("component", ())]
        answered = any(name.startswith("value") for part in parts for name in part)
        why = {code for part in parts for _, code in codings(part.get("dataAbsentReason"))}
        final = observation["status"] in ("final", "amended", "corrected")
        if final and at and practice.person(observation.get("subject")) == person:
            for domain in {_DOMAINS[code] for code in codes & _DOMAINS.keys()}:
                if answered or "asked-declined" in why:
                    yield at, domain, answered


def _roles(visit: Resource) -> list[Resource]:
    found = [each["individual"] for each in visit.get("participant", ())]
    return [each for each in found if id_of(each, "PractitionerRole")][:1]


def _places(practice: Practice, visit: Resource) -> list[Resource]:
    places = [practice.get("Location", id_of(each["location"], "Location")) for each in visit.get("location", ())][:1]
    return [each["managingOrganization"] for each in places if "managingOrganization" in each]
