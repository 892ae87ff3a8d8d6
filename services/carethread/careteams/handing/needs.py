"""What makes that somebody has to answer for a person: an active plan, something to be done, a high risk.

Kept with the moments at which each came and went (`core.ports.needs`), so that it can be asked of any past day.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from carethread.careteams.handing.following import survivors
from carethread.careteams.levels import HIGH, level
from carethread.careteams.tasks import OPEN, TASKS
from carethread.careteams.teams.alarming import TAKE_OVER
from carethread.careteams.teams.reading import ref
from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.elements import at
from carethread.core.ports import Resource, Session
from carethread.core.service import Runtime, StoredHook

FLAG_KIND, HIGH_RISK = "https://carethread.dev/fhir/CodeSystem/flag-kind", "high-risk"

_TO_DO = frozenset(OPEN) - {"draft"}


def _has(resource: Resource, path: str, system: str, code: str) -> bool:
    codings = (each for each in at(resource, path) if isinstance(each, dict))
    return any((each.get("system"), each.get("code")) == (system, code) for each in codings)


def _flagged(flag: Resource) -> bool:
    return flag["status"] == "active" and _has(flag, "code.coding", FLAG_KIND, HIGH_RISK)


_NEEDS: Mapping[str, tuple[str, Callable[[Resource, int], bool]]] = {
    "CarePlan": ("subject", lambda plan, now: plan["status"] == "active"),
    "Task": ("for", lambda task, now: task["status"] in _TO_DO and not _has(task, "code.coding", TASKS, TAKE_OVER)),
    "Flag": ("subject", lambda flag, now: _flagged(flag)),
    "RiskAssessment": ("subject", lambda assessment, now: bool(level(assessment, now, HIGH))),
}
"""By type: whose the need is, and when it is open. That somebody takes over is what needs ask for, not one itself."""


def needing(resource: Resource, now: int, base: str | None = None) -> str:
    """The person (`Patient/1`) who needs somebody by a resource, at a moment (microseconds); empty where nobody is."""
    path, is_open = _NEEDS[resource["resourceType"]]
    return ref(resource, path, base, "Patient") if is_open(resource, now) else ""


def needs_kept(type_name: str) -> StoredHook:
    """The hook by which needs of a type are kept."""

    def stored(runtime: Runtime, session: Session, ids: Sequence[str], context: Context) -> None:
        found = session.current([(type_name, id_) for id_ in ids]).values()
        whose = {
            one.id: "" if one.deleted else needing(json.parse_object(one.body), one.updated, runtime.base_url)
            for one in found
        }
        people = survivors(session, {each for each in whose.values() if each}, runtime.base_url)
        states = {f"{type_name}/{one.id}": (people.get(whose[one.id], ""), one.updated) for one in found}
        session.needs.keep(states)

    return stored
