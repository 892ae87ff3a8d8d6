"""What refers to something, and what has a code, by the index alone: on both databases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from carethread.adapters.sql.store.store import SqlStore
from carethread.core.fhir.search.query import TokenValue
from carethread.core.ports import Key
from support.stores import deletion, put

ROLES = ("PractitionerRole.practitioner",)


def role(id_: str, of: str) -> dict[str, Any]:
    return {"resourceType": "PractitionerRole", "id": id_, "practitioner": {"reference": f"Practitioner/{of}"}}


def schedule(id_: str, *actors: str, **said: str) -> dict[str, Any]:
    made: dict[str, Any] = {"resourceType": "Schedule", "id": id_, "actor": [{"reference": each} for each in actors]}
    for name, text in said.items():
        system, _, code = text.rpartition("|")
        made[name] = [{"coding": [{"code": code, **({"system": system} if system else {})}]}]
    return made


def remove(store: SqlStore, key: Key) -> None:
    store.transact(lambda session: session.write([deletion(session.current([key])[key])]))


def referring(store: SqlStore, keys: Sequence[Key], *, at_most: int = 99, through: Sequence[str] = ()) -> list[str]:
    found = store.snapshot(lambda session: session.referring(keys, ["Schedule.actor"], at_most, through=through))
    assert {kind for kind, _ in found} <= {"Schedule"}
    return [id_ for _, id_ in found]


def having(store: SqlStore, *values: TokenValue, params: Sequence[str], at_most: int = 99) -> list[Key]:
    return store.snapshot(lambda session: session.having(values, params, at_most))


def test_what_refers_to_one_or_to_a_role_of_theirs(store: SqlStore) -> None:
    put(store, [role("nurse", "ann"), role("head", "ann"), role("other", "ben")])
    put(
        store,
        [
            schedule("own", "Practitioner/ann"),
            schedule("as-nurse", "PractitionerRole/nurse"),
            schedule("both", "PractitionerRole/head", "Practitioner/ann", "Location/room"),
            schedule("bens", "PractitionerRole/other"),
            schedule("room", "Location/room"),
        ],
    )
    ann, ben, room = ("Practitioner", "ann"), ("Practitioner", "ben"), ("Location", "room")
    assert referring(store, [ann]) == ["own", "both"]
    assert referring(store, [ann], through=ROLES) == ["own", "as-nurse", "both"]
    assert referring(store, [ben, room], through=ROLES) == ["both", "bens", "room"]
    assert referring(store, [("PractitionerRole", "nurse")], through=ROLES) == ["as-nurse"]
    assert referring(store, [ann, ben, room], through=ROLES, at_most=2) == ["own", "as-nurse"]


def test_what_is_deleted_neither_refers_nor_leads_further(store: SqlStore) -> None:
    put(store, [role("nurse", "ann"), role("head", "ann")])
    put(store, [schedule("a", "PractitionerRole/nurse"), schedule("b", "PractitionerRole/head")])
    remove(store, ("PractitionerRole", "nurse"))
    assert referring(store, [("Practitioner", "ann")], through=ROLES) == ["b"]
    remove(store, ("Schedule", "b"))
    assert referring(store, [("Practitioner", "ann")], through=ROLES) == []


SAYING = ("Schedule.service-type", "Schedule.specialty")


@pytest.mark.parametrize(
    ("value", "params", "ids"),
    [
        (TokenValue("urn:s", "1"), SAYING, ["one", "special"]),
        (TokenValue("urn:s", "1"), SAYING[:1], ["one"]),
        (TokenValue(None, "1"), SAYING, ["one", "special", "elsewhere", "bare"]),
        (TokenValue("", "1"), SAYING, ["bare"]),
        (TokenValue("urn:s", None), SAYING, ["one", "two", "special"]),
        (TokenValue("urn:s", '\\ "$1'), SAYING, []),
    ],
)
def test_what_has_a_code(store: SqlStore, value: TokenValue, params: Sequence[str], ids: list[str]) -> None:
    put(
        store,
        [
            schedule("one", serviceType="urn:s|1"),
            schedule("two", serviceType="urn:s|2"),
            schedule("special", specialty="urn:s|1"),
            schedule("elsewhere", serviceType="urn:other|1"),
            schedule("bare", serviceType="1"),
            schedule("gone", serviceType="urn:s|1"),
        ],
    )
    remove(store, ("Schedule", "gone"))
    assert having(store, value, params=params) == [("Schedule", id_) for id_ in ids]


def test_one_of_several_codes_and_no_more_than_so_many(store: SqlStore) -> None:
    put(store, [schedule(f"s{n}", serviceType=f"urn:s|{n % 3}") for n in range(6)])
    service = {"resourceType": "HealthcareService", "id": "h", "specialty": [{"coding": [{"code": "x"}]}]}
    put(store, [service])
    values = TokenValue("urn:s", "1"), TokenValue("urn:s", "2"), TokenValue(None, "x")
    params = [*SAYING, "HealthcareService.specialty"]
    assert having(store, *values, params=params) == [
        *(("Schedule", f"s{n}") for n in (1, 2, 4, 5)),
        ("HealthcareService", "h"),
    ]
    assert len(having(store, *values, params=params, at_most=3)) == 3
