"""Practices that hypothesis draws: few people, and visits and stays where definitions have their edges.

Moments are around the ends of the period and of days in several zones, in the night when clocks change, before the
moment up to which facts are whole, and as far from each other as the definitions ask, a little less or more.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from support.measures.plain import NOW, OURS, TIMEZONE

Resource = dict[str, Any]
V3, TERMS = "http://terminology.hl7.org/CodeSystem/v3-ActCode", "http://terminology.hl7.org/CodeSystem/"

PERIODS = (
    (date(2028, 1, 1), date(2030, 12, 31)),
    (date(2029, 3, 1), date(2029, 3, 31)),
    (date(2029, 3, 25), date(2029, 3, 25)),
    (date(2030, 3, 1), date(2030, 3, 31)),
)
"""All that is drawn, a month with a change of clocks, the day itself, and the month that is not over."""

_ANCHORS = (
    datetime(2029, 3, 2, 9, tzinfo=UTC),
    datetime(2029, 3, 1, tzinfo=UTC),
    datetime(2029, 3, 25, 1, tzinfo=UTC),
    datetime(2029, 4, 1, tzinfo=UTC),
    datetime(2030, 3, 1, tzinfo=UTC),
    NOW,
    NOW - timedelta(hours=72),
    NOW - timedelta(days=30),
)
_NIGHT = [
    timedelta(minutes=minutes) for minutes in (0, -361, -360, -181, -121, -120, -61, -60, -1, 0, 1, 60, 299, 300, 301)
]
_SPANS = [timedelta(hours=hours) for hours in (1, 24, 72, 0, 24 * 30, 24 * 90, 24 * 183, 24 * 365)]
_NEAR = [timedelta(), timedelta(milliseconds=1), timedelta(milliseconds=-1), timedelta(minutes=20)]

anchored = st.builds(lambda a, b: a + b, st.sampled_from(_ANCHORS), st.sampled_from(_NIGHT))
apart = st.builds(lambda a, b: max(a + b, timedelta()), st.sampled_from(_SPANS), st.sampled_from(_NEAR))
times = st.one_of(anchored, st.builds(lambda at, by, sign: at + sign * by, anchored, apart, st.sampled_from([1, -1])))

people = st.sampled_from(["ann", "ben", "ann", "ben-before", "ann", "cem"])
practitioners = st.sampled_from(["Practitioner/p", "Practitioner/q", "PractitionerRole/r", "PractitionerRole/s"])
clinicians = st.lists(practitioners, min_size=1, max_size=2)
places = st.sampled_from(["Location/here", "Location/nowhere", "HealthcareService/service"])
departments = st.sampled_from([None, None, "berlin", "new-york", "no-zone"])


def written(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"


def reference(to: str) -> Resource:
    return {"reference": to}


def concept(code: str, system: str = "http://snomed.info/sct") -> Resource:
    return {"coding": [{"system": system, "code": code}]}


ICD_CM = concept("J10.1", "http://hl7.org/fhir/sid/icd-10-cm")
_REASONS = (
    ICD_CM, concept("J108", "urn:oid:2.16.840.1.113883.6.90"), concept("J10.8", "http://hl7.org/fhir/sid/icd-10"),
    concept("J11", TERMS + "icd-10"), concept("38341003"), concept("38341003", "urn:oid:2.16.840.1.113883.6.96"),
    concept("38341003", "urn:of-the-house"),
)  # fmt: skip
_several = st.lists(st.sampled_from(_REASONS), min_size=1, max_size=2).map(
    lambda each: {"coding": [coding for concept in each for coding in concept["coding"]]}
)
"""Codes of what a visit was for, several of one thing."""


def _department(id_: str | None) -> list[Resource]:
    return [{"url": OURS + "department", "valueReference": reference(f"Organization/{id_}")}] if id_ else []


def _nested(name: str, **moments: datetime | None) -> list[Resource]:
    told = {key.replace("_", "-"): at for key, at in moments.items() if at}
    parts = [{"url": key, "valueInstant": written(at)} for key, at in told.items()]
    return [{"url": OURS + name, "extension": parts}] if parts else []


@st.composite
def around(draw: st.DrawFn) -> list[Resource]:
    """The people (one was merged into another; one may have died), and where they are seen by whom."""
    days = times.map(lambda at: f"{at:%Y-%m-%d}")
    died = draw(st.one_of(st.none(), times, st.just(True), days, st.sampled_from(("2029-03-30", "2029-03", "2029"))))
    deceased: Resource = {}
    if isinstance(died, datetime):
        deceased = {"deceasedDateTime": written(died)}
    elif died:
        deceased = {"deceasedBoolean": True} if died is True else {"deceasedDateTime": died}
    zones = {"berlin": "Europe/Berlin", "new-york": "America/New_York", "tokyo": "Asia/Tokyo", "no-zone": ""}
    return [
        {"resourceType": "Patient", "id": "ann", "gender": "female", "birthDate": "1960-03-31", **deceased,
         "communication": [{"language": concept("de-AT", "urn:ietf:bcp:47"), "preferred": True}]},
        {"resourceType": "Patient", "id": "ben", "gender": draw(st.sampled_from(["male", "unknown"])),
         "birthDate": "2011-03-30"},
        {"resourceType": "Patient", "id": "ben-before", "gender": "male",
         "link": [{"type": "replaced-by", "other": reference("Patient/ben")}]},
        {"resourceType": "Patient", "id": "cem"},
        {"resourceType": "Coverage", "id": "c", "status": "active", "type": {"text": "statutory"},
         "beneficiary": reference("Patient/ben-before"), "payor": [reference("Organization/payer")]},
        *({"resourceType": "Organization", "id": id_,
           "extension": [{"url": TIMEZONE, "valueCode": zone}] if zone else []} for id_, zone in zones.items()),
        {"resourceType": "PractitionerRole", "id": "r", "practitioner": reference("Practitioner/p"),
         "organization": reference("Organization/tokyo")},
        {"resourceType": "PractitionerRole", "id": "s"},
        {"resourceType": "Location", "id": "here", "managingOrganization": reference("Organization/berlin")},
        {"resourceType": "Location", "id": "nowhere"},
        {"resourceType": "HealthcareService", "id": "service", "providedBy": reference("Organization/new-york")},
        {"resourceType": "Condition", "id": "flu", "subject": reference("Patient/ann"),
         "code": {"coding": [{"system": "urn:of-the-house", "code": "flu"}, *ICD_CM["coding"]]}},
        {"resourceType": "Condition", "id": "cold", "subject": reference("Patient/ann"), "code": concept("38341003")},
    ]  # fmt: skip


@st.composite
def appointment(draw: st.DrawFn, number: int, statuses: tuple[str, ...]) -> Resource:
    """A visit of one person or of several, or an entry of the wait-list."""
    start = draw(times)
    patients = draw(st.lists(people, min_size=draw(st.sampled_from([1, 1, 0])), max_size=2))
    others = [*draw(st.lists(practitioners, max_size=2)), *draw(st.lists(places, max_size=1))]
    accepted = st.sampled_from(["accepted", "accepted", "needs-action", "declined"])
    actors = draw(st.permutations([*(f"Patient/{each}" for each in patients), *others]))
    status = draw(st.sampled_from(statuses))
    since = draw(st.one_of(st.builds(lambda by: start - by, apart), st.none()))
    came = draw(st.one_of(st.builds(lambda by: start + by, st.sampled_from(_NIGHT)), st.none()))
    by = draw(st.sampled_from(["patient", None, "provider"])) if status == "cancelled" else None
    late = draw(st.sampled_from([True, None, None, False])) if status == "cancelled" else None
    why = (
        draw(st.sampled_from([None, "pat", "pat-crs", "prov", "maint-mlf", "oth-weath"]))
        if status == "cancelled"
        else None
    )
    began = came + draw(st.sampled_from([timedelta(minutes=25), timedelta(), timedelta(minutes=-1)])) if came else None
    found: Resource = {
        "resourceType": "Appointment",
        "id": f"a{number}",
        "status": status,
        "extension": [
            *_department(draw(departments)),
            *_nested("visit-times", arrived=came, started=None if draw(st.booleans()) else began),
            *_nested(
                "waited",
                since=since,
                offered=draw(st.sampled_from([start, None])),
                **{draw(st.sampled_from(["booked", "left"])): draw(st.sampled_from([start, came, None]))},
            ),
            *([{"url": OURS + "cancelled-by", "valueCode": by}] if by else []),
            *([{"url": OURS + "late-cancellation", "valueBoolean": late}] if late is not None else []),
        ],
        "participant": [{"actor": reference(each), "status": draw(accepted)} for each in actors],
    }
    if status not in ("waitlist", "cancelled") or draw(st.booleans()):
        found["start"] = written(start)
    if draw(st.booleans()):
        found["meta"] = {"lastUpdated": written(start)}
    if draw(st.booleans()):
        found["created"] = written(start + draw(st.sampled_from([1, -1, -1])) * draw(apart))
    if why:
        foreign = {"system": "urn:of-the-house", "code": draw(st.sampled_from(["pat", "prov"]))}
        coding = {"system": TERMS + "appointment-cancellation-reason", "code": why}
        found["cancelationReason"] = {"coding": draw(st.sampled_from([[coding], [foreign, coding], [foreign]]))}
    if kind := draw(st.sampled_from([None, "CHECKUP", "FOLLOWUP", "WALKIN", "ROUTINE"])):
        coding, foreign = {"system": TERMS + "v2-0276", "code": kind}, {"system": "urn:x", "code": "FOLLOWUP"}
        found["appointmentType"] = {"coding": draw(st.sampled_from([[coding], [foreign, coding], [foreign]]))}
    return {name: value for name, value in found.items() if value}


def _told(code: str, name: str) -> st.SearchStrategy[Resource]:
    """A concept by FHIR's own code, by one of the house before it, or by that of the house alone."""
    system = {"dischargeDisposition": "discharge-disposition", "admitSource": "admit-source"}[name]
    coding, foreign = {"system": TERMS + system, "code": code}, {"system": "urn:of-the-house", "code": code[:3]}
    several = [[coding], [coding], [foreign, coding], [{**foreign, "code": code}]]
    return st.sampled_from([{"coding": each} for each in several])


@st.composite
def encounter(draw: st.DrawFn, number: int, before: list[datetime], classes: tuple[str, ...]) -> Resource:
    """A visit or a stay, often as far after another one as a definition asks; `before` is where those ended."""
    after = [each + draw(apart) for each in before[-2:]]
    start = draw(st.sampled_from(after)) if after and not draw(st.booleans()) else draw(times)
    end = draw(st.one_of(st.builds(lambda by: start + by, apart), st.none()))
    if draw(st.integers(0, 4)) == 4:  # moments, though they begin days
        start, end = (at and at.replace(hour=0, minute=0, second=0, microsecond=0) for at in (start, end))
    by_day = [
        draw(st.sampled_from([None, None, None, 10, 10, 7])) for _ in range(2)
    ]  # known by the day only, or the month
    finished = st.sampled_from(
        ["finished"] * 5 + ["in-progress", "planned", "cancelled", "entered-in-error", "arrived"]
    )
    leaving = {
        "dischargeDisposition": draw(st.sampled_from([None, None, None, "home", "exp", "aadvice", "other-hcf"])),
        "admitSource": draw(st.sampled_from([None, None, "hosp-trans", "emd"])),
    }
    found: Resource = {
        "resourceType": "Encounter",
        "id": f"e{number}",
        "status": draw(finished),
        "class": {"system": V3, "code": draw(st.sampled_from(classes))},
        "extension": _department(draw(departments)),
        "period": {"start": written(start)[: by_day[0]], **({"end": written(end)[: by_day[1]]} if end else {})},
        "hospitalization": {name: draw(_told(code, name)) for name, code in leaving.items() if code},
        "participant": [{"individual": reference(each)} for each in draw(clinicians)],
        "reasonCode": draw(st.one_of(st.just([]), st.lists(_several, max_size=2))),
    }  # fmt: skip
    if draw(st.integers(0, 9)) != 9:
        found["subject"] = reference(f"Patient/{draw(people)}")
    if draw(st.booleans()):
        diagnoses = st.sampled_from(["Condition/flu", "Condition/cold", "Condition/gone", "Procedure/flu"])
        found["diagnosis"] = [{"condition": reference(each)} for each in draw(st.lists(diagnoses, max_size=2))]
    if draw(st.booleans()):
        found["appointment"] = [
            reference(f"Appointment/a{each}") for each in draw(st.lists(st.integers(0, 3), min_size=1, max_size=2))
        ]
    if draw(st.integers(0, 4)) == 4:
        found["location"] = [{"location": reference(draw(places))}]
    if draw(st.integers(0, 4)) == 4:
        found["priority"] = concept("EL", TERMS + "v3-ActPriority")
    if number and draw(st.integers(0, 7)) == 7:
        found["partOf"] = reference("Encounter/e0")
    if draw(st.integers(0, 9)) == 9:
        del found["period"]
    if end:
        before.append(end)
    return {name: value for name, value in found.items() if value}


VISIT_STATUSES = (
    "fulfilled", "noshow", "cancelled", "cancelled", "booked", "pending", "arrived", "checked-in", "waitlist",
    "entered-in-error", "proposed",
)  # fmt: skip


@st.composite
def visits(draw: st.DrawFn, statuses: tuple[str, ...] = VISIT_STATUSES) -> list[Resource]:
    """People and their appointments."""
    many = draw(st.integers(5, 9))
    return [*draw(around()), *(draw(appointment(number, statuses)) for number in range(many))]


@st.composite
def meetings(draw: st.DrawFn, classes: tuple[str, ...]) -> list[Resource]:
    """People, their encounters of these classes, and appointments that some of them follow."""
    ends: list[datetime] = []
    met = [draw(encounter(number, ends, classes)) for number in range(draw(st.integers(5, 8)))]
    booked = [
        draw(appointment(number, ("fulfilled", "fulfilled", "booked"))) for number in range(draw(st.integers(0, 4)))
    ]
    return [*draw(around()), *met, *booked]


@st.composite
def calendars(draw: st.DrawFn) -> list[Resource]:
    """Schedules of clinicians and rooms, and their slots around now."""
    found: list[Resource] = draw(around())
    for number in range(draw(st.integers(1, 3))):
        schedule: Resource = {
            "resourceType": "Schedule",
            "id": f"s{number}",
            "active": draw(st.sampled_from([True, True, True, False])),
            "extension": _department(draw(departments)),
            "serviceType": draw(st.sampled_from([[], [concept("124")]])),
            "actor": [
                reference(each) for each in draw(st.lists(st.one_of(practitioners, places), min_size=1, max_size=2))
            ],
        }
        found.append({name: value for name, value in schedule.items() if value not in ([], True)})
    whose = st.sampled_from(draw(st.sampled_from([[0, 1, 2], [0], [1, 1, 1, 2]])))
    for number in range(draw(st.sampled_from([0, 2, 9, 12, 18]))):
        start = NOW + draw(st.sampled_from(_NIGHT)) + timedelta(days=draw(st.sampled_from([0, 0, 1, 13, 14, 15])))
        slot: Resource = {
            "resourceType": "Slot",
            "id": f"t{number}",
            "schedule": reference(f"Schedule/s{draw(whose)}"),
            "status": draw(
                st.sampled_from(["free"] * 6 + ["busy", "busy-tentative", "busy-unavailable", "entered-in-error"])
            ),
            "start": written(start),
            "end": written(start + timedelta(minutes=20)),
            "serviceType": draw(st.sampled_from([[], [], [concept("165")]])),
        }
        found.append({name: value for name, value in slot.items() if value})
    return [*found, *(draw(kept(number)) for number in range(draw(st.integers(0, 3))))]


@st.composite
def kept(draw: st.DrawFn, number: int) -> Resource:
    """How soon a third appointment was to be had on another day, or on that of now; or a report of something else."""
    at = NOW + draw(st.sampled_from(_NIGHT)) - timedelta(days=draw(st.sampled_from([0, 1, 2, 14])))
    score = draw(st.sampled_from([{"measureScore": {"value": 4}}, {}]))
    code = draw(st.sampled_from(["of-the-day", "of-the-day", "seconds"]))
    population = concept("initial-population", TERMS + "measure-population")
    return {
        "resourceType": "MeasureReport",
        "id": f"kept{number}",
        "status": "complete",
        "type": "individual",
        "measure": "https://carethread.dev/fhir/Measure/third-next-available|1.2.0",
        "extension": _department(draw(departments)),
        "date": written(at),
        "period": {"start": f"{at:%Y-%m-%d}", "end": f"{at:%Y-%m-%d}"},
        "group": [{"code": concept(code), "population": [{"code": population, "count": 1}], **score}],
    }
