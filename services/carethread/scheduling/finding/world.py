"""What is known of Schedules and of who is taken, fetched as far as it is needed and kept for one answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache

from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.ports import Key, Opening, Session
from carethread.scheduling.rules import EXCLUSIVE

_SEAT = "Slot/"


class World:
    """Who the Schedules are of, and who of them is taken when."""

    def __init__(self, session: Session, base_url: str, now: int, patients: Iterable[Key] = ()) -> None:
        self._session = session
        self._base = base_url
        self._now = now
        self._actors: dict[str, tuple[Key, ...] | None] = {}
        self._taken: dict[str, list[tuple[int, int, str]]] = {}
        self._beside: dict[str, set[str]] = {}
        kin = session.kin(id_ for _, id_ in patients) if patients else []
        self._patients = [f"Patient/{id_}" for id_ in kin]

    def look(self, openings: Sequence[Opening], others: Iterable[Key], begin: int, end: int) -> None:
        """Learn who has these slots, and what takes them and the others, and the patients, within the span."""
        new = {opening.schedule for opening in openings} - self._actors.keys()
        if new:
            self._actors.update(dict.fromkeys(new))
            for (_, id_), stored in self._session.current(("Schedule", id_) for id_ in new).items():
                self._actors[id_] = None if stored.deleted else _actors(stored.body, self._base)
        people = {f"{kind}/{id_}" for kind, id_ in others if kind in EXCLUSIVE}
        for opening in openings:
            people.update(self._exclusive(opening.schedule))
        shared = {f"{_SEAT}{opening.slot}" for opening in openings if opening.capacity > 1}
        taken: dict[str, list[tuple[int, int, str]]] = defaultdict(list)
        for row in self._session.calendar.busy([*people, *shared, *self._patients], begin, end):
            if row.stands(self._now):
                taken[row.actor].append((row.begin, row.end, row.appointment))
        self._taken = taken
        self._beside = {slot: {appointment for *_, appointment in taken[slot]} for slot in shared if slot in taken}

    def offered(self, schedule: str) -> bool:
        """Whether the Schedule is here and in use."""
        return self._actors.get(schedule) is not None

    def actors(self, schedule: str) -> tuple[Key, ...]:
        """Whose the Schedule is."""
        return self._actors.get(schedule) or ()

    def _exclusive(self, schedule: str) -> list[str]:
        return [f"{kind}/{id_}" for kind, id_ in self.actors(schedule) if kind in EXCLUSIVE]

    def people(self, openings: Sequence[Opening]) -> frozenset[str]:
        """Who gives these slots of one Schedule, and so cannot take another seat."""
        schedule = openings[0].schedule
        return frozenset([f"Schedule/{schedule}", *self._exclusive(schedule)])

    def has(self, openings: Sequence[Opening], begin: int, end: int) -> bool:
        """Whether those whose slots these are have the time; who takes a seat of one of them is no hindrance."""
        beside: set[str] = set()
        for opening in openings:
            beside |= self._beside.get(_SEAT + opening.slot, set())
        return all(self._free(actor, begin, end, beside) for actor in self._exclusive(openings[0].schedule))

    def is_free(self, key: Key, begin: int, end: int) -> bool:
        """Whether somebody without a Schedule has the time."""
        return self._free(f"{key[0]}/{key[1]}", begin, end)

    def patients_have(self, begin: int, end: int) -> bool:
        """Whether all the patients have the time."""
        return all(self._free(actor, begin, end) for actor in self._patients)

    def _free(self, actor: str, begin: int, end: int, beside: Collection[str] = ()) -> bool:
        return not any(
            start < end and stop > begin and appointment not in beside
            for start, stop, appointment in self._taken.get(actor, ())
        )


@lru_cache(4096)
def _actors(schedule: bytes, base_url: str) -> tuple[Key, ...] | None:
    """Whose a Schedule is, as it is stored; None for one that is not in use."""
    found = json.parse(schedule)
    return None if found.get("active") is False else tuple(keys_at(found, "actor", base_url))
