"""Whether what clients saw of some slots can have happened one thing after the other.

Each operation took effect at some moment between its call and its answer; a history is linearizable if there are such
moments for all of them at which a calendar in memory would have answered as it did (Herlihy and Wing, Linearizability:
a correctness condition for concurrent objects, 1990). What is asked of several slots takes effect on all of them at one
such moment, or on none. Linearizability is local: slots that no Appointment has together, and nobody else's, can be
judged apart. The search is that of Wing and Gong (1993), which remembers where it has been (Lowe, 2017).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, NamedTuple

Kind = Literal["take", "move", "firm", "renew", "leave", "over", "seen-taken", "seen-free"]


class Op(NamedTuple):
    """What a client asked for an Appointment, and when it asked and had the answer.

    `take`, `move` (from where it is), `firm` (a hold is booked) and `renew` are about the slots that the Appointment
    has afterwards; where not `done`, they were told that it cannot be. `seen-...` looked at a slot. Nobody asks for
    `over`: a hold ends by itself at the moment `until`, 0: never.
    """

    called: float
    answered: float
    kind: Kind
    appointment: str = ""
    slots: tuple[str, ...] = ()
    done: bool = True
    until: float = 0.0


class Having(NamedTuple):
    """An Appointment has these slots, until it ends by itself."""

    appointment: str
    slots: tuple[str, ...]
    until: float = 0.0


State = frozenset[Having]
Clashes = Mapping[str, Collection[str]]
"""By slot the others that nobody can have meanwhile, for somebody gives both."""

_NONE: Clashes = MappingProxyType({})


def after(state: State, op: Op, clashes: Clashes = _NONE) -> State | None:
    """Who has what afterwards; None where the answer would have been another."""
    mine = next((each for each in state if each.appointment == op.appointment), None)
    others = state - {mine} if mine else state
    taken = {slot for each in others for slot in each.slots}
    free = not any(slot in taken or taken.intersection(clashes.get(slot, ())) for slot in op.slots)
    return _AFTER[op.kind](state, others, mine, free, op)


def _take(state: State, others: State, mine: Having | None, free: bool, op: Op) -> State | None:
    if not op.done:
        return None if free else state
    return others | {Having(op.appointment, op.slots, op.until)} if free and mine is None else None


def _move(state: State, others: State, mine: Having | None, free: bool, op: Op) -> State | None:
    """A hold that is over may be moved, and is over there too."""
    if not op.done:
        return state if mine is None or not free else None
    if mine is None:
        return state if op.until and free else None
    return others | {mine._replace(slots=op.slots)} if free else None


def _firm(state: State, others: State, mine: Having | None, free: bool, op: Op) -> State | None:
    """A hold that is over may be booked all the same, while nobody has its slots."""
    if not op.done:
        return None if free or mine else state
    return others | {Having(op.appointment, op.slots)} if free else None


def _renew(state: State, others: State, mine: Having | None, free: bool, op: Op) -> State | None:
    """So may it be renewed; but not once it was told to be over."""
    if not op.done:
        return state if mine is None else None
    return others | {Having(op.appointment, op.slots, op.until)} if free else None


def _leave(state: State, others: State, mine: Having | None, free: bool, op: Op) -> State | None:
    """A hold that is over is given up in vain."""
    return others if mine or op.until else None


def _over(state: State, others: State, mine: Having | None, free: bool, op: Op) -> State | None:
    return others if mine and mine.until == op.until else state


def _seen(state: State, others: State, mine: Having | None, free: bool, op: Op) -> State | None:
    taken = any(slot in each.slots for each in state for slot in op.slots)
    return state if taken == (op.kind == "seen-taken") else None


_AFTER: Mapping[Kind, Callable[[State, State, Having | None, bool, Op], State | None]] = {
    "take": _take,
    "move": _move,
    "firm": _firm,
    "renew": _renew,
    "leave": _leave,
    "over": _over,
    "seen-taken": _seen,
    "seen-free": _seen,
}


def linearizable(history: Sequence[Op], clashes: Clashes = _NONE) -> bool:
    """Whether there is an order for the operations on slots, which are free at first."""
    ops = sorted(history)
    count = len(ops)
    seen: set[tuple[int, int, State]] = set()
    stack: list[tuple[int, int, State]] = [(0, 0, frozenset())]
    """Up to where all are done, which of those behind are done (a bit for each), and who has what."""
    while stack:
        first, done, state = stack.pop()
        while first < count and done & 1:
            first, done = first + 1, done >> 1
        if first == count:
            return True
        if (first, done, state) in seen:
            continue
        seen.add((first, done, state))
        soonest = min(_answered(ops, first, done), default=0.0)
        for place in range(first, count):
            if ops[place].called > soonest:
                break  # another was over before this one began
            if not done >> (place - first) & 1 and (then := after(state, ops[place], clashes)) is not None:
                stack.append((first, done | 1 << (place - first), then))
    return False


def _answered(ops: Sequence[Op], first: int, done: int) -> list[float]:
    """When those that are left had their answers, as far as that can be the soonest."""
    soonest = float("inf")
    found = []
    for place in range(first, len(ops)):
        if ops[place].called > soonest:
            break
        if not done >> (place - first) & 1:
            found.append(ops[place].answered)
            soonest = min(soonest, ops[place].answered)
    return found
