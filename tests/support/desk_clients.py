"""Clients of the front desk who hold, book, move and cancel at random, and write down what they saw.

A client whose answer is lost asks again with the same Idempotency-Key until it has one, as the documentation says.
"""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

from support.linearizable import Kind, Op

PATIENCE = 60.0
"""Seconds for an answer, however often the server is killed meanwhile."""


class Away(Exception):
    """No answer, or one that says to come again: what was asked may have been done, or not."""


class Desk(Protocol):
    """How the desk is spoken to. Each answers the Appointment's id, empty where a slot is taken; raises Away."""

    def take(self, operation: str, patient: str, slot: str, key: str) -> str: ...

    def firm(self, appointment: str) -> str: ...

    def move(self, appointment: str, slot: str) -> str: ...

    def leave(self, operation: str, appointment: str) -> str: ...


@dataclass
class Histories:
    """What was seen of each slot."""

    ops: dict[str, list[Op]] = field(default_factory=lambda: defaultdict(list))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, slot: str, called: float, kind: Kind, appointment: str) -> None:
        with self.lock:
            self.ops[slot].append(Op(called, time.monotonic(), kind, appointment))

    def count(self, kind: Kind) -> int:
        return sum(op.kind == kind for ops in self.ops.values() for op in ops)


class Client:
    """One client: a patient of their own and a few Appointments at a time."""

    def __init__(self, desk: Desk, patient: str, slots: Sequence[str], histories: Histories, seed: int) -> None:
        self._desk, self._patient, self._slots = desk, patient, slots
        self._histories, self._random = histories, random.Random(seed)
        self._mine: dict[str, tuple[str, bool]] = {}
        """By Appointment: its slot, and whether it is booked."""
        self._number = 0

    def run(self, stop: threading.Event) -> None:
        while not stop.is_set():
            choices: list[Callable[[], None]] = [self._take]
            if self._mine:
                choices += [self._take, self._leave, self._move, self._firm]
            if len(self._mine) > 3:
                choices = [self._leave, self._move]
            self._random.choice(choices)()

    def _take(self) -> None:
        slot = self._random.choice(self._slots)
        if any(slot == mine for mine, _ in self._mine.values()):
            return
        operation = self._random.choice(["hold", "book"])
        self._number += 1
        key = f"{self._patient}-{self._number}"
        called = time.monotonic()
        appointment = until_told(lambda: self._desk.take(operation, self._patient, slot, key))
        self._histories.note(slot, called, "take" if appointment else "refused", appointment or key)
        if appointment:
            self._mine[appointment] = (slot, operation == "book")

    def _firm(self) -> None:
        appointment, (slot, _) = self._random.choice(list(self._mine.items()))
        assert until_told(lambda: self._desk.firm(appointment)) == appointment, "what one holds one can book"
        self._mine[appointment] = (slot, True)

    def _move(self) -> None:
        booked = [name for name, (_, firm) in self._mine.items() if firm]
        slot = self._random.choice(self._slots)
        if not booked or any(slot == mine for mine, _ in self._mine.values()):
            return
        appointment = self._random.choice(booked)
        called = time.monotonic()
        if until_told(lambda: self._desk.move(appointment, slot)):
            self._histories.note(self._mine[appointment][0], called, "leave", appointment)
            self._histories.note(slot, called, "take", appointment)
            self._mine[appointment] = (slot, True)
        else:
            self._histories.note(slot, called, "refused", appointment)

    def _leave(self) -> None:
        appointment, (slot, booked) = self._random.choice(list(self._mine.items()))
        called = time.monotonic()
        assert until_told(lambda: self._desk.leave("cancel" if booked else "release", appointment)) == appointment
        self._histories.note(slot, called, "leave", appointment)
        del self._mine[appointment]


def until_told(ask: Callable[[], str]) -> str:
    """Ask until there is an answer."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return ask()
        except Away:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def parameters(**values: Any) -> dict[str, Any]:
    """A Parameters resource: `slot` and `patient` are references, the rest codes."""
    parts = [
        {"name": name.replace("_", "-"), "valueReference": {"reference": value}}
        if "/" in value
        else {"name": name.replace("_", "-"), "valueCode": value}
        for name, value in values.items()
    ]
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
