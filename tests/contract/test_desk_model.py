"""The desk against an obvious model, on both databases: one winner for each seat, no lost slot, no ghost hold.

Holds, bookings, moves, releases and cancellations come in any order while the clock goes on, and timers fire or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import delete as delete_rows
from sqlalchemy import select

from carethread.adapters.sql.engine import reading, writing
from carethread.adapters.sql.store.store import SqlStore
from carethread.adapters.sql.tables import claims, metadata
from carethread.core.fhir import json
from support.desk import Desk, desk, lasting, of, patient, schedule, slot, wish


class Spot(NamedTuple):
    """A slot: whose it is, from when to when in hours, and how many seats it has."""

    plan: str
    actor: str
    begin: float
    end: float
    seats: int = 1


SPOTS = {
    "a": Spot("one", "Practitioner/one", 100, 100.5),
    "b": Spot("one", "Practitioner/one", 100.5, 101),
    "across": Spot("else", "Practitioner/one", 100.25, 100.75),
    "group": Spot("two", "Practitioner/two", 100, 100.5, seats=2),
    "room": Spot("room", "Location/room", 100, 100.5),
}
WISHES = [["a"], ["b"], ["across"], ["group"], ["a", "room"], ["group", "room"], ["a", "b"]]
PEOPLE = ["ann", "ben", "cay"]
MINUTES = 5


class Visit:
    """An Appointment: `until` is when a hold ends, 0 for what is booked."""

    def __init__(self, person: str, slots: Sequence[str], until: int) -> None:
        self.person, self.slots, self.until, self.cancelled = person, sorted(slots), until, False

    def span(self) -> tuple[float, float]:
        groups: dict[str, list[Spot]] = {}
        for each in self.slots:
            groups.setdefault(SPOTS[each].plan, []).append(SPOTS[each])
        return (
            max(min(s.begin for s in spots) for spots in groups.values()),
            min(max(s.end for s in spots) for spots in groups.values()),
        )

    def meets(self, other: Visit) -> bool:
        """Whether somebody would have to be at two places."""
        if not (self.span()[0] < other.span()[1] and other.span()[0] < self.span()[1]):
            return False
        together = bool(set(self.slots) & set(other.slots))
        givers = {SPOTS[s].actor for s in self.slots} & {SPOTS[s].actor for s in other.slots} - {"Location/room"}
        return self.person == other.person or (bool(givers) and not together)


class Model:
    """What stands, by name, at a minute."""

    def __init__(self) -> None:
        self.minute = 0
        self.visits: dict[str, Visit] = {}
        self.closed: set[str] = set()

    def stands(self, visit: Visit) -> bool:
        return not visit.cancelled and (visit.until == 0 or visit.until > self.minute)

    def others(self, name: str) -> Iterable[Visit]:
        return [v for each, v in self.visits.items() if each != name and self.stands(v)]

    def ends(self, slot_id: str) -> bool:
        """Whether a slot is closed when the provider has cancelled: it is theirs, and nobody else comes."""
        spot = SPOTS[slot_id]
        return spot.actor.startswith("Practitioner/") and (spot.seats == 1 or not self.takers(slot_id))

    def takers(self, slot_id: str) -> list[Visit]:
        return [v for v in self.visits.values() if self.stands(v) and slot_id in v.slots]

    def may(self, wanted: Visit, name: str = "", *, had: Sequence[str] = ()) -> bool:
        """Whether a visit can be, beside all that stands; `had` are seats that it has."""
        others = self.others(name)
        full = any(sum(s in v.slots for v in others) >= SPOTS[s].seats for s in wanted.slots)
        shut = any(s in self.closed and s not in had for s in wanted.slots)
        return not full and not shut and not any(wanted.meets(v) for v in others)


class AtTheDesk(RuleBasedStateMachine):
    front: ClassVar[Desk]

    @initialize()
    def begin(self) -> None:
        for store in self.front.stores.values():
            empty(store)
        self.front.restart()
        for person in PEOPLE:
            self.front.put(patient(person), service="records")
        for spot in SPOTS.values():
            self.front.put(schedule(spot.plan, spot.actor))
        for name, spot in SPOTS.items():
            minutes = int((spot.end - spot.begin) * 60)
            self.front.put(slot(name, spot.plan, spot.begin, minutes, seats=spot.seats))
        self.model = Model()

    def _told(self, status: int, allowed: bool) -> None:
        assert (status == 200) is allowed, status
        assert status in (200, 409, 422), status

    @rule(slots=st.sampled_from(WISHES), person=st.sampled_from(PEOPLE), firm=st.booleans())
    def take(self, slots: list[str], person: str, firm: bool) -> None:
        visit = Visit(person, slots, 0 if firm else self.model.minute + MINUTES)
        allowed = self.model.may(visit)
        answer = self.front.call("book" if firm else "hold", *wish(slots, person))
        self._told(answer.status, allowed)
        if allowed:
            self.model.visits[json.parse_object(answer.body)["entry"][0]["resource"]["id"]] = visit

    def _pick(self, number: int) -> tuple[str, Visit] | None:
        known = list(self.model.visits.items())
        return known[number % len(known)] if known else None

    def _has(self, name: str) -> bool:
        """Whether it has its seats in the database, be its hold over or not."""
        with reading(self.front.stores["scheduling"].engine) as connection:
            return bool(connection.execute(select(claims).where(claims.c.holder == f"Appointment/{name}")).first())

    @rule(number=st.integers(0, 20))
    def book_it(self, number: int) -> None:
        """What was held; also what is over, while nobody has its slots."""
        if found := self._pick(number):
            name, visit = found
            firm = Visit(visit.person, visit.slots, 0)
            done = not visit.cancelled and visit.until == 0
            had = visit.slots if self._has(name) else ()
            allowed = done or (not visit.cancelled and self.model.may(firm, name, had=had))
            answer = self.front.call("book", of(name))
            self._told(answer.status, allowed)
            if allowed:
                visit.until = 0

    @rule(number=st.integers(0, 20))
    def renew(self, number: int) -> None:
        if found := self._pick(number):
            name, visit = found
            answer = self.front.call("renew", of(name), lasting(MINUTES))
            if self.model.stands(visit):
                self._told(answer.status, visit.until > 0)
            if answer.status == 200:
                assert self.model.may(visit, name, had=visit.slots), "nobody else has it"
                visit.until = self.model.minute + MINUTES

    @rule(number=st.integers(0, 20), slots=st.sampled_from(WISHES))
    def move(self, number: int, slots: list[str]) -> None:
        if (found := self._pick(number)) and self.model.stands(found[1]):
            name, visit = found
            moved = Visit(visit.person, slots, visit.until)
            same = moved.slots == visit.slots
            allowed = same or self.model.may(moved, name, had=visit.slots)
            self._told(self.front.call("reschedule", of(name), *wish(slots)).status, allowed)
            if allowed:
                visit.slots = moved.slots

    @rule(number=st.integers(0, 20), by=st.sampled_from(["patient", "patient", "provider"]))
    def cancel(self, number: int, by: str) -> None:
        if found := self._pick(number):
            name, visit = found
            if not self.model.stands(visit):
                return
            firm = visit.until == 0
            answer = self.front.call("cancel", of(name), {"name": "by", "valueCode": by})
            self._told(answer.status, True)
            visit.cancelled = True
            if by == "provider" and firm:
                self.model.closed.update(each for each in visit.slots if self.model.ends(each))

    @rule(number=st.integers(0, 20))
    def release(self, number: int) -> None:
        if (found := self._pick(number)) and self.model.stands(found[1]):
            name, visit = found
            self._told(self.front.call("release", of(name)).status, visit.until > 0)
            visit.cancelled = visit.until > 0

    @rule(minutes=st.integers(1, 6))
    def time_goes_on(self, minutes: int) -> None:
        self.front.pass_time(minutes=minutes)
        self.model.minute += minutes

    @rule()
    def timers_fire(self) -> None:
        """Then nothing is left of a hold that is over."""
        self.front.fire()
        for name in SPOTS:
            full = len(self.model.takers(name)) >= SPOTS[name].seats
            closed = name in self.model.closed
            expected = {"busy-unavailable"} if closed else {"busy"} if full else {"free"}
            assert self.front.status(f"Slot/{name}") in expected | ({"busy"} if closed and full else set()), name

    @invariant()
    def seats_are_taken_by_those_who_stand(self) -> None:
        if not hasattr(self, "model"):
            return
        with reading(self.front.stores["scheduling"].engine) as connection:
            held = {row.key: row.holder for row in connection.execute(select(claims))}
        for name, visit in self.model.visits.items():
            mine = sorted(key.partition("#")[0] for key, holder in held.items() if holder == f"Appointment/{name}")
            if self.model.stands(visit):
                assert mine == visit.slots
                assert self.front.status(f"Appointment/{name}") == ("pending" if visit.until else "booked")
            elif visit.cancelled:
                assert mine == []


def empty(store: SqlStore) -> None:
    with writing(store.engine) as connection:
        for table in metadata.sorted_tables:
            connection.execute(delete_rows(table))


@pytest.mark.parametrize(
    "database_url, examples, steps",
    [pytest.param("sqlite", 25, 25), pytest.param("postgres", 6, 20, marks=pytest.mark.servers)],
    indirect=["database_url"],
)
def test_whatever_is_asked_for_one_wins_and_nothing_is_lost(
    tmp_path: Path, database_url: str, examples: int, steps: int
) -> None:
    with desk(tmp_path, database_url) as front:
        AtTheDesk.front = front
        run_state_machine_as_test(
            AtTheDesk,
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                deadline=None,
                phases=[Phase.reuse, Phase.generate, Phase.shrink],
                suppress_health_check=list(HealthCheck),
            ),
        )
