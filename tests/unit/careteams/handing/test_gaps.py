"""When a person needed somebody and had nobody, against looking at each moment."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from carethread.careteams.handing.orphans import Gap, gaps
from carethread.careteams.teams.knowing import LAG
from carethread.core.ports import FOREVER, Answering, Need

BEGIN, END = 3, 17
spans = st.tuples(st.integers(0, 20), st.integers(1, 20) | st.just(FOREVER)).filter(lambda span: span[0] < span[1])


@given(st.lists(spans, max_size=4), st.lists(spans, max_size=4))
def test_each_moment_is_judged_by_itself(open_: list[tuple[int, int]], answering: list[tuple[int, int]]) -> None:
    needs = [Need(f"Task/{number}", "Patient/p", *span) for number, span in enumerate(open_)]
    members = [Answering("Patient/p", since, until, "Practitioner/a", "CareTeam/t") for since, until in answering]
    found = gaps(needs, members, BEGIN, END)
    told = {(at, need) for gap in found for at in range(gap.begin, gap.end) for need in gap.needs}
    alone = {at for at in range(BEGIN, END) if not any(one.since <= at < one.until for one in members)}
    assert told == {(at, need.need) for at in alone for need in needs if need.since <= at < need.until}
    assert all(one.end <= other.begin for one, other in itertools.pairwise(found))
    assert all(BEGIN <= gap.begin < gap.end <= END for gap in found)


def test_who_is_not_known_counts_as_long_as_a_copy_may_be_on_its_way() -> None:
    need = Need("CarePlan/1", "Patient/p", 0, FOREVER)
    nobody = Answering("Patient/p", 0, 5 * LAG, "Practitioner/nobody", "CareTeam/t")
    somebody = Answering("Patient/p", 5 * LAG, FOREVER, "Practitioner/a", "CareTeam/t")
    found = gaps([need], [nobody, somebody], 0, 9 * LAG, {"Practitioner/nobody"})
    assert found == [Gap("Patient/p", LAG, 5 * LAG, ("CarePlan/1",), unknown=True)]
    alone = gaps([need], [nobody], 0, 9 * LAG, {"Practitioner/nobody"})
    assert [(gap.begin, gap.end, gap.unknown) for gap in alone] == [(LAG, 5 * LAG, True), (5 * LAG, 9 * LAG, False)]
