"""Complaints by what they are about; numbers of few people are not told, nor can they be worked out."""

from __future__ import annotations

from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from carethread.metrics.evaluating.periods import Days
from carethread.metrics.reviewing.asking import Review
from carethread.metrics.reviewing.complaints import UNREAD, WORDLESS, Complaints, Line, _hidden, complaints
from support.facts import facts_of
from support.reviewing import Resource, complaint, ward

FEBRUARY = Review("ward", Days(date(2030, 2, 1), date(2030, 2, 28)))


def found(*resources: Resource, masks: bool = False) -> Complaints:
    with facts_of([ward(), *resources]) as facts:
        return complaints(facts, FEBRUARY, masks=masks)


def test_they_are_counted_by_theme_and_severity() -> None:
    told = found(
        *complaint("a", "p", "waiting", "respect", severity="high"),
        *complaint("b", "q", "waiting", severity="low"),
        *complaint("c", "q"),
        *complaint("d", "q", comment=False),
        *complaint("e", "q", "costs", day="2030-01-31"),
        *complaint("f", "q", "costs", day="2030-03-01"),
    )
    assert told.whole == Line("", 4, 1)
    assert told.themes == [
        Line("waiting", 2, 0), Line("respect", 1, 0), Line("costs", 0, 1), Line(UNREAD, 1, 0), Line(WORDLESS, 1, 0)
    ]  # fmt: skip
    assert [(each.name, each.now) for each in told.severities] == [("high", 1), ("low", 1), (UNREAD, 1), (WORDLESS, 1)]


def test_what_is_withdrawn_or_elsewhere_does_not_count() -> None:
    withdrawn, comment = complaint("a", "p", "waiting")
    elsewhere = [each | {"extension": []} for each in complaint("b", "p", "waiting")]
    praise = complaint("c", "p", "praise")[1]
    low = [each | {"reasonCode": {"text": "low"}} for each in complaint("d", "p", "care")]
    told = found(withdrawn | {"status": "cancelled"}, comment, *elsewhere, praise, *low)
    assert told == Complaints(Line("", 0, 0), [], [])


def test_a_month_is_that_of_the_department() -> None:
    zone = {"url": "http://hl7.org/fhir/StructureDefinition/timezone", "valueCode": "America/New_York"}
    early, _ = complaint("a", "p", "waiting", day="2030-03-01")
    resources = [ward() | {"extension": [zone]}, early | {"authoredOn": "2030-03-01T03:00:00Z"}]
    with facts_of(resources) as facts:
        assert complaints(facts, FEBRUARY, masks=False).whole.now == 1
        assert complaints(facts, Review("other", FEBRUARY.days), masks=False).whole.now == 0


def test_of_few_people_nothing_is_told() -> None:
    few = [each for i in range(3) for each in complaint(f"c{i}", f"p{i}", "waiting")]
    assert found(*few, masks=True) == Complaints(Line("", None, 0), [Line("waiting", None, 0)], [Line(UNREAD, None, 0)])
    same = [each for i in range(30) for each in complaint(f"c{i}", "p", "waiting")]
    assert found(*same, masks=True).whole.now is None, "many complaints of one person"
    nameless = [each for i in range(12) for each in complaint(f"c{i}", "", "waiting")]
    assert found(*nameless, masks=True).themes == [Line("waiting", 12, 0)], "each without a name is somebody's"


parts = st.dictionaries(st.sampled_from(["waiting", "respect", "care", "costs"]), st.integers(1, 40), max_size=4)


@settings(max_examples=60, deadline=None)
@given(parts, parts)
def test_no_number_of_few_is_told_or_follows(themes: dict[str, int], severities: dict[str, int]) -> None:
    whole = max([0, *themes.values(), *severities.values()])
    cells = {("", ""): whole}
    cells |= {("theme", name): people for name, people in themes.items()}
    cells |= {("severity", name): people for name, people in severities.items()}
    kept = _hidden({place: (people, people) for place, people in cells.items()})
    assert all(place in kept for place, people in cells.items() if 1 <= people <= 10)
    for part in ("theme", "severity"):
        inside = [place for place in kept if place[0] == part]
        assert len(inside) != 1 or len([place for place in cells if place[0] == part]) == 1 or ("", "") in kept
