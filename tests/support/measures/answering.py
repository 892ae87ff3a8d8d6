"""A small practice for measures of answers, with what is special on purpose: departments in zones around the world, two
who are one, who has died, a child, visits that say their department in every way, and moments at the edges of days."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from support.measures.comparing import agree, counts_agree
from support.measures.plain import OURS, TIMEZONE, Practice, Unit

Made = dict[str, Any]

ZONES = {"east": "Pacific/Auckland", "west": "America/Los_Angeles", "plain": ""}
PEOPLE = ("one", "merged", "gone", "gone-one-day", "gone-early", "dead", "child", "unknown")


def extension(name: str, **value: Any) -> Made:
    return {"url": OURS + name, **value}


def department(id_: str) -> Made:
    return extension("department", valueReference={"reference": f"Organization/{id_}"})


def _organization(id_: str, zone: str) -> Made:
    zoned = {"extension": [{"url": TIMEZONE, "valueCode": zone}]} if zone else {}
    return {"resourceType": "Organization", "id": id_, **zoned}


def _visit(id_: str, **members: Any) -> Made:
    return {"resourceType": "Encounter", "id": id_, "status": "finished", "class": {"code": "AMB"}, **members}


def _by(who: str) -> list[Made]:
    return [{"individual": {"reference": who}}]


PRACTICE: list[Made] = [
    *(_organization(id_, zone) for id_, zone in ZONES.items()),
    {"resourceType": "Patient", "id": "one", "gender": "female", "birthDate": "1964-03-31",
     "communication": [{"language": {"coding": [{"code": "es-MX"}]}}]},
    {"resourceType": "Patient", "id": "merged", "gender": "male", "birthDate": "1990-01-01",
     "link": [{"type": "replaced-by", "other": {"reference": "Patient/one"}}]},
    {"resourceType": "Patient", "id": "gone", "gender": "male", "birthDate": "1990-02-28",
     "deceasedDateTime": "2030-03-05T12:00:00Z"},
    {"resourceType": "Patient", "id": "gone-one-day", "deceasedDateTime": "2030-03-17"},
    {"resourceType": "Patient", "id": "gone-early", "deceasedDateTime": "2030-03-10"},
    {"resourceType": "Patient", "id": "dead", "deceasedBoolean": True},
    {"resourceType": "Patient", "id": "child", "gender": "unknown", "birthDate": "2017-03-02"},
    {"resourceType": "Coverage", "id": "c", "status": "active", "beneficiary": {"reference": "Patient/merged"},
     "type": {"coding": [{"code": "PUBLICPOL"}]}},
    {"resourceType": "PractitionerRole", "id": "role", "practitioner": {"reference": "Practitioner/doctor"},
     "organization": {"reference": "Organization/west"}},
    {"resourceType": "PractitionerRole", "id": "bare"},
    {"resourceType": "Location", "id": "room", "managingOrganization": {"reference": "Organization/plain"}},
    {"resourceType": "CareTeam", "id": "team", "managingOrganization": [{"reference": "Organization/east"}],
     "participant": [{"member": {"reference": each}} for each in ("Practitioner/doctor", "PractitionerRole/role")]},
    _visit("named", extension=[department("west")], participant=_by("Practitioner/doctor")),
    _visit("provided", serviceProvider={"reference": "Organization/east"}),
    _visit("seen", participant=_by("PractitionerRole/role")),
    _visit("placed", location=[{"location": {"reference": "Location/room"}}]),
    _visit("wrong", extension=[department("east")]) | {"status": "entered-in-error"},
]  # fmt: skip

MOMENTS = st.sampled_from(
    [
        # the first and the last day, where it is early, where it is UTC, and where it is late
        "2030-02-28T10:59:59Z", "2030-02-28T11:00:00Z", "2030-02-28T23:59:59.999Z", "2030-03-01T00:00:00Z",
        "2030-03-01T07:59:59Z", "2030-03-01T08:00:00Z", "2030-03-31T10:59:59Z", "2030-03-31T11:00:00Z",
        "2030-03-31T23:59:59Z", "2030-04-01T06:59:59Z", "2030-04-01T07:00:00Z",
        # clocks change in Los Angeles
        "2030-03-10T01:59:59-08:00", "2030-03-10T03:00:00-07:00",
        # days alone
        "2030-02-28", "2030-03-01", "2030-03-31", "2030-04-01",
        "2030-03-05T09:30:00Z", "2030-03-12T15:00:00+13:00",
    ]
)  # fmt: skip
"""Of the days from 2030-03-01 to 2030-03-31."""

INSTANTS = MOMENTS.filter(lambda text: len(text) > 10)


def members(**optional: st.SearchStrategy[Any]) -> st.SearchStrategy[Made]:
    """Some of these members."""
    return st.fixed_dictionaries({}, optional=optional)


def reference(*names: str) -> st.SearchStrategy[Made]:
    return st.sampled_from([{"reference": name} for name in names])


PERSON = reference(*(f"Patient/{each}" for each in PEOPLE))
DEPARTMENT = st.sampled_from(list(ZONES)).map(lambda each: [department(each)])
VISIT = reference(*(f"Encounter/{each}" for each in ("named", "provided", "seen", "placed", "wrong", "unknown")))
STATUS = st.sampled_from(["completed", "completed", "amended", "in-progress", "stopped", "entered-in-error"])


def numbered(made: list[Made], start: str = "r") -> list[Made]:
    """Each with an id of its own."""
    return [{**each, "id": f"{start}{number}"} for number, each in enumerate(made)]


def both_agree(
    name: str,
    one: st.SearchStrategy[Made],
    again: Callable[[Practice], Iterable[Unit]],
    first: date,
    last: date,
    more: Sequence[Made] = (),
) -> None:
    """Assert that a measure and its second computation find the same in practices with some resources of a kind."""

    @settings(max_examples=30, deadline=None)
    @given(st.lists(one, max_size=10).map(numbered))
    def unit_by_unit(made: list[Made]) -> None:
        resources = [*PRACTICE, *more, *made]
        agree(name, resources, first, last, again(Practice(resources)))

    @settings(max_examples=3, deadline=None)
    @given(st.lists(one, min_size=12, max_size=24).map(numbered))
    def counted(made: list[Made]) -> None:
        resources = [*PRACTICE, *more, *made]
        counts_agree(name, resources, first, last, again(Practice(resources)))

    unit_by_unit()
    counted()
