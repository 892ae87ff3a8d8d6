"""The forms that CareThread brings along score as published: against tables that are written down here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice, pairwise, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.core.fhir import json
from carethread.core.fhir.fhirpath.functions.weights import ITEM_WEIGHT, ORDINAL_VALUE, weight_of
from carethread.core.fhir.validation import validate
from carethread.core.ports import Resource
from carethread.questionnaires.answering.judging import judge
from carethread.questionnaires.forms.form import Form
from carethread.questionnaires.scoring.calculating import calculate, calculated
from carethread.questionnaires.scoring.scores import results, scores_of
from support.instruments import FOLDER, NAMES, answering, scored, shipped

LOINC = "http://loinc.org"
FORMS = {name: shipped(name) for name in NAMES}

PHQ_9 = (["minimal"] * 5) + (["mild"] * 5) + (["moderate"] * 5) + (["moderately-severe"] * 5) + (["severe"] * 8)
"""The band of each total, 0 to 27: Journal of General Internal Medicine 2001;16:606."""

GAD_7 = (["minimal"] * 5) + (["mild"] * 5) + (["moderate"] * 5) + (["severe"] * 7)
"""0 to 21: Archives of Internal Medicine 2006;166:1092."""

PHQ_2 = (["negative"] * 3) + (["positive"] * 4)
"""0 to 6: Medical Care 2003;41:1284."""

SAFETY = {total: "positive" if total >= 11 else "negative" for total in range(4, 21)}
"""4 to 20, CMS: 11 or more may mean that somebody is not safe."""

CODES = {
    "phq-9": ["44250-9", "44255-8", "44259-0", "44254-1", "44251-7", "44258-2", "44252-5", "44253-3", "44260-8"],
    "phq-2": ["44250-9", "44255-8"],
    "gad-7": ["69725-0", "68509-9", "69733-4", "69734-2", "69735-9", "69689-8", "69736-7"],
}
FREQUENCY = {"LA6568-5": 0, "LA6569-3": 1, "LA6570-1": 2, "LA6571-9": 3}
PANELS = {
    "phq-9": "44249-1",
    "phq-2": "55757-9",
    "gad-7": "69737-5",
    "hunger-vital-sign": "88121-9",
    "social-needs": "96777-8",
}
TOTALS = {"phq-9": "44261-6", "phq-2": "55758-7", "gad-7": "70274-6"}


@pytest.fixture(params=NAMES)
def each(request: pytest.FixtureRequest) -> Form:
    return shipped(request.param)


def test_all_are_there() -> None:
    assert set(NAMES) >= {
        "phq-2", "phq-9", "gad-7", "social-needs", "hunger-vital-sign", "collaborate", "visit-experience", "trust",
        "staff-pulse", "visit-note", "huddle-note",
    }  # fmt: skip


def test_each_is_valid_and_says_whose_it_is(each: Form) -> None:
    assert [issue for issue in validate(each.raw) if issue.severity == "error"] == []
    assert each.status == "active" and each.raw["copyright"]
    codes = [code for code, system in _codings(each.raw) if system == LOINC]
    assert not codes or "LOINC is copyright © Regenstrief Institute" in each.raw["copyright"]


def test_each_has_spanish_for_all_that_is_read(each: Form) -> None:
    """CollaboRATE may not be translated by others than its authors."""
    if each.url.endswith("/collaborate"):
        assert "translation" not in str(each.raw["item"])
        return
    missing = [item.link_id for item in each.items.values() if item.text and not _spanish(item.raw, "text")]
    missing += [
        f"{item.link_id}: {option.value['code']}"
        for item in each.items.values()
        for option in item.options
        if option.kind == "Coding" and not _spanish(option.value, "display")
    ]
    assert missing == [] and _spanish(each.raw, "title")


def test_the_weights_are_written_for_both_generations(each: Form) -> None:
    for item in each.items.values():
        for option in item.options:
            said = {one["url"]: one.get("valueDecimal") for one in option.raw.get("extension", ())}
            assert said.get(ITEM_WEIGHT) == said.get(ORDINAL_VALUE)


def test_codes_of_our_own_are_in_their_code_systems(each: Form) -> None:
    for code, system in _codings(each.raw):
        if system.startswith("https://carethread.dev/"):
            known = json.parse_object((FOLDER.parent / "CodeSystem" / f"{system.rpartition('/')[2]}.json").read_bytes())
            assert code in {concept["code"] for concept in known["concept"]}


@pytest.mark.parametrize("name", CODES)
def test_questions_answers_and_totals_have_their_loinc_codes(name: str) -> None:
    form = shipped(name)
    score = scores_of(form)[0]
    assert [link.removeprefix("/") for link in score.items] == CODES[name]
    for link in score.items:
        item = form.items[link]
        assert item.codes[0]["code"] == link.removeprefix("/")
        assert {option.value["code"]: weight_of(option.raw) for option in item.options} == FREQUENCY
    assert [code["code"] for code in score.total.codes] == [TOTALS[name]]


@pytest.mark.parametrize("name", PANELS)
def test_panels(name: str) -> None:
    assert [code["code"] for code in shipped(name).raw["code"]] == [PANELS[name]]


def test_the_difficulty_of_the_phq_9_goes_from_not_to_extremely() -> None:
    options = shipped("phq-9").items["/69722-7"].options
    codes = ["LA6572-7", "LA6573-5", "LA6575-0", "LA6574-3"]
    assert [option.value["code"] for option in options] == codes
    assert {weight_of(option.raw) for option in options} == {None}


def test_every_combination_of_phq_9_answers() -> None:
    """All 4^9, by the weights and bands of the form."""
    score, form = scores_of(shipped("phq-9"))[0], shipped("phq-9")
    weights = [[weight_of(option.raw) or Decimal(0) for option in form.items[link].options] for link in score.items]
    found: Counter[tuple[int, str]] = Counter()
    bands: dict[Decimal, str] = {}
    for chosen in product(*weights):
        total = sum(chosen, Decimal(0))
        if total not in bands:
            bands[total] = str((score.band(total) or {}).get("code"))
        found[(int(total), bands[total])] += 1
    assert sum(found.values()) == 4**9
    ways = [1]
    for _ in range(9):
        ways = [sum(ways[n - k] for k in range(4) if 0 <= n - k < len(ways)) for n in range(len(ways) + 3)]
    assert found == {(total, PHQ_9[total]): count for total, count in enumerate(ways)}


def _every(step: int, questions: int) -> Iterator[tuple[int, ...]]:
    return islice(product(range(4), repeat=questions), 0, None, step)


@pytest.mark.parametrize(("name", "table", "step"), [("phq-9", PHQ_9, 89), ("gad-7", GAD_7, 13), ("phq-2", PHQ_2, 1)])
def test_whole_responses_by_the_expression_of_the_form(name: str, table: list[str], step: int) -> None:
    form = shipped(name)
    links = scores_of(form)[0].items
    totals = set()
    steps = [tuple(min(3, max(0, n - 3 * k)) for k in range(len(links))) for n in range(len(table))]
    for chosen in [*_every(step, len(links)), *steps]:
        total = sum(chosen)
        assert scored(form, dict(zip(links, chosen, strict=True))) == [(total, table[total])]
        totals.add(total)
    assert totals == set(range(len(table)))


def test_the_safety_score_of_social_needs() -> None:
    form = shipped("social-needs")
    links = scores_of(form)[0].items
    seen = set()
    for chosen in product(range(5), repeat=4):
        total = sum(chosen) + 4
        assert scored(form, dict(zip(links, chosen, strict=True)))[0] == (total, SAFETY[total])
        seen.add(total)
    assert seen == set(SAFETY)


@pytest.mark.parametrize("name", ["hunger-vital-sign", "social-needs"])
def test_the_risk_of_hunger(name: str) -> None:
    """At risk: often (0) or sometimes (1) to either. No risk: never (2) to both. Else nobody knows."""
    form = shipped(name)
    answers = [None, *range(len(form.items["/88122-7"].options))]
    for first, second in product(answers, repeat=2):
        picks = {link: n for link, n in (("/88122-7", first), ("/88123-5", second)) if n is not None}
        expected: tuple[int | None, str] = (None, "")
        if {first, second} & {0, 1}:
            expected = (1, "at-risk")
        elif first == second == 2:
            expected = (0, "no-risk")
        assert scored(form, picks)[-1] == expected, (first, second)


def test_the_risk_of_hunger_is_an_answer_with_its_code() -> None:
    form = shipped("hunger-vital-sign")
    made = calculated(form, answering(form, {"/88122-7": 0, "/88123-5": 2}))
    coding = {"system": LOINC, "code": "LA19952-3", "display": "At risk"}
    assert made["item"][-1]["answer"] == [{"valueCoding": coding}]


def test_collaborate_has_the_top_score_when_all_are_nine() -> None:
    form = shipped("collaborate")
    for chosen in product((0, 4, 8, 9), repeat=3):
        band = "top" if chosen == (9, 9, 9) else "below-top"
        assert scored(form, dict(zip(("understand", "listen", "include"), chosen, strict=True))) == [
            (sum(chosen), band)
        ]


def test_our_own_scales() -> None:
    trust, visit, pulse = shipped("trust"), shipped("visit-experience"), shipped("staff-pulse")
    four = scores_of(trust)[0].items
    assert scored(trust, dict.fromkeys(four, 0)) == [(20, "")]
    assert scored(trust, dict.fromkeys(four, 4)) == [(4, "")]
    asked = scores_of(visit)[0].items
    assert scored(visit, dict.fromkeys(asked, 0)) == [(4, "top")]
    assert scored(visit, dict(zip(asked, (0, 1, 2, 3), strict=True))) == [(1, "below-top")]
    assert [scored(pulse, {"worn": n}) for n in range(5)] == [
        [(n + 1, "negative" if n < 2 else "positive")] for n in range(5)
    ]
    assert trust.raw["experimental"] and pulse.raw["experimental"]


def test_a_score_needs_as_many_answers_as_it_says(each: Form) -> None:
    for number, score in enumerate(scores_of(each)):
        picks = dict.fromkeys(score.items, 0)
        while picks:
            value, _ = scored(each, picks)[number]
            assert (value is not None) is (len(picks) >= score.minimum), picks
            picks.popitem()
        assert scored(each, {})[number] == (None, "")


def test_bands_have_no_gaps_and_do_not_overlap(each: Form) -> None:
    for score in scores_of(each):
        ends = [(band.low, band.high) for band in score.bands]
        assert all(high + 1 == low for (_, high), (low, _) in pairwise(ends))


def test_a_complete_response_keeps_to_its_form(each: Form) -> None:
    picks = {item.link_id: 0 for item in each.items.values() if item.options and not item.read_only}
    text = [item for item in each.items.values() if item.required and not item.options]
    if text or each.url.endswith("visit-experience"):
        return
    made = calculate(each, answering(each, picks, subject={"reference": f"{each.raw['subjectType'][0]}/one"}))
    assert [issue for issue in judge(each, made.response) if issue.severity == "error"] == []
    assert made.issues == []
    assert all(result.value is not None for result in results(each, made.response))


@given(st.data())
def test_what_was_calculated_stays(data: st.DataObject) -> None:
    """Whatever is answered, calculating once more changes nothing, and no answer but the calculated ones is touched."""
    form = FORMS[data.draw(st.sampled_from(NAMES))]
    asked = [item for item in form.items.values() if item.options and not item.read_only]
    picks = {
        item.link_id: data.draw(st.integers(0, len(item.options) - 1)) for item in asked if data.draw(st.booleans())
    }
    sent = answering(form, picks)
    made = calculated(form, sent)
    assert calculated(form, made) is made
    own = {item.link_id for item in form.items.values() if item.read_only}
    assert _answers(made, own) == _answers(sent, own)


def _answers(holder: Resource, but: set[str]) -> list[Any]:
    kept = [each for each in holder.get("item", ()) if each["linkId"] not in but]
    found = [(each["linkId"], each.get("answer"), _answers(each, but)) for each in kept]
    return [each for each in found if each[1] or each[2]]


def test_displays_are_not_swapped() -> None:
    """LA6575-0 is Very, LA6574-3 is Extremely; both are often exchanged."""
    shown = {o.value["code"]: o.value["display"] for o in shipped("phq-9").items["/69722-7"].options}
    assert (shown["LA6575-0"], shown["LA6574-3"]) == ("Very difficult", "Extremely difficult")


def _codings(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        if isinstance(value.get("system"), str) and isinstance(value.get("code"), str):
            yield value["code"], value["system"]
        for inner in value.values():
            yield from _codings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _codings(inner)


def _spanish(element: Resource, name: str) -> bool:
    said = str(element.get(f"_{name}", {}))
    return bool(re.search(r"'valueCode': 'es'.*'valueString': '.+'|\"valueString\"", said))
