"""The review of a department's month as it is printed: A4, each page says whose it is, and nothing is cut off; and on a
telephone.

The pack has all measures that are shipped; Chromium prints it as `--print-to-pdf` does, and what is read is the PDF.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from playwright.sync_api import Page

from carethread.metrics.evaluating.counting import Cell, Counted
from carethread.metrics.evaluating.periods import Days
from carethread.metrics.measures.definition import Group
from carethread.metrics.measures.files import in_files, names
from carethread.metrics.reviewing.asking import Review
from carethread.metrics.reviewing.complaints import Complaints, Line
from carethread.metrics.reviewing.decisions import Decision, Decisions
from carethread.metrics.reviewing.figures import Figure, figures
from carethread.metrics.reviewing.pack import Asked, Pack
from carethread.metrics.reviewing.page import page
from carethread.metrics.series.counting import Point
from carethread.metrics.series.telling import Told
from carethread.metrics.signals.charting import Place
from carethread.metrics.signals.standing import Raised
from support import accessible
from support.browser import chromium
from support.facts import NOW
from support.pdf import Sheet, sheets
from support.reviewing import months
from support.run import Unavailable

A4 = (595.3, 841.9)
SIDE, HEAD, FOOT = 14 / 25.4 * 72, 15 / 25.4 * 72, 17 / 25.4 * 72
"""The margins, in points."""

DEPARTMENT = 'Orthopaedics & "Sports"</style>'
DAYS = Days(date(2030, 2, 1), date(2030, 2, 28))


def cell(group: Group, month: int) -> Cell:
    """Of 60 people a share or a mean; of the last month twice as much."""
    much = 24 if month == 23 else 9 + month % 3
    counts = dict.fromkeys((each.name for each in group.populations), 60) | {"numerator": much}
    out = [name for name in counts if name.startswith("denominator-ex")]
    return Cell(counts | dict.fromkeys(out, 0), None if group.scoring == "proportion" else float(much), {})


def figures_of(name: str) -> list[Figure]:
    measure, definition = in_files(name)
    told: list[Told] = [
        (Point(Days(month, month), [Counted(cell(group, i), {}) for group in definition.groups], True), {})
        for i, month in enumerate(months())
    ]
    return list(figures(measure, definition, told, told[-1][0].days, None))


def asked(figure: Figure) -> Asked:
    """Somebody who finds out what a signal is about."""
    assert figure.signal
    assert figure.since
    place = Place("ward", figure.place)
    raised = Raised(place, figure.signal.side, figure.signal.rule, figure.since, figure.since, NOW)
    return Asked(figure.measure, figure.title, raised, "t", "requested", "Practitioner/lead")


def pack() -> Pack:
    decided = Decision("d", "requested", "2030-01", "Call " + "whoever " * 30, "", "Practitioner/lead", "", DAYS.last,
                       None, None, False)  # fmt: skip
    lines = [Line(f"theme-{i}", 12 + i, i) for i in range(8)]
    found = [each for name in names() for each in figures_of(name)]
    return Pack(
        review=Review("ward", DAYS), department=DEPARTMENT, as_of=NOW, made=NOW, masks=True,
        figures=found, left=[], told=[asked(each) for each in found if each.signal], reports=[],
        complaints=Complaints(Line("", 30, 12), lines, lines[:3]),
        decisions=Decisions(open=[replace(decided, id=f"d{i}") for i in range(6)], done=[], new=[]),
        names={"Practitioner/lead": "Dr. Lead"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    file: Path = tmp_path_factory.mktemp("printed") / "review.html"
    body = page(pack(), "http://127.0.0.1/fhir").body
    assert isinstance(body, bytes)
    file.write_bytes(body)
    try:
        with chromium() as browser:
            opened = browser.new_page()
            opened.goto(file.as_uri())
            yield opened
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def printed(shown: Page) -> list[Sheet]:
    return sheets(shown.pdf(prefer_css_page_size=True))


_CUT_OFF = """() => [...document.querySelectorAll("th, td")].filter((each) => each.checkVisibility())
  .filter((each) => each.scrollWidth > each.clientWidth + 1).map((each) => each.textContent)"""


@pytest.mark.servers
def test_on_a_telephone_nothing_is_beside_the_screen_or_over_its_neighbour(shown: Page) -> None:
    for width in (360, 480):
        shown.set_viewport_size({"width": width, "height": 640})
        assert not accessible.scrolls_sideways(shown)
        assert shown.evaluate(_CUT_OFF) == []


@pytest.mark.servers
def test_each_page_is_a4_and_says_whose_it_is_and_which(printed: list[Sheet]) -> None:
    assert 4 <= len(printed) <= 9
    for number, sheet in enumerate(printed, start=1):
        assert (sheet.width, sheet.height) == pytest.approx(A4, abs=1)
        foot = "".join(text for _, y, text in sheet.texts if y > sheet.height - FOOT)
        assert f"{DEPARTMENT} · February 2030" in foot
        assert f"{number} / {len(printed)}" in foot


@pytest.mark.servers
def test_nothing_is_cut_off_or_left_out(printed: list[Sheet]) -> None:
    for sheet in printed:
        body = [(x, y) for x, y, _ in sheet.texts if y <= sheet.height - FOOT]
        assert min(x for x, _ in body) >= SIDE - 1
        assert max(x for x, _ in body) < sheet.width - SIDE
        assert min(y for _, y in body) > HEAD - 1
    said = "".join("".join(sheet.text.split()) for sheet in printed)
    titles = {"".join(each.title.split()) for each in pack().figures}
    assert len(titles) > 25
    assert sorted(title for title in titles if title not in said) == []


@pytest.mark.servers
def test_a_table_that_goes_on_has_its_heads_again_and_no_page_begins_with_half_a_row(printed: list[Sheet]) -> None:
    first = next(i for i, sheet in enumerate(printed) if "All measures" in sheet.text)
    last = next(i for i, sheet in enumerate(printed) if "Decided today" in sheet.text)
    assert last - first > 1, "the measures need more than one page"
    for sheet in printed[first + 1 : last]:
        assert "".join(sheet.text.split()).replace("A year", "").count("Usual") >= 1
    assert printed[last].text.index("Decided today") < 80, "room to write begins a page"
