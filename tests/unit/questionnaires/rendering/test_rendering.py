"""A response in words: what is shown to whom, in which language, and that nothing in it is more than text."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carethread.core.fhir import xhtml
from carethread.core.fhir.json import Number
from carethread.core.ports import Resource
from carethread.questionnaires.forms.form import Form
from carethread.questionnaires.rendering.outline import outline
from carethread.questionnaires.rendering.values import moment
from carethread.questionnaires.rendering.words import TRANSLATION
from carethread.questionnaires.rendering.writing import narrative, page, text
from carethread.questionnaires.scoring.calculating import calculated
from support.answers import CORE, answer, code, ext, form, item, response, when
from support.instruments import NAMES, answering, shipped

PHQ_9 = shipped("phq-9")
HIDDEN = ext(CORE + "questionnaire-hidden", valueBoolean=True)


def translated(**texts: str) -> Resource:
    return {
        "extension": [
            ext(TRANSLATION, extension=[ext("lang", valueCode=lang), ext("content", valueString=content)])
            for lang, content in texts.items()
        ]
    }


def phq() -> Resource:
    picks = {link: 1 for link, each in PHQ_9.items.items() if each.type == "choice" and link != "/69722-7"}
    return calculated(PHQ_9, answering(PHQ_9, picks))


def told(asked: Form, said: Resource, **more: Any) -> str:
    return text(outline(asked, said, **more))


class Reader(HTMLParser):
    """The elements, attributes and text of a page."""

    def __init__(self, written: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.feed(written)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_staff_see_the_total_what_it_means_and_what_was_left_out_and_the_person_does_not() -> None:
    staff, patient = told(PHQ_9, phq()), told(PHQ_9, phq(), audience="patient")
    assert "PHQ-9 total score\n  - 9\n  = Mild\n" in staff
    assert staff.count("Not answered") == 1
    for word in ("total", "Mild", "- 9", "Not answered", "how difficult"):
        assert word not in patient
    assert patient.count("Several days") == 9
    assert "Not answered" in told(PHQ_9, phq(), audience="patient", unanswered=True)
    assert "Not answered" not in told(PHQ_9, phq(), unanswered=False)


def test_texts_are_in_the_language_that_is_asked_for() -> None:
    spanish = told(PHQ_9, phq(), language="es-MX")
    assert "Poco interés o placer en hacer cosas\n  - Varios días" in spanish
    assert "= Leve" in spanish
    assert "Sin respuesta" in spanish
    assert "Several" not in spanish
    assert '<html lang="es-MX">' in page(outline(PHQ_9, phq(), language="es-MX"))


def test_what_is_not_translated_says_which_language_it_is_in() -> None:
    asked = form(item("a", text="How?", _text=translated(es="¿Cómo?")), item("b", text="Where?"), language="en")
    written = narrative(outline(asked, response(answer("a", "bien"), answer("b", "casa"), language="es")))
    assert "<dt>¿Cómo?</dt>" in written
    assert '<dt lang="en">Where?</dt>' in written
    assert '<dd dir="auto">bien</dd>' in written
    french = narrative(outline(asked, response(answer("a", True)), language="fr"))
    assert '<dd dir="auto" lang="en">Yes</dd>' in french


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ({"valueBoolean": False}, "No"),
        ({"valueDecimal": Number("1.50")}, "1.50"),
        ({"valueInteger": 0}, "0"),
        ({"valueDate": "2031-03"}, "2031-03"),
        ({"valueDateTime": "2031-03-03T08:05:00+01:00"}, "2031-03-03 08:05 +01:00"),
        ({"valueTime": "08:05:00"}, "08:05:00"),
        ({"valueUri": "javascript:alert(1)"}, "javascript:alert(1)"),
        ({"valueQuantity": {"comparator": "<", "value": 3, "unit": "h"}}, "< 3 h"),
        ({"valueCoding": code("x")}, "x"),
        ({"valueCoding": {**code("x"), "display": "An X"}}, "An X"),
        ({"valueAttachment": {"contentType": "image/png", "title": "A picture"}}, "Attachment: A picture, image/png"),
        ({"valueReference": {"reference": "Patient/1"}}, "Patient/1"),
    ],
)
def test_each_type_of_answer(said: Resource, shown: str) -> None:
    assert told(form(item("a")), response(answer("a", said))).splitlines()[-1] == f"  - {shown}"


def test_moments_say_their_zone() -> None:
    assert moment("2031-03-03T08:00:30.5Z") == "2031-03-03 08:00:30 UTC"
    assert moment("2031-03-03T08:00:00-05:00") == "2031-03-03 08:00 -05:00"
    assert moment("2031") == "2031"


def test_options_are_told_as_the_form_tells_them() -> None:
    options = [{"valueCoding": {**code("x"), "display": "Yes, often", "_display": translated(es="Sí, a menudo")}}]
    asked = form(item("a", "choice", answerOption=options), language="en")
    said = response(answer("a", {**code("x"), "display": "not what was asked"}))
    assert "- Yes, often" in told(asked, said)
    assert "- Sí, a menudo" in told(asked, said, language="es")


def test_groups_are_headings_with_what_is_asked_about_an_answer_within_it() -> None:
    asked = form(
        item("g", "group", item("a", "boolean", item("b"), prefix="1."), item("empty", "group", item("n", "display")))
    )
    said = response(answer("g", inner=[answer("a", True, inner=[answer("b", "so it is")])]))
    written = narrative(outline(asked, said))
    assert "<h2>About g</h2>" in written
    assert "<dt>1. About a</dt>" in written
    assert "About empty" not in written
    assert xhtml.is_right(written)
    lines = told(asked, said).splitlines()
    assert lines[-5:] == ["# About g", "  1. About a", "    - Yes", "      About b", "        - so it is"]


def test_what_is_disabled_is_not_said_to_be_unanswered() -> None:
    asked = form(item("a", "boolean"), item("b", enableWhen=[when("a", "=", answerBoolean=True)]))
    assert "About b" not in told(asked, response(answer("a", False)))
    assert "About b\n  - Not answered" in told(asked, response(answer("a", True)))


@pytest.mark.parametrize(("said", "shown"), [(True, ["b", "c"]), (False, ["b", "d"])])
def test_that_holds_within_groups_that_nobody_answered(said: bool, shown: list[str]) -> None:
    yes, no = (when("a", "=", answerBoolean=each) for each in (True, False))
    asked = form(
        item("a", "boolean"),
        item("g", "group", item("b"), item("h", "group", item("c"), enableWhen=[yes]), item("d", enableWhen=[no])),
    )
    written = told(asked, response(answer("a", said)))
    assert [link for link in "bcd" if f"About {link}\n" in written] == shown


def test_what_the_form_does_not_have_is_told_and_what_is_hidden_stays_so_wherever_it_stands() -> None:
    asked = form(item("g", "group", item("secret"), extension=[HIDDEN]), item("a"))
    said = response(answer("a", "x"), answer("other", "y", text="Another"), answer("secret", "z"))
    assert "Another\n  - y" in told(asked, said, audience="patient")
    assert "z" not in told(asked, said, audience="patient")
    assert "- z" in told(asked, said)


@pytest.mark.parametrize("status", ["in-progress", "stopped", "amended", "entered-in-error"])
def test_what_is_to_be_known_first_is_said_first(status: str) -> None:
    assert told(form(item("a")), response(status=status)).splitlines()[2].startswith("** ")


def test_lines_stay_lines_and_none_passes_for_more() -> None:
    said = response(answer("a", "one\r\ntwo\u2028# three\n\n- four"))
    assert "one<br/>two<br/># three<br/><br/>- four" in page(outline(form(item("a", "text")), said))
    assert told(form(item("a", "text")), said).splitlines()[-5:] == [
        "  - one",
        "    two",
        "    # three",
        "",
        "    - four",
    ]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("language", ["en", "es"])
def test_forms_that_come_along_are_right_unanswered(name: str, language: str) -> None:
    asked = shipped(name)
    written = outline(asked, response(status="in-progress"), language=language)
    assert xhtml.is_right(narrative(written))
    assert Reader(page(written)).tags.count("h1") == 1


HOSTILE = st.one_of(
    st.text(),
    st.sampled_from(
        [
            "<script>alert(1)</script>",
            "</dd></dl></div><img src=x onerror=alert(1)>",
            '"><svg/onload=alert(1)>',
            "&lt;b&gt; &#60;script&#62;",
            "]]><!-- --><![CDATA[",
            "\ud800\x00\x0b\x1b[2J\x9b2J\u202e",
            "<\n/title><style>*{display:none}</style>",
        ]
    ),
)
ALLOWED = {"html", "head", "meta", "title", "style", "body", "main", "div", "h1", "h2", "h3", "dl", "dt", "dd", "p"}
ALLOWED |= {"strong", "br"}


@settings(max_examples=200, deadline=None)
@given(HOSTILE, HOSTILE, HOSTILE, st.sampled_from(["staff", "patient"]))
def test_any_text_is_inert(said: str, asked: str, title: str, audience: str) -> None:
    made = form(item("g", "group", item("a", "text", text=asked), text=title), title=title, language=title)
    given_ = response(
        answer("g", inner=[answer("a", said)]),
        answer(asked, {"valueCoding": {"display": said}}, text=said),
        author={"display": said},
        authored=said,
        language=asked,
    )
    written = outline(made, given_, audience=audience, language=said)
    found = Reader(page(written))
    assert set(found.tags) <= ALLOWED
    assert found.attributes <= {"lang", "xml:lang", "dir", "charset", "name", "content", "xmlns"}
    assert xhtml.read(narrative(written)).problems == []
    plain = "".join(found.texts)
    if said.isascii() and said.isprintable():
        assert said in plain
    text(written).encode()
