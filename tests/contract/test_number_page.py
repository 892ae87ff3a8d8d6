"""One number opened at /console/number: what it tells, and that it tells nothing that `$explain` does not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Browser

from carethread.core.context import Context
from carethread.core.errors import Forbidden
from carethread.metrics.showing import opening, operations
from support import accessible
from support.facts import facts_of
from support.measuring import RATE, Metrics, body, keep, metrics, own_measure, visit
from support.metrics_pages import Standing, browser_of, on_a_telephone
from support.stores import open_store

MARCH = "periodStart=2029-03&periodEnd=2029-03"


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metrics]:
    """In March 12 of 30 people miss their visit in one department, and 3 of 30 in the other; one visit is unresolved.
    Nobody has one in April."""
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('number')}/metrics.db", "metrics")
    made = metrics(store)
    visits = [
        visit(
            f"{department}-{i}", "noshow" if i < missed else "fulfilled", f"{department}{i}", day="2029-03-05",
            department=department,
        )
        for department, missed in (("heart", 12), ("skin", 3))
        for i in range(30)
    ]  # fmt: skip
    visits += [
        visit("heart-x", "booked", "heart0", day="2029-03-06", department="heart"),
        visit("later", "fulfilled", "heart0", day="2029-05-06", department="heart"),
    ]
    keep(made, *own_measure("SELECT 1 AS nothing", ["numerator"], "broken", title="A broken one"))
    names = [{"resourceType": "Organization", "id": "heart", "name": "Heart <b>& more</b>"}]
    with facts_of([*visits, *names, {"resourceType": "Organization", "id": "skin"}]) as facts:
        yield replace(made, runtime=replace(made.runtime, analytics=Standing(facts)))
    store.close()


def page(asked: Metrics, query: str, status: int = 200) -> str:
    answer = browser_of(asked).get(f"/console/number?{query}")
    assert answer.status_code == status, answer.get_data(as_text=True)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    return answer.get_data(as_text=True)


def rate(asked: Metrics, query: str) -> str:
    return page(asked, f"measure={RATE}&{MARCH}&{query}")


def tabs(html: str) -> dict[str, str]:
    """The populations with how many are in each."""
    return {name.strip(): count for name, count in re.findall(r">([^<>]+) <b>([^<]*)</b>", html)}


def listed(html: str) -> list[str]:
    return re.findall(r'<th scope="row"><a href="[^"]*/(Appointment/[^"]*)">', html)


def test_a_number_is_said_in_words_with_what_is_behind_it(asked: Metrics) -> None:
    html = rate(asked, "department=heart")
    assert "<strong>40.0 %</strong>" in html
    assert "12 of 30 Appointments." in html
    assert "Heart &lt;b&gt;&amp; more&lt;/b&gt; · March 2029" in html
    assert (tabs(html)["Numerator"], tabs(html)["Denominator"], tabs(html)["Unresolved"]) == ("12", "30", "1")
    assert len(listed(html)) == 12
    assert re.search(r'<td><a href="[^"]*/Patient/heart0">Patient/heart0</a></td>', html)
    assert "2029-03-05 09:00" in html
    assert "status = &#39;noshow&#39;" in html, "the SQL"
    for canonical in (f"/Measure/{RATE}|", f"/Library/{RATE}|", "/ViewDefinition/appointments|"):
        assert canonical in html
    assert "Facts as of" in html


def test_it_leads_back_to_its_chart(asked: Metrics) -> None:
    html = rate(asked, "department=Organization/heart")
    where = re.search(r'<a href="(metrics[?][^"]*)">Its chart</a>', html)
    assert where
    assert browser_of(asked).get(f"/console/{unescape(where[1])}").status_code == 200


def test_each_population_has_its_resources(asked: Metrics) -> None:
    html = rate(asked, "department=heart&population=unresolved")
    assert listed(html) == ["Appointment/heart-x"]
    where = re.search(r'<a href="number[?]([^"]*)">Denominator <b>', html)
    assert where
    assert len(listed(page(asked, unescape(where[1])))) == 30
    nobody = page(asked, f"measure={RATE}&periodStart=2029-04&periodEnd=2029-04")
    assert "Nobody was counted." in nobody
    assert "Nothing is counted here." in nobody


def test_few_people_are_not_told(asked: Metrics) -> None:
    masked = asked.masking()
    few = rate(masked, "department=skin")
    assert "<strong>masked</strong>" in few
    assert "few people (1 to 10) stand behind it" in few
    assert set(tabs(few).values()) == {"masked"}
    assert "skin-" not in few
    assert "10.0 %" not in few
    beside = rate(masked, "population=unresolved")
    assert tabs(beside)["Unresolved"] == "masked"
    assert "heart-x" not in beside
    assert "SELECT" not in beside, "$explain tells nothing of it either"
    week = page(masked, f"measure={RATE}&periodStart=2029-03-05&periodEnd=2029-03-11")
    assert "a period is whole calendar months" in week
    assert "Appointment/" not in week


def test_what_is_told_of_many_is_their_resources_alone(asked: Metrics) -> None:
    """Both departments are masked, for from one the other follows; the whole is told."""
    html = rate(asked.masking(), "")
    assert "15 of 60 Appointments." in html
    assert len(listed(html)) == 15
    assert "Patient/" not in html
    assert "told the resources alone" in html


def test_it_tells_as_explain_does(asked: Metrics) -> None:
    for each in (asked, asked.masking()):
        stored = body(each.rate("POST"))
        explained = body(each.ask(f"MeasureReport/{stored['id']}/$explain", population="denominator"))
        units = [part for part in explained["parameter"] if part["name"] == "unit"]
        references = [unit["part"][0]["valueReference"]["reference"] for unit in units]
        html = rate(each, "population=denominator")
        assert listed(html) == references
        where = re.search(r'<a href="([^"]*[$]explain[^"]*)">', html)
        assert where
        asks = urlsplit(unescape(where[1]))
        answer = each.ask(asks.path.removeprefix("/fhir/"), **dict(parse_qsl(asks.query)))
        assert body(answer)["parameter"] == explained["parameter"]


def test_many_resources_are_on_several_pages(asked: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "EACH", 25)
    pages = [rate(asked, f"population=denominator&page={number}") for number in (1, 2, 3, 4)]
    assert [len(listed(each)) for each in pages] == [25, 25, 10, 0]
    assert len({each for html in pages for each in listed(html)}) == 60
    assert 'aria-label="Page 3"' in pages[0]
    assert "There is nothing on this page." in pages[3]


def test_a_measure_of_several_numbers_shows_each(asked: Metrics) -> None:
    first = page(asked, f"measure=retention&{MARCH}")
    second = page(asked, f"measure=retention&{MARCH}&group=within-12-months")
    assert "<h1>" in first
    assert re.search(r'href="number[?]([^"]*group=within-12-months[^"]*)"', first)
    assert "12 months" in re.findall(r"<h1>([^<]*)</h1>", second)[0]


def test_one_that_cannot_be_counted_says_so(asked: Metrics) -> None:
    assert 'class="refused"' in page(asked, f"measure=broken&{MARCH}")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        (f"measure=nothing&{MARCH}", 404),
        (f"measure={RATE}&{MARCH}&department=unknown", 404),
        (MARCH, 400),
        (f"measure={RATE}", 400),
        (f"measure={RATE}&{MARCH}&population=everybody", 400),
        (f"measure={RATE}&{MARCH}&group=7", 400),
        (f"measure={RATE}&{MARCH}&page=0", 400),
        (f"measure={RATE}&{MARCH}&colour=red", 400),
        (f"measure=workload&{MARCH}", 422),
    ],
)
def test_what_is_not_there_is_said_in_words(asked: Metrics, query: str, status: int) -> None:
    assert 'href="metrics">All charts' in page(asked, query, status)


def test_who_may_not_read_reports_sees_none(asked: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
    def authorize(interaction: str, type_name: str, context: Context) -> None:
        if type_name == "MeasureReport":
            raise Forbidden("They may not.")

    monkeypatch.setattr(operations, "authorize", authorize)
    assert "This is not for you to see" in page(asked, f"measure={RATE}&{MARCH}", 403)


@pytest.mark.servers
def test_a_telephone_a_keyboard_and_a_screen_reader(chromium: Browser, asked: Metrics, tmp_path: Path) -> None:
    """Without scripts: at 360 px nothing is cut off, all has a name and can be told from its ground."""
    pages = {"heart": rate(asked, "department=heart"), "few": rate(asked.masking(), "department=skin")}
    for _, page in on_a_telephone(chromium, browser_of(asked), tmp_path, pages):
        assert accessible.is_in_order(accessible.headings(page))
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the number"
