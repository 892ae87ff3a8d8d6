"""What `$find` has to say, found the long way: every slot, every way to take the seats, every Appointment, one by one.

It knows nothing of the tables that finding goes by, only resources, so it tells when they say something else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from carethread.core.fhir.search.dates import date_range
from carethread.scheduling.rules import CAPACITY, EXCLUSIVE, HOLD_UNTIL, HOLDING, PLACE

Resource = dict[str, Any]
Run = tuple[Resource, ...]


def moment(text: str) -> int:
    span = date_range(text)
    assert span
    return span[0]


def _extension(resource: Resource, url: str, value: str) -> Any:
    return next((each[value] for each in resource.get("extension", ()) if each["url"] == url), None)


@dataclass(frozen=True)
class Question:
    """What is asked; each seat is of some Schedules, or of some actors without one. Moments are microseconds."""

    begin: int
    end: int
    now: int
    seats: Sequence[frozenset[str]]
    patients: Sequence[str] = ()
    service: str = ""
    modality: str = ""
    place: str = ""
    minutes: int = 0
    turns: int = 1
    windows: Sequence[tuple[int, int]] | None = None


class Practice:
    """Everything that is there."""

    def __init__(
        self,
        schedules: dict[str, str],
        slots: Sequence[Resource],
        appointments: Sequence[Resource],
        services: dict[str, str],
    ) -> None:
        self.schedules = schedules
        self.services = services
        self.slots = sorted(slots, key=lambda slot: (moment(slot["start"]), slot["id"]))
        self.appointments = [each for each in appointments if each["status"] in HOLDING]

    def answer(self, question: Question) -> set[tuple[int, str]]:
        """When each proposal begins, and its first slot."""
        return {
            (moment(run[0]["start"]), run[0]["id"]) for run in self._first(question) if self._is_possible(run, question)
        }

    def _first(self, question: Question) -> Iterator[Run]:
        for slot in self.slots:
            if self._schedule(slot) in question.seats[0] and question.begin <= moment(slot["start"]) < question.end:
                for run in self._runs(slot, question):
                    length = moment(run[-1]["end"]) - moment(slot["start"])
                    if length >= question.minutes * 60_000_000 and len(run) >= question.turns:
                        yield run
                        break

    def _runs(self, slot: Resource, question: Question) -> Iterator[Run]:
        """What begins with the slot: itself, itself and the next, and so on."""
        run = [slot]
        while all(self._is_free(each, question) for each in run):
            yield tuple(run)
            following = [
                s for s in self.slots if self._schedule(s) == self._schedule(slot) and s["start"] == run[-1]["end"]
            ]
            following = [each for each in following if self._is_free(each, question)]
            if not following:
                return
            run.append(following[0])

    def _is_possible(self, run: Run, question: Question) -> bool:
        begin, end = moment(run[0]["start"]), moment(run[-1]["end"])
        if question.windows is not None and not any(b <= begin and end <= e for b, e in question.windows):
            return False
        if not self._has_time(self._schedule(run[0]), run, begin, end, question):
            return False
        if any(self._is_taken(f"Patient/{patient}", begin, end, (), question) for patient in question.patients):
            return False
        others = [list(self._takers(seat, begin, end, question)) for seat in question.seats[1:]]
        return any(self._is_right([(self._schedule(run[0]), run), *way], question) for way in product(*others))

    def _takers(self, seat: frozenset[str], begin: int, end: int, question: Question) -> Iterator[tuple[str, Run]]:
        for each in seat:
            if each not in self.schedules:
                if not self._is_taken(each, begin, end, (), question):
                    yield each, ()
                continue
            for slot in self.slots:
                if self._schedule(slot) == each and moment(slot["start"]) <= begin < moment(slot["end"]):
                    for run in self._runs(slot, question):
                        if moment(run[-1]["end"]) >= end:
                            if self._has_time(each, run, begin, end, question):
                                yield each, run
                            break

    def _is_right(self, way: Sequence[tuple[str, Run]], question: Question) -> bool:
        """Whether nobody sits twice, and of all slots that say what they are for one says what is wanted."""
        people = [
            self.schedules.get(who, who)
            for who, _ in way
            if self.schedules.get(who, who).partition("/")[0] in EXCLUSIVE
        ]
        if len({who for who, _ in way}) < len(way) or len(set(people)) < len(people):
            return False
        slots = [slot for _, run in way for slot in run]
        alone = len(question.seats) == 1
        for wanted, said in ((question.service, _service), (question.modality, _modality)):
            met = [self._says(slot, wanted, said) for slot in slots]
            if wanted and not (any(met) and all(said(s) in (wanted, "") for s in slots)):
                return False
            if wanted and alone and not all(met):
                return False
        there = [self._where(slot) == question.place for slot in slots]
        return not question.place or (all(there) if alone else any(there))

    def _says(self, slot: Resource, wanted: str, said: Callable[[Resource], str]) -> bool:
        """Whether a slot says it, or leaves it to its Schedule, which does."""
        return said(slot) == wanted or (
            said is _service and not said(slot) and self.services.get(self._schedule(slot)) == wanted
        )

    def _where(self, slot: Resource) -> str:
        own = _extension(slot, PLACE, "valueReference")
        return str(own["reference"] if own else self.schedules[self._schedule(slot)])

    def _is_free(self, slot: Resource, question: Question) -> bool:
        """Whether a seat is free, and it is for what is wanted, or says nothing beside others."""
        for wanted, said in ((question.service, _service), (question.modality, _modality)):
            if wanted and not self._says(slot, wanted, said) and (said(slot) or len(question.seats) == 1):
                return False
        if question.place and len(question.seats) == 1 and self._where(slot) != question.place:
            return False
        if len(question.patients) > 1 and (_extension(slot, CAPACITY, "valueInteger") or 1) > 1:
            return False  # of a group each has a visit of their own
        if slot["status"] == "free":
            return True
        holders = [each for each in self.appointments if {"reference": f"Slot/{slot['id']}"} in each["slot"]]
        seats = _extension(slot, CAPACITY, "valueInteger") or 1
        return slot["status"] == "busy" and len(holders) >= seats > len(
            [h for h in holders if _stands(h, question.now)]
        )

    def _has_time(self, schedule: str, run: Run, begin: int, end: int, question: Question) -> bool:
        actor = self.schedules[schedule]
        shared = [slot["id"] for slot in run if (_extension(slot, CAPACITY, "valueInteger") or 1) > 1]
        return actor.partition("/")[0] not in EXCLUSIVE or not self._is_taken(actor, begin, end, shared, question)

    def _is_taken(self, actor: str, begin: int, end: int, shared: Sequence[str], question: Question) -> bool:
        for each in self.appointments:
            overlaps = moment(each["start"]) < end and moment(each["end"]) > begin
            beside = any({"reference": f"Slot/{slot}"} in each["slot"] for slot in shared)
            here = any(participant["actor"]["reference"] == actor for participant in each["participant"])
            if here and overlaps and not beside and _stands(each, question.now):
                return True
        return False

    @staticmethod
    def _schedule(slot: Resource) -> str:
        return str(slot["schedule"]["reference"]).removeprefix("Schedule/")


def _service(slot: Resource) -> str:
    return next((str(coding["code"]) for each in slot.get("serviceType", ()) for coding in each["coding"]), "")


def _modality(slot: Resource) -> str:
    return _extension(slot, "https://carethread.dev/fhir/StructureDefinition/modality", "valueCode") or ""


def _stands(appointment: Resource, now: int) -> bool:
    until = _extension(appointment, HOLD_UNTIL, "valueInstant")
    return appointment["status"] != "pending" or until is None or moment(until) > now
