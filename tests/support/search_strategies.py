"""Resources with values that are easy to get wrong.

They come from short lists, which the searches of `search_questions` share: most find something, few find everything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

Resource = dict[str, Any]
Strategy = st.SearchStrategy[Any]

BASE = "https://care.example/fhir"
ELSEWHERE = "http://else.example/fhir"

# ------------------------------------------------------------------------------------------------------ the values

NAMES = [
    "Müller", "MULLER", "muller-lang", "Åsa", "a,b", "a|b", "a$b", "a\\b", "\\", "Straße", "STRASSE", "e\u0301", "É",
    "a  b", "A b", "Ann", "Anna Lee", "50%", "_", "İ", "ﬀ", "中文",
]  # fmt: skip
SYSTEMS = ["urn:a", "urn:a:b", "http://x.example/s", "a|b", "a,b"]
CODES = ["1", "2", "a", "a,b", "a|b", "a\\b", "a$b", "10 % 'x'", "é"]
DAYS = ["1980", "1980-02", "1980-02-29", "1980-03-01", "2025-12", "2025-12-31", "2026-01-01"]
MOMENTS = [
    *DAYS, "1980-02-29T10:00:00Z", "1980-02-29T23:30:00-01:00", "1980-03-01T00:00:00.000Z", "1980-02-29T10:00:00.5Z",
    "1980-03-01T00:00:00+05:30", "2026-01-01T00:00:00Z", "2025-12-31T23:59:59.999Z",
]  # fmt: skip
MINUTES = ["1980-02-29T10:00Z", "1980-02-29T10:00", "1980-02-29T10:00:00"]
"""Times as only a search has them: without seconds, or without a zone, which is then UTC."""
NUMBERS = [0, 1, 1.0, 1.5, 5.35, 5.4, 5.4499, 5.45, 90, 99.5, 100, 100.5, 110, -3, 0.001, 1234567.891]
ASKED_NUMBERS = ["0", "1", "1.0", "1.5", "5", "5.4", "5.40", "100", "100.0", "100.00", "-3", "1e-3", "1234567.891"]
UNITS = [
    {},
    {"unit": "mg"},
    {"unit": "milligram", "system": "http://unitsofmeasure.org", "code": "mg"},
    {"unit": "%", "system": "http://x.example/s", "code": "%"},
    {"code": "mg", "system": "http://x.example/s"},
]
PREFIXES = ["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]
URLS = [
    "http://x.example/q", "http://x.example/q/1", "http://x.example/q/1/_history/2", "http://x.example/qq",
    "urn:oid:1.2.3", "urn:oid:1.2.3.4",
]  # fmt: skip
VALUE_SETS: Mapping[str, frozenset[tuple[str, str]]] = {
    f"http://hl7.org/fhir/ValueSet/{name}": frozenset((f"http://hl7.org/fhir/{name}", code) for code in codes)
    for name, codes in (
        ("administrative-gender", ["male", "female", "other", "unknown"]),
        ("slotstatus", ["busy", "free", "busy-unavailable", "busy-tentative", "entered-in-error"]),
    )
}
"""Value sets of R4 and the (system, code) of their members."""

INSTANTS = ["1980-02-29T10:00:00.000Z", "1980-02-29T10:00:00.500Z", "2025-12-31T23:59:59.999Z", "2026-01-01T00:00:00Z"]

ONE_OF = st.sampled_from


def escape(text: str) -> str:
    r"""The text as a search value: `\`, `,`, `|` and `$` with a backslash before them."""
    return re.sub(r"([\\,|$])", r"\\\1", text)


# --------------------------------------------------------------------------------------------------- the resources


def having(**members: Strategy) -> Strategy:
    """An object with some of the members, never empty."""
    return st.fixed_dictionaries({}, optional=members).filter(bool)


def some(values: Strategy, most: int = 2) -> Strategy:
    return st.lists(values, min_size=1, max_size=most)


def pointing(*types: str) -> Strategy:
    """A Reference to one of a few resources of these types: here, of a version, by URL, elsewhere, or by identifier."""
    here = [f"{type_name}/{id_}" for type_name in types for id_ in ids(type_name)]
    ways = [*here, *here, f"{BASE}/{here[0]}", f"{here[0]}/_history/2", f"{ELSEWHERE}/{here[0]}", "urn:uuid:1", "#c"]
    return st.one_of(
        st.builds(lambda text: {"reference": text}, ONE_OF(ways)),
        st.builds(lambda identifier: {"identifier": identifier}, IDENTIFIER),
    )


def ids(type_name: str) -> list[str]:
    """The ids that resources of a type have here; some, such as `1`, are those of many types."""
    return ["1", "2", "A-1.b", type_name.lower()[:5]]


IDENTIFIER = having(
    system=ONE_OF(SYSTEMS),
    value=ONE_OF(CODES),
    type=having(text=ONE_OF(NAMES), coding=some(having(system=ONE_OF(SYSTEMS), code=ONE_OF(CODES)))),
).filter(lambda identifier: "value" in identifier or "system" in identifier)
MEMBERS = [{"system": system, "code": code} for codes in VALUE_SETS.values() for system, code in sorted(codes)]
CODING = st.one_of(
    having(system=ONE_OF(SYSTEMS), code=ONE_OF(CODES), display=ONE_OF(NAMES)), ONE_OF([*MEMBERS, {"code": "male"}])
)
CONCEPT = having(coding=some(CODING), text=ONE_OF(NAMES))
QUANTITY = st.builds(
    lambda value, unit, comparator: {"value": value, **unit, **comparator},
    ONE_OF(NUMBERS),
    ONE_OF(UNITS),
    ONE_OF([{}, {}, {}, {"comparator": "<="}, {"comparator": ">="}]),
)
RANGE = having(
    low=st.builds(lambda v: {"value": v, "unit": "mg"}, ONE_OF([-3, 0, 1.5])),
    high=st.builds(lambda v: {"value": v, "unit": "mg"}, ONE_OF([5.4, 100, 110])),
)
PERIOD = st.one_of(
    having(start=ONE_OF(MOMENTS[:5]), end=ONE_OF(["1980-03-01", "1980", "2025-12", "2026-01-01T00:00:00Z"])),
    having(start=ONE_OF(MOMENTS)),
    having(end=ONE_OF(MOMENTS)),
).filter(lambda period: period.get("start", "1")[:4] <= period.get("end", "9")[:4])
TIMING = having(
    event=some(ONE_OF(MOMENTS)), repeat=st.builds(lambda period: {"boundsPeriod": period}, PERIOD), code=CONCEPT
)

ELEMENTS: Mapping[str, Mapping[str, Strategy]] = {
    "Patient": {
        "name": some(
            having(family=ONE_OF(NAMES), given=some(ONE_OF(NAMES)), text=ONE_OF(NAMES), suffix=some(ONE_OF(NAMES)))
        ),
        "identifier": some(IDENTIFIER),
        "birthDate": ONE_OF(DAYS),
        "gender": ONE_OF(["male", "female", "other"]),
        "active": st.booleans(),
        "deceasedDateTime": ONE_OF(MOMENTS),
        "managingOrganization": pointing("Organization"),
        "generalPractitioner": some(pointing("Organization", "Practitioner")),
        "address": some(having(city=ONE_OF(NAMES), line=some(ONE_OF(NAMES)), use=ONE_OF(["home", "work"]))),
        "telecom": some(having(system=ONE_OF(["phone", "email"]), value=ONE_OF(CODES))),
        "link": some(st.builds(lambda other: {"other": other, "type": "seealso"}, pointing("Patient"))),
    },
    "Organization": {
        "name": ONE_OF(NAMES),
        "alias": some(ONE_OF(NAMES)),
        "partOf": pointing("Organization"),
        "identifier": some(IDENTIFIER),
    },
    "Practitioner": {"name": some(having(family=ONE_OF(NAMES))), "identifier": some(IDENTIFIER)},
    "Appointment": {
        "status": ONE_OF(["booked", "noshow"]),
        "start": ONE_OF(INSTANTS),
        "participant": some(
            having(actor=pointing("Patient", "Practitioner", "Location"), status=ONE_OF(["accepted", "declined"]))
        ),
        "slot": some(pointing("Slot")),
        "serviceType": some(CONCEPT),
    },
    "Slot": {
        "status": ONE_OF(["free", "busy"]),
        "start": ONE_OF(INSTANTS),
        "schedule": pointing("Schedule"),
        "serviceType": some(CONCEPT),
    },
    "Schedule": {
        "planningHorizon": PERIOD,
        "actor": some(pointing("Practitioner", "Location")),
        "active": st.booleans(),
    },
    "Observation": {
        "subject": pointing("Patient", "Location"),
        "encounter": pointing("Encounter"),
        "hasMember": some(pointing("Observation")),
        "code": CONCEPT,
        "valueQuantity": QUANTITY,
        "component": some(st.fixed_dictionaries({"code": CONCEPT}, optional={"valueQuantity": QUANTITY})),
        "effectivePeriod": PERIOD,
    },
    "Encounter": {
        "status": ONE_OF(["planned", "finished"]),
        "subject": pointing("Patient"),
        "period": PERIOD,
        "partOf": pointing("Encounter"),
        "length": QUANTITY,
    },
    "CareTeam": {
        "subject": pointing("Patient"),
        "period": PERIOD,
        "participant": some(
            st.builds(lambda m: {"member": m}, pointing("Practitioner", "Organization", "CareTeam", "Patient"))
        ),
        "category": some(CONCEPT),
    },
    "CarePlan": {
        "activity": some(
            st.builds(
                lambda scheduled: {"detail": scheduled},
                st.one_of(having(scheduledTiming=TIMING), having(scheduledPeriod=PERIOD)),
            )
        ),
        "careTeam": some(pointing("CareTeam")),
        "instantiatesUri": some(ONE_OF(URLS)),
    },
    "Task": {
        "for": pointing("Patient"),
        "focus": pointing("Appointment", "Encounter", "Task"),
        "partOf": some(pointing("Task")),
        "authoredOn": ONE_OF(MOMENTS),
        "groupIdentifier": IDENTIFIER,
    },
    "QuestionnaireResponse": {
        "questionnaire": ONE_OF([*URLS, f"{URLS[0]}|1", f"{URLS[1]}|2.0"]),
        "subject": pointing("Patient"),
        "authored": ONE_OF(MOMENTS),
        "identifier": IDENTIFIER,
    },
    "Questionnaire": {
        "url": ONE_OF(URLS),
        "title": ONE_OF(NAMES),
        "version": ONE_OF(CODES),
        "effectivePeriod": PERIOD,
        "useContext": some(
            st.one_of(
                st.builds(lambda code, value: {"code": code, "valueQuantity": value}, CODING, QUANTITY),
                st.builds(lambda code, value: {"code": code, "valueRange": value}, CODING, RANGE),
                st.builds(lambda code, value: {"code": code, "valueCodeableConcept": value}, CODING, CONCEPT),
            )
        ),
    },
    "ChargeItem": {"factorOverride": ONE_OF(NUMBERS), "subject": pointing("Patient"), "enterer": pointing("Patient")},
    "RiskAssessment": {
        "prediction": some(st.one_of(having(probabilityDecimal=ONE_OF(NUMBERS)), having(probabilityRange=RANGE)))
    },
    "ValueSet": {"url": ONE_OF(URLS), "version": ONE_OF(CODES), "name": ONE_OF(NAMES)},
}
"""The elements that resources may have here, by type."""

META = having(
    lastUpdated=ONE_OF(INSTANTS),
    tag=some(having(system=ONE_OF(SYSTEMS), code=ONE_OF(CODES))),
    profile=some(ONE_OF(URLS)),
)


def resource(type_name: str) -> Strategy:
    """A resource with any of its type's elements."""
    optional = {"meta": META, **ELEMENTS[type_name]}
    return st.builds(
        lambda id_, members: {"resourceType": type_name, "id": id_, **members},
        ONE_OF(ids(type_name)),
        st.fixed_dictionaries({}, optional=optional),
    )


def resources(types: Sequence[str]) -> st.SearchStrategy[list[Resource]]:
    """Resources of these types, each (type, id) once."""
    one = st.one_of([resource(type_name) for type_name in types])
    return st.lists(one, min_size=2 * len(types), max_size=24, unique_by=lambda r: (r["resourceType"], r["id"]))
