"""The states of an Appointment: the table, what it refuses, and that the documentation has the same one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.core.errors import Invalid
from carethread.core.fhir.definitions import value_set
from carethread.core.ports import Resource
from carethread.scheduling.rules import CANCELLED_BY, CONFIRM_BY, HOLD_UNTIL
from carethread.scheduling.visits.transitions import FIRST, MOVES, is_correction, is_move, lapsed, refuse_jump

PAGE = Path(__file__).parents[4] / "docs" / "scheduling.md"
STATUSES = st.sampled_from(sorted(MOVES))


def visit(status: str, **members: object) -> Resource:
    return {"resourceType": "Appointment", "status": status, **members}


def test_the_table_has_the_statuses_of_r4() -> None:
    codes = set(
        value_set("http://hl7.org/fhir/ValueSet/appointmentstatus").codes["http://hl7.org/fhir/appointmentstatus"]
    )
    assert set(MOVES) == codes == {*FIRST, "entered-in-error"}
    assert all(set(after) < codes for after in MOVES.values())


def test_the_documentation_has_the_table() -> None:
    _, _, table = PAGE.read_text(encoding="utf-8").partition("| from | to |")
    said: dict[str, tuple[str, ...]] = {"entered-in-error": ()}
    for line in table.splitlines()[2:]:
        if not line.startswith("|"):
            break
        before, after = (re.findall(r"`([^`]+)`", cell) for cell in line.strip("|").split("|"))
        said |= {each: tuple(after) for each in before}
    assert said == dict(MOVES)


@given(STATUSES, STATUSES)
def test_a_jump_is_refused_and_what_may_follow_is_named(before: str, after: str) -> None:
    if is_move(before, after):
        refuse_jump(visit(before), visit(after))
        return
    with pytest.raises(Invalid) as refusal:
        refuse_jump(visit(before), visit(after))
    (issue,) = refusal.value.issues
    assert issue.expression == "Appointment.status"
    assert all(each in issue.diagnostics for each in MOVES[before])


def test_a_new_one_is_anything_but_an_error() -> None:
    for status in FIRST:
        refuse_jump(None, visit(status))
    with pytest.raises(Invalid):
        refuse_jump(None, visit("entered-in-error"))


def test_a_hold_that_ended_may_be_booked_and_what_was_cancelled_may_not() -> None:
    for mark in (HOLD_UNTIL, CONFIRM_BY):
        extension = {"url": mark, "valueInstant": "2031-01-01T00:00:00Z"}
        ended = visit("cancelled", extension=[extension])
        assert lapsed(ended)
        refuse_jump(ended, visit("booked"))
        assert not lapsed(visit("cancelled", extension=[extension, {"url": CANCELLED_BY, "valueCode": "patient"}]))
    with pytest.raises(Invalid):
        refuse_jump(ended, visit("arrived"))
    with pytest.raises(Invalid):
        refuse_jump(visit("cancelled"), visit("booked"))


def test_only_what_follows_a_missed_visit_corrects_it() -> None:
    assert is_correction(visit("noshow"), visit("arrived"))
    assert not is_correction(visit("noshow"), visit("entered-in-error"))
    assert not is_correction(visit("booked"), visit("cancelled"))
    assert not is_correction(None, visit("arrived"))
