"""What is compared, read on one view of the store and bounded: the Slots and Appointments that begin in a period."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from carethread.core.clock import instant, to_micros
from carethread.core.context import Context, restrict
from carethread.core.errors import TooCostly
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.search import parse_query
from carethread.core.moments import DAY
from carethread.core.ports import Key, Resource, Session, Span, Stored
from carethread.core.service import Runtime
from carethread.scheduling.availability.template import master_of
from carethread.scheduling.reconciling.sides import Seats, Visit, schedule_of, seats, visit

MOST = 20_000
"""Slots, and Appointments, of one report."""

MOST_JUMPS = 2_000
"""Appointments that an EHR has told whose earlier versions are looked at, and how many of each."""
VERSIONS = 50
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Reader:
    """One view of the store, for a period (microseconds, the end is not in it) and a Schedule, empty for all."""

    runtime: Runtime
    session: Session
    context: Context
    begin: int
    end: int
    schedule: str = ""

    def slots(self) -> list[Seats]:
        """The Slots. Raises TooCostly."""
        of_one = [("schedule", f"Schedule/{self.schedule}")] if self.schedule else []
        found = [(stored, json.parse_object(stored.body)) for stored in self._search("Slot", "start", of_one)]
        base = self.runtime.base_url
        schedules = self._read(("Schedule", schedule_of(slot, base)) for _, slot in found)
        masters = {id_: master_of(schedule) for (_, id_), (_, schedule) in schedules.items()}
        return [seats(stored, slot, base, masters.get(schedule_of(slot, base), "")) for stored, slot in found]

    def visits(self, slots: list[Seats]) -> tuple[list[Visit], bool]:
        """The Appointments that begin in the period, and all that have one of the slots. Raises TooCostly.

        With them whether all earlier versions were looked at by which an EHR's came to their statuses.
        """
        found = {each.id: each for params in self._whose(slots) for each in self._search("Appointment", "date", params)}
        missing = [("Appointment", id_) for id_ in self._holders(slots) if id_ not in found]
        found |= {id_: stored for (_, id_), (stored, _) in self._read(missing).items()}
        if len(found) > MOST:
            raise _too_many("Appointments")
        now, base = to_micros(self.context.clock()), self.runtime.base_url
        made = [visit(stored, json.parse_object(stored.body), base, now) for stored in found.values()]
        told = [place for place, each in enumerate(made) if each.told and each.version > 1]
        for place in told[:MOST_JUMPS]:
            made[place] = replace(made[place], statuses=self._statuses(made[place]))
        return made, len(told) <= MOST_JUMPS and all(made[place].version <= VERSIONS for place in told)

    def lost(self, slots: Sequence[Seats], visits: Sequence[Visit]) -> list[str]:
        """The ids of Slots that Appointments of ours have, and that are deleted."""
        known = {slot.id for slot in slots}
        named = {("Slot", id_) for visit in visits if visit.ours and visit.holds for id_ in visit.slots - known}
        return [id_ for (_, id_), stored in self.session.current(named).items() if stored.deleted] if named else []

    def _whose(self, slots: list[Seats]) -> Iterator[list[tuple[str, str]]]:
        """The searches that find the Appointments: all, or those of the Schedule's slots and actors."""
        if not self.schedule:
            yield []
            return
        for some in _some([slot.reference for slot in slots]):  # a chain over the Schedule takes far longer
            yield [("slot", ",".join(some))]
        for _, schedule in self._read([("Schedule", self.schedule)]).values():
            actors = [f"{kind}/{id_}" for kind, id_ in keys_at(schedule, "actor", self.runtime.base_url)]
            people = [actor for actor in actors if not actor.startswith(("Location/", "HealthcareService/"))]
            if people:
                yield [("actor", ",".join(people))]

    def _search(self, type_name: str, date: str, more: Iterable[tuple[str, str]]) -> list[Stored]:
        params = [*more, (date, f"ge{instant(self.begin)}"), (date, f"lt{instant(self.end)}"), ("_sort", "_id")]
        query = restrict(parse_query(type_name, params, base=self.runtime.base_url), self.context)
        found = self.session.search(query, MOST + 1).matches
        if len(found) > MOST:
            raise _too_many(f"{type_name}s")
        return list(found)

    def _holders(self, slots: list[Seats]) -> set[str]:
        """The ids of the Appointments that have one of the slots, whenever they begin."""
        if not slots:
            return set()
        begin, end = min(slot.begin for slot in slots), max(slot.end for slot in slots)
        return {
            row.appointment
            for some in _some([slot.reference for slot in slots])
            for row in self.session.calendar.busy(some, begin - _APART, end + _APART)
        }

    def _statuses(self, stored: Visit) -> list[str]:
        """How an Appointment came to its status, the first first."""
        versions = self.session.history(Span((stored.type,), id=stored.id), VERSIONS)
        return [json.parse_object(each.body)["status"] for each in reversed(versions) if not each.deleted]

    def _read(self, keys: Iterable[Key]) -> dict[Key, tuple[Stored, Resource]]:
        """What lives under the keys."""
        wanted = set(keys)
        found = self.session.current(wanted) if wanted else {}
        return {key: (each, json.parse_object(each.body)) for key, each in found.items() if not each.deleted}


def _some(names: Sequence[str]) -> Iterator[Sequence[str]]:
    """As many at a time as one question takes."""
    for start in range(0, len(names), _AT_ONCE):
        yield names[start : start + _AT_ONCE]


def _too_many(what: str) -> TooCostly:
    return TooCostly(f"The period has more than {MOST} {what}; ask for a shorter one, or for one Schedule.")


_APART = DAY
"""By so much an Appointment may say other times than its Slot."""
