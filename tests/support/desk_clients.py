"""Clients of the front desk who hold, book, move and cancel at random, and write down what they saw.

A client whose answer is lost asks again with the same Idempotency-Key until it has one, as the documentation says.
"""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from support.linearizable import Clashes, Kind, Op, linearizable

PATIENCE = 60.0
"""Seconds for an answer, however often the server is killed meanwhile."""

_EXACT = 0.02
"""Seconds by which the end of a hold may be told wrongly: its instant has milliseconds."""

WISHES = (("a",), ("b",), ("c",), ("room",), ("a", "room"), ("b", "room"))
"""What is wanted of a group: slots of a practitioner and a room, one of each at most."""

SPANS: Mapping[str, tuple[int, int]] = {"a": (0, 30), "b": (15, 45), "c": (45, 75), "room": (0, 45)}
"""The slots of a group, in minutes; the practitioner can be at one of `a` and `b` only."""

_CLASHING = {"a": "b", "b": "a"}


class Away(Exception):
    """No answer, or one that says to come again: what was asked may have been done, or not."""


class Answer(NamedTuple):
    """The Appointment, and when by time.monotonic() it ends by itself; 0: it does not."""

    appointment: str
    until: float = 0.0


class Desk(Protocol):
    """How the desk is spoken to. Each answers None where it is told that it cannot be, and raises Away."""

    def take(self, operation: str, patient: str, slots: Sequence[str], key: str) -> Answer | None:
        """A hold is for a minute."""
        ...

    def firm(self, appointment: str) -> Answer | None: ...

    def renew(self, appointment: str) -> Answer | None: ...

    def move(self, appointment: str, slots: Sequence[str]) -> Answer | None: ...

    def leave(self, operation: str, appointment: str) -> Answer | None: ...


def slot_of(group: str, name: str) -> str:
    """The id of a slot of a group."""
    return f"{group}-{name}"


def clashes(group: str) -> Clashes:
    return {slot_of(group, one): [slot_of(group, other)] for one, other in _CLASHING.items()}


@dataclass
class Histories:
    """What was seen of each group of slots."""

    ops: dict[str, list[Op]] = field(default_factory=lambda: defaultdict(list))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(
        self, group: str, called: float, kind: Kind, appointment: str, slots: Sequence[str] = (), **more: Any
    ) -> None:
        with self.lock:
            self.ops[group].append(Op(called, time.monotonic(), kind, appointment, tuple(slots), **more))

    def ends(self, group: str, held: Answer) -> None:
        """A hold ends by itself."""
        if until := held.until:
            with self.lock:
                self.ops[group].append(Op(until - _EXACT, until + _EXACT, "over", held.appointment, until=until))

    def count(self, kind: Kind, *, done: bool = True) -> int:
        return sum(op.kind == kind and op.done == done for ops in self.ops.values() for op in ops)

    def ended(self) -> int:
        """How many holds have ended by the clock."""
        now = time.monotonic()
        return sum(op.kind == "over" and op.until < now for ops in self.ops.values() for op in ops)

    def wrong(self, looks: Mapping[str, Sequence[Op]]) -> dict[str, list[Op]]:
        """The groups of which this cannot have happened, with how their slots look in the end."""
        found = {group: sorted([*self.ops[group], *seen]) for group, seen in looks.items()}
        return {group: ops for group, ops in found.items() if not linearizable(ops, clashes(group))}


class _Mine(NamedTuple):
    group: str
    slots: tuple[str, ...]
    until: float = 0.0


class Client:
    """One client: a patient of their own and a few Appointments at a time, one of a group."""

    def __init__(self, desk: Desk, patient: str, groups: Sequence[str], histories: Histories, seed: int) -> None:
        self._desk, self._patient, self._groups = desk, patient, groups
        self._histories, self._random = histories, random.Random(seed)
        self._mine: dict[str, _Mine] = {}
        self._number = 0

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            choices: list[Callable[[], None]] = [self._take]
            if self._mine:
                choices += [self._take, self._leave, self._move, self._shift, self._firm, self._renew, self._forget]
            if len(self._mine) > 3:
                choices = [self._leave, self._move, self._shift, self._forget]
            self._random.choice(choices)()

    def _wish(self) -> tuple[str, tuple[str, ...]] | None:
        """Slots of a group in which this patient has nothing, for they can be at one place only."""
        group = self._random.choice(self._groups)
        if any(group == mine.group for mine in self._mine.values()):
            return None
        return group, tuple(slot_of(group, each) for each in self._random.choice(WISHES))

    def _pick(self) -> tuple[str, _Mine]:
        return self._random.choice(list(self._mine.items()))

    def _take(self) -> None:
        if not (wish := self._wish()):
            return
        group, slots = wish
        operation = self._random.choice(["hold", "hold", "book"])
        self._number += 1
        key = f"{self._patient}-{self._number}"
        called = time.monotonic()
        answer = until_told(lambda: self._desk.take(operation, self._patient, slots, key))
        if answer is None:
            self._histories.note(group, called, "take", key, slots, done=False)
            return
        self._histories.note(group, called, "take", answer.appointment, slots, until=answer.until)
        self._histories.ends(group, answer)
        self._mine[answer.appointment] = _Mine(group, slots, answer.until)

    def _firm(self) -> None:
        appointment, mine = self._pick()
        called = time.monotonic()
        done = until_told(lambda: self._desk.firm(appointment)) is not None
        assert done or mine.until, "what is booked stays so"
        self._histories.note(mine.group, called, "firm", appointment, mine.slots, done=done)
        self._keep(appointment, mine._replace(until=0.0) if done else None)

    def _renew(self) -> None:
        appointment, mine = self._pick()
        if not mine.until:
            return
        called = time.monotonic()
        answer = until_told(lambda: self._desk.renew(appointment))
        until = answer.until if answer else 0.0
        self._histories.note(mine.group, called, "renew", appointment, mine.slots, done=bool(answer), until=until)
        if answer:
            self._histories.ends(mine.group, answer)
        self._keep(appointment, mine._replace(until=until) if answer else None)

    def _shift(self) -> None:
        """Move within the group."""
        appointment, mine = self._pick()
        slots = tuple(slot_of(mine.group, each) for each in self._random.choice(WISHES))
        if slots == mine.slots:
            return
        called = time.monotonic()
        done = until_told(lambda: self._desk.move(appointment, slots)) is not None
        self._histories.note(mine.group, called, "move", appointment, slots, done=done, until=mine.until)
        if done:
            self._keep(appointment, mine._replace(slots=slots))

    def _move(self) -> None:
        """Move what is booked to another group: it leaves the one, and takes the other."""
        appointment, mine = self._pick()
        if mine.until or not (wish := self._wish()):
            return
        group, slots = wish
        called = time.monotonic()
        done = until_told(lambda: self._desk.move(appointment, slots)) is not None
        if done:
            self._histories.note(mine.group, called, "leave", appointment)
            self._keep(appointment, _Mine(group, slots))
        self._histories.note(group, called, "take", appointment, slots, done=done)

    def _leave(self) -> None:
        appointment, mine = self._pick()
        called = time.monotonic()
        answer = until_told(lambda: self._desk.leave("release" if mine.until else "cancel", appointment))
        assert answer and answer.appointment == appointment
        self._histories.note(mine.group, called, "leave", appointment, until=mine.until)
        self._keep(appointment, None)

    def _forget(self) -> None:
        """Think no more of a hold that is over."""
        appointment, mine = self._pick()
        if mine.until and mine.until + _EXACT < time.monotonic():
            self._keep(appointment, None)

    def _keep(self, appointment: str, mine: _Mine | None) -> None:
        if mine:
            self._mine[appointment] = mine
        else:
            del self._mine[appointment]


def until_told(ask: Callable[[], Answer | None]) -> Answer | None:
    """Ask until there is an answer."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return ask()
        except Away:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def parameters(minutes: int = 0, **values: Any) -> dict[str, Any]:
    """A Parameters resource: `slot` and `patient` are references, or several; the rest codes."""
    each = [(name, one) for name, value in values.items() for one in ([value] if isinstance(value, str) else value)]
    parts: list[dict[str, Any]] = [
        {"name": name.replace("_", "-"), "valueReference": {"reference": value}}
        if "/" in value
        else {"name": name.replace("_", "-"), "valueCode": value}
        for name, value in each
    ]
    if minutes:
        lasts = {"value": minutes, "unit": "min", "system": "http://unitsofmeasure.org", "code": "min"}
        parts.append({"name": "duration", "valueDuration": lasts})
    return {"resourceType": "Parameters", **({"parameter": parts} if parts else {})}


def at_work(clients: Sequence[Client], seconds: float, meanwhile: Callable[[float], None]) -> None:
    """Let all clients work until `meanwhile` has come back, which is given the time; raises what any of them raised."""
    stop = threading.Event()
    with ThreadPoolExecutor(len(clients)) as pool:
        working = [pool.submit(client.run, stop) for client in clients]
        try:
            meanwhile(seconds)
        finally:
            stop.set()
    for each in working:
        each.result()
