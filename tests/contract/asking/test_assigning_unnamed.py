"""What is kept of an answer without a name: the form, the department, the day, the answers; on both databases."""

from __future__ import annotations

from carethread.core.context import new_id
from carethread.core.ports import Resource
from support.assigning import Asking, token_of
from support.desk import OURS
from support.filling import Visitor, client_of
from support.instruments import answering, shipped

CLINIC = {"reference": "Organization/clinic"}
DEPARTMENT = {"url": OURS + "department", "valueReference": CLINIC}
KEPT = {"resourceType", "id", "meta", "questionnaire", "status", "subject", "authored", "item"}


def given(practice: Asking, who: str = "Practitioner/nurse") -> str:
    """The link that somebody of the staff was given."""
    recipient = {"name": "recipient", "valueReference": {"reference": who}}
    link: str = practice.give("Organization/clinic", "staff-pulse", recipient)["link"]
    return link


def kept(practice: Asking) -> Resource:
    (found,) = practice.found("QuestionnaireResponse")
    return found


def test_what_is_sent_on_the_page_keeps_no_language_and_no_time(practice: Asking) -> None:
    client = client_of(practice.runtimes["questionnaires"], lambda: practice.now)
    person = Visitor(client, given(practice), Accept_Language="es-MX").open()
    assert 'lang="es"' in person.html
    person.choose("worn", "tired-sometimes")
    assert person.press("send").status == 200
    stored = kept(practice)
    assert set(stored) == KEPT
    assert set(stored["meta"]) == {"profile", "versionId", "lastUpdated"}
    assert stored["authored"] == "2031-03-03"
    about = [each for each in practice.rows("questionnaires") if stored["id"] in each]
    assert not any("fill-unnamed-link" in each for each in practice.rows("questionnaires")), "nor anything of the link"
    assert about and not any('"es' in each or "'es" in each or "nurse" in each for each in about)


def test_what_a_client_notes_beside_the_answers_is_not_kept(practice: Asking) -> None:
    sent = answering(shipped("staff-pulse"), {"worn": 1}, id=new_id(), subject=CLINIC, language="es",
                     implicitRules="urn:x", text={"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">N.</div>'},
                     extension=[{"url": "urn:x", "valueString": "n"}, DEPARTMENT])  # fmt: skip
    sent["meta"] |= {"tag": [{"code": "nurse"}]}
    sent["item"][0] |= {"text": "¿Cuánto?", "extension": [{"url": "urn:x", "valueString": "n"}]}
    sent["item"][0]["answer"][0]["extension"] = [{"url": "urn:x", "valueString": "n"}]
    practice.put(sent)
    stored = kept(practice)
    assert set(stored) == {*KEPT, "extension"}
    assert stored["extension"] == [DEPARTMENT]
    assert set(stored["meta"]) == {"profile", "versionId", "lastUpdated"}
    assert stored["authored"] == "2031-03-03"
    (item,) = (each for each in stored["item"] if each["linkId"] == "worn")
    assert set(item) == {"linkId", "answer"} and len(item["answer"][0]) == 1
    practice.put({**stored, "status": "amended", "language": "es"})
    assert "language" not in kept(practice)


def test_what_would_name_somebody_is_refused(practice: Asking) -> None:
    named = {"identifier": {"value": "7"}, "author": {"reference": "Practitioner/nurse"}}
    sent = answering(shipped("staff-pulse"), {"worn": 1}, id=new_id(), subject=CLINIC, **named)
    status, issues = practice.refusal("PUT", f"QuestionnaireResponse/{sent['id']}", sent, service="questionnaires")
    assert status == 422
    assert {each["expression"][0] for each in issues} == {f"QuestionnaireResponse.{name}" for name in named}


def test_the_end_of_a_link_does_not_say_whose_it_is(practice: Asking) -> None:
    """Links of a day are forgotten at the same moment, which is that of no Task."""
    for minutes in (0, 7, 11):
        practice.pass_time(minutes=minutes)
        assert token_of(given(practice))
    with practice.stores["questionnaires"].engine.connect() as connection:
        due = dict[str, set[int]]()
        for kind, moment in connection.exec_driver_sql("SELECT kind, due FROM timers"):
            due.setdefault(kind, set()).add(moment)
    assert len(due["fill-unnamed-link"]) == 1 and len(due["fill-unnamed-task"]) == 3
    assert not due["fill-unnamed-link"] & due["fill-unnamed-task"]
