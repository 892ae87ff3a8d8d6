"""One question after the other: which comes next, what comes along, and that what is sent is what was handed out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carethread.core.errors import Invalid
from carethread.core.ports import Resource
from carethread.questionnaires.adapting.given import links_of
from carethread.questionnaires.adapting.growing import grown, is_asked, whole
from carethread.questionnaires.adapting.stepping import Step, step
from carethread.questionnaires.answering.judging import disabled, judge
from carethread.questionnaires.forms.form import Form
from support.answers import CORE, SDC, answer, code, ext, form, item, when

NONE: frozenset[str] = frozenset()
HIDDEN = ext(CORE + "questionnaire-hidden", valueBoolean=True)


def clock() -> datetime:
    return datetime(2031, 3, 3, tzinfo=UTC)


def calculated(expression: str) -> Resource:
    return ext(SDC + "calculatedExpression", valueExpression={"language": "text/fhirpath", "expression": expression})


def sent(*items: Resource) -> Resource:
    made: Resource = {"resourceType": "QuestionnaireResponse", "status": "in-progress"}
    return {**made, "item": list(items)} if items else made


def after(asked: Form, links: str, *items: Resource) -> Step:
    return step(asked, frozenset(links.split()), sent(*items), clock)


SHORT = form(
    item("intro", "display"),
    item("a", "integer", required=True),
    item("b", "integer"),
    item(
        "sum",
        "integer",
        readOnly=True,
        extension=[HIDDEN, calculated("%resource.item.where(linkId = 'a' or linkId = 'b').answer.value.sum()")],
    ),
    item(
        "more",
        "group",
        item("why", "display"),
        item("c", "integer", enableWhen=[when("sum", ">=", answerInteger=3)]),
        item("d", "string", enableWhen=[when("c", "exists", answerBoolean=False)]),
    ),
    item("bye", "display"),
)


def test_the_first_question_comes_with_what_stands_before_it() -> None:
    assert after(SHORT, "") == (frozenset({"intro", "a"}), [], False)


def test_a_score_comes_along_and_decides_what_is_asked() -> None:
    little = after(SHORT, "intro a b sum", answer("a", 1), answer("b", 1))
    assert little.links == {"intro", "a", "b", "sum", "more", "why", "d"}
    assert little.items[-1]["answer"] == [{"valueInteger": 2}]
    much = after(SHORT, "intro a b sum", answer("a", 1), answer("b", 2))
    assert much.links == {"intro", "a", "b", "sum", "more", "why", "c"}


def test_the_end_is_completed_and_has_what_is_left() -> None:
    done = after(
        SHORT, "intro a b sum more why c", answer("a", 1), answer("b", 2), answer("more", inner=[answer("c", 7)])
    )
    assert done.done
    assert done.links == {"intro", "a", "b", "sum", "more", "why", "c", "bye"}
    assert [each["linkId"] for each in done.items] == ["a", "b", "sum", "more"]


def test_a_question_that_need_not_be_answered_is_passed_over_and_a_required_one_is_not() -> None:
    assert after(SHORT, "intro a", answer("a", 0)).links >= {"b"}
    assert after(SHORT, "intro a b sum", answer("a", 0)).links >= {"d"}
    with pytest.raises(Invalid) as refused:
        after(SHORT, "intro a")
    assert [(each.code, each.expression) for each in refused.value.issues] == [("required", "QuestionnaireResponse")]


def test_a_required_question_in_a_group_that_need_not_be_there_has_to_be_answered() -> None:
    grouped = form(item("g", "group", item("h", "group", item("a", required=True))), item("b"))
    with pytest.raises(Invalid):
        after(grouped, "g h a")


def test_a_score_that_is_sent_is_worked_out_anew() -> None:
    made = after(SHORT, "intro a b sum", answer("a", 1), answer("b", 1), answer("sum", 9))
    assert made.items[-1]["answer"] == [{"valueInteger": 2}]
    assert "c" not in made.links


def test_what_an_answer_that_was_changed_leads_to_is_asked_and_what_it_does_not_is_taken_out() -> None:
    changed = after(SHORT, "intro a b sum more why d", answer("a", 5), answer("b", 1))
    assert "c" in changed.links
    assert "d" in changed.links  # for c is not answered yet
    with pytest.raises(Invalid) as refused:
        after(
            SHORT,
            "intro a b sum more why c d",
            answer("a", 5),
            answer("more", inner=[answer("c", 1), answer("d", "x")]),
        )
    assert "leave it out" in refused.value.issues[0].diagnostics
    gone = after(SHORT, "intro a b sum more why c d", answer("a", 5), answer("more", inner=[answer("c", 1)]))
    assert gone.done
    assert "d" not in gone.links


def test_what_is_asked_about_an_answer_comes_after_it_and_help_comes_with_the_question() -> None:
    nested = form(item("a", "boolean", item("help", "display"), item("b")), item("c"))
    assert after(nested, "").links == {"a", "help"}
    assert after(nested, "a help", answer("a", True)).links == {"a", "help", "b"}
    assert after(nested, "a help").links == {"a", "help", "c"}


def test_a_condition_on_what_comes_later_is_asked_once_it_holds() -> None:
    back = form(item("a", enableWhen=[when("b", "=", answerBoolean=True)]), item("b", "boolean"), item("c"))
    assert after(back, "").links == {"b"}
    assert after(back, "b", answer("b", True)).links == {"a", "b"}
    assert after(back, "a b", answer("a", "x"), answer("b", True)).links == {"a", "b", "c"}


def test_hidden_items_have_their_initial_values_and_nobody_is_asked_for_them() -> None:
    fixed = form(
        item("kind", "choice", options="x y", extension=[HIDDEN], initial=[{"valueCoding": code("x")}]),
        item("a", enableWhen=[when("kind", "=", answerCoding=code("x"))]),
        item("b", enableWhen=[when("kind", "=", answerCoding=code("y"))]),
    )
    first = after(fixed, "")
    assert first.links == {"kind", "a"}
    assert first.items == [{"linkId": "kind", "text": "About kind", "answer": [{"valueCoding": code("x")}]}]
    assert after(fixed, "kind a", *first.items).done


def test_what_the_form_asks_of_all_answers_is_asked_at_the_end() -> None:
    constraint = ext(
        CORE + "questionnaire-constraint",
        extension=[
            ext("key", valueId="one"),
            ext("severity", valueCode="error"),
            ext("human", valueString="One of them is answered."),
            ext("expression", valueString="item.exists()"),
        ],
    )
    strict = form(item("a"), item("b"), extension=[constraint])
    assert not after(strict, "a").done
    with pytest.raises(Invalid) as refused:
        after(strict, "a b")
    assert refused.value.issues[0].code == "invariant"
    assert after(strict, "a b", answer("b", "x")).done


def test_a_group_that_repeats_is_asked_about_in_each_repetition() -> None:
    many = form(
        item(
            "g", "group", item("a", "boolean"), item("b", enableWhen=[when("a", "=", answerBoolean=True)]), repeats=True
        )
    )
    two = [answer("g", inner=[answer("a", False)]), answer("g", inner=[answer("a", True)])]
    assert after(many, "g a", *two).links == {"g", "a", "b"}
    two[1]["item"].append(answer("b", "x"))
    done = after(many, "g a b", *two)
    assert done.done
    assert done.items == two
    two[0]["item"].append(answer("b", "x"))
    with pytest.raises(Invalid):
        after(many, "g a b", *two)


def forged(change: Callable[[list[Resource]], Any], links: str = "intro a b sum") -> list[tuple[str, str]]:
    contained = grown(SHORT, frozenset(links.split()), "q")
    contained = {**contained, "item": [dict(each) for each in contained["item"]]}
    change(contained["item"])
    with pytest.raises(Invalid) as refused:
        links_of(SHORT, contained, "Q")
    assert all("send the Questionnaire as it came" in each.diagnostics for each in refused.value.issues)
    return [(each.code, each.expression or "") for each in refused.value.issues]


def test_what_was_not_handed_out_is_refused_with_its_place() -> None:
    assert forged(lambda items: items.append(item("x"))) == [("not-found", "Q.item[4].linkId")]
    assert forged(lambda items: items.append(items[0])) == [("duplicate", "Q.item[4].linkId")]
    assert forged(lambda items: items.append(items.pop(0))) == [("structure", "Q.item[0]")]
    assert forged(lambda items: items.append(item("c", "integer"))) == [("structure", "Q.item[4]")]
    assert forged(lambda items: items[1].update(required=False)) == [("business-rule", "Q.item[1].required")]
    assert forged(lambda items: items[1].update(type="string")) == [("business-rule", "Q.item[1].type")]
    assert forged(lambda items: items[1].update(maxLength=3)) == [("business-rule", "Q.item[1].maxLength")]
    assert forged(lambda items: items.pop(1)) == [("business-rule", "Q.item[1]")]


LINKS = ("a", "b", "c", "d", "e")


@st.composite
def forms(draw: st.DrawFn) -> Form:
    """Booleans, some in a group, some below a question, that others enable, whichever way."""
    items: list[Resource] = []
    for number, link in enumerate(LINKS):
        more: dict[str, Any] = {"required": draw(st.booleans())}
        others: list[str] = draw(st.lists(st.sampled_from(LINKS[:number]), unique=True)) if number else []
        if others:
            more["enableWhen"] = [_condition(draw, each) for each in others]
            more["enableBehavior"] = draw(st.sampled_from(["all", "any"]))
        made = item(link, "boolean", **more)
        match draw(st.integers(0, 3)):
            case 0:
                items.append(item(f"g{link}", "group", made))
            case 1 if items and items[-1]["type"] == "boolean":
                items[-1].setdefault("item", []).append(made)
            case _:
                items.append(made)
    return form(*items)


def _condition(draw: st.DrawFn, link: str) -> Resource:
    if draw(st.booleans()):
        return when(link, "exists", answerBoolean=draw(st.booleans()))
    return when(link, draw(st.sampled_from(["=", "!="])), answerBoolean=draw(st.booleans()))


def _answered(asked: Form, links: frozenset[str], says: dict[str, bool | None]) -> Iterator[Resource]:
    """What somebody answers who always says the same, as far as they were asked."""

    def below(expected: Any) -> list[Resource]:
        made = []
        for each in expected:
            if each.link_id not in links:
                continue
            if each.type == "group":
                if inner := below(each.children):
                    made.append(answer(each.link_id, inner=inner))
            elif says[each.link_id] is not None:
                made.append(answer(each.link_id, says[each.link_id], inner=below(each.children) or None))
        return made

    yield from below(asked.roots)


@settings(max_examples=150, deadline=None)
@given(forms(), st.fixed_dictionaries({link: st.sampled_from([True, False, None]) for link in LINKS}))
def test_the_end_is_as_if_the_whole_form_had_been_answered(asked: Form, says: dict[str, bool | None]) -> None:
    said = {link: True if says[link] is None and asked.items[link].required else says[link] for link in LINKS}
    now, steps = after(asked, ""), 0
    while not now.done:
        assert links_of(asked, grown(asked, now.links, "q"), "Q") == now.links
        known = len(now.links)
        now = step(asked, now.links, sent(*_answered(asked, now.links, said)), clock)
        assert len(now.links) > known or now.done
        steps += 1
    assert steps <= len(LINKS)
    final = {**sent(*now.items), "status": "completed"}
    assert [each for each in judge(asked, final) if each.severity == "error"] == []
    assert [each for each in judge(whole(asked, now.links), final) if each.severity == "error"] == []
    off = {link for _, link in disabled(asked, final)}
    skipped = {link for link in LINKS if link not in now.links and is_asked(asked.items[link])}
    assert all(link in off or _is_within(asked, link, off, said) for link in skipped)


def _is_within(asked: Form, link: str, off: set[str], said: dict[str, bool | None]) -> bool:
    """Whether an item stands in something that is disabled, not answered, or not there."""
    around = asked.items[link].parent
    while around is not None:
        if around.link_id in off or said.get(around.link_id, True) is None or around.link_id not in said:
            return True
        around = around.parent
    return False


@settings(max_examples=150, deadline=None)
@given(forms(), st.sets(st.sampled_from(LINKS)), st.sets(st.sampled_from(LINKS)), st.randoms())
def test_whatever_is_sent_is_a_step_or_refused(asked: Form, some: set[str], said: set[str], dice: Any) -> None:
    links = set(some)
    for link in some:
        around = asked.items[link].parent
        while around is not None:
            links.add(around.link_id)
            around = around.parent
    items = list(
        _answered(asked, frozenset({*links, *said, *(f"g{link}" for link in said)}), dict.fromkeys(LINKS, True))
    )
    dice.shuffle(items)
    try:
        known = links_of(asked, grown(asked, frozenset(links), "q"), "Q")
        made = step(asked, known, sent(*items), clock)
    except Invalid as error:
        assert all(each.expression for each in error.issues)
        return
    assert links_of(asked, grown(asked, made.links, "q"), "Q") == made.links
    final = {**sent(*made.items), "status": "completed" if made.done else "in-progress"}
    assert [each for each in judge(whole(asked, made.links), final) if each.severity == "error"] == []
