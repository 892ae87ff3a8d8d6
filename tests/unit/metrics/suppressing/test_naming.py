"""Which strata of somebody's own stratifier keep their names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from carethread.metrics.evaluating.counting import Cell, Counted
from carethread.metrics.suppressing.cells import Hidden
from carethread.metrics.suppressing.naming import UNNAMED, unnamed
from support import measured

GROUP = replace(measured.known("no-show-rate").groups[0], scoring="continuous-variable", method="minimum", value="n")
NAMES = [each.name for each in GROUP.populations]


@pytest.mark.parametrize(
    ("level", "named"), [(Hidden.OF_ONE, True), (Hidden.BESIDE, False), (Hidden.ALL, False), (None, True)]
)
def test_a_stratum_of_which_only_the_score_is_not_told_is_named(level: Hidden | None, named: bool) -> None:
    room = Cell(dict.fromkeys(NAMES, 0) | {"initial-population": 30}, None, {})
    counted = [Counted(room, {"room": {"big": room}})]
    place = ("room", "big")
    told, hidden = unnamed([GROUP], counted, {place: level} if level else {}, departments=())
    assert told[0].strata["room"].keys() == ({"big"} if named else {UNNAMED})
    assert hidden.get(place) == level
    assert (("room", UNNAMED) in hidden) is not named
