"""What is known of Schedules and of who is taken, fetched as far as it is needed and kept for one answer."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from itertools import accumulate

from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.ports import Key, Occupied, Opening, Resource, Session
from carethread.scheduling.booking.aliases import behind
from carethread.scheduling.rules import EXCLUSIVE, is_room

_SEAT = "Slot/"


class World:
    """Who the Schedules are of, and who of them is taken when."""

    def __init__(self, session: Session, base_url: str, now: int, patients: Iterable[Key] = ()) -> None:
        self._session = session
        self.base_url = base_url
        self._now = now
        self.schedules: dict[Key, Resource] = {}
        """The Schedules that were looked at and are here."""
        self._actors: dict[str, tuple[Key, ...] | None] = {}
        self._people: dict[str, frozenset[str]] = {}
        self._aliases: dict[str, Collection[str]] = {}
        self._taken: dict[str, _Times] = {}
        self._beside: dict[str, frozenset[str]] = {}
        wanted = [id_ for _, id_ in patients]
        self._are_several = len(wanted) > 1
        self.patients = [("Patient", id_) for id_ in (session.kin(wanted) if wanted else ())]
        """All names of the patients."""
        self._patients = [f"{kind}/{id_}" for kind, id_ in self.patients]

    def look(self, openings: Sequence[Opening], others: Iterable[Key], begin: int, end: int) -> None:
        """Learn who has these slots, and what takes them and the others, and the patients, within the span."""
        schedules = {opening.schedule for opening in openings}
        self._meet(schedules - self._actors.keys())
        alone = {f"{kind}/{id_}" for kind, id_ in others if kind in EXCLUSIVE}
        self._know(alone)
        people = {*self._with_aliases(alone)}
        people.update(*(self._people[schedule] for schedule in schedules))
        shared = {f"{_SEAT}{opening.slot}" for opening in openings if opening.capacity > 1}
        rows: dict[str, list[Occupied]] = defaultdict(list)
        for row in self._session.calendar.busy([*people, *shared, *self._patients], begin, end):
            if row.stands(self._now):
                rows[row.actor].append(row)
        self._taken = {actor: _Times(each) for actor, each in rows.items()}
        self._beside = {
            slot: frozenset(row.appointment for row in rows[slot]) for slot in shared if slot in rows
        }  # fmt: skip

    def _meet(self, new: Collection[str]) -> None:
        if not new:
            return
        found: dict[str, frozenset[str]] = {}
        self._actors.update(dict.fromkeys(new))
        self._people.update(dict.fromkeys(new, frozenset()))
        for key, stored in self._session.current(("Schedule", id_) for id_ in new).items():
            if stored.deleted:
                continue
            schedule = self.schedules[key] = _parsed(stored.body)
            if schedule.get("active") is not False:
                actors = keys_at(schedule, "actor", self.base_url)
                self._actors[key[1]] = tuple(actors)
                people = {f"{kind}/{id_}" for kind, id_ in actors if kind in EXCLUSIVE}
                room = {"/".join(key)} if is_room(schedule, self.base_url) else set()
                found[key[1]] = frozenset(people | room)
        self._know({actor for people in found.values() for actor in people})
        self._people |= {schedule: self._with_aliases(people) for schedule, people in found.items()}

    def _know(self, people: Collection[str]) -> None:
        """Learn who else is meant by these."""
        new = set(people) - self._aliases.keys()
        self._aliases.update(dict.fromkeys(new, ()))
        self._aliases.update(behind(self._session, new, self.base_url))

    def _with_aliases(self, people: Collection[str]) -> frozenset[str]:
        return frozenset(people).union(*(self._aliases[actor] for actor in people))

    def offered(self, schedule: str) -> bool:
        """Whether the Schedule is here and in use."""
        return self._actors.get(schedule) is not None

    def actors(self, schedule: str) -> tuple[Key, ...]:
        """Whose the Schedule is."""
        return self._actors.get(schedule) or ()

    def people(self, schedule: str) -> frozenset[str]:
        """Who gives slots of the Schedule, and so cannot take another seat."""
        return self._people[schedule] | {f"Schedule/{schedule}"}

    def has(self, openings: Sequence[Opening], begin: int, end: int) -> bool:
        """Whether those whose slots these are have the time; who takes a seat of one of them is no hindrance."""
        if self._are_several and any(opening.capacity > 1 for opening in openings):
            return False  # a group's seat is one person's
        beside = frozenset[str]()
        if self._beside:
            beside = beside.union(*(self._beside.get(_SEAT + opening.slot, ()) for opening in openings))
        return all(self._free(actor, begin, end, beside) for actor in self._people[openings[0].schedule])

    def is_free(self, key: Key, begin: int, end: int) -> bool:
        """Whether somebody without a Schedule has the time."""
        actor = f"{key[0]}/{key[1]}"
        return all(self._free(each, begin, end) for each in (actor, *self._aliases.get(actor, ())))

    def patients_have(self, begin: int, end: int) -> bool:
        """Whether all the patients have the time."""
        return all(self._free(actor, begin, end) for actor in self._patients)

    def _free(self, actor: str, begin: int, end: int, beside: Collection[str] = ()) -> bool:
        times = self._taken.get(actor)
        return times is None or not times.meet(begin, end, beside)


class _Times:
    """When somebody is taken, and by which Appointments."""

    def __init__(self, rows: Sequence[Occupied]) -> None:
        self._rows = rows  # in order of begin
        self._begins = [row.begin for row in rows]
        self._ends = list(accumulate((row.end for row in rows), max))

    def meet(self, begin: int, end: int, beside: Collection[str]) -> bool:
        """Whether some of it is within the span, but for these Appointments."""
        place = bisect_left(self._begins, end) - 1
        while place >= 0 and self._ends[place] > begin:
            row = self._rows[place]
            if row.end > begin and row.appointment not in beside:
                return True
            place -= 1
        return False


@lru_cache(4096)
def _parsed(schedule: bytes) -> Resource:
    """A Schedule as it is stored, which nobody changes."""
    found: Resource = json.parse(schedule)
    return found
