"""Who is told numbers as they are: whoever asks where the setting says so, and else staff in whose current care teams
all the people are that the numbers are of. Of what is said without a name few are told to
nobody, for nobody treats who has no name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from carethread.core.context import Principal
from carethread.core.ports.analytics import Glimpse
from carethread.core.service import Runtime
from carethread.metrics.evaluating.counting import bare, relation
from carethread.metrics.evaluating.evaluating import Units, run
from carethread.metrics.evaluating.periods import quoted
from carethread.metrics.measures.definition import Definition
from carethread.metrics.measures.files import in_files, names, promised
from carethread.metrics.measures.shipped import whole

_NOBODY = frozenset({"Slot", "Schedule", "HealthcareService"})
"""What units may be that are not about people."""

_STAFF = "Practitioner/"

_CANONICAL = re.compile(r"'https?://[^']*/([^'/]+)'")
"""In SQL, with what it is called."""

_MINE = "SELECT DISTINCT subject FROM team_now WHERE practitioner = {who}"


def is_of_people(definition: Definition) -> bool:
    """Whether what a Measure counts is about people. Only of SQL that comes along it is known that it is not: what
    somebody's own Measure says of its units they may have written for its numbers to be told."""
    return definition.sql not in _of_nobody()


@lru_cache(1)
def _of_nobody() -> frozenset[str]:
    shipped = [in_files(name)[1] for name in names()]
    return frozenset(each.sql for each in shipped if all(group.basis in _NOBODY for group in each.groups))


def _is_nameless(definition: Definition) -> bool:
    """Whether that was promised of a Measure, or of what its SQL names, whatever else it says."""
    return definition.nameless or any(name in definition.sql.lower() for name in _without_names())


@lru_cache(1)
def _without_names() -> frozenset[str]:
    """The forms and reports that the shipped SQL names of which that was promised, and the column that has what stands
    in a name's place."""
    return frozenset({"subject_identifier", *(name for sql in promised().values() for name in _CANONICAL.findall(sql))})


def hides(runtime: Runtime, definition: Definition) -> bool:
    """Whether numbers of few people are not told to whoever asks."""
    return _is_nameless(definition) or (runtime.small_cells == "mask" and is_of_people(definition))


def treats(
    facts: Glimpse,
    definition: Definition,
    counted: Units,
    principal: Principal,
    named: Sequence[str] | None = None,
) -> bool:
    """Whether who asks is, by the facts, in a current care team of each person that is counted; of each that they have
    `named`, counted or not, for else they would learn which of these are. Of nobody they are not: that there is nobody
    would tell who is not among those counted."""
    if _is_nameless(definition) or not principal.name.startswith(_STAFF):
        return False
    mine = relation("mine", whole(_MINE).format(who=quoted(principal.name.removeprefix(_STAFF))))
    if named is not None:
        listed = ", ".join(map(quoted, named)) or "NULL"
        found = run(facts, f"WITH {mine}\nSELECT count(*) FROM mine WHERE subject IN ({listed})", counted)
        return bool(named) and found == [(len(set(named)),)]
    theirs = "SELECT DISTINCT mine.subject IS NOT NULL FROM unit LEFT JOIN mine ON mine.subject = unit.subject"
    found = run(facts, f"{bare(definition, counted.wanted)}, {mine}\n{theirs}", counted)
    return [tuple(row) for row in found] == [(True,)]
