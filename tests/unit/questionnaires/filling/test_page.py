"""Parts, languages, numbers that can be dialled, and how controls follow from a form."""

from __future__ import annotations

from typing import get_args

import pytest

from carethread.questionnaires.filling import limits
from carethread.questionnaires.filling.choices import choices_of
from carethread.questionnaires.filling.controls import control_of
from carethread.questionnaires.filling.helping import helps, pieces, told
from carethread.questionnaires.filling.names import Name, name_of
from carethread.questionnaires.filling.parts import MANY, parts_of
from carethread.questionnaires.filling.words import _WORDS, chosen, languages, ranked, word
from carethread.questionnaires.forms.finding import shipped
from carethread.questionnaires.safety.reaching import Reached
from support.answers import CORE, answer, code, ext, form, item, response

FORMS = "https://carethread.dev/fhir/Questionnaire/"


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("In danger, call 911. Call or text 988 now.", ["tel:911", "tel:988"]),
        ("1-800-799-7233, or text START to 88788.", ["tel:18007997233", "sms:88788"]),
        ("+49 30 1234567 or 12", ["tel:+49301234567"]),
        ("On 24-7; since 2026-01-01x, version-123", ["tel:247"]),
        ("No number at all", []),
    ],
)
def test_numbers_can_be_dialled(text: str, links: list[str]) -> None:
    found = pieces(text)
    assert [each.link for each in found if each.link] == links
    assert "".join(each.text for each in found) == text


def test_help_is_told_once_for_what_has_called_for_it() -> None:
    asked = shipped()[FORMS + "phq-9"]
    given = response(answer("/44260-8", code("LA6569-3", "http://loinc.org")))
    (found,) = helps(asked, given, "es")
    assert found.kind == "self-harm" and found.words.text.startswith("No está solo")
    assert [each.link for each in found.calls] == ["tel:911", "tel:988"]
    assert helps(asked, response(), "es") == []


@pytest.mark.parametrize("language", ["en", "es"])
def test_it_says_only_what_is_true_of_who_was_told(language: str) -> None:
    calls = pieces("Call 988")[1:2]
    said = {each: told(each, calls, language) for each in get_args(Reached)}
    assert said[""] == "" and len(set(said.values())) == len(said)
    assert word("help-nobody-call", language) in said["nobody"]
    assert told("nobody", [], language).endswith(word("help-nobody-emergency", language))


def test_a_limit_that_nobody_reaches_is_told_once_somebody_has() -> None:
    few, many = form(item("a", maxLength=20), item("b", "text", maxLength=4000)).items.values()
    assert limits.told(few, "en", before=True) == "At most 20 characters."
    assert limits.told(many, "en", before=True) == "" and limits.told(many, "en") == "At most 4000 characters."


def test_what_fits_on_one_page_is_one() -> None:
    assert [len(parts_of(shipped()[FORMS + each])) for each in ("phq-9", "social-needs", "staff-pulse")] == [1, 5, 1]


def test_a_long_form_is_taken_apart_and_nothing_is_left_out() -> None:
    asked = form(*(item(f"i{n}") for n in range(45)), item("g", "group", *(item(f"g{n}") for n in range(30))),
                 item("end", "display"))  # fmt: skip
    parts = parts_of(asked)
    assert [each for part in parts for each in part] == list(asked.roots)
    assert [len(part) for part in parts] == [MANY, MANY, 5, 2], "what only tells something comes with what asks"


def test_the_language_is_the_one_that_is_wanted_and_there() -> None:
    asked = shipped()[FORMS + "phq-9"]
    assert languages(asked) == ("en", "es")
    assert chosen(asked, "", "es-MX") == "es"
    assert chosen(asked, "fr", "", accepted="de;q=0.9, es;q=0.5, *;q=0.1") == "es"
    assert chosen(asked, "fr", accepted="xx, ;q=, q=3;q=y") == "en"
    assert ranked("en;q=0, es;q=0.2, de") == ["de", "es"]


def test_every_text_is_there_in_both_languages_with_the_same_places() -> None:
    for english, spanish in _WORDS.values():
        assert english and spanish
        assert {each.split("}")[0] for each in english.split("{")[1:]} == {
            each.split("}")[0] for each in spanish.split("{")[1:]
        }


def test_by_what_an_item_is_answered() -> None:
    many = " ".join(f"o{n}" for n in range(13))
    listed = ext(CORE + "questionnaire-itemControl", valueCodeableConcept={"coding": [{"code": "drop-down"}]})
    asked = form(
        item("yes", "boolean"),
        item("few", "choice", options="a b"),
        item("some", "choice", options="a b", repeats=True),
        item("many", "choice", options=many),
        item("listed", "choice", options="a b", extension=[listed]),
        item("set", "choice", answerValueSet="urn:example:unknown"),
        item("gender", "choice", answerValueSet="http://hl7.org/fhir/ValueSet/administrative-gender"),
        item("file", "attachment"),
        item("whom", "reference"),
    )
    found = [control_of(each, asked) for each in asked.items.values()]
    assert found == ["one", "one", "some", "list", "list", "choice", "one", "none", "none"]


def test_options_of_a_set_within_the_form_have_its_words() -> None:
    concept = {"code": "a", "display": "The first"}
    within = {"resourceType": "ValueSet", "id": "v", "status": "active",
              "compose": {"include": [{"system": "urn:x", "concept": [concept, {"code": "b"}]}]}}  # fmt: skip
    asked = form(item("c", "choice", answerValueSet="#v"), contained=[within])
    found = choices_of(asked.items["c"], asked)
    assert [(each.key, each.value) for each in found] == [
        ("urn:x|a", {"system": "urn:x", "code": "a", "display": "The first"}),
        ("urn:x|b", {"system": "urn:x", "code": "b"}),
    ]
    assert found[0].answer == {"valueCoding": found[0].value}


@pytest.mark.parametrize(
    "text", ["", "v", "v:0", "x:0:a", "v:0.:a", "v:-1:a", "v:²:a", "v:999999:a", f"v:{'0.' * 70}0:a"]
)
def test_what_is_no_name_is_none(text: str) -> None:
    assert name_of(text) is None


def test_a_name_says_what_it_is_about() -> None:
    assert name_of("v:0.2:a:b/c") == Name("v", (0, 2), "a:b/c")
    assert str(Name("q", (), "x")) == "q::x"
