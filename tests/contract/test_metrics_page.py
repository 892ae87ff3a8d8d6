"""The charts at /console/metrics: what they show, and that they tell nothing that `$series` does not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from support import accessible
from support.facts import facts_of
from support.measuring import RATE, Metrics, Resource, keep, metrics, own_measure, visit
from support.metrics_pages import Standing, browser_of, on_a_telephone
from support.stores import open_store

MONTHS = [f"{2028 + m // 12}-{1 + m % 12:02}" for m in range(11, 26)]
"""December 2028 to February 2030, when the facts of a test end."""


def visits() -> Iterator[Resource]:
    """12 people in each of two departments, of whom all or nobody come; in July 2029 three of one do not."""
    for month in MONTHS:
        for department in ("heart", "skin"):
            missed = 3 if (month, department) == ("2029-07", "heart") else 12 if month == "2030-02" else 0
            for i in range(12):
                status = "noshow" if i < missed else "fulfilled"
                yield visit(
                    f"{department}-{month}-{i}", status, f"{department}{i}", day=f"{month}-05", department=department
                )


NAMING: dict[str, Resource] = {
    id_: {"resourceType": type_name, "id": id_, element: {"reference": f"Organization/{id_}"}}
    for id_, type_name, element in (
        ("of-stays", "Encounter", "serviceProvider"), ("of-a-service", "HealthcareService", "providedBy"),
        ("of-a-place", "Location", "managingOrganization"), ("of-people", "Patient", "managingOrganization"),
        ("of-staff", "PractitionerRole", "organization"),
    )
}  # fmt: skip
NAMING["of-a-team"] = {
    "resourceType": "CareTeam", "id": "of-a-team", "participant": [{"member": {"reference": "Practitioner/x"}}],
    "managingOrganization": [{"reference": "Organization/of-a-team"}],
}  # fmt: skip
"""Departments that an element names, by what has it."""


def goal() -> Resource:
    about = "https://carethread.dev/fhir/StructureDefinition/goal-measure"
    measure = {"url": about, "valueCanonical": f"https://carethread.dev/fhir/Measure/{RATE}"}
    target = {"extension": [measure], "detailQuantity": {"value": 25, "unit": "%"}}
    subject = {"reference": "Organization/heart"}
    return {"resourceType": "Goal", "id": "g", "lifecycleStatus": "active", "subject": subject, "target": [target]}


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Metrics]:
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('metrics')}/metrics.db", "metrics")
    made = metrics(store)
    names = {"heart": "Heart <b>& more</b>", "skin": "Skin"}
    organizations = [{"resourceType": "Organization", "id": id_, "name": names[id_]} for id_ in names]
    organizations += [{"resourceType": "Organization", "id": id_} for id_ in (*NAMING, "payer")]
    keep(made, goal(), *own_measure("SELECT 1 AS nothing", ["numerator"], "broken", title="A broken one"))
    with facts_of([*visits(), *organizations, *NAMING.values()]) as facts:
        yield replace(made, runtime=replace(made.runtime, analytics=Standing(facts)))
    store.close()


@pytest.fixture(scope="module")
def heart(asked: Metrics) -> str:
    """The rate of a department, as who may see exact numbers sees it."""
    answer = browser_of(asked).get(f"/console/metrics?measure={RATE}&department=heart", headers={"Accept": "text/html"})
    assert answer.status_code == 200
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    return answer.get_data(as_text=True)


@pytest.fixture(scope="module")
def masked(asked: Metrics) -> str:
    return browser_of(asked.masking()).get(f"/console/metrics?measure={RATE}&department=heart").get_data(as_text=True)


def rows(page: str) -> dict[str, list[str]]:
    """The table's cells by bucket."""
    found = re.findall(r'<th scope="row">([^<]*)</th>(.*?)</tr>', page, re.DOTALL)
    return {
        name: [unescape(re.sub(r"</?a\b[^>]*>", "", each)) for each in re.findall(r"<td>(.*?)</td>", cells)]
        for name, cells in found
    }


def test_a_chart_has_its_numbers_limits_signal_and_target(heart: str) -> None:
    table = rows(heart)
    assert table["Jul 2029"][:2] == ["25.0 %", "12"]
    assert table["Feb 2030"][:4] == ["100.0 %", "12", "2.1 %", "0.0 % to 14.4 %"]
    assert table["Feb 2030"][4].startswith("above the usual since Feb 2030: it is beyond three standard deviations")
    assert table["Mar 2028"][0] == "–"
    assert "Wanted: at most 25.0 %; this is not met." in heart
    for drawn in ('class="band"', 'class="centre"', 'class="target"', 'class="signal"', "<title id=", "<desc id="):
        assert drawn in heart


def test_a_number_leads_to_what_is_behind_it(asked: Metrics, heart: str, masked: str) -> None:
    for metrics_, page in ((asked, heart), (asked.masking(), masked)):
        where = re.search(r'<a href="(number[?][^"]*periodStart=2030-02-01[^"]*)">100.0 %</a>', page)
        assert where
        opened = browser_of(metrics_).get(f"/console/{unescape(where[1])}")
        assert opened.status_code == 200
        assert "Appointment/heart-2030-02-" in opened.get_data(as_text=True)


def test_names_are_text(heart: str) -> None:
    assert "Heart &lt;b&gt;&amp; more&lt;/b&gt;" in heart
    assert "<b>" not in heart
    assert "<script" not in heart


def test_few_people_are_nowhere_on_a_page_where_they_are_masked(masked: str) -> None:
    table = rows(masked)
    assert table["Jul 2029"] == ["masked", "masked", "", "", ""]
    assert (table["Feb 2030"][0], table["Jan 2030"][0]) == ("100.0 %", "0.0 %")
    assert "25.0 %; this" in masked, "the target is no number of people"
    assert "25.0 %" not in re.sub(r"Wanted: at most 25.0 %", "", masked)
    assert 'class="band"' not in masked, "limits would tell it"
    hidden = len(re.findall(r'fill="url\(#h-[^)]*\)"', masked))
    assert hidden == 2, "one month, and in the key"
    marks = len(re.findall(r'class="point"', masked)) - 1
    assert marks == len(MONTHS) - 1


def test_a_department_is_there_whatever_names_it(asked: Metrics) -> None:
    page = browser_of(asked).get(f"/console/metrics?measure={RATE}").get_data(as_text=True)
    assert set(re.findall(r'<option value="([^"]+)"', page)) >= {"heart", "skin", *NAMING}
    assert '"payer"' not in page, "nobody works there"
    for id_ in (*NAMING, "payer"):
        assert browser_of(asked).get(f"/console/metrics?measure={RATE}&department={id_}").status_code == 200


def test_one_that_cannot_be_counted_says_so_beside_the_others(asked: Metrics) -> None:
    page = browser_of(asked).get("/console/metrics?measure=broken").get_data(as_text=True)
    assert 'class="refused"' in page
    weeks = browser_of(asked.masking()).get(f"/console/metrics?measure={RATE}&by=week").get_data(as_text=True)
    assert "a series is by month" in weeks
    assert "<svg" not in weeks


def test_what_is_not_there_is_said_in_words(asked: Metrics) -> None:
    browser = browser_of(asked)
    for query, status in (
        ("measure=nothing", 404), ("department=nothing", 404), ("measure=a%20b", 400), ("by=hour", 400),
        ("page=0", 400), ("page=x", 400), ("colour=red", 400), ("measure=a&measure=b", 400),
    ):  # fmt: skip
        answer = browser.get(f"/console/metrics?{query}")
        assert answer.status_code == status, query
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    far = browser.get(f"/console/metrics?measure={RATE}&page=9")
    assert "There is nothing on this page." in far.get_data(as_text=True)
    assert browser.post("/console/metrics").status_code == 405
    assert browser.get("/console/metrics.css").status_code == 200


@pytest.mark.servers
def test_a_telephone_a_keyboard_and_a_screen_reader(
    chromium: Browser, asked: Metrics, heart: str, masked: str, tmp_path: Path
) -> None:
    """Without scripts: at 360 px nothing is cut off, all has a name and can be told from its ground."""
    for name, page in on_a_telephone(chromium, browser_of(asked), tmp_path, {"heart": heart, "masked": masked}):
        assert accessible.headings(page) == [1, 2]
        images = [each for each in accessible.tree(page) if each["role"] == "image"]
        assert [each["name"].startswith("No-show rate Feb 2030: 100.0 %") for each in images] == [True]
        assert ("Masked in 1 of 24 months" in images[0]["name"]) == (name == "masked")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the charts"
        page.locator("summary", has_text="Numbers").press("Enter")
        assert page.get_by_role("row").count() > 20
