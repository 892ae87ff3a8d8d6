"""The pack as a page and as a document: all of it is told, nothing is run, and what is written is text."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import replace
from datetime import date
from hashlib import sha256
from typing import Any

import pytest

from carethread.core.context import Context
from carethread.core.fhir import json
from carethread.core.fhir.validation import validate
from carethread.metrics.evaluating.counting import Cell, Counted
from carethread.metrics.evaluating.periods import Days
from carethread.metrics.reviewing.asking import Review
from carethread.metrics.reviewing.complaints import Complaints, Line
from carethread.metrics.reviewing.decisions import Decision, Decisions
from carethread.metrics.reviewing.document import document
from carethread.metrics.reviewing.figures import figures
from carethread.metrics.reviewing.pack import Asked, Pack
from carethread.metrics.reviewing.page import page
from carethread.metrics.series.counting import Point
from carethread.metrics.series.telling import Told
from carethread.metrics.signals.charting import Place
from carethread.metrics.signals.goals import Target
from carethread.metrics.signals.standing import Raised
from support.facts import NOW
from support.measured import known
from support.reviewing import months

BASE = "http://127.0.0.1/fhir"
EVIL = '<script>alert("x")</script> & "more"'
RATE = known("no-show-rate")


def decided(id_: str, month: str, words: str, owner: str = "Practitioner/lead", **more: Any) -> Decision:
    made = Decision(id_, "requested", month, words, "", owner, "", date(2030, 3, 1), None, None, False)
    return replace(made, **more)


def pack() -> Pack:
    """A department with a signal that somebody looks into, a goal that is missed, complaints and decisions."""
    told: list[Told] = []
    for i, month in enumerate(months()):
        counts = dict.fromkeys((each.name for each in RATE.groups[0].populations), 0)
        counts |= {"initial-population": 60, "denominator": 60, "numerator": 30 if i == 23 else 7 + i % 3}
        told.append((Point(Days(month, month), [Counted(Cell(counts, None, {}), {})], True), {}))
    measure = {
        "id": "no-show-rate",
        "title": "No-show <rate>",
        "improvementNotation": {"coding": [{"code": "decrease"}]},
    }
    (figure,) = figures(measure, RATE, told, told[-1][0].days, Target("ward", "Goal/g", None, 0.15, False, ""))
    (nobody,) = figures(
        {"id": "x", "title": "Of nobody"}, RATE, [(_empty(each), {}) for each, _ in told], told[-1][0].days, None
    )
    raised = Raised(Place("ward", 0), "above", "one-beyond-three", date(2030, 2, 1), date(2028, 3, 1), 1)
    weekly = Raised(Place("ward", 0), "below", "eight-in-a-row", date(2030, 1, 7), date(2028, 3, 1), 1)
    return Pack(
        review=Review("ward", Days(date(2030, 2, 1), date(2030, 2, 28))),
        department="Eye <clinic>",
        as_of=NOW,
        made=NOW,
        masks=False,
        figures=[figure, nobody],
        left=[("A broken one", "SQL that is wrong")],
        told=[
            Asked("no-show-rate", "No-show <rate>", raised, "task-1", "in-progress", "Practitioner/lead"),
            Asked("no-show-rate", "No-show <rate>", weekly, "task-2", "", "Organization/ward", "The ward"),
        ],
        reports=[{"resourceType": "MeasureReport", "status": "complete", "type": "summary", "measure": RATE.canonical,
                  "period": {"start": "2030-02-01", "end": "2030-02-28"}}],
        complaints=Complaints(Line("", 12, None), [Line("waiting", 12, 0)], [Line("high", None, 2)]),
        decisions=Decisions(
            open=[decided("d1", "2030-01", EVIL, overdue=True)],
            done=[decided("d2", "2029-12", "Hang it up", "CareTeam/t", owner_name="The desk", ended=date(2030, 2, 3),
                          status="completed")],
            new=[decided("d3", "2030-02", "Write them", "Practitioner/other")],
        ),
        names={"Practitioner/lead": "Dr. Lead"},
    )  # fmt: skip


def _empty(point: Point) -> Point:
    nobody = Cell(dict.fromkeys((each.name for each in RATE.groups[0].populations), 0), None, {})
    return replace(point, counted=[Counted(nobody, {})])


def shown(made: Pack) -> str:
    answer = page(made, BASE)
    assert isinstance(answer.body, bytes)
    return answer.body.decode()


def test_all_of_it_is_told() -> None:
    html = shown(pack())
    text = " ".join(re.sub(r"<[^>]*>", " ", html).split())
    for each in (
        "Eye &lt;clinic&gt; · February 2030", "Worse , above the usual since February 2030", "Dr. Lead, under way",
        "below the usual since 7 Jan 2030 by The ward", "50.0 %", "≤ 15.0 %", "The desk", "Practitioner/other",
        "overdue", "not begun", "completed, 3 Feb 2030", "12 this month, 1 to 10 the month before", "Waiting 12 0",
        "High • 2", "Of nobody in all this year: Of nobody.", "A broken one is left out: SQL that is wrong",
    ):  # fmt: skip
        assert each in text, each
    assert "not told" not in text
    assert "•: not told" in shown(replace(pack(), masks=True))


def test_a_number_of_the_month_leads_to_its_page() -> None:
    asks = "measure=no-show-rate&amp;periodStart=2030-02-01&amp;periodEnd=2030-02-28&amp;department=ward"
    assert f'<a href="http://127.0.0.1/console/number?{asks}">No-show &lt;rate&gt;</a>' in shown(pack())


def test_what_nobody_was_told_of_is_still_to_be_looked_at() -> None:
    assert "not looked at yet" not in shown(pack())
    untold = replace(pack(), told=[])
    assert "<td>not looked at yet</td>" in shown(untold)
    of_old = replace(untold, as_of=NOW + 31 * 86_400_000_000)
    assert "<td>–</td>" in shown(of_old)


def test_what_is_written_is_text_and_nothing_is_run_or_fetched() -> None:
    html = shown(pack())
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert re.findall(r"\b(?:src|action|style|on\w+)=", html) == []
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    policy = page(pack(), BASE).headers["Content-Security-Policy"]
    assert f"style-src 'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'" in policy
    assert policy.startswith("default-src 'none'")


def test_a_quiet_month_says_so() -> None:
    (figure,) = (replace(each, signal=None, since=None) for each in pack().figures if each.usual is not None)
    quiet = replace(pack(), figures=[figure], told=[], left=[], decisions=Decisions([], [], []),
                    complaints=Complaints(Line("", 0, 0), [], []))  # fmt: skip
    html = shown(quiet)
    assert "Nothing this month is more than chance." in html
    assert "Nothing is open." in html
    assert "No number has 12 months yet." not in html
    new = shown(replace(quiet, figures=[replace(figure, usual=None)]))
    assert "No number has 12 months yet." in new
    assert "more than chance." not in new.split("<h2>All measures")[0]
    assert document(quiet, BASE, Context())["entry"][0]["resource"]["section"][0]["text"]["div"].count("None.") == 1


@pytest.mark.parametrize("masks", [False, True])
def test_the_document_is_valid_and_has_what_it_names(masks: bool) -> None:
    made = json.parse_object(json.render(document(replace(pack(), masks=masks), BASE, Context())))
    assert [issue for issue in validate(made) if issue.severity in ("error", "fatal")] == []
    entries = {each["fullUrl"]: each["resource"] for each in made["entry"]}
    composition, *_ = entries.values()
    named = [each["reference"] for part in composition["section"] for each in part.get("entry", ())]
    named += [composition["subject"]["reference"], composition["author"][0]["reference"]]
    assert len(named) == 6
    named += [each["reporter"]["reference"] for each in entries.values() if "reporter" in each]
    assert set(named) <= entries.keys(), "what has no URL of its own is led from by whole URLs alone"
    told = str([part["text"]["div"] for part in composition["section"]])
    assert "Dr. Lead" in told
    assert "<script" not in told
