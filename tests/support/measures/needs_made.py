"""Generated medication, visits, screenings, and social needs with what came of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from hypothesis import strategies as st

from support.measures.plain import CODES, GRAVITY
from support.measures.surrounding import (
    Made,
    department,
    departments,
    having,
    house_first,
    later,
    maybe,
    moments,
    over,
    people,
    whom,
    written,
)
from support.measures.surrounding import (
    days as day_or_moment,
)
from support.viewing import coded

Codes = list[tuple[str, str | None]]

_STATIN: Codes = [
    ("urn:atc", "C10AA01"),
    ("urn:oid:2.16.840.1.113883.6.88", "36567"),
    ("urn:ndc", "0006-0543"),
]
"""The codes of one drug, in whatever order."""


@st.composite
def dispenses(draw: st.DrawFn, id_: str, first: date) -> Made:
    """Of two drugs, often on one day or before the last filling is used up."""
    day = draw(st.one_of(st.integers(-2, 182), st.sampled_from((0, 30, 60, 90, 91, 151, 180))))
    hour = draw(st.sampled_from((0, 1, 5, 23)))
    at = written(datetime(first.year, first.month, first.day, hour, tzinfo=UTC) + timedelta(days=day))
    days = draw(st.sampled_from((None, 0, 1, 30, 30, 45.5, 60, 90, 100000)))
    unit = draw(st.sampled_from((None, "d", "d", "d", "wk", "mo", "h")))
    shown = draw(st.sampled_from(("whenHandedOver", "whenHandedOver", "whenHandedOver", "whenPrepared", "nothing")))
    drugs: list[Codes] = [_STATIN, _STATIN, [("urn:atc", "C10AA05")], [("urn:atc", None)]]
    code = draw(st.sampled_from(drugs))
    codings = [having(system=system, code=each) for system, each in draw(st.permutations(code))]
    return having(
        resourceType="MedicationDispense",
        id=id_,
        status=draw(st.sampled_from(("completed",) * 6 + ("cancelled", "entered-in-error"))),
        subject=whom(draw(st.sampled_from(("ann", "bob", "bob", "bob-too", "dot")))),
        medicationCodeableConcept=having(text="Pills", coding=codings),
        daysSupply=having(value=days if days is None or days < 1000 else 1000, code=unit),
        **({shown: draw(day_or_moment(st.just(at)))} if shown != "nothing" else {}),
    )


HOUSE = {"system": "urn:of-the-house", "code": "exp"}
_BY_FHIR = [
    {"system": "http://terminology.hl7.org/CodeSystem/discharge-disposition", "code": code} for code in ("exp", "home")
]
LEFT = st.sampled_from(
    (None, None, None, {"coding": [HOUSE]}, *({"coding": [{**HOUSE, "code": "7"}, each]} for each in _BY_FHIR))
)
"""How somebody has left: by codes of the house and of FHIR."""


@st.composite
def visits(draw: st.DrawFn, id_: str) -> Made:
    start = draw(day_or_moment(maybe(moments())))
    where = draw(departments)
    return having(
        resourceType="Encounter",
        id=id_,
        extension=department(draw(departments)),
        status=draw(
            st.sampled_from(("finished", "finished", "in-progress", "planned", "cancelled", "entered-in-error"))
        ),
        **{"class": {"code": draw(st.sampled_from(("IMP", "AMB", "OBSENC")))}},
        subject=whom(draw(people)),
        serviceProvider={"reference": f"Organization/{where}"} if where else None,
        period=having(start=start, end=draw(over(start)) if start else None),
        hospitalization=having(dischargeDisposition=draw(LEFT)),
        partOf={"reference": "Encounter/whole"} if draw(st.integers(0, 5)) == 0 else None,
    )


DOMAINS = (
    "food-insecurity", "inadequate-housing", "transportation-insecurity", "utility-insecurity",
    "intimate-partner-violence",
)  # fmt: skip


@st.composite
def screenings(draw: st.DrawFn, id_: str) -> list[Made]:
    """Answers on most domains at one moment, some of them declined."""
    at = draw(st.one_of(moments(), moments(datetime(2029, 3, 12, 9, tzinfo=UTC), datetime(2029, 3, 1, tzinfo=UTC))))
    who = whom(draw(people))
    shown = draw(
        st.sampled_from((
            "effectiveDateTime", "effectiveDateTime", "effectivePeriod", "effectiveInstant", "effectiveTiming",
            "issued",
        ))
    )  # fmt: skip
    if shown not in ("issued", "effectiveInstant"):
        at = draw(day_or_moment(st.just(at)))
    asked = DOMAINS if draw(st.integers(0, 3)) else draw(st.permutations((*DOMAINS, "stress")))[:5]
    why = draw(st.sampled_from((None, None, "asked-declined", "not-asked", "no-answer")))
    answer: Made = {"valueCodeableConcept": coded("http://loinc.org", "LA33-6")}
    if draw(st.integers(0, 3)) == 0:
        answer = {"component": [{"code": coded("http://loinc.org", "88122-7"), "valueBoolean": True}]}
    both = draw(st.sampled_from((None, None, "food-insecurity", "utility-insecurity")))
    found = []
    for number, domain in enumerate(asked):
        absent = why if number == 2 else None
        found.append(
            having(
                resourceType="Observation",
                id=f"{id_}-{number}",
                status="entered-in-error" if draw(st.integers(0, 30)) == 0 else "final",
                category=[
                    coded("urn:x", "survey"),
                    coded(GRAVITY, domain),
                    *([coded(GRAVITY, both)] if both and number == 4 else []),
                ],
                code=coded("http://loinc.org", "88124-3"),
                subject=who,
                dataAbsentReason=house_first("urn:absent", absent) if absent and absent != "no-answer" else None,
                **({} if absent else answer),
            )
            | {shown: {"effectivePeriod": {"start": at}, "effectiveTiming": {"event": [at]}}.get(shown, at)}
        )
    return found


@st.composite
def needs(draw: st.DrawFn, id_: str) -> list[Made]:
    """A need with what the person has said of help, and what came of it."""
    at, said = draw(day_or_moment(maybe(moments()))), draw(day_or_moment(moments()))
    verified = draw(
        st.sampled_from((None, "confirmed", "confirmed", "confirmed", "unconfirmed", "refuted", "entered-in-error"))
    )
    found = [
        having(
            resourceType="Condition",
            id=id_,
            category=[coded("urn:x", "health-concern")]
            + ([coded(GRAVITY, "food-insecurity")] if draw(st.integers(0, 5)) else []),
            verificationStatus=house_first("urn:verified", verified) if verified else None,
            subject=whom(draw(people)),
            encounter={"reference": draw(st.sampled_from(("Encounter/v0", "Encounter/v1", "Encounter/unknown")))},
            recordedDate=at,
            onsetPeriod=having(start=draw(day_or_moment(maybe(moments())))),
            onsetDateTime=draw(day_or_moment(maybe(moments()))),
        )
    ]
    for number in range(draw(st.integers(0, 2))):
        kind = draw(st.sampled_from(("permit", "permit", "permit", "deny")))
        status = "rejected" if kind == "deny" else "active"
        consent = f"{id_}-c{number}"
        found.append(
            having(
                resourceType="Consent",
                id=consent,
                status=draw(st.sampled_from((status, status, status, "inactive", "entered-in-error"))),
                dateTime=said,
                provision=having(
                    type=kind,
                    period=having(start=draw(st.sampled_from((None, said))), end=draw(over(said))),
                    data=[
                        {"meaning": "instance", "reference": {"reference": each}}
                        for each in draw(st.permutations((f"Condition/{id_}", "Condition/n0", "Encounter/v0")))
                    ],
                ),
            )
        )
        outcome = draw(st.sampled_from(("need-met", "need-met", "need-met", "partly-met")))
        named = draw(st.sampled_from((consent, consent, consent, "another")))
        found.append(
            having(
                resourceType="Task",
                id=f"{id_}-t{number}",
                status=draw(st.sampled_from(("completed", "completed", "completed", "requested", "cancelled"))),
                code=coded(CODES + "careteam-task", draw(st.sampled_from(("need-referral",) * 4 + ("outreach",)))),
                authoredOn=draw(day_or_moment(later(said))),
                input=[{"type": {"text": "Consent"}, "valueReference": {"reference": f"Consent/{named}"}}],
                reasonReference=draw(
                    st.sampled_from((None, {"reference": f"Condition/{id_}"}, {"reference": "Condition/n0"}))
                ),
                output=[
                    {"type": {"text": "x"}, "valueCodeableConcept": house_first(CODES + "referral-outcome", outcome)}
                ],
            )
        )
    return found
