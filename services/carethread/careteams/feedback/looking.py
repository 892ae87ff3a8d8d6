"""The Tasks of feedback that a department has had within a time, as they are stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from carethread.careteams.feedback.terms import is_of
from carethread.careteams.searching import every
from carethread.careteams.tasks import TASKS
from carethread.core.clock import instant
from carethread.core.errors import TooCostly
from carethread.core.fhir import json
from carethread.core.ports import Resource, Session

MOST = 20_000
"""Tasks that are looked through for one answer."""


def within(session: Session, code: str, department: str, begin: int, end: int, base: str) -> list[Resource]:
    """Those of a kind that were authored from `begin` up to `end`, in microseconds; no department: of all."""
    asked = [("authored-on", f"ge{instant(begin)}"), ("authored-on", f"lt{instant(end)}")]
    return list(_found(session, code, department, asked, base))


def standing(session: Session, code: str, department: str, statuses: Sequence[str], base: str) -> list[Resource]:
    """Those of a kind that are at one of the statuses now."""
    return list(_found(session, code, department, [("status", ",".join(statuses))], base))


def _found(
    session: Session, code: str, department: str, asked: Sequence[tuple[str, str]], base: str
) -> Iterator[Resource]:
    of = department.removeprefix("Organization/")
    for number, stored in enumerate(every(session, "Task", [("code", f"{TASKS}|{code}"), *asked], base)):
        if number == MOST:
            raise TooCostly(f"More than {MOST} Tasks would be looked through: ask for a shorter time.")
        if not of or stored.department == of:
            task = json.parse_object(stored.body)
            if is_of(task, code):
                yield task
