"""Bookings and holds that come at the same time, decided together by one transaction (`interactions.writing.together`).

All Slots that they want are locked at once, then the calendars of all who would take part, and what stands is read in a
few statements for all of them. So each is decided without a statement of its own: it sees what was read, and what those
before it have taken. What needs more, such as ending another's hold or a seat of several, is done alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.search.dates import moment
from carethread.core.moments import DAY
from carethread.core.ports import Key, Occupied, Resource, Session, Stored, Write
from carethread.core.service import Runtime
from carethread.interactions.operations.once import ASKED
from carethread.interactions.standing import any_merged
from carethread.interactions.writing.together import SMALL, Alone, Sight, Way, done_together
from carethread.interactions.writing.unit import WriteUnit
from carethread.scheduling.booking.aliases import rooms
from carethread.scheduling.booking.occupancy import SEAT
from carethread.scheduling.desk.placing import TYPE, lock_of
from carethread.scheduling.desk.wishes import Wish
from carethread.scheduling.rules import EXCLUSIVE, busy_rows, capacity, is_room, takers


@dataclass(frozen=True, slots=True)
class Asked:
    """A wish for a new Appointment, and what is done about it."""

    wish: Wish
    work: Callable[[WriteUnit], Stored]


def together(runtime: Runtime, asked: Asked, context: Context) -> Stored | None:
    """What became of the wish; None: it has to be done alone. Raises what it is refused for."""
    wish = asked.wish
    if wish.override or wish.details.get("identifier") or len(json.render(wish.details)) > SMALL:
        return None
    return done_together(runtime, _WAY, asked, context)


class _Ahead(Sight):
    """What stands of all that is wished for, locked; other resources can be looked at."""

    def __init__(self, runtime: Runtime, session: Session, wishes: Sequence[Wish]) -> None:
        super().__init__(session)
        base = runtime.base_url
        self._base = base
        wanted = {id(wish): _slots(wish, base) for wish in wishes}
        self._held = {lock_of(wish.id) for wish in wishes if wish.id}
        if self._held:
            session.lock(self._held)
        self._locked = {key for keys in wanted.values() for key in keys} | {(TYPE, w.id) for w in wishes if w.id}
        self._stands = session.current(self._locked, lock=True)
        slots = {
            key: json.restore(stored.body)
            for key, stored in self._stands.items()
            if key[0] == "Slot" and not stored.deleted
        }
        plans = {key: keys_at(slot, "schedule", base) for key, slot in slots.items()}
        named = {id(wish): keys_at(dict(wish.details), "participant.actor", base) for wish in wishes}
        beside = {key for keys in (*plans.values(), *named.values()) for key in keys} - self._locked
        self._seen = self._locked | beside
        self._stands |= session.current(beside)
        spans = list(self._spans(wishes, wanted, named, slots, plans))
        self.calendar = _Calendar(session, spans)
        patients = {actor.partition("/")[2] for actor, _, _ in spans if actor.startswith("Patient/")}
        self._alike = not any_merged(session, patients)
        single = [id_ for (_, id_), slot in slots.items() if capacity(slot) == 1]
        self._seats = dict.fromkeys(single, "") | session.claimed(SEAT, single)
        self._taking: dict[str, str] = {}
        self._taken: dict[str, str] = {}
        self._asking: dict[str, str] = {}
        self._asked: dict[str, str] = {}
        self.calendar.taken(holder.removeprefix(f"{TYPE}/") for holder in self._seats.values() if holder)

    def _spans(
        self,
        wishes: Iterable[Wish],
        wanted: Mapping[int, Sequence[Key]],
        named: Mapping[int, Sequence[Key]],
        slots: Mapping[Key, Resource],
        plans: Mapping[Key, Sequence[Key]],
    ) -> Iterable[tuple[str, int, int]]:
        """Who would take part, and the days that have to be looked at for it."""
        for wish in wishes:
            here = [key for key in wanted[id(wish)] if key in slots]
            times = [(moment(slots[key].get("start")), moment(slots[key].get("end"))) for key in here]
            if not times:
                continue
            begin, end = min(times)[0], max(end for _, end in times)
            first, last = begin - begin % DAY, end - end % DAY + DAY
            people = {("Patient", id_) for id_ in wish.patients} | set(named[id(wish)])
            for plan in {plan for key in here for plan in plans[key]}:
                if (stored := self._stands.get(plan)) and not stored.deleted:
                    schedule = json.restore(stored.body)
                    people.update(keys_at(schedule, "actor", self._base))
                    if is_room(schedule, self._base):
                        yield f"Schedule/{plan[1]}", first, last
            for kind, id_ in people:
                if kind in EXCLUSIVE:
                    more = DAY if kind == "Patient" else 0  # their day is one of the Schedule's zone
                    yield f"{kind}/{id_}", first - more, last + more

    def current(self, keys: Iterable[Key], *, lock: bool = False) -> dict[Key, Stored]:
        keys = set(keys)
        if lock and not keys <= self._locked:
            raise Alone
        found = {key: self._stands[key] for key in keys if key in self._stands}
        others = keys - self._seen - found.keys()
        return found | self._session.current(others) if others else found

    def lock(self, names: Iterable[str]) -> None:
        if not self._held >= set(names):
            raise Alone

    def kin(self, ids: Iterable[str]) -> list[str]:
        return sorted(set(ids)) if self._alike else self._session.kin(ids)

    def claimed(self, kind: str, keys: Iterable[str]) -> dict[str, str]:
        wanted = list(keys)
        if kind != SEAT or not self._seats.keys() >= set(wanted):
            raise Alone
        seats = self._seats | self._taking
        return {key: seats[key] for key in wanted if seats[key]}

    def claim(self, kind: str, key: str, holder: str) -> str:
        if kind == ASKED and lock_of(key) in self._held and (TYPE, key) not in self._stands:
            return self._asking.setdefault(key, holder)
        return self.claimed(kind, [key]).get(key) or self._taking.setdefault(key, holder)

    def made(self, writes: Sequence[Write]) -> None:
        self._taken |= self._taking
        self._seats |= self._taking
        self._asked |= self._asking
        self._taking, self._asking = {}, {}
        self._stands |= {(write.stored.type, write.stored.id): write.stored for write in writes}
        self._locked |= {(write.stored.type, write.stored.id) for write in writes}
        for write in writes:
            if write.stored.type == TYPE:
                made = json.restore(write.stored.body)
                taken = rooms(cast(Session, self), takers(made, self._base), self._base)
                self.calendar.enter(busy_rows(made, write.stored.id, self._base, taken))

    def refused(self) -> None:
        self._taking, self._asking = {}, {}

    def settle(self) -> None:
        self._session.claim_all(SEAT, self._taken)
        self._session.claim_all(ASKED, self._asked)


class _Calendar:
    """Who is taken, of those whose calendars are locked, within the days that were looked at."""

    def __init__(self, session: Session, spans: Sequence[tuple[str, int, int]]) -> None:
        self._calendar = session.calendar
        self._spans = set(spans)
        self._locked = {actor for actor, _, _ in spans}
        if self._locked:
            self._calendar.lock(self._locked)
        self._rows = self._calendar.within(sorted(self._spans))
        self._of: dict[str, list[Occupied]] = {}

    def lock(self, actors: Iterable[str]) -> None:
        if not self._locked >= set(actors):
            raise Alone

    def busy(self, actors: Iterable[str], begin: int, end: int) -> list[Occupied]:
        asked = set(actors)
        seen = {actor for actor, first, last in self._spans if first <= begin and end <= last}
        if not seen >= asked:
            raise Alone
        found = {row for row in self._rows if row.actor in asked and row.begin < end and row.end > begin}
        return sorted(found, key=lambda row: (row.begin, row.appointment))

    def taken(self, appointments: Iterable[str]) -> list[Occupied]:
        wanted = sorted(set(appointments))
        if new := [id_ for id_ in wanted if id_ not in self._of]:
            self._of |= {id_: [] for id_ in new}
            for row in self._calendar.taken(new):
                self._of[row.appointment].append(row)
        return [row for id_ in wanted for row in self._of[id_]]

    def enter(self, rows: Sequence[Occupied]) -> None:
        """See what one of those before has taken."""
        self._rows += rows
        for row in rows:
            self._of.setdefault(row.appointment, []).append(row)


def _slots(wish: Wish, base: str) -> list[Key]:
    """The Slots that a wish names."""
    named = [("Slot", id_) for id_ in wish.slots]
    return named or [key for key in keys_at(dict(wish.details), "slot", base) if key[0] == "Slot"]


_WAY: Way[Asked, Stored] = Way(
    "desk",
    lambda runtime, session, asked: _Ahead(runtime, session, [each.wish for each in asked]),
    lambda unit, asked: asked.work(unit),
)
