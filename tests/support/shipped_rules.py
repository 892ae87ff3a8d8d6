"""What the rules that CareThread brings along say of somebody, written down as one would read them in their texts.

Nothing here knows how they are stored or when anything came: all facts, now, and a moment in; by the name of each rule
that is true what each fact weighs. Moments on the wire are instants to the second, which last for that second.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

from carethread.core.ports import Resource

SECOND = timedelta(seconds=1)
INPATIENT = {"IMP", "ACUTE", "NONAC"}
FINAL = {"final", "amended", "corrected"}
ACTIVE = {"active", "recurrence", "relapse"}
NEEDS = {"food-insecurity", "housing-instability", "homelessness", "inadequate-housing", "transportation-insecurity",
         "utility-insecurity", "financial-insecurity", "intimate-partner-violence"}  # fmt: skip
UNDONE = {"not-started", "scheduled", "in-progress", "on-hold"}
LEVELS = {
    "activity-overdue": "moderate", "missed-visits": "high", "no-contact": "moderate",
    "no-follow-up-after-discharge": "moderate", "phq-9-self-harm": "high", "readmission": "high",
    "repeated-no-shows": "moderate", "rising-phq-9": "high", "trust-falling-away": "moderate",
    "two-emergency-visits": "high", "unmet-basic-needs": "moderate",
}  # fmt: skip

Said = dict[str, dict[str, str]]
Facts = Sequence[Resource]


def said_of(facts: Facts, now: datetime) -> Said:
    """The rules that are true of a person with these facts, each with its reasons."""
    by: dict[str, list[Resource]] = defaultdict(list)
    for each in facts:
        by[each["resourceType"]].append(each)
    stays = [each for each in by["Encounter"] if each["class"]["code"] in INPATIENT]
    missed = [each for each in by["Appointment"] if each["status"] == "noshow"]
    recent = [each for each in missed if _within(each["start"], now, 182)]
    plans = [each for each in by["CarePlan"] if each["status"] == "active"]
    out = [each for each in stays if each["status"] == "finished" and "end" in each["period"]]
    discharged = [each for each in out if _within(each["period"]["end"], now, 30)]
    return {
        **_overdue(plans, by["Task"], now),
        **_missed(recent, by["Condition"], discharged),
        **_no_contact(plans, by, now),
        **_no_follow_up(discharged, by, now),
        **_answers(by["Observation"], now),
        **_rising(by["Observation"], now),
        **_many("readmission", _begun(stays, now, 182, {"arrived", "in-progress", "onleave", "finished"}), 2, "0.7"),
        **_many("repeated-no-shows", [each for each in missed if _within_a_year(each["start"], now)], 3, "0.6"),
        **_trust(recent, by["QuestionnaireResponse"], by["Consent"], now),
        **_many("two-emergency-visits", _emergencies(by["Encounter"], now), 2, "0.6"),
        **_many(
            "unmet-basic-needs", [c for c in by["Condition"] if _clinical(c) in ACTIVE and _kind(c) & NEEDS], 2, "0.5"
        ),
    }


def _overdue(plans: Facts, tasks: Facts, now: datetime) -> Said:
    planned = [p for p in plans if any(_late(a["detail"], "scheduledPeriod", now) for a in p.get("activity", ()))]
    timed = [p for p in plans if any(_late(a["detail"], "scheduledTiming", now) for a in p.get("activity", ()))]
    late = [
        t
        for t in tasks
        if t["status"] in {"requested", "received", "accepted", "ready", "in-progress", "on-hold"}
        and _codes(t["code"]) & {"activity"}
        and _moment(t["restriction"]["period"]["end"]) <= now
    ]
    return (
        {"activity-overdue": _reasons((planned, "0.5"), (timed, "0.5"), (late, "0.5"))}
        if planned or timed or late
        else {}
    )


def _late(detail: Resource, how: str, now: datetime) -> bool:
    told = detail.get(how, {})
    period = told.get("repeat", {}).get("boundsPeriod", {}) if how == "scheduledTiming" else told
    return detail["status"] in UNDONE and "end" in period and _moment(period["end"]) <= now


def _missed(recent: Facts, conditions: Facts, discharged: Facts) -> Said:
    active = [each for each in conditions if _clinical(each) in ACTIVE]
    named = [each for each in active if "transportation-insecurity" in _kind(each)]
    coded = [each for each in active if _codes(each["code"]) & {"Z59.82", "713458007"}]
    if len(recent) < 2 or not (named or coded) or not discharged:
        return {}
    return {"missed-visits": _reasons((recent, "0.4"), (named, "0.3"), (coded, "0.3"), (discharged, "0.3"))}


def _no_contact(plans: Facts, by: dict[str, list[Resource]], now: datetime) -> Said:
    fresh = [each for each in plans if "created" in each and _within(each["created"], now, 60)]
    seen = {"arrived", "triaged", "in-progress", "onleave", "finished"}
    contacts = [e for e in by["Encounter"] if e["status"] in seen and _touches(e["period"], now, 60)]
    told = [each for each in by["Communication"] if each["status"] == "completed" and _within(each["sent"], now, 60)]
    return {} if not plans or fresh or contacts or told else {"no-contact": _reasons((plans, "0.5"))}


def _no_follow_up(discharged: Facts, by: dict[str, list[Resource]], now: datetime) -> Said:
    fresh = [each for each in discharged if _within(each["period"]["end"], now, 7)]
    visits = [each for each in by["Encounter"] if each["class"]["code"] in {"AMB", "VR", "HH"}]
    seen = _begun(visits, now, 30, {"arrived", "triaged", "in-progress", "finished"})
    booked = {"proposed", "pending", "booked", "arrived", "checked-in"}
    ahead = [each for each in by["Appointment"] if each["status"] in booked]
    is_so = discharged and not (fresh or seen or ahead)
    return {"no-follow-up-after-discharge": _reasons((discharged, "0.6"))} if is_so else {}


def _answers(observations: Facts, now: datetime) -> Said:
    some = [
        each
        for each in observations
        if each["status"] in FINAL
        and "44260-8" in _codes(each["code"])
        and _codes(each["valueCodeableConcept"]) & {"LA6569-3", "LA6570-1", "LA6571-9"}
        and _within(each["effectiveDateTime"], now, 14)
    ]
    return {"phq-9-self-harm": _reasons((some, "1"))} if some else {}


def _rising(observations: Facts, now: datetime) -> Said:
    scores = [
        each
        for each in observations
        if each["status"] in FINAL
        and "44261-6" in _codes(each["code"])
        and _within(each["effectiveDateTime"], now, 182)
    ]
    scores.sort(key=lambda each: (_moment(each["effectiveDateTime"]), each["id"]))
    values = [each["valueQuantity"]["value"] for each in scores]
    is_so = len(values) >= 2 and values[-1] >= 10 and values[-1] - values[-2] >= 5
    return {"rising-phq-9": _reasons((scores, "0.8"))} if is_so else {}


def _trust(recent: Facts, responses: Facts, consents: Facts, now: datetime) -> Said:
    """Complaints are read of who has agreed to it, and are no reason that is named."""
    complaints = [
        each for each in responses if each["status"] in {"completed", "amended"} and _within(each["authored"], now, 90)
    ]
    said = {each["provision"]["type"] for each in consents if each["status"] == "active" and _holds(each, now)}
    return {"trust-falling-away": _reasons((recent, "0.5"))} if said == {"permit"} and complaints and recent else {}


def _holds(consent: Resource, now: datetime) -> bool:
    period = consent["provision"].get("period", {})
    over = _moment(period["end"]) + SECOND if "end" in period else None
    return _moment(consent["dateTime"]) <= now and (over is None or now < over)


def _emergencies(encounters: Facts, now: datetime) -> Facts:
    urgent = [each for each in encounters if each["class"]["code"] == "EMER"]
    return _begun(urgent, now, 90, {"arrived", "triaged", "in-progress", "onleave", "finished"})


def _begun(encounters: Facts, now: datetime, days: int, statuses: set[str]) -> Facts:
    return [e for e in encounters if e["status"] in statuses and _within(e["period"]["start"], now, days)]


def _many(name: str, facts: Facts, least: int, weight: str) -> Said:
    return {name: _reasons((facts, weight))} if len(facts) >= least else {}


def _reasons(*some: tuple[Facts, str]) -> dict[str, str]:
    """What each fact weighs: its part of the weight of each set that it is in."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    for facts, weight in some:
        for each in facts:
            found[f"{each['resourceType']}/{each['id']}"] += Decimal(weight) / len(facts)
    rounded = {name: each.quantize(Decimal("0.0001"), ROUND_HALF_EVEN).normalize() for name, each in found.items()}
    return {name: f"{each:f}" for name, each in rounded.items()}


def _codes(concept: Resource) -> set[str]:
    return {each["code"] for each in concept.get("coding", ())}


def _kind(condition: Resource) -> set[str]:
    return {code for each in condition.get("category", ()) for code in _codes(each)}


def _clinical(condition: Resource) -> str:
    return next(iter(_codes(condition["clinicalStatus"])))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _within(text: str, now: datetime, days: int) -> bool:
    return _moment(text) <= now < _moment(text) + SECOND + timedelta(days)


def _within_a_year(text: str, now: datetime) -> bool:
    after = _moment(text) + SECOND
    day = 28 if (after.month, after.day) == (2, 29) else after.day
    return _moment(text) <= now < after.replace(year=after.year + 1, day=day)


def _touches(period: Resource, now: datetime, days: int) -> bool:
    is_over = "end" in period and now >= _moment(period["end"]) + SECOND + timedelta(days)
    return _moment(period["start"]) <= now and not is_over


def of_person(resource: Resource) -> str:
    """The id of the Patient whom a fact is about."""
    actors: Iterable[Resource] = (each["actor"] for each in resource.get("participant", ()) if "actor" in each)
    named = resource.get("subject") or resource.get("for") or resource.get("patient") or next(iter(actors))
    return str(named["reference"]).removeprefix("Patient/")
