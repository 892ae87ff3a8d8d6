"""What is wrong is said at the question that it is about, in words for people."""

from __future__ import annotations

from carethread.core.errors import Issue
from carethread.core.ports import Resource
from carethread.questionnaires.answering.judging import judge
from carethread.questionnaires.filling.complaining import complaints
from carethread.questionnaires.filling.laying import lay
from carethread.questionnaires.filling.words import word
from carethread.questionnaires.forms.form import Form
from support.answers import CORE, answer, code, ext, form, item, response, when


def told(asked: Form, given: Resource) -> dict[str, str]:
    """By linkId what is said of it."""
    found = complaints(asked, lay(asked, given, {}), judge(asked, given), (), "en")
    assert found.general == []
    return {place.link_id: text for place, text in found.at.items()}


NEEDED, NEEDED_GROUP = word("needed", "en"), word("needed-group", "en")


def test_what_is_missing_is_told_where_it_is_asked() -> None:
    asked = form(
        item("a", required=True),
        item("g", "group", item("b", required=True), item("c")),
        item("h", "group", item("d"), required=True),
        item("off", required=True, enableWhen=[when("a", "exists", answerBoolean=True)]),
    )
    assert told(asked, response()) == {"a": NEEDED, "h": NEEDED_GROUP}, "a group that nobody began is left alone"
    assert told(
        asked, response(answer("a", "x"), answer("g", inner=[answer("c", "x")]), answer("h", inner=[answer("d", "x")]))
    ) == {
        "b": NEEDED,
        "off": NEEDED,
    }


def test_what_is_wrong_is_told_with_its_limits() -> None:
    low, high = ext(CORE + "minValue", valueInteger=1), ext(CORE + "maxValue", valueInteger=9)
    asked = form(
        item("n", "integer", extension=[low, high]),
        item("s", maxLength=3),
        item("c", "choice", options="a b"),
        item("g", "group", item("m", "integer", extension=[high]), repeats=True),
    )
    given = response(
        answer("n", 12),
        answer("s", "long"),
        answer("c", code("z")),
        answer("g", inner=[answer("m", 1)]),
        answer("g", inner=[answer("m", 10)]),
    )
    fits = word("check", "en")
    assert told(asked, given) == {
        "n": f"{fits} From 1 to 9.",
        "s": f"{fits} At most 3 characters.",
        "c": word("not-offered", "en"),
        "m": f"{fits} At most 9.",
    }
    found = complaints(asked, lay(asked, given, {}), judge(asked, given), (), "en")
    assert [place.where for place in found.at if place.link_id == "m"] == [(1,)]


def test_where_nothing_is_answered_that_is_told() -> None:
    empty = [Issue("invariant", "A response has items.", "QuestionnaireResponse")]
    asked = form(item("a"), item("b"))
    for given, text in ((response(), "nothing"), (response(answer("a", "x")), "whole")):
        found = complaints(asked, lay(asked, given, {}), [*empty, *empty], (), "en")
        assert (found.general, found.at) == ([word(text, "en")], {})


def test_a_constraint_speaks_for_itself() -> None:
    asked = form(
        item("a", "integer", extension=[constraint("Please say more (or less).", "answer.value > 3")]), item("b")
    )
    assert told(asked, response(answer("a", 1))) == {"a": "Please say more (or less)."}


def constraint(human: str, text: str) -> Resource:
    parts = [
        ext("key", valueId="c-1"),
        ext("severity", valueCode="error"),
        ext("human", valueString=human),
        ext("expression", valueString=text),
    ]
    return {"url": CORE + "questionnaire-constraint", "extension": parts}
