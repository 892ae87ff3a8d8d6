"""Whether two references are one person: only of those who are known can anybody tell."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import pytest

from carethread.careteams.handing.answerers import same
from carethread.core.fhir import json
from carethread.core.ports import Key, Resource, Session, Stored

NURSE = {"reference": "Practitioner/nurse"}
ROLES: list[Resource] = [
    {"resourceType": "PractitionerRole", "id": "day", "practitioner": NURSE},
    {"resourceType": "PractitionerRole", "id": "night", "practitioner": NURSE},
    {"resourceType": "PractitionerRole", "id": "vacant"},
    {"resourceType": "PractitionerRole", "id": "empty"},
]


class Copies:
    """A session that only knows these roles."""

    def current(self, keys: Iterable[Key]) -> dict[Key, Any]:
        there = {("PractitionerRole", each["id"]): each for each in ROLES}
        return {key: _stored(key, there[key]) for key in keys if key in there}


def _stored(key: Key, resource: Resource) -> Stored:
    return Stored(*key, 1, 0, False, json.render(resource))


def both(one: str, other: str) -> bool:
    session = cast(Session, Copies())
    found = same(session, one, other, 0)
    assert same(session, other, one, 0) == found
    return found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Practitioner/nurse", "Practitioner/nurse"),
        ("PractitionerRole/day", "Practitioner/nurse"),
        ("PractitionerRole/day", "PractitionerRole/night"),
        ("PractitionerRole/unknown", "PractitionerRole/unknown"),
        ("Organization/ward", "Organization/ward"),
    ],
)
def test_one_person_in_whichever_role(one: str, other: str) -> None:
    assert both(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Practitioner/nurse", "Practitioner/doctor"),
        ("PractitionerRole/day", "Practitioner/doctor"),
        ("PractitionerRole/unknown", "PractitionerRole/unknown-too"),
        ("PractitionerRole/unknown", "Practitioner/nurse"),
        ("PractitionerRole/vacant", "PractitionerRole/empty"),
        ("Organization/ward", "Practitioner/nurse"),
        ("", ""),
        ("", "PractitionerRole/unknown"),
    ],
)
def test_of_whom_nobody_can_tell_it(one: str, other: str) -> None:
    assert not both(one, other)
