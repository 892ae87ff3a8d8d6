"""Who is told numbers as they are: whoever asks where the setting says so, and else staff in whose current care teams
all the people are that the numbers are of."""

from __future__ import annotations

from carethread.core.context import Principal
from carethread.core.ports.analytics import Glimpse
from carethread.core.service import Runtime
from carethread.metrics.evaluating.counting import bare
from carethread.metrics.evaluating.evaluating import Units, run
from carethread.metrics.evaluating.periods import quoted
from carethread.metrics.measures.definition import Definition

_NOBODY = frozenset({"Slot", "Schedule", "HealthcareService"})
"""What units may be that are not about people."""

_STAFF = "Practitioner/"

_MINE = """mine AS (
SELECT DISTINCT coalesce(s.survivor_id, m.patient_id) AS subject
FROM team_members m
LEFT JOIN practitioner_roles r ON r.id = m.practitioner_role_id
LEFT JOIN survivors s ON s.patient_id = m.patient_id
WHERE m.team_status = 'active' AND coalesce(m.practitioner_id, r.practitioner_id) = {who}
  AND (m.team_end_at IS NULL OR m.team_end_at > $now)
  AND (m.start_at IS NULL OR m.start_at <= $now) AND (m.end_at IS NULL OR m.end_at > $now)
)"""


def is_of_people(definition: Definition) -> bool:
    """Whether what a Measure counts is about people."""
    return any(group.basis not in _NOBODY for group in definition.groups)


def hides(runtime: Runtime, definition: Definition) -> bool:
    """Whether numbers of few people are not told to whoever asks."""
    return runtime.small_cells == "mask" and is_of_people(definition)


def treats(facts: Glimpse, definition: Definition, counted: Units, principal: Principal) -> bool:
    """Whether who asks is, by the facts, in a current care team of each person that is counted."""
    if not principal.name.startswith(_STAFF):
        return False
    mine = _MINE.format(who=quoted(principal.name.removeprefix(_STAFF)))
    others = "SELECT 1 FROM unit LEFT JOIN mine ON mine.subject = unit.subject WHERE mine.subject IS NULL LIMIT 1"
    return not run(facts, f"{bare(definition, counted.wanted)}, {mine}\n{others}", counted)
