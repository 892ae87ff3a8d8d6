"""Whether somebody was reached for the critical answers of a response: what their Tasks say, asked of care teams.

Who is called is known a moment after the response is stored; so it is asked when somebody wants to know it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from carethread.core.errors import Busy
from carethread.core.fhir import json
from carethread.core.fhir.elements import keys_at
from carethread.core.ports import Resource
from carethread.core.service import Runtime
from carethread.questionnaires.safety.alarms import alarms_of
from carethread.questionnaires.safety.telling import CALL

Reached = Literal["", "waiting", "called", "seen", "nobody", "unsaved"]
"""Nothing critical stands; it is not known yet who is called; a person is called; a person has said that they see to
it; nobody is there to be called; and what is critical was not stored, so that nobody is told of it."""

_OWNER = "careteams"
_PEOPLE = frozenset({"Practitioner", "PractitionerRole"})
_SEEN = frozenset({"accepted", "in-progress", "on-hold", "completed"})
_BEST_FIRST: tuple[Reached, ...] = ("seen", "called", "waiting", "nobody")
"""Whoever sees to one critical answer of a response reads all of it."""


def reached(runtime: Runtime, response_id: str) -> Reached:
    """Whether somebody was reached for a response; not in a transaction. Where care teams are away, it waits."""
    standing = runtime.store.snapshot(lambda session: alarms_of(session, response_id))
    ids = [alarm.id_of("task", response_id) for alarm in standing if alarm.code == CALL]
    found = set(_told(runtime, ids))
    return next((each for each in _BEST_FIRST if each in found), "")


def _told(runtime: Runtime, ids: list[str]) -> Iterator[Reached]:
    for id_ in ids:
        try:
            stored = runtime.owners.read(_OWNER, ("Task", id_))
        except Busy:
            yield "waiting"
            return
        if stored is None:
            yield "waiting"
        elif told := _of(json.restore(stored.body), runtime.base_url):
            yield told


def _of(task: Resource, base_url: str) -> Reached:
    """What one Task says; empty where it is taken back, or part of another that is open."""
    if task["status"] == "cancelled":
        return ""
    if task["status"] in _SEEN:
        return "seen"
    people = [kind for kind, _ in keys_at(task, "owner", base_url) if kind in _PEOPLE]
    return "called" if people else "nobody"
