"""Which definitions are in effect: one for each url, one's own before ours; and what is remembered of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from threading import Thread
from types import SimpleNamespace

import pytest

from carethread.core.errors import Invalid
from carethread.core.fhir import json
from carethread.core.in_effect import InEffect, id_of
from carethread.core.ports import Resource, Stored

OURS = "https://carethread.dev/fhir/PlanDefinition/after-a-visit"


@dataclass(frozen=True)
class One:
    url: str
    title: str


def read(definition: Resource) -> One:
    if definition["title"] == "wrong":
        raise Invalid("It cannot be followed.")
    return One(definition["url"], definition["title"])


class Store:
    """As much of a transaction as is asked for."""

    def __init__(self, *stored: Stored, held: tuple[str, ...] = ()) -> None:
        self._stored = {each.id: each for each in stored}
        self.held = set(held)
        self.reads = 0

    def places(self, kind: str, holder: str) -> list[str]:
        return sorted(self.held)

    def release(self, kind: str, holder: str, keep: set[str]) -> None:
        self.held &= keep

    def claim_all(self, kind: str, holders: Mapping[str, str]) -> None:
        assert self.held.isdisjoint(holders), "nobody else has it"
        self.held |= set(holders)

    def current(self, keys: list[tuple[str, str]]) -> dict[tuple[str, str], Stored]:
        self.reads += 1
        return {key: self._stored[key[1]] for key in keys if key[1] in self._stored}

    def search(self, query: object, count: int) -> SimpleNamespace:
        return SimpleNamespace(matches=list(self._stored.values()), next="")


def stored(id_: str, status: str = "active", updated: int = 1, **members: object) -> Stored:
    made = {"resourceType": "PlanDefinition", "id": id_, "status": status, "url": "urn:u", "title": id_, **members}
    return Stored("PlanDefinition", id_, 1, updated, False, json.render(made), "PUT", "", "", 0)


@pytest.fixture
def kind() -> InEffect[One, list[One]]:
    return InEffect("kind", "programmes", lambda definition: "title" in definition, read, list)


def wanted(kind: InEffect[One, list[One]], *found: Stored) -> list[str]:
    return [id_of(place) for place in kind.wanted(Store(*found), [("_sort", "_id")])]  # type: ignore[arg-type]


def test_one_is_in_effect_for_each_url(kind: InEffect[One, list[One]]) -> None:
    assert wanted(kind, stored("b", url="urn:b"), stored("a", url="urn:a")) == ["a", "b"]
    assert wanted(kind, stored("a"), stored("b", updated=2), stored("c")) == ["b"], "the last written"
    assert wanted(kind, stored("draft", "draft"), stored("wrong")) == []
    assert wanted(kind, stored("nameless", url="")) == []


def test_one_s_own_comes_before_ours_whatever_its_status(kind: InEffect[One, list[One]]) -> None:
    ours = stored("after-a-visit", updated=9, url=OURS)
    assert kind.ours["after-a-visit"] == OURS
    assert wanted(kind, ours) == ["after-a-visit"]
    assert wanted(kind, ours, stored("mine", url=OURS)) == ["mine"]
    assert wanted(kind, ours, stored("mine", "retired", url=OURS)) == []


def test_an_old_one_that_is_touched_does_not_end_the_one_that_is_active(kind: InEffect[One, list[One]]) -> None:
    assert wanted(kind, stored("now"), stored("before", "retired", updated=5)) == ["now"]
    assert wanted(kind, stored("now", "retired"), stored("before", "retired", updated=5)) == []


def test_what_cannot_be_followed_is_not_in_effect(kind: InEffect[One, list[One]]) -> None:
    assert wanted(kind, stored("wrong", title="wrong")) == []
    without = json.parse_object(stored("x").body)
    del without["title"]
    assert wanted(kind, replace(stored("x"), body=json.render(without))) == []


def test_what_is_in_effect_is_read_once(kind: InEffect[One, list[One]]) -> None:
    store = Store(stored("b", url="urn:b"), stored("a", url="urn:a"))
    kind.put(store, set(kind.wanted(store, [("_sort", "_id")])))  # type: ignore[arg-type]
    for _ in range(3):
        assert [each.title for each in kind.all(store)] == ["a", "b"]  # type: ignore[arg-type]
    assert store.reads == 1
    kind.put(store, {place for place in kind.stand(store) if id_of(place) == "a"})  # type: ignore[arg-type]
    assert [each.title for each in kind.all(store)] == ["a"]  # type: ignore[arg-type]


def test_a_look_is_not_disturbed_by_what_another_thread_reads(kind: InEffect[One, list[One]]) -> None:
    def look(first: int) -> None:
        for number in range(first, first + 50):
            kind.all(Store(held=(f"{number}|x",)))  # type: ignore[arg-type]

    threads = [Thread(target=look, args=(number * 100,)) for number in range(2)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert all(each == [] for each in kind.seen)
    assert len(kind.seen) <= 21
