"""Charts against published examples, and against what follows from their definitions."""

from __future__ import annotations

import statistics
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.metrics.signals.charts import LEAST, Chart, Kind, Limit, Sample, chart

CANS = (12, 15, 8, 10, 4, 7, 16, 9, 14, 10, 5, 6, 17, 12, 22, 8, 10, 5, 13, 11, 20, 18, 24, 15, 9, 12, 7, 13, 9, 6)
"""Montgomery, table 7.1: nonconforming cans in 30 samples of 50."""

ORDERS = (
    (12, 100), (8, 80), (6, 80), (9, 100), (10, 110), (12, 110), (11, 100), (16, 100), (10, 90), (6, 90), (20, 110),
    (15, 120), (9, 120), (8, 120), (6, 110), (8, 80), (10, 80), (7, 80), (5, 90), (8, 100), (5, 100), (8, 100),
    (10, 100), (6, 90), (9, 90),
)  # fmt: skip
"""Montgomery, table 7.4: purchase orders with an error, and of how many."""

VISCOSITY = (33.75, 33.05, 34.00, 33.81, 33.46, 34.02, 33.68, 33.27, 33.49, 33.20, 33.62, 33.00, 33.54, 33.12, 33.84)
"""Montgomery, table 6.6: viscosity of 15 batches of primer paint."""


def there(made: Chart | None) -> list[Limit]:
    assert made is not None
    return [each for each in made.limits if each is not None]


def test_cans() -> None:
    made = there(chart("p", [Sample(count / 50, 50) for count in CANS], len(CANS)))
    assert made[0].centre == pytest.approx(0.2313, abs=1e-4)
    assert [made[0].lower, made[0].upper] == pytest.approx([0.0524, 0.4102], abs=1e-4)
    assert [i + 1 for i, each in enumerate(made) if not each.lower <= CANS[i] / 50 <= each.upper] == [15, 23]


def test_orders_of_varying_number() -> None:
    made = there(chart("p", [Sample(count / size, size) for count, size in ORDERS], len(ORDERS)))
    assert made[0].centre == pytest.approx(0.096, abs=5e-4)
    assert made[0].upper == pytest.approx(0.184, abs=1e-3)
    assert [made[1].lower, made[1].upper] == pytest.approx([0.0, 0.194], abs=1e-3)
    assert [i + 1 for i, each in enumerate(made) if each.z and abs(each.z) > 3] == [11]


def test_viscosity() -> None:
    made = there(chart("xmr", [Sample(value) for value in VISCOSITY], len(VISCOSITY)))
    assert made[0].centre == pytest.approx(33.52, abs=5e-3)
    assert [made[0].lower, made[0].upper] == pytest.approx([32.24, 34.80], abs=1e-2)


counts = st.tuples(st.integers(0, 40), st.integers(0, 40))


@given(st.sampled_from(["p", "u", "xmr"]), st.lists(counts, min_size=LEAST, max_size=30))
def test_limits_follow_from_the_baseline(kind: Kind, given_: list[tuple[int, int]]) -> None:
    sized = [(min(x, n) if kind == "p" else x, n) for x, n in given_]
    samples = [Sample(x / n if n else None, n) for x, n in sized]
    found = chart(kind, samples)
    base = [(x, n) for x, n in sized if n][:LEAST]
    assert (found is None) == (len(base) < LEAST)
    if found is None:
        return
    shares = [x / n for x, n in base]
    centre = statistics.fmean(shares) if kind == "xmr" else sum(x for x, _ in base) / sum(n for _, n in base)
    assert found.centre == pytest.approx(centre)
    for (x, n), limit in zip(sized, found.limits, strict=True):
        if not n:
            assert limit is None
            continue
        assert limit is not None
        variance = {
            "p": centre * (1 - centre) / n,
            "u": centre / n,
            "xmr": (statistics.fmean(abs(b - a) for a, b in pairwise(shares)) / 1.128) ** 2,
        }[kind]
        assert limit.sigma == pytest.approx(max(variance, 0) ** 0.5, abs=1e-9)
        assert limit.lower >= 0 or kind == "xmr"
        assert limit.upper <= 1 or kind != "p"
        assert limit.z is None or limit.z == pytest.approx((x / n - centre) / limit.sigma, abs=1e-6)


def test_what_comes_later_does_not_move_the_limits() -> None:
    first = [Sample(each / 50, 50) for each in CANS[:LEAST]]
    later = chart("p", [*first, Sample(1.0, 50), Sample(None, 0)])
    assert later is not None and later.centre == there(chart("p", first))[0].centre
    assert later.limits[-1] is None


def test_where_nothing_varies_nothing_is_beyond() -> None:
    for kind, value in (("p", 0.0), ("p", 1.0), ("u", 0.0), ("xmr", 4.0)):
        made = there(chart(kind, [Sample(value, 10)] * LEAST + [Sample(0.5, 10)]))  # type: ignore[arg-type]
        assert made[-1].z is None and made[-1].side == (1 if value < 0.5 else -1) and made[0].side == 0


def test_fewer_points_than_a_baseline_are_no_chart() -> None:
    assert chart("p", [Sample(0.5, 10)] * (LEAST - 1) + [Sample(None, 0)]) is None
    with pytest.raises(ValueError, match="12 points"):
        chart("p", [Sample(0.5, 10)] * LEAST, LEAST - 1)
