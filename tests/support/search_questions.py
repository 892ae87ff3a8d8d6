"""Searches that are likely to find something among the resources of `search_strategies`, and go wrong easily."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import strategies as st

from support.search_strategies import (
    ASKED_NUMBERS,
    BASE,
    CODES,
    ELSEWHERE,
    MINUTES,
    MOMENTS,
    NAMES,
    ONE_OF,
    PREFIXES,
    SYSTEMS,
    URLS,
    VALUE_SETS,
    Resource,
    Strategy,
    escape,
    ids,
    resources,
)

Question = tuple[str, list[tuple[str, str]]]
"""The path of a search (a type, `Patient/1/Type`, or empty with `_type` among the pairs) and its name-value pairs."""


def either(values: Strategy) -> Strategy:
    """One value, or several of which one must be met."""
    return st.one_of(values, st.lists(values, min_size=1, max_size=3).map(",".join))


def written(template: str, *parts: Sequence[str]) -> Strategy:
    """The template with a word of each list in its places, escaped."""
    return st.tuples(*map(ONE_OF, parts)).map(lambda words: template.format(*map(escape, words)))


MISSING = ONE_OF(["true", "false"])
TOKEN = either(
    st.one_of(written("{}", CODES), written("{}|{}", SYSTEMS, CODES), written("|{}", CODES), written("{}|", SYSTEMS))
)
CODE_TEXT = either(st.builds(lambda name, n: escape(name[:n]), ONE_OF(NAMES), ONE_OF([1, 2, 9])))
OF_TYPE = either(written("{}|{}|{}", SYSTEMS, CODES, CODES))
STRING = either(st.builds(lambda name, n: escape(name[:n]), ONE_OF(NAMES), ONE_OF([1, 2, 3, 9])))
CONTAINED = either(
    st.builds(lambda name, n: escape(name[n:]), ONE_OF([n for n in NAMES if len(n) > 3]), ONE_OF([0, 1, 2]))
)
DATE = either(st.builds(str.__add__, ONE_OF(PREFIXES), ONE_OF([*MOMENTS, *MINUTES])))
ONE_NUMBER = st.builds(str.__add__, ONE_OF(PREFIXES), ONE_OF(ASKED_NUMBERS))
NUMBER = either(ONE_NUMBER)
UNIT = ["", "|http://unitsofmeasure.org|mg", "||mg", "||milligram", "||%", "|http://x.example/s|%", "||kg"]
AMOUNT = either(st.builds(lambda *parts: "".join(parts), ONE_OF(PREFIXES), ONE_OF(ASKED_NUMBERS), ONE_OF(UNIT)))
URL = either(ONE_OF(URLS))
NEAR_URL = either(ONE_OF([url for url in URLS if url.startswith("http")]))
"""A URN has nothing above or below it (3.1.1.4.13)."""
CANONICAL = either(ONE_OF([*URLS, f"{URLS[0]}|1", f"{URLS[1]}|2.0", f"{URLS[1]}|3"]))


def to(*types: str) -> Strategy:
    """Every way to ask for a resource of one of the types."""
    here = [f"{type_name}/{id_}" for type_name in types for id_ in ids(type_name)]
    more = [f"{BASE}/{here[0]}", f"{BASE}/{here[1]}", f"{here[0]}/_history/2", f"{ELSEWHERE}/{here[0]}", "urn:uuid:1"]
    return either(ONE_OF([*here, *ids(types[0]), *more]))


def token(code: str) -> dict[str, Strategy]:
    return {code: TOKEN, f"{code}:not": TOKEN, f"{code}:missing": MISSING, f"{code}:text": CODE_TEXT}


def word(code: str) -> dict[str, Strategy]:
    """A token whose values have no system."""
    asked = either(written("{}", CODES))
    return {code: asked, f"{code}:not": asked, f"{code}:missing": MISSING}


def members(code: str) -> dict[str, Strategy]:
    return {f"{code}:in": either(ONE_OF([*VALUE_SETS])), f"{code}:not-in": either(ONE_OF([*VALUE_SETS]))}


def identifier(code: str) -> dict[str, Strategy]:
    return {**token(code), f"{code}:of-type": OF_TYPE}


def string(code: str) -> dict[str, Strategy]:
    return {code: STRING, f"{code}:exact": STRING, f"{code}:contains": CONTAINED, f"{code}:missing": MISSING}


def date(code: str) -> dict[str, Strategy]:
    return {code: DATE, f"{code}:missing": MISSING}


def reference(code: str, *types: str) -> dict[str, Strategy]:
    by_type = {f"{code}:{type_name}": either(ONE_OF(ids(type_name))) for type_name in types}
    return {code: to(*types), f"{code}:identifier": TOKEN, f"{code}:missing": MISSING, **by_type}


def uri(code: str) -> dict[str, Strategy]:
    return {code: URL, f"{code}:below": NEAR_URL, f"{code}:above": NEAR_URL, f"{code}:missing": MISSING}


def amount(code: str) -> dict[str, Strategy]:
    return {code: AMOUNT, f"{code}:missing": MISSING}


def both(one: Strategy, other: Strategy) -> Strategy:
    """The two values of a composite parameter."""
    return either(st.builds("{}${}".format, one, other))


def code(name: str, system: str, *codes: str) -> dict[str, Strategy]:
    """A token whose element has the type code: its system is that of its binding."""
    asked = either(ONE_OF([*codes, f"{system}|{codes[0]}", f"{system}|", f"urn:a|{codes[1]}"]))
    return {name: asked, f"{name}:not": asked, f"{name}:missing": MISSING}


ASKED: Mapping[str, Mapping[str, Strategy]] = {
    "Patient": {
        **string("name"), **string("family"), **string("address"), **string("address-city"),
        **identifier("identifier"), **date("birthdate"), **date("death-date"),
        **code("gender", "http://hl7.org/fhir/administrative-gender", "male", "female", "other"),
        "active": ONE_OF(["true", "false"]), "deceased": ONE_OF(["true", "false"]),
        **word("telecom"), **word("phone"),
        **reference("organization", "Organization"),
        **reference("general-practitioner", "Organization", "Practitioner"), **reference("link", "Patient"),
        **token("_tag"), **uri("_profile"),
    },
    "Organization": {**string("name"), **identifier("identifier"), **reference("partof", "Organization")},
    "Practitioner": {**string("family"), **identifier("identifier")},
    "Appointment": {
        **code("status", "http://hl7.org/fhir/appointmentstatus", "booked", "noshow"), **date("date"),
        **code("part-status", "http://hl7.org/fhir/participationstatus", "accepted", "declined"),
        **reference("actor", "Patient", "Practitioner", "Location"), **reference("patient", "Patient"),
        **reference("practitioner", "Practitioner"), **reference("slot", "Slot"), **token("service-type"),
        **members("service-type"),
    },
    "Slot": {
        **code("status", "http://hl7.org/fhir/slotstatus", "free", "busy"), **date("start"), **token("service-type"),
        **reference("schedule", "Schedule"),
    },
    "Schedule": {**date("date"), **reference("actor", "Practitioner", "Location"), "active": MISSING},
    "Observation": {
        **token("code"), **members("code"), **token("combo-code"), **amount("value-quantity"),
        **amount("combo-value-quantity"), **date("date"), **reference("subject", "Patient", "Location"),
        **reference("patient", "Patient"), **reference("encounter", "Encounter"),
        **reference("has-member", "Observation"),
        "code-value-quantity": both(written("{}", CODES), ONE_NUMBER),
        "component-code-value-quantity": both(written("{}|{}", SYSTEMS, CODES), ONE_OF(["gt0", "le5.4", "1"])),
    },
    "Encounter": {
        **code("status", "http://hl7.org/fhir/encounter-status", "planned", "finished"), **date("date"),
        **reference("subject", "Patient"), **reference("part-of", "Encounter"), **amount("length"),
    },
    "CareTeam": {
        **reference("subject", "Patient"), **reference("patient", "Patient"), **date("date"), **token("category"),
        **reference("participant", "Practitioner", "Organization", "CareTeam", "Patient"),
    },
    "CarePlan": {**date("activity-date"), **reference("care-team", "CareTeam"), **uri("instantiates-uri")},
    "Task": {
        **reference("subject", "Patient"), **reference("patient", "Patient"), **reference("part-of", "Task"),
        **reference("focus", "Appointment", "Encounter", "Task"), **date("authored-on"),
        **identifier("group-identifier"),
    },
    "QuestionnaireResponse": {
        "questionnaire": CANONICAL, "questionnaire:missing": MISSING, **reference("subject", "Patient"),
        **date("authored"), **identifier("identifier"),
    },
    "Questionnaire": {
        **uri("url"), **string("title"), **word("version"), **date("effective"),
        **token("context-type"), **token("context"), **amount("context-quantity"),
        "context-type-quantity": both(written("{}", CODES), ONE_OF(["gt1", "lt100||mg", "5.4"])),
        "context-type-value": both(written("{}|{}", SYSTEMS, CODES), written("{}", CODES)),
    },
    "ChargeItem": {"factor-override": NUMBER, "factor-override:missing": MISSING, **reference("subject", "Patient")},
    "RiskAssessment": {"probability": NUMBER, "probability:missing": MISSING},
    "ValueSet": {**uri("url"), **word("version"), **string("name")},
}  # fmt: skip
"""What may be asked of a type: parameters with their modifiers, and strategies for their values."""

COMMON: Mapping[str, Strategy] = {
    "_id": either(ONE_OF(["1", "2", "A-1.b", "a-1.b", "9"])),
    "_lastUpdated": DATE,
}

CHAINS: Mapping[str, Sequence[str]] = {
    "Patient": ["organization=Organization", "link:Patient=Patient", "general-practitioner:Practitioner=Practitioner"],
    "Organization": ["partof=Organization", "partof.partof=Organization"],
    "Appointment": [
        "patient=Patient",
        "actor:Patient=Patient",
        "slot=Slot",
        "slot.schedule=Schedule",
        "patient.organization=Organization",
    ],
    "Slot": ["schedule=Schedule", "schedule.actor:Practitioner=Practitioner"],
    "Observation": [
        "subject:Patient=Patient",
        "patient=Patient",
        "encounter=Encounter",
        "encounter.subject:Patient=Patient",
        "has-member=Observation",
    ],
    "Encounter": ["subject:Patient=Patient", "part-of=Encounter"],
    "CareTeam": ["patient=Patient", "participant:CareTeam=CareTeam", "participant:Organization=Organization"],
    "CarePlan": ["care-team=CareTeam", "care-team.subject:Patient=Patient"],
    "Task": ["patient=Patient", "focus:Appointment=Appointment", "focus:Encounter.subject:Patient=Patient"],
    "QuestionnaireResponse": ["subject:Patient=Patient"],
}
"""References to follow from a type, and the type where each leads."""

REVERSE: Mapping[str, Sequence[str]] = {
    "Patient": [
        "_has:Appointment:patient=Appointment",
        "_has:Observation:subject=Observation",
        "_has:Task:patient=Task",
        "_has:Patient:link=Patient",
        "_has:Encounter:subject:_has:Observation:encounter=Observation",
        "_has:CareTeam:participant=CareTeam",
    ],
    "Organization": ["_has:Patient:organization=Patient", "_has:Organization:partof=Organization"],
    "Slot": ["_has:Appointment:slot=Appointment"],
    "Schedule": ["_has:Slot:schedule=Slot", "_has:Slot:schedule:_has:Appointment:slot=Appointment"],
    "Encounter": ["_has:Observation:encounter=Observation", "_has:Encounter:part-of=Encounter"],
    "Observation": ["_has:Observation:has-member=Observation"],
    "Task": ["_has:Task:part-of=Task"],
}
"""Reverse chains from a type, and the type whose parameters follow."""

INCLUDES: Mapping[str, Sequence[str]] = {
    "Patient": [
        "_include=Patient:organization",
        "_include=Patient:link",
        "_include:iterate=Patient:link",
        "_include=Patient:general-practitioner:Practitioner",
        "_include:iterate=Organization:partof",
        "_revinclude=Appointment:patient",
        "_revinclude=Observation:subject:Patient",
        "_revinclude=Encounter:subject",
        "_revinclude:iterate=Observation:encounter",
        "_revinclude:iterate=Patient:link",
    ],
    "Appointment": [
        "_include=Appointment:actor",
        "_include=Appointment:slot",
        "_include=Appointment:patient",
        "_include:iterate=Slot:schedule",
        "_include:iterate=Schedule:actor",
        "_include:iterate=Patient:organization",
        "_revinclude=Task:focus",
    ],
    "Slot": ["_include=Slot:schedule", "_revinclude=Appointment:slot", "_include:iterate=Appointment:patient"],
    "Schedule": ["_revinclude=Slot:schedule", "_revinclude:iterate=Appointment:slot"],
    "Observation": [
        "_include=Observation:subject",
        "_include=Observation:subject:Patient",
        "_include:iterate=Observation:has-member",
        "_revinclude=Observation:has-member",
    ],
    "Encounter": [
        "_include=Encounter:subject",
        "_include:iterate=Encounter:part-of",
        "_revinclude=Observation:encounter",
    ],
    "Task": ["_include=Task:focus", "_include:iterate=Task:part-of", "_revinclude:iterate=Task:part-of"],
}

SORTS: Mapping[str, Sequence[str]] = {
    "Patient": [
        "name",
        "family",
        "birthdate",
        "identifier",
        "gender",
        "death-date",
        "_lastUpdated",
        "_id",
        "address-city",
    ],
    "Organization": ["name", "identifier"],
    "Appointment": ["date", "status", "service-type"],
    "Slot": ["start", "status"],
    "Schedule": ["date"],
    "Observation": ["date", "code", "_lastUpdated"],
    "Encounter": ["date", "status"],
    "CarePlan": ["activity-date", "instantiates-uri"],
    "Task": ["authored-on", "group-identifier"],
    "Questionnaire": ["title", "effective", "url"],
    "ChargeItem": ["factor-override"],
}


@st.composite
def criterion(draw: st.DrawFn, type_name: str) -> tuple[str, str]:
    """One parameter of a type: its own, or one that a chain or a reverse chain leads to."""
    ways = dict(way.rsplit("=", 1) for way in [*CHAINS.get(type_name, ()), *REVERSE.get(type_name, ())])
    way = draw(ONE_OF(["", "", "", *ways]))
    asked = {**ASKED[ways[way] if way else type_name], **COMMON}
    name = draw(ONE_OF(sorted(asked)))
    joined = f"{way}{':' if way.startswith('_has') else '.'}{name}" if way else name
    return joined, draw(asked[name])


@st.composite
def sorting(draw: st.DrawFn, type_name: str) -> list[tuple[str, str]]:
    """`_sort` by up to three keys, or none."""
    keys = draw(st.lists(ONE_OF(SORTS.get(type_name, ["_lastUpdated"])), max_size=3, unique=True))
    return [("_sort", ",".join(draw(ONE_OF(["", "-"])) + key for key in keys))] if keys else []


THEMES = [
    ("Patient", "Organization", "Practitioner"),
    ("Patient", "Appointment", "Slot", "Schedule"),
    ("Patient", "Observation", "Encounter"),
    ("Observation", "ValueSet", "Appointment"),
    ("Patient", "CareTeam", "CarePlan", "Task", "Appointment", "Encounter"),
    ("Questionnaire", "QuestionnaireResponse", "ValueSet", "Patient"),
    ("ChargeItem", "RiskAssessment", "Patient"),
]
"""Types that refer to each other; an example keeps to one of these, so that its searches find something."""


IN_COMPARTMENT = {
    "Appointment",
    "CarePlan",
    "CareTeam",
    "ChargeItem",
    "Encounter",
    "Observation",
    "QuestionnaireResponse",
}


@st.composite
def questions(draw: st.DrawFn, types: Sequence[str]) -> Question:
    """A search of one of the types, at times only in a patient's compartment, with up to two criteria."""
    type_name = draw(ONE_OF(types))
    params = [draw(criterion(type_name)) for _ in range(draw(ONE_OF([1, 1, 1, 2, 0])))]
    params += draw(sorting(type_name))
    includes = draw(st.lists(ONE_OF(INCLUDES[type_name]), max_size=3, unique=True)) if type_name in INCLUDES else []
    params += [(name, value) for name, _, value in (include.partition("=") for include in includes)]
    place = draw(ONE_OF(["", "", *(f"Patient/{id_}/" for id_ in ids("Patient")[:2] if type_name in IN_COMPARTMENT)]))
    return place + type_name, params


@st.composite
def system_questions(draw: st.DrawFn, types: Sequence[str]) -> Question:
    """A search of several types, by what all of them have."""
    kinds = draw(st.lists(ONE_OF(types), min_size=1, max_size=3, unique=True))
    asked = {**COMMON, **token("_tag"), **uri("_profile")}
    names = draw(st.lists(ONE_OF(sorted(asked)), max_size=2))
    return "", [("_type", ",".join(kinds)), *((name, draw(asked[name])) for name in names)]


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Resource], list[Question]]:
    """Resources, and searches among them."""
    types = draw(ONE_OF(THEMES))
    asked = st.one_of([questions(types)] * 5 + [system_questions(types)])
    return draw(resources(types)), draw(st.lists(asked, min_size=6, max_size=30))
