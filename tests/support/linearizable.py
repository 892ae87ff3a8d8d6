"""Whether what clients saw of one slot can have happened one thing after the other.

Each operation took effect at some moment between its call and its answer; a history is linearizable if there are such
moments for all of them at which a slot that one Appointment can have would have answered as it did (Herlihy and Wing,
Linearizability: a correctness condition for concurrent objects, 1990). Linearizability is local: slots can be judged
one by one. The search is that of Wing and Gong (1993), which remembers where it has been (Lowe, 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

Kind = Literal["take", "refused", "leave", "seen-taken", "seen-free"]


class Op(NamedTuple):
    """What a client asked of a slot for an Appointment, and when it asked and had the answer.

    `take` and `leave` succeeded, `refused` was told that the slot is taken, `seen-...` looked.
    """

    called: float
    answered: float
    kind: Kind
    appointment: str = ""


def after(state: str, op: Op) -> str | None:
    """The Appointment that has the slot afterwards (empty: none); None where the answer would have been another."""
    if op.kind == "take":
        return op.appointment if state in ("", op.appointment) else None
    if op.kind == "leave":
        return "" if state == op.appointment else None
    if op.kind == "refused":
        return state if state not in ("", op.appointment) else None
    return state if (state != "") == (op.kind == "seen-taken") else None


def linearizable(history: Sequence[Op]) -> bool:
    """Whether there is an order for the operations of one slot, which is free at first."""
    ops = sorted(history)
    count = len(ops)
    seen: set[tuple[int, int, str]] = set()
    stack: list[tuple[int, int, str]] = [(0, 0, "")]
    """Up to where all are done, which of those behind are done (a bit for each), and who has the slot."""
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
            if not done >> (place - first) & 1 and (then := after(state, ops[place])) is not None:
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
