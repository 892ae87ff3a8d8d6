"""How much is too much for one person, and what to say of it. Pure.

The table holds where nobody has said otherwise: by the extension `workload-limit` of their PractitionerRole, or of its
department. What is over a limit is a question of how somebody is doing, and of what others can take off them; it is no
finding about them, and the words say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from carethread.core.ports import Resource
from carethread.core.service import PROFILES

WORKLOAD_LIMIT = PROFILES + "workload-limit"

OPEN_TASKS, OVERDUE_TASKS, CASELOAD = "open-tasks", "overdue-tasks", "caseload"
AFTER_HOURS, AFTER_MINUTES = "after-hours-writes", "after-hours-minutes"

LIMITS: Mapping[str, int] = {OPEN_TASKS: 40, OVERDUE_TASKS: 10, AFTER_HOURS: 15, AFTER_MINUTES: 240}
"""The most of each that is left alone; those of after hours for the last seven days. A caseload has its own limit."""

TEXTS: Mapping[str, str] = {
    OPEN_TASKS: "many open tasks",
    OVERDUE_TASKS: "tasks that are overdue",
    CASELOAD: "more people than the caseload limit",
    AFTER_HOURS: "work outside of their hours",
    AFTER_MINUTES: "visits outside of their hours",
}

_MOST = 100_000


def limits(said: Sequence[Resource]) -> dict[str, int]:
    """The limits that hold, by what PractitionerRoles and their departments say, the nearest first."""
    found = dict(LIMITS)
    for resource in reversed(said):
        for each in resource.get("extension", ()):
            if each.get("url") == WORKLOAD_LIMIT:
                parts = {part.get("url"): part for part in each.get("extension", ())}
                code = parts.get("code", {}).get("valueCode")
                most = parts.get("most", {}).get("valueInteger")
                if code in LIMITS and isinstance(most, int) and 0 <= most <= _MOST:
                    found[code] = most
    return found


def over(facts: Mapping[str, int], most: Mapping[str, int]) -> list[str]:
    """What is over its limit, in the order of the table."""
    return [code for code in TEXTS if code in most and facts.get(code, 0) > most[code]]


def wording(codes: Sequence[str]) -> str:
    """What a lead reads."""
    named = ", ".join(TEXTS[code] for code in codes)
    return f"Relief may be welcome: {named}. Ask how they are doing, and what can be taken off them."
