"""What is wrong with a Questionnaire is told with its place, and all at once."""

from __future__ import annotations

import pytest

from carethread.core.errors import Invalid
from carethread.core.fhir import json
from carethread.core.fhir.validation import validate
from carethread.core.ports import Resource
from carethread.questionnaires.forms.faults import MOST_ITEMS, MOST_LEVELS, faults_of
from carethread.questionnaires.forms.form import read
from carethread.questionnaires.forms.limits import gaps_of
from support.answers import CORE, SDC, ext, faults, form, item, questionnaire, when


def fhirpath(text: str) -> Resource:
    return {"valueExpression": {"language": "text/fhirpath", "expression": text}}


def gaps(*items: Resource) -> list[str]:
    return [(each.expression or "").removeprefix("Questionnaire.") for each in gaps_of(questionnaire(*items))]


def test_a_form_is_read_in_document_order() -> None:
    asked = form(
        item("g", "group", item("a", "string", item("b", "integer", maxLength=3)), item("c", "choice", options="x y")),
        item("d", "display", extension=[ext(CORE + "questionnaire-hidden", valueBoolean=True)]),
    )
    items = asked.items
    assert list(items) == ["g", "a", "b", "c", "d"]
    assert [each.place for each in items.values()] == [0, 1, 2, 3, 4]
    assert items["b"].path == "Questionnaire.item[0].item[0].item[0]"
    assert items["b"].parent is items["a"]
    assert items["g"].children == (items["a"], items["c"])
    assert asked.roots == (items["g"], items["d"])
    assert [option.value["code"] for option in items["c"].options] == ["x", "y"]
    assert items["d"].hidden
    assert items["b"].max_length == 3
    assert asked.canonical.endswith("|1")


def test_link_ids_are_unique() -> None:
    assert faults(item("a"), item("g", "group", item("a"))) == ["item[1].item[0].linkId"]


@pytest.mark.parametrize("question", ["no", "g", "d"])
def test_a_condition_is_about_a_question_of_the_form(question: str) -> None:
    condition = when(question, "exists", answerBoolean=True)
    found = faults(item("g", "group", item("b")), item("d", "display"), item("a", enableWhen=[condition]))
    assert found == ["item[2].enableWhen[0].question"]


def test_nothing_is_enabled_by_itself() -> None:
    def on(link: str) -> list[Resource]:
        return [when(link, "exists", answerBoolean=True)]

    assert faults(item("a", enableWhen=on("a"))) == ["item[0].enableWhen"]
    assert faults(item("a", enableWhen=on("b")), item("b", enableWhen=on("a"))) == ["item[0].enableWhen"]
    assert faults(item("g", "group", item("a"), enableWhen=on("a"))) == ["item[0].enableWhen"]
    assert faults(item("a"), item("b", enableWhen=on("a")), item("c", enableWhen=on("b"))) == []
    two = [item(each, enableWhen=on(other)) for each, other in ("ab", "ba", "cd", "dc")]
    assert len(faults(*two)) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        item("a", "integer", initial=[{"valueString": "x"}]),
        item("a", "integer", answerOption=[{"valueCoding": {"code": "x"}}]),
        item("a", "choice", answerOption=[{"valueInteger": 1}], initial=[{"valueBoolean": True}]),
    ],
)
def test_values_are_of_the_items_type(wrong: Resource) -> None:
    assert len(faults(wrong)) == 1


@pytest.mark.parametrize(
    "extension",
    [
        ext(SDC + "initialExpression", **fhirpath("1 +")),
        ext(SDC + "calculatedExpression", **fhirpath("nothing(")),
        ext(SDC + "enableWhenExpression", **fhirpath(")")),
        {"url": SDC + "answerOptionsToggleExpression", "extension": [ext("expression", **fhirpath("("))]},
        {"url": CORE + "questionnaire-constraint", "extension": [ext("expression", valueString="1 1")]},
        {"url": CORE + "targetConstraint", "extension": [ext("expression", **fhirpath("nobody()"))]},
    ],
)
def test_expressions_can_be_read(extension: Resource) -> None:
    assert faults(item("a", extension=[extension])) == ["item[0].extension[0]"]
    assert faults(item("a"), extension=[extension]) == ["extension[0]"]


def test_variables_have_names_of_their_own() -> None:
    def named(name: str) -> Resource:
        return ext(CORE + "variable", valueExpression={"name": name, "language": "text/fhirpath", "expression": "1"})

    assert faults(item("a", extension=[named("x"), named("x")])) == ["item[0].extension[1].value.name"]
    assert faults(item("a"), extension=[named("context")]) == ["extension[0].value.name"]
    assert faults(item("a", extension=[named("x")]), extension=[named("x")]) == []


def test_all_faults_are_told_at_once() -> None:
    wrong = questionnaire(
        item("a", "integer", initial=[{"valueString": "x"}]),
        item("a", enableWhen=[when("no", "exists", answerBoolean=True)]),
    )
    with pytest.raises(Invalid) as refused:
        read(wrong)
    assert len(refused.value.issues) == 3


def test_a_form_has_so_many_items() -> None:
    assert faults(*(item(str(n)) for n in range(MOST_ITEMS))) == []
    many = questionnaire(*(item(str(n)) for n in range(10_000)))
    (fault,) = faults_of(many)
    assert fault.code == "too-costly"
    assert str(MOST_ITEMS) in fault.diagnostics


def nested(levels: int) -> Resource:
    inner = item(str(levels))
    for n in reversed(range(1, levels)):
        inner = item(str(n), "group", inner)
    return inner


def test_items_are_nested_so_deep() -> None:
    assert faults(nested(MOST_LEVELS)) == []
    (fault,) = faults_of(questionnaire(nested(100)))
    assert fault.code == "too-costly"
    assert fault.expression == "Questionnaire" + ".item[0]" * (MOST_LEVELS + 1)


def test_faults_are_bounded() -> None:
    found = faults_of(questionnaire(*(item("a") for _ in range(1000))))
    assert len(found) == 201
    assert "799 more" in found[-1].diagnostics


def test_what_no_answer_can_keep_is_a_gap() -> None:
    assert gaps(item("a", maxLength=2, extension=[ext(CORE + "minLength", valueInteger=3)])) == ["item[0]"]
    low, high = ext(CORE + "minValue", valueInteger=3), ext(CORE + "maxValue", valueInteger=2)
    assert gaps(item("a", "integer", extension=[low, high])) == ["item[0]"]
    assert gaps(item("a", extension=[ext(CORE + "questionnaire-minOccurs", valueInteger=-1)])) == ["item[0]"]


def test_what_is_not_understood_is_a_gap() -> None:
    cql = ext(SDC + "enableWhenExpression", valueExpression={"language": "text/cql", "expression": "true"})
    assert gaps(item("g", "group", item("a", extension=[cql]))) == ["item[0].item[0].extension[0]"]
    assert gaps(item("a", extension=[ext(CORE + "regex", valueString="(?=a)b")])) == ["item[0]"]
    assert gaps(item("a", extension=[ext(CORE + "regex", valueString="[a-z]+")])) == []


def test_our_forms_have_neither_faults_nor_gaps() -> None:
    from importlib.resources import files

    for file in files("carethread.fhir_profiles").joinpath("questionnaires").iterdir():
        form_ = json.parse_object(file.read_bytes())
        assert [each for each in validate(form_) if each.severity == "error"] == [], file.name
        assert [*faults_of(form_), *gaps_of(form_)] == [], file.name
