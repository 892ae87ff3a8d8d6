"""Whatever answers a form takes stand on its page, and posting that page changes nothing; whatever else is posted makes
no answer that the form does not take."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from carethread.core.fhir import json
from carethread.core.fhir.validation import validate
from carethread.core.ports import Resource
from carethread.questionnaires.answering.judging import judge
from carethread.questionnaires.filling.answers import Answers, complete, kept, laid, page_of, posted
from carethread.questionnaires.filling.drafts import Draft
from carethread.questionnaires.filling.laying import walk
from carethread.questionnaires.filling.names import Fields
from carethread.questionnaires.filling.page import shown
from carethread.questionnaires.filling.parts import parts_of
from carethread.questionnaires.filling.reading import asked_for
from carethread.questionnaires.forms.form import Form, read
from support.answers import CORE, answer, code, ext, form, item, response, unit
from support.answers_made import made
from support.posting import PostedForm


def draft(asked: Form, given_: Resource) -> Draft:
    return Draft(asked, {**given_, "status": "in-progress"}, 1, None, "token", 0)


def page(drawn: Draft, answers: Answers, part: int = 0) -> PostedForm:
    return PostedForm(shown(page_of(drawn, answers, "en", part)).body.decode())


def through(asked: Form, given_: Resource) -> Resource:
    """The response after each part of its page was opened and posted."""
    drawn = draft(asked, given_)
    for part in range(len(parts_of(asked))):
        answers = posted(drawn, Fields(page(drawn, kept(drawn), part).pairs))
        assert answers.wrong == ()
        drawn = draft(asked, answers.response)
    return drawn.response


def bare(given_: Resource) -> list[Resource]:
    """The items without those that say nothing."""
    items = []
    for each in given_.get("item", ()):
        inner = bare(each)
        answers = [{**a, "item": bare(a)} if "item" in a else a for a in each.get("answer", ())]
        answers = [{k: v for k, v in a.items() if k != "item" or v} for a in answers]
        rest = {k: v for k, v in each.items() if k not in ("item", "answer")}
        if inner or answers:
            items.append({**rest, **({"item": inner} if inner else {}), **({"answer": answers} if answers else {})})
    return items


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6))
def test_a_page_that_is_posted_as_it_is_changes_nothing(seed: int) -> None:
    questionnaire, given_, _ = made(seed)
    if given_.get("status") == "entered-in-error":
        return
    asked = read(questionnaire)
    if any(each.severity == "error" for each in judge(asked, {**given_, "status": "completed"})):
        return
    assert bare(through(asked, given_)) == bare(given_)


EVERY = form(
    item("s", "string", repeats=True, maxLength=5),
    item("t", "text"),
    item("u", "url"),
    item("b", "boolean"),
    item("i", "integer", repeats=True),
    item("d", "decimal"),
    item("date", "date"),
    item("moment", "dateTime"),
    item("time", "time"),
    item("q", "quantity"),
    item("c", "choice", options="a b"),
    item("cs", "choice", item("why", "string"), options="a b", repeats=True),
    item("o", "open-choice", options="a b"),
    item("os", "open-choice", options="a b", repeats=True),
    item("r", "reference"),
    item("f", "attachment"),
    item("ro", "string", readOnly=True),
    item("g", "group", item("g1", "string"), item("g2", "integer", repeats=True), repeats=True),
    item("w", "string", enableWhen=[{"question": "b", "operator": "=", "answerBoolean": True}]),
)

GIVEN = response(
    answer("s", "one", " two "),
    answer("t", "first\nsecond\r\n third"),
    answer("u", {"valueUri": "https://example.org/?a=1&b=<2>"}),
    answer("b", False),
    answer("i", 1, -2),
    answer("d", {"valueDecimal": json.parse(b"1.50")}),
    answer("date", {"valueDate": "1980-03"}),
    answer("moment", {"valueDateTime": "2026-01-02T09:30:15.123+05:30"}),
    answer("time", {"valueTime": "07:05:00"}),
    answer("q", {"valueQuantity": unit(3, "kg")}),
    answer("c", {"valueCoding": {**code("a"), "display": "A said so", "userSelected": True}}),
    answer("cs", code("b"), code("a"), inner=[answer("why", "because")]),
    answer("o", {"valueString": "something <b>else</b>"}),
    answer("os", code("a"), {"valueString": "mine"}, {"valueString": "another"}),
    answer("r", {"valueReference": {"reference": "Patient/a"}}),
    answer("f", {"valueAttachment": {"title": "x"}}),
    answer("ro", "fixed"),
    answer("g", inner=[answer("g1", "x"), answer("g2", 1, 2)]),
    answer("g", inner=[answer("g1", "y")]),
    answer("w", "kept though it is off"),
)


def test_each_type_stands_on_the_page_and_comes_back_as_it_was() -> None:
    assert through(EVERY, GIVEN)["item"] == GIVEN["item"]


NAMES = st.sampled_from([name for name, _ in page(draft(EVERY, GIVEN), kept(draft(EVERY, GIVEN))).pairs])
LINKS = st.sampled_from(list(EVERY.items))
MADE = st.builds(
    "{}:{}:{}".format, st.sampled_from("qgvouymdt"), st.sampled_from(["", "0", "1", "0.0", "0.7", "x"]), LINKS
)
VALUES = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["urn:example:codes|a", "other:", "true", "1e9999", "12", "99999999999", "-0", "1,5", "=x", "\x00"]
    ),
)
WISHES = st.builds("{}:{}:{}".format, st.sampled_from(["add", "remove"]), st.sampled_from(["", "0", "1", "x"]), LINKS)
PAIRS = st.lists(st.tuples(st.one_of(NAMES, MADE, st.text(max_size=6)), VALUES), max_size=40)


@settings(max_examples=100, deadline=None)
@given(PAIRS, st.booleans(), st.one_of(st.none(), WISHES))
def test_whatever_is_posted_the_form_takes_what_comes_of_it(
    pairs: list[tuple[str, str]], begun: bool, wish: str | None
) -> None:
    drawn = draft(EVERY, GIVEN if begun else {**GIVEN, "item": []})
    answers = posted(drawn, Fields(pairs), asked_for(wish or ""))
    told = page(drawn, answers)
    again = {**answers.response, "status": "in-progress"}
    if again.get("item") == []:
        del again["item"]
    wrong = [each for each in judge(EVERY, again) if each.severity == "error"]
    assert wrong == []
    assert [each for each in validate(again) if each.severity in ("error", "fatal")] == []
    assert told.action
    sent = complete(EVERY, answers, "2026-01-05T00:00:00Z").response
    assert all(node.item.link_id != "w" or not node.off for node in walk(laid(drawn, Answers(sent))))


def test_what_nobody_may_write_is_not_written() -> None:
    hidden = [ext(CORE + "questionnaire-hidden", valueBoolean=True)]
    asked = form(item("h", extension=hidden), item("r", readOnly=True), item("a"))
    drawn = draft(asked, response())
    fields = [
        (f"{mark}:{where}:{link}", "x") for link in ("h", "r", "a", "zz") for mark, where in (("q", ""), ("v", "0"))
    ]
    assert posted(drawn, Fields(fields)).response["item"] == [answer("a", "x")]


def test_an_option_that_the_form_does_not_have_is_none() -> None:
    asked = form(item("c", "choice", options="a b"))
    drawn = draft(asked, response())

    def chosen(key: str) -> Any:
        return posted(drawn, Fields([("q::c", ""), ("v::c", key)])).response.get("item")

    assert chosen("urn:example:codes|a") == [answer("c", code("a"))]
    assert chosen("urn:example:codes|z") is None
    assert chosen("other:") is None
