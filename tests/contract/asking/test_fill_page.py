"""The page at a link, on both databases: filled in, kept, sent by the rule of any write, and over then; and what a
hostile client gets."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from werkzeug.test import Client

from carethread.core.fhir import json
from carethread.core.ports import Resource
from carethread.questionnaires.filling.words import word
from carethread.questionnaires.forms.finding import shipped
from carethread.questionnaires.rendering.titles import title_for_people
from carethread.questionnaires.safety.telling import CALL
from support.answers import CORE, SDC, code, ext, item, questionnaire, when
from support.assigning import FORMS, Asking, id_of, token_of
from support.care import department_team, organization
from support.care import part as member
from support.desk import OURS, patient
from support.filling import Visitor, client_of

FORM = "application/x-www-form-urlencoded"
PHQ9 = ["44250-9", "44255-8", "44259-0", "44254-1", "44251-7", "44258-2", "44252-5", "44253-3"]
HARM, NOT_AT_ALL, SEVERAL, WORSE = "/44260-8", "LA6568-5", "LA6569-3", "LA6571-9"


@pytest.fixture
def client(practice: Asking) -> Client:
    return client_of(practice.runtimes["questionnaires"], lambda: practice.now)


def visitor(practice: Asking, client: Client, form: str = "phq-2", who: str = "Patient/ann") -> tuple[Visitor, str]:
    """Somebody who has got a form and opens it, and the id of the draft."""
    given = practice.give(who, form)
    return Visitor(client, given["link"]).open(), id_of(given)


def all_of(person: Visitor, code: str) -> Visitor:
    """Give the same answer to every question that offers it."""
    for name, offered in person.form.offered.items():
        for key in offered:
            if key.endswith(code):
                person.form.choose(name, key)
    return person


def test_a_form_is_filled_in_and_sent(practice: Asking, client: Client) -> None:
    person, id_ = visitor(practice, client)
    assert person.status == 200
    assert all_of(person, SEVERAL).press("send").status == 200
    assert "Thank you" in person.html
    stored = practice.draft(id_)
    assert (stored["status"], stored["language"]) == ("completed", "en")
    score = next(each for each in stored["item"] if each["linkId"] == "/55758-7")
    assert score["answer"] == [{"valueInteger": 2}], "it is written by the rule of any response"
    practice.send("questionnaires")
    assert practice.found("Observation?code=55758-7"), "what it becomes is extracted"
    assert practice.found("Task?status=completed")


def test_the_link_is_over_then(practice: Asking, client: Client) -> None:
    person, _ = visitor(practice, client)
    all_of(person, SEVERAL).press("send")
    again = Visitor(client, person.path).open()
    assert again.status == 410 and "closed" in again.html
    assert (
        all_of(person, SEVERAL).client.post(person.path, data=urlencode({"do": "send"}), content_type=FORM).status_code
        == 410
    )


def test_nothing_is_said_of_who_it_was(practice: Asking, client: Client) -> None:
    person, _ = visitor(practice, client)
    assert "ann" not in person.html.lower().split("<main")[0] and "Patient/" not in person.html
    unknown = Visitor(client, "/console/fill/" + "x" * 43).open()
    assert unknown.status == 404 and "does not lead to a form" in unknown.html
    practice.pass_time(days=15)
    over = person.open()
    assert over.status == 410
    for each in (unknown, over):
        assert "PHQ" not in each.html and "Patient" not in each.html


def test_a_link_that_was_taken_back_is_over(practice: Asking, client: Client) -> None:
    person, id_ = visitor(practice, client)
    practice.link(id_)
    assert person.open().status == 410


def test_an_empty_form_is_not_sent_and_says_where(practice: Asking, client: Client) -> None:
    person, id_ = visitor(practice, client)
    person.press("send")
    assert person.status == 422
    assert person.html.count("Please answer this question.") == 4, "in the summary and beside each of the two questions"
    assert practice.draft(id_)["status"] == "in-progress"
    all_of(person, NOT_AT_ALL).press("send")
    assert person.status == 200


def test_a_form_is_kept_and_gone_on_with_elsewhere(practice: Asking, client: Client) -> None:
    person, id_ = visitor(practice, client)
    first = next(iter(person.form.offered))
    person.form.choose(first, next(key for key in person.form.offered[first] if key.endswith(SEVERAL)))
    assert "saved" in person.press("later").html
    assert practice.draft(id_)["status"] == "in-progress"
    practice.send("questionnaires")
    assert practice.found("Task?status=in-progress")
    other = Visitor(client, person.path).open()
    assert (first, next(key for key in other.form.offered[first] if key.endswith(SEVERAL))) in other.form.pairs


def test_two_windows_do_not_overwrite_each_other(practice: Asking, client: Client) -> None:
    one, id_ = visitor(practice, client)
    two = Visitor(client, one.path).open()
    all_of(one, SEVERAL).press("later")
    kept = practice.draft(id_)
    assert all_of(two, NOT_AT_ALL).press("send").status == 409
    assert "another window" in two.html
    assert practice.draft(id_) == kept
    assert two.press("send").status == 200, "what was saved there is here now"
    assert {each["answer"][0]["valueCoding"]["code"] for each in practice.draft(id_)["item"][:2]} == {SEVERAL}


def test_opening_changes_nothing_of_the_draft(practice: Asking, client: Client) -> None:
    person, id_ = visitor(practice, client)
    before = practice.draft(id_)
    person.open("?lang=es&part=7&notice=conflict&checked=1")
    assert practice.draft(id_) == before


def test_a_critical_answer_shows_help_and_calls_somebody_at_once(practice: Asking, client: Client) -> None:
    person, id_ = visitor(practice, client, "phq-9")
    assert "tel:988" not in person.html
    person.choose(HARM, SEVERAL).press("update")
    assert 'href="tel:988"' in person.html
    assert practice.draft(id_)["item"][0]["linkId"] == HARM, "it is kept at once"
    mild = practice.draft(id_)["item"][0]["answer"][0]["valueCoding"]["code"]
    practice.send("questionnaires")
    assert len(practice.found(f"Task?code={CALL}&status=requested")) == 1
    person.choose(HARM, WORSE).press("update")
    assert practice.draft(id_)["item"][0]["answer"][0]["valueCoding"]["code"] != mild, "so is what is worse"
    person.choose(HARM, NOT_AT_ALL).press("update")
    assert "tel:988" not in person.html
    practice.send("questionnaires")
    assert practice.found(f"Task?code={CALL}&status=requested") == []
    all_of(person, SEVERAL).choose(HARM, SEVERAL).press("send")
    assert person.status == 200 and 'href="tel:988"' in person.html


def on_call(practice: Asking) -> Resource:
    """The clinic has somebody to call, and asks by a form."""
    practice.put(department_team("clinics", "clinic", member("Practitioner/nurse")))
    return practice.give("Patient/ann", "phq-9", department("Organization/clinic"))


def department(reference: str) -> Resource:
    return {"name": "department", "valueReference": {"reference": reference}}


@pytest.mark.parametrize("language", ["en", "es"])
def test_that_somebody_was_told_is_said_once_it_is_true(practice: Asking, client: Client, language: str) -> None:
    person = Visitor(client, on_call(practice)["link"]).open(f"?lang={language}")
    person.choose(HARM, SEVERAL).press("update")
    told = [word(f"help-{each}", language) for each in ("waiting", "called", "seen", "nobody")]
    assert told[0] in person.html and not any(each in person.html for each in told[1:])
    assert "data-waiting" in person.html, "the page asks again by itself"
    practice.send("questionnaires")
    person.press("update")
    assert told[1] in person.html and told[0] not in person.html and "data-waiting" not in person.html
    (task,) = practice.found(f"Task?code={CALL}")
    practice.put({**task, "status": "accepted"})
    assert told[2] in person.press("update").html
    assert told[2] in person.press("later").html
    assert told[2] in all_of(person.open(f"?lang={language}"), NOT_AT_ALL).choose(HARM, SEVERAL).press("send").html


@pytest.mark.parametrize("language", ["en", "es"])
def test_where_nobody_is_there_it_says_so_and_whom_to_call(practice: Asking, client: Client, language: str) -> None:
    """No department, no team: nobody could be told."""
    person, _ = visitor(practice, client, "phq-9")
    person.open(f"?lang={language}").choose(HARM, SEVERAL).press("later")
    practice.send("questionnaires")
    nobody = f"{word('help-nobody', language)} {word('help-nobody-call', language)}"
    for query in ("?lang=", "?notice=saved&lang="):
        html = person.open(query + language).html
        assert nobody in html and html.index(nobody) < html.index('class="button" href="tel:988"')
        assert word("help-called", language) not in html
    all_of(person.open(f"?lang={language}"), NOT_AT_ALL).choose(HARM, SEVERAL).press("send")
    assert person.status == 200 and nobody in person.html


def test_it_says_who_asks_until_when_and_what_in_words_for_people(practice: Asking, client: Client) -> None:
    practice.tell(organization("clinic", name="Primary  care"))
    given = practice.give("Patient/eva", "phq-9", department("Organization/clinic"))
    person = Visitor(client, given["link"]).open("?lang=en")
    assert "From Primary care" in person.html and "You can answer until March 17, 2031." in person.html
    person.open("?lang=es")
    assert "De parte de Primary care" in person.html and "Puede responder hasta el 17 de marzo de 2031." in person.html
    title = title_for_people(shipped()[FORMS + "phq-9"].raw, "es").text
    assert f">{title}</h1>" in person.html
    assert "vale hasta el 17 de marzo de 2031." in person.press("later").html
    unknown = Visitor(client, practice.give("Patient/ann", "phq-9")["link"]).open()
    assert "From " not in unknown.html


def test_other_answers_are_not_kept_at_each_step(practice: Asking, client: Client) -> None:
    person, id_ = visitor(practice, client, "phq-9")
    before = practice.draft(id_)
    person.choose(f"/{PHQ9[0]}", SEVERAL).press("update")
    assert practice.draft(id_) == before
    assert (f"v::/{PHQ9[0]}", f"http://loinc.org|{SEVERAL}") in person.form.pairs


def test_history_cannot_be_claimed_to_call_nobody(practice: Asking, client: Client) -> None:
    given = practice.give("Patient/ann", "phq-9")
    person = Visitor(client, given["link"], X_CareThread_Backfill="true").open()
    person.choose(HARM, SEVERAL).press("later")
    practice.send("questionnaires")
    assert len(practice.found(f"Task?code={CALL}&status=requested")) == 1


def test_in_the_persons_language_or_another(practice: Asking, client: Client) -> None:
    person, id_ = visitor(practice, client, "phq-9", "Patient/eva")
    assert '<html lang="es">' in person.html and "Ningún día" in person.html
    person.open("?lang=en")
    assert '<html lang="en">' in person.html
    person.choose(HARM, SEVERAL).press("later")
    assert practice.draft(id_)["language"] == "en"


def test_in_parts(practice: Asking, client: Client) -> None:
    person, _ = visitor(practice, client, "social-needs")
    assert "Part 1 of 5" in person.html
    for part in range(2, 6):
        person.press("next")
        assert f"Part {part} of 5" in person.html
    person.press("back")
    assert "Part 4 of 5" in person.html
    person.press("next").press("send")
    assert person.status in (200, 422)


def publish(practice: Asking, *items: Resource, **more: object) -> None:
    made = questionnaire(*items, id="made", meta={"profile": [OURS + "questionnaire"]}, subjectType=["Patient"], **more)
    made["text"] = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">made up</div>'}
    practice.put({**made, "url": FORMS + "made", "version": "1"})


def test_questions_come_and_go_with_the_answers(practice: Asking, client: Client) -> None:
    publish(
        practice,
        item("a", "boolean"),
        item("b", required=True, enableWhen=[when("a", "=", answerBoolean=True)]),
        item("c", "group", item("d", "integer"), repeats=True),
        item("e", "string", repeats=True),
    )
    person, id_ = visitor(practice, client, "made")
    assert "About b" not in person.html
    person.choose("a", "true").press("update")
    assert "About b" in person.html
    person.write("b", "said").choose("a", "false").press("update")
    assert "About b" not in person.html
    person.choose("a", "true").press("update")
    assert ("v:0:b", "said") in person.form.pairs, "nothing that was written gets lost"
    person.press("add::c").write("d", "1", where="0.0").write("d", "2", where="1.0").press("add::e")
    person.write("e", "one").write("e", "two", where="1").press("remove:0:e")
    person.choose("a", "false").press("send")
    assert person.status == 200
    assert practice.draft(id_)["item"] == [
        {"linkId": "a", "answer": [{"valueBoolean": False}]},
        {"linkId": "c", "item": [{"linkId": "d", "answer": [{"valueInteger": 1}]}]},
        {"linkId": "c", "item": [{"linkId": "d", "answer": [{"valueInteger": 2}]}]},
        {"linkId": "e", "answer": [{"valueString": "two"}]},
    ], "what is not asked any more is not sent"


def test_what_was_removed_stays_removed(practice: Asking, client: Client) -> None:
    hidden = [ext(CORE + "questionnaire-hidden", valueBoolean=True)]
    inner = item("in", "group", item("x"), repeats=True)
    publish(practice, item("c", "group", item("d"), item("h", extension=hidden), inner, repeats=True))
    person, id_ = visitor(practice, client, "made")

    def names(window: Visitor) -> list[tuple[str, str]]:
        return [(name, value) for name, value in window.form.pairs if name.startswith("v:")]

    person.write("d", "one", where="0.0").write("x", "a", where="0.0.0").press("add:0:in")
    person.write("x", "b", where="0.1.0").press("add::c").write("d", "two", where="1.0").press("later").open()
    assert [value for _, value in names(person)] == ["one", "a", "b", "two", ""]
    person.press("remove:0.0:in")
    for window in (person.open(), Visitor(client, person.path).open()):
        assert [value for _, value in names(window)] == ["one", "b", "two", ""], "it is gone at once"
    person.open().press("remove:0:c").press("add::c").write("d", "three", where="1.0").press("update").press("later")
    other = Visitor(client, person.path).open()
    assert [value for _, value in names(other)] == ["two", "", "three", ""]
    other.press("remove:1:c").press("remove:0:c")
    assert [value for _, value in names(other.open())] == ["", ""]
    assert "item" not in practice.draft(id_)
    other.write("d", "four", where="0.0").press("send")
    assert practice.draft(id_)["item"] == [
        {"linkId": "c", "item": [{"linkId": "d", "answer": [{"valueString": "four"}]}]}
    ]


def test_what_is_wrong_is_told_where_it_is_though_something_before_is_not_asked(
    practice: Asking, client: Client
) -> None:
    most = [ext(CORE + "maxValue", valueInteger=9)]
    publish(
        practice,
        item("a", "boolean"),
        item("b", enableWhen=[when("a", "=", answerBoolean=True)]),
        item("g", "group", item("c", "integer", extension=most), repeats=True),
    )
    person, _ = visitor(practice, client, "made")
    person.choose("a", "true").press("update").write("b", "said").choose("a", "false").write("c", "12", where="0.0")
    assert person.press("send").status == 422
    assert "At most 9." in person.html and word("whole", "en") not in person.html
    assert 'href="#q3-0-v0"' in person.html and 'id="q3-0-e"' in person.html


def test_what_is_known_is_filled_in_and_says_so(practice: Asking, client: Client) -> None:
    publish(
        practice,
        item("born", "date", extension=[initial("%patient.birthDate")]),
        item("land", initial=[{"valueString": "here"}]),
        extension=[launch("patient", "Patient")],
    )
    practice.tell(patient("ann", active=True, birthDate="1980-03-07"))
    person, id_ = visitor(practice, client, "made")
    assert person.html.count("From your record, please check.") == 1, "what the form begins with is nobody's record"
    assert ("y:0:born", "1980") in person.form.pairs and ("v:0:land", "here") in person.form.pairs
    person.write("born", "1981", part="y").press("later")
    first, second = (version(practice, id_, number) for number in (2, 3))
    assert first["item"][0]["answer"][0]["valueDate"] == "1980-03-07", "so it shows what was changed"
    assert second["item"][0]["answer"] == [{"valueDate": "1981-03-07"}], "and what was changed is theirs"
    assert second["item"][1] == first["item"][1]
    assert "From your record" not in person.open().html
    for part in "ymd":
        person.write("born", "", part=part)
    person.write("land", "").press("later").open()
    assert ("y:0:born", "") in person.form.pairs and ("v:0:land", "") in person.form.pairs, "and so is what was removed"


def version(practice: Asking, id_: str, number: int) -> Resource:
    answer = practice.ask("GET", f"QuestionnaireResponse/{id_}/_history/{number}", service="questionnaires")
    found: Resource = json.parse_object(answer.body)
    return found


def initial(text: str) -> Resource:
    return ext(SDC + "initialExpression", valueExpression={"language": "text/fhirpath", "expression": text})


def launch(name: str, kind: str) -> Resource:
    code = {"system": "http://hl7.org/fhir/uv/sdc/CodeSystem/launchContext", "code": name}
    parts = [{"url": "name", "valueCoding": code}, {"url": "type", "valueCode": kind}]
    return {"url": SDC + "launchContext", "extension": parts}


def test_what_cannot_be_read_is_shown_again(practice: Asking, client: Client) -> None:
    publish(practice, item("n", "integer"), item("d", "date"), item("s"))
    person, id_ = visitor(practice, client, "made")
    person.write("n", "a few").write("s", "kept").write("d", "1980", part="y").write("d", "13", part="m")
    assert person.press("send").status == 422
    assert "Please write a whole number" in person.html and "Please write a date that exists" in person.html
    assert ("v:0:n", "a few") in person.form.pairs and ("m:0:d", "13") in person.form.pairs
    assert [each["linkId"] for each in practice.draft(id_)["item"]] == ["s"], "the rest is kept"
    person.write("n", "3").write("d", "1", part="m").press("send")
    assert person.status == 200


def test_what_a_form_or_an_answer_says_is_text(practice: Asking, client: Client) -> None:
    evil = '<script>alert(1)</script><img src=x onerror=alert(2)>" onfocus="alert(3)'
    publish(
        practice,
        {**item("s"), "text": evil},
        {**item("c", "choice"), "answerOption": [{"valueCoding": {**code("x"), "display": evil}}]},
        item("t", "text"),
        title=evil,
    )
    person, _ = visitor(practice, client, "made")
    person.write("s", evil).write("t", f"</textarea>{evil}").press("update")
    assert "<script>alert" not in person.html and "<img" not in person.html and ' onfocus="alert' not in person.html
    assert ("v:0:s", evil) in person.form.pairs and ("v:0:t", f"</textarea>{evil}") in person.form.pairs


def test_what_a_browser_is_told(practice: Asking, client: Client) -> None:
    person, _ = visitor(practice, client)
    told = person.last.headers
    assert told["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "frame-ancestors 'none'" in told["Content-Security-Policy"]
    assert (told["Referrer-Policy"], told["Cache-Control"]) == ("no-referrer", "no-store")
    assert told["X-Content-Type-Options"] == "nosniff" and "Set-Cookie" not in told
    assert "style=" not in person.html and "onclick" not in person.html
    for name in ("fill.css", "fill.js"):
        at = person.html.index(f"../{name}?v=")
        path = person.html[at + 2 : person.html.index('"', at)]
        got = client.get(f"/console{path}")
        assert got.status_code == 200 and "immutable" in got.headers["Cache-Control"]
        assert client.get(f"/console{path}", headers={"If-None-Match": got.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize(
    ("sent", "media", "status"),
    [
        (b"do=send&v%3A%3Ax=%ff", FORM, 400),
        (b"{}", "application/json", 415),
        (b"do=send", "", 415),
        (b"a=" + b"x" * 1_100_000, FORM, 413),
        (b"&".join(b"a=1" for _ in range(20_001)), FORM, 413),
        (b"x" * 2_100_000, FORM, 413),
        (b"do=add:99999999:9&q:::=1&version=1", FORM, 200),
        (b"version=1&do=" + b"%00" * 10, FORM, 200),
        (b"", FORM, 409),
    ],
)
def test_a_hostile_client_gets_a_page_and_changes_nothing(
    practice: Asking, client: Client, sent: bytes, media: str, status: int
) -> None:
    person, id_ = visitor(practice, client)
    before = practice.draft(id_)
    got = client.post(person.path, data=sent, content_type=media)
    assert (got.status_code, got.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert practice.draft(id_) == before
    assert client.put(person.path).status_code == 405


def test_without_a_name_nothing_is_kept_but_what_is_sent(practice: Asking, client: Client) -> None:
    given = practice.give("Organization/clinic", "staff-pulse", recipient("Practitioner/nurse"))
    person = Visitor(client, given["link"]).open()
    assert person.status == 200 and "without a name" in person.html and "later" not in person.form.buttons
    assert practice.found("QuestionnaireResponse") == []
    assert person.press("send").status == 422, "and the link is not used up by that"
    person.choose("worn", "tired-sometimes").press("update")
    assert practice.found("QuestionnaireResponse") == []
    assert person.press("send").status == 200 and "without your name" in person.html
    (stored,) = practice.found("QuestionnaireResponse")
    assert stored["status"] == "completed" and stored["subject"] == {"reference": "Organization/clinic"}
    assert not {"author", "source", "extension"} & set(stored) and stored["authored"] == "2031-03-03"
    assert person.press("send").status == 404
    assert person.open().status == 404
    assert len(practice.found("QuestionnaireResponse")) == 1


def recipient(reference: str) -> Resource:
    return {"name": "recipient", "valueReference": {"reference": reference}}


def test_a_form_that_is_in_pieces_or_gone_is_told_kindly(practice: Asking, client: Client) -> None:
    publish(
        practice,
        {
            **item("s", "display"),
            "extension": [
                {
                    "url": "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-subQuestionnaire",
                    "valueCanonical": FORMS + "phq-2",
                }
            ],
        },
    )
    given = practice.give("Patient/ann", "made")
    person = Visitor(client, given["link"]).open()
    assert person.status == 422 and "cannot be shown here" in person.html


def test_the_token_is_nowhere_in_the_log(practice: Asking, client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    person, _ = visitor(practice, client)
    person.press("send")
    said = capsys.readouterr()
    assert token_of(person.path) not in said.out + said.err
