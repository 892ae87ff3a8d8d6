"""A form given to a person: draft, link, Task and message together; the Task follows what becomes of the draft; on both
databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from carethread.careteams.handing.needs import needing
from carethread.core.fhir import json
from carethread.core.ports import Resource
from carethread.interactions.writing.check import check_resource
from carethread.questionnaires.assigning import assign as assigning
from support.assigning import FORMS, Asking, id_of, link_in, parameters, token_of
from support.care import organization
from support.desk import OURS, patient

ASSIGN = "Questionnaire/$assign"


def ref(name: str, reference: str) -> Resource:
    return {"name": name, "valueReference": {"reference": reference}}


def said(draft: Resource, name: str) -> Any:
    """What the draft says of how it was asked for."""
    (mark,) = (each for each in draft["extension"] if each["url"] == OURS + "assignment")
    found = (each for each in mark["extension"] if each["url"] == name)
    return next((value for each in found for key, value in each.items() if key != "url"), None)


def test_somebody_is_given_a_form(practice: Asking) -> None:
    given = practice.give()
    draft, task = practice.draft(id_of(given)), practice.task(given)
    (message,) = practice.messages()
    assert (draft["status"], draft["subject"]) == ("in-progress", {"reference": "Patient/ann"})
    assert draft["questionnaire"] == FORMS + "phq-2|1.0.0"
    assert "item" not in draft
    assert (task["status"], task["owner"], task["for"]) == ("requested", draft["subject"], draft["subject"])
    assert task["input"][0]["valueCanonical"] == draft["questionnaire"]
    assert task["output"][0]["valueReference"] == {"reference": given["response"]}
    assert task["restriction"]["period"]["end"] == given["expires"] == "2031-03-17T08:00:00.000Z"
    assert said(draft, "task") == {"reference": given["task"]}
    assert given["link"].startswith("http") and "/console/fill/" in given["link"]
    assert link_in(message) == given["link"]
    assert (message["status"], message["recipient"]) == ("active", [{"reference": "Patient/ann"}])
    assert "PHQ" not in str(message) and "phq" not in str(message), "what it is about is not said"
    assert message["payload"][0]["contentString"].startswith(
        "We would like to ask you some questions. “How you have been feeling”. Please answer by March 17, 2031: "
    ), "but what it is called, in words of theirs"
    assert practice.leads_to(given["link"]) == id_of(given)


def test_all_that_is_made_is_valid(practice: Asking) -> None:
    practice.give("Patient/eva", "phq-2", ref("encounter", "Encounter/e1"), ref("department", "Organization/clinic"))
    for each in ("QuestionnaireResponse", "Task", "CommunicationRequest"):
        (made,) = practice.found(each)
        check_resource(each, made)


def test_who_is_asked_needs_nobody_to_answer_for_them(practice: Asking) -> None:
    task = practice.task(practice.give())
    assert needing(task, practice.micros) == ""
    assert needing({**task, "owner": {"reference": "Practitioner/nurse"}}, practice.micros) == "Patient/ann"


def test_in_the_language_and_by_the_channel_of_the_person(practice: Asking) -> None:
    given = practice.give("Patient/eva")
    (message,) = practice.messages()
    draft = practice.draft(id_of(given))
    assert (said(draft, "language"), said(draft, "channel"), said(draft, "zone")) == (
        "es-MX", "email", "America/Mexico_City",
    )  # fmt: skip
    assert message["language"] == "es"
    assert message["payload"][0]["contentString"].startswith(
        "Nos gustaría hacerle algunas preguntas. «Cómo se ha sentido». Por favor, responda a más tardar el 17 de marzo "
    )
    assert message["medium"][0]["coding"][1]["code"] == "email"
    assert message["occurrenceDateTime"] == "2031-03-03T14:00:00.000Z", "not at night: 8 o'clock in Mexico"


def test_who_fills_it_in_may_be_another(practice: Asking) -> None:
    given = practice.give("Patient/eva", "phq-2", ref("recipient", "RelatedPerson/mother"))
    (message,) = practice.messages()
    assert practice.draft(id_of(given))["subject"] == {"reference": "Patient/eva"}
    assert practice.task(given)["owner"] == {"reference": "RelatedPerson/mother"}
    assert message["recipient"] == [{"reference": "RelatedPerson/mother"}]
    assert message["subject"] == {"reference": "Patient/eva"}


def test_all_that_can_be_said_of_it(practice: Asking) -> None:
    due, end = practice.at(days=2), practice.at(days=30)
    given = practice.give(
        "Patient/eva",
        "phq-2",
        ref("requester", "Practitioner/nurse"),
        ref("encounter", "Encounter/e1"),
        ref("department", "Organization/clinic"),
        {"name": "due", "valueDateTime": due},
        {"name": "expires", "valueDateTime": end},
        {"name": "language", "valueCode": "en"},
        {"name": "channel", "valueCode": "app"},
        {"name": "reason", "valueCanonical": "https://carethread.dev/fhir/PlanDefinition/after-visit"},
        {"name": "prefill", "valueBoolean": False},
        {"name": "reminder", "valuePositiveInt": 1},
    )
    draft, task = practice.draft(id_of(given)), practice.task(given)
    assert task["requester"] == {"reference": "Practitioner/nurse"}
    assert task["encounter"] == draft["encounter"] == {"reference": "Encounter/e1"}
    assert task["restriction"]["period"]["end"].startswith("2031-03-05T08:00")
    assert task["instantiatesCanonical"] == said(draft, "reason")
    assert given["expires"] == "2031-04-02T08:00:00.000Z"
    assert (said(draft, "prefill"), said(draft, "reminder"), said(draft, "channel")) == (False, 1, "app")
    (message,) = practice.messages()
    assert message["language"] == "en"
    for each in (draft, task, message):
        assert {"url": OURS + "department", "valueReference": {"reference": "Organization/clinic"}} in each["extension"]


def test_the_link_can_be_handed_on_by_who_asks(practice: Asking) -> None:
    given = practice.give("Patient/ann", "phq-2", {"name": "send", "valueBoolean": False})
    assert practice.leads_to(given["link"]) == id_of(given)
    assert practice.tick(days=13) == 0
    assert practice.messages() == []


def test_its_task_follows(practice: Asking) -> None:
    given = practice.give()
    practice.save(id_of(given))
    assert practice.task(given)["status"] == "in-progress"
    assert practice.leads_to(given["link"]) == id_of(given), "it can be gone on with"
    practice.save(id_of(given), "completed")
    assert practice.task(given)["status"] == "completed"
    assert practice.leads_to(given["link"]) == ""
    version = practice.task(given)["meta"]["versionId"]
    practice.save(id_of(given), "amended")
    assert practice.task(given)["meta"]["versionId"] == version
    practice.save(id_of(given), "entered-in-error")
    assert practice.task(given)["status"] == "cancelled"
    assert practice.tick(days=30) == 0


@pytest.mark.parametrize("how", ["stopped", "entered-in-error", "deleted"])
def test_what_is_ended_is_over(practice: Asking, how: str) -> None:
    given = practice.give()
    if how == "deleted":
        answer = practice.ask("DELETE", given["response"], service="questionnaires")
        assert answer.status in (200, 204)
    else:
        practice.put({**practice.draft(id_of(given)), "status": how})
    practice.send("questionnaires")
    assert practice.task(given)["status"] == "cancelled"
    assert practice.leads_to(given["link"]) == ""
    assert practice.messages()[0]["status"] == "revoked", "nobody has sent it on yet"
    assert practice.tick(days=30) == 0
    assert practice.give()["response"] != given["response"], "they can be asked again"


def test_what_people_write_on_the_task_stays(practice: Asking) -> None:
    given = practice.give()
    practice.put({**practice.task(given), "status": "accepted", "note": [{"text": "She will do it on Monday."}]})
    practice.save(id_of(given))
    task = practice.task(given)
    assert (task["status"], task["note"][0]["text"]) == ("in-progress", "She will do it on Monday.")


def test_a_message_that_was_sent_on_is_not_revoked(practice: Asking) -> None:
    given = practice.give()
    practice.put({**practice.messages()[0], "status": "completed"})
    practice.save(id_of(given), "completed")
    assert practice.messages()[0]["status"] == "completed"


def test_past_its_time_it_has_failed(practice: Asking) -> None:
    given = practice.give("Patient/ann", "phq-2", {"name": "remind", "valueBoolean": False})
    practice.save(id_of(given))
    assert practice.tick(days=14, seconds=-1) == 0
    assert practice.tick(seconds=2) == 1
    assert practice.task(given)["status"] == "failed"
    assert practice.draft(id_of(given))["status"] == "stopped"
    assert practice.leads_to(given["link"]) == ""
    practice.save(id_of(given), "completed")
    assert practice.task(given)["status"] == "completed", "somebody has it on paper"


def test_the_assignment_stays_as_it_was(practice: Asking) -> None:
    given = practice.give()
    draft = practice.draft(id_of(given))
    bare = {name: value for name, value in draft.items() if name != "extension"}
    practice.put(bare)
    assert practice.draft(id_of(given))["extension"] == draft["extension"]
    practice.save(id_of(given), "completed", extension=[{"url": "urn:example:other", "valueString": "x"}])
    assert practice.task(given)["status"] == "completed"


def test_another_link_in_place_of_the_one_that_is_lost(practice: Asking) -> None:
    given = practice.give()
    again = practice.link(id_of(given))
    assert again["link"] != given["link"]
    assert (practice.leads_to(given["link"]), practice.leads_to(again["link"])) == ("", id_of(given))
    assert [each["status"] for each in practice.messages()] in (["revoked", "active"], ["active", "revoked"])
    (message,) = practice.messages("active")
    assert link_in(message) == again["link"]
    assert practice.task(given)["status"] == "requested"


def test_a_link_that_is_good_for_longer(practice: Asking) -> None:
    given = practice.give()
    again = practice.link(id_of(given), {"name": "expires", "valueDateTime": practice.at(days=60)})
    assert again["expires"] == "2031-05-02T08:00:00.000Z"
    practice.tick(days=20)
    assert practice.draft(id_of(given))["status"] == "in-progress"
    assert practice.task(given)["status"] == "requested"
    practice.tick(days=60)
    assert practice.task(given)["status"] == "failed"


def test_a_link_is_revoked(practice: Asking) -> None:
    given = practice.give()
    revoke = {"name": "revoke", "valueBoolean": True}
    assert practice.link(id_of(given), revoke) == {"revoked": True}
    assert practice.leads_to(given["link"]) == ""
    assert practice.link(id_of(given), revoke) == {"revoked": False}
    assert practice.tick(days=13) == 0, "nobody is reminded of what they have no link to"
    assert practice.task(given)["status"] == "requested"
    audits = practice.found("AuditEvent")
    assert [each["action"] for each in audits] == ["D"]


def test_no_link_to_what_is_finished(practice: Asking) -> None:
    given = practice.give()
    practice.save(id_of(given), "completed")
    where = f"{given['response']}/$fill-link"
    assert practice.refused_to(where) == (409, [("conflict", "QuestionnaireResponse.status")])
    practice.ask("DELETE", given["response"], service="questionnaires")
    assert practice.refused_to(where)[0] == 410
    assert practice.refused_to("QuestionnaireResponse/unknown/$fill-link")[0] == 404


def test_no_link_to_what_nobody_was_asked_for(practice: Asking) -> None:
    made = {"resourceType": "QuestionnaireResponse", "id": "own", "status": "in-progress"}
    practice.put(made)
    assert practice.refused_to("QuestionnaireResponse/own/$fill-link")[0] == 422


def test_a_link_whose_time_is_over_needs_another(practice: Asking) -> None:
    given = practice.give()
    practice.pass_time(days=15)
    where = f"{given['response']}/$fill-link"
    assert practice.refused_to(where)[0] == 409
    practice.link(id_of(given), {"name": "expires", "valueDateTime": practice.at(days=1)})


def test_nobody_is_asked_twice_for_the_same(practice: Asking) -> None:
    given = practice.give()
    status, issues = practice.refused_to(ASSIGN, *form(), ref("subject", "Patient/ann"))
    assert (status, issues) == (409, [("duplicate", "questionnaire")])
    practice.give("Patient/ann", "gad-7")
    practice.give("Patient/eva")
    practice.save(id_of(given), "completed")
    practice.give()


def test_who_was_merged_is_one_person(practice: Asking) -> None:
    given = practice.give("Patient/eva")
    merged = {"resourceType": "Patient", "id": "eva", "active": False,
              "link": [{"other": {"reference": "Patient/ann"}, "type": "replaced-by"}]}  # fmt: skip
    practice.merge(merged)
    assert practice.refused_to(ASSIGN, *form(), ref("subject", "Patient/ann"))[0] == 409
    practice.hear()
    assert practice.draft(id_of(given))["status"] == "in-progress", "they go on"
    practice.tick(days=4)
    assert len(practice.messages()) == 1, "but are not written to under that name"


def test_the_same_call_again_does_nothing_more(practice: Asking) -> None:
    first = practice.give(idempotency_key="k1")
    again = practice.give(idempotency_key="k1")
    assert (again["response"], again["task"], again["expires"]) == (first["response"], first["task"], first["expires"])
    assert "link" not in again, "only a digest of it is kept"
    assert practice.leads_to(first["link"]) == id_of(first)
    assert len(practice.messages()) == 1
    answer = practice.ask(
        "POST", ASSIGN, parameters(*form("gad-7"), ref("subject", "Patient/ann")), service="questionnaires",
        headers={"idempotency-key": "k1"},
    )  # fmt: skip
    assert answer.status == 422
    practice.save(id_of(first), "completed")
    assert practice.give(idempotency_key="k1")["response"] == first["response"], "nor when it is over"


def test_history_tells_nobody(practice: Asking) -> None:
    sent = parameters(*form(), ref("subject", "Patient/ann"))
    answer = practice.ask("POST", ASSIGN, sent, service="questionnaires", backfill=True)
    assert answer.status == 200, answer.body
    practice.send("questionnaires")
    practice.tick(days=10)
    assert practice.messages() == []


def form(name: str = "phq-2") -> list[Resource]:
    return [{"name": "questionnaire", "valueCanonical": FORMS + name}]


ANN = [{"name": "questionnaire", "valueCanonical": FORMS + "phq-2"}, ref("subject", "Patient/ann")]


def moment(name: str, when: str) -> Resource:
    return {"name": name, "valueDateTime": when}


def reminder(days: int) -> Resource:
    return {"name": "reminder", "valuePositiveInt": days}


REFUSED: list[tuple[list[Resource], int, str, str]] = [
    ([], 400, "required", "questionnaire"),
    (form(), 400, "required", "subject"),
    ([*form("unknown"), ref("subject", "Patient/ann")], 422, "not-found", "questionnaire"),
    ([*form(), ref("subject", "Patient/unknown")], 422, "not-found", "subject"),
    ([*form(), ref("subject", "Patient/dead")], 422, "business-rule", "subject"),
    ([*form(), ref("subject", "Patient/gone")], 422, "business-rule", "subject"),
    ([*form(), ref("subject", "Patient/old")], 422, "business-rule", "subject"),
    ([*form(), ref("subject", "Patient/unknown"), ref("recipient", "Patient/unknown")], 422, "not-found", "subject"),
    ([*form(), ref("subject", "Patient/unknown"), ref("recipient", "Practitioner/nurse")], 422, "not-found", "subject"),
    ([*ANN, ref("recipient", "RelatedPerson/unknown")], 422, "not-found", "recipient"),
    ([*form(), ref("subject", "Practitioner/nurse")], 422, "value", "subject"),
    ([*ANN, ref("recipient", "RelatedPerson/mother")], 422, "business-rule", "subject"),
    ([*form(), ref("subject", "Patient/dead"), ref("recipient", "Practitioner/nurse")], 422, "business-rule",
     "subject"),
    ([*ANN, ref("recipient", "Organization/clinic")], 400, "value", "recipient"),
    ([*form("staff-pulse"), ref("subject", "Organization/clinic")], 422, "required", "recipient"),
    ([*form("staff-pulse"), ref("subject", "Patient/ann")], 422, "value", "subject"),
    ([*ANN, moment("expires", "2031-03-02T08:00:00Z")], 422, "value", "expires"),
    ([*ANN, moment("expires", "2035-03-02T08:00:00Z")], 422, "value", "expires"),
    ([*ANN, moment("due", "2031-03-02T08:00:00Z")], 422, "value", "due"),
    ([*ANN, moment("due", "2031-04-02T08:00:00Z"), moment("expires", "2031-04-01T08:00:00Z")], 422, "value", "due"),
    ([*ANN, moment("due", "2031-04-02")], 400, "value", "due"),
    ([*ANN, {"name": "language", "valueCode": "fi"}], 422, "not-supported", "language"),
    ([*ANN, {"name": "language", "valueCode": "in English"}], 400, "value", "language"),
    ([*ANN, {"name": "channel", "valueCode": "pigeon"}], 400, "value", "channel"),
    ([*ANN, {"name": "reminder", "valuePositiveInt": 1000}], 400, "value", "reminder"),
    ([*ANN, *({"name": "reminder", "valuePositiveInt": n} for n in range(1, 7))], 400, "value", "reminder"),
    ([*ANN, {"name": "remind", "valueBoolean": False}, {"name": "reminder", "valuePositiveInt": 1}], 400, "value",
     "reminder"),
    ([*ANN, reminder(14)], 422, "value", "reminder"),
    ([*ANN, reminder(3), reminder(30)], 422, "value", "reminder"),
    ([*ANN, reminder(1), moment("expires", "2031-03-04T08:00:00Z")], 422, "value", "reminder"),
    ([*ANN, reminder(20), moment("due", "2031-03-23T08:00:00Z")], 422, "value", "reminder"),
    ([*ANN, {"name": "colour", "valueString": "red"}], 400, "not-supported", "colour"),
]  # fmt: skip


def test_what_cannot_be_asked(practice: Asking) -> None:
    found = [practice.refused_to(ASSIGN, *parts) for parts, *_ in REFUSED]
    assert found == [(status, [(code, where)]) for _, status, code, where in REFUSED]
    assert practice.found("QuestionnaireResponse") == []
    assert practice.stores["questionnaires"].glance(lambda session: session.requests.all()) == []


@pytest.mark.parametrize("status", ["draft", "retired", "unknown"])
def test_a_form_that_is_not_in_use(practice: Asking, status: str) -> None:
    practice.put(made_up(status))
    subject = ref("subject", "Patient/ann")
    named = {"name": "questionnaire", "valueCanonical": "urn:example:made-up"}
    assert practice.refused_to(ASSIGN, named, subject) == (422, [("business-rule", "questionnaire")])
    assert practice.refused_to("Questionnaire/made-up/$assign", subject)[0] == 422


@pytest.mark.parametrize("who", ["Patient/ann", "Encounter/visit", "Location/room"])
def test_a_form_without_a_name_is_of_a_department_or_a_team(practice: Asking, who: str) -> None:
    """Though it does not say so itself."""
    nameless = {"url": OURS + "anonymous-from", "valuePositiveInt": 11}
    practice.put(made_up("active") | {"extension": [nameless]})
    parts = [{"name": "questionnaire", "valueCanonical": "urn:example:made-up"}, ref("subject", who)]
    asked = [*parts, ref("recipient", "Practitioner/nurse")]
    assert practice.refused_to(ASSIGN, *asked) == (422, [("business-rule", "subject")])


def test_a_form_by_its_id(practice: Asking) -> None:
    practice.put(made_up("active"))
    subject = ref("subject", "Patient/ann")
    answer = practice.ask("POST", "Questionnaire/made-up/$assign", parameters(subject), service="questionnaires")
    assert answer.status == 200, answer.body
    assert practice.refused_to("Questionnaire/made-up/$assign", *form(), subject)[0] == 400
    assert practice.refused_to("Questionnaire/none/$assign", subject)[0] == 404


def made_up(status: str) -> Resource:
    return {
        "resourceType": "Questionnaire", "id": "made-up", "url": "urn:example:made-up", "version": "1",
        "title": "Made up", "status": status, "item": [{"linkId": "a", "text": "A", "type": "string"}],
    }  # fmt: skip


def test_a_staff_form(practice: Asking) -> None:
    practice.put({**made_up("active"), "subjectType": ["Practitioner"]})
    answer = practice.ask(
        "POST", "Questionnaire/made-up/$assign", parameters(ref("subject", "Practitioner/nurse")),
        service="questionnaires",
    )  # fmt: skip
    assert answer.status == 200, answer.body
    practice.send("questionnaires")
    (message,) = practice.messages()
    assert (message["language"], message["recipient"]) == ("de", [{"reference": "Practitioner/nurse"}])


def test_all_or_nothing(practice: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*given: object, **more: object) -> None:
        raise RuntimeError("the process dies here")

    sent = parameters(*form(), ref("subject", "Patient/ann"))
    with monkeypatch.context() as patched:
        patched.setattr(assigning, "watch", dies)
        with pytest.raises(RuntimeError, match="dies"):
            practice.ask("POST", ASSIGN, sent, service="questionnaires")
    assert practice.found("QuestionnaireResponse") == []
    store = practice.stores["questionnaires"]
    assert store.glance(lambda session: session.requests.all()) == []
    practice.give()


@pytest.mark.parametrize("status", ["cancelled", "rejected", "completed"])
def test_a_task_that_people_end_ends_the_ask(practice: Asking, status: str) -> None:
    given = practice.give()
    practice.put({**practice.task(given), "status": status, "statusReason": {"text": "By hand."}})
    practice.hear()
    assert practice.draft(id_of(given))["status"] == "stopped"
    assert practice.leads_to(given["link"]) == ""
    assert practice.task(given)["status"] == status
    practice.tick(days=30)
    assert [each["status"] for each in practice.messages()] == ["revoked"], "nobody is reminded"


def test_who_has_died_is_asked_nothing_more(practice: Asking) -> None:
    given, other = practice.give(), practice.give("Patient/eva")
    practice.pass_time(minutes=1)
    practice.tell({"resourceType": "Patient", "id": "ann", "deceasedDateTime": "2031-03-03"})
    practice.hear()
    assert practice.draft(id_of(given))["status"] == "stopped"
    assert practice.task(given)["status"] == "cancelled"
    assert practice.draft(id_of(other))["status"] == "in-progress"


class TestWithoutAName:
    """Forms that are answered without a name."""

    def given(self, practice: Asking, who: str = "Practitioner/nurse", **headers: str) -> dict[str, Any]:
        return practice.give("Organization/clinic", "staff-pulse", ref("recipient", who), **headers)

    def test_there_is_no_draft(self, practice: Asking) -> None:
        given = self.given(practice)
        assert "response" not in given
        assert practice.found("QuestionnaireResponse") == []
        task, (message,) = practice.task(given), practice.messages()
        assert (task["status"], task["owner"]) == ("requested", {"reference": "Practitioner/nurse"})
        assert "output" not in task and "about" not in message
        assert link_in(message) == given["link"]
        asked = practice.unnamed(given["link"])
        assert asked is not None
        assert (asked.form, asked.subject) == (FORMS + "staff-pulse|1.0.0", "Organization/clinic")

    def test_its_link_is_used_once(self, practice: Asking) -> None:
        given = self.given(practice)
        assert [practice.use(given["link"]), practice.use(given["link"])] == [True, False]
        assert practice.unnamed(given["link"]) is None
        assert practice.unnamed(given["link"][:-1]) is None

    def test_it_is_over_for_all_at_the_same_time(self, practice: Asking) -> None:
        used, other = self.given(practice), self.given(practice)
        practice.use(used["link"])
        assert practice.tick(days=13) == 0, "nobody is reminded"
        practice.tick(days=2)
        assert [practice.task(each)["status"] for each in (used, other)] == ["cancelled", "cancelled"]
        assert practice.unnamed(other["link"]) is None
        assert len(practice.messages()) == 2

    def test_the_same_call_again(self, practice: Asking) -> None:
        given = self.given(practice, idempotency_key="k1")
        again = self.given(practice, idempotency_key="k1")
        assert again["task"] == given["task"] and "link" not in again
        assert len(practice.messages()) == 1

    def test_nothing_here_leads_from_one_to_the_other(self, practice: Asking) -> None:
        given = self.given(practice)
        rows = practice.rows("questionnaires")
        assert not any("nurse" in each for each in rows), "who was asked is not known here"
        assert given["link"].rpartition("/")[2] not in str(rows)


def test_what_is_told_with_a_link_is_nobody_elses_to_keep(practice: Asking) -> None:
    sent = parameters(*form(), ref("subject", "Patient/ann"))
    answer = practice.ask("POST", ASSIGN, sent, service="questionnaires")
    assert answer.headers["Cache-Control"] == "no-store"
    assert json.parse_object(answer.body)["resourceType"] == "Parameters"


def test_a_department_has_the_zone_of_who_has_none(practice: Asking) -> None:
    practice.pass_time(hours=12)
    given = practice.give("Patient/ann", "phq-2", ref("department", "Organization/clinic"))
    (message,) = practice.messages()
    assert said(practice.draft(id_of(given)), "zone") == "Europe/Berlin"
    assert message["occurrenceDateTime"] == "2031-03-04T07:00:00.000Z"


def test_it_is_said_who_asks(practice: Asking) -> None:
    """The practice, by its name, and not the department: that may say what somebody has."""
    practice.tell(organization("house", name=" Example   Practice "))
    practice.tell(organization("clinic", name="Clinic of something", partOf={"reference": "Organization/house"}))
    given = practice.give("Patient/eva", "phq-9", ref("department", "Organization/clinic"))
    (asked,) = practice.messages()
    assert asked["payload"][0]["contentString"].startswith("A Example Practice le gustaría hacerle algunas preguntas.")
    practice.link(id_of(given))
    practice.tick(days=4, hours=6)
    again, reminded = (each["payload"][0]["contentString"] for each in practice.messages()[1:])
    assert again.startswith("A Example Practice")
    assert reminded.startswith(
        "Un recordatorio: Example Practice aún tiene preguntas para usted. «Cómo se ha sentido»."
    )
    assert not any("Clinic" in str(each["payload"]) for each in practice.messages())


def test_where_somebody_is_registered_says_who_asks(practice: Asking) -> None:
    practice.tell(organization("house", name="Example Practice", partOf={"reference": "Organization/house"}))
    practice.tell(patient("ann", active=True, managingOrganization={"reference": "Organization/house"}))
    practice.give()
    practice.give("Organization/house", "staff-pulse", ref("recipient", "Patient/ann"))
    texts = [each["payload"][0]["contentString"] for each in practice.messages()]
    assert all(each.startswith("Example Practice would like to ask you some questions.") for each in texts)


def test_a_title_in_another_language_than_the_message_is_left_out(practice: Asking) -> None:
    titled = [{"url": OURS + "people-title", "valueString": "Made up for you"}]
    practice.put({**made_up("active"), "language": "en", "extension": titled})
    said = {"name": "questionnaire", "valueCanonical": "urn:example:made-up"}
    for who in ("ann", "eva"):
        sent = parameters(said, ref("subject", f"Patient/{who}"))
        assert practice.ask("POST", ASSIGN, sent, service="questionnaires").status == 200
    practice.send("questionnaires")
    texts = {each["language"]: each["payload"][0]["contentString"] for each in practice.messages()}
    assert "“Made up for you”." in texts["en"] and "Made up" not in texts["es"]


def test_a_link_to_who_is_not_known_any_more(practice: Asking) -> None:
    given = practice.give()
    practice.ask("DELETE", "Patient/ann", service="records")
    where = f"{given['response']}/$fill-link"
    assert practice.refused_to(where) == (422, [("not-found", "QuestionnaireResponse")])


def test_a_token_is_nowhere_but_in_the_message(practice: Asking, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    given = practice.give("Patient/eva")
    unnamed = practice.give("Organization/clinic", "staff-pulse", ref("recipient", "Practitioner/nurse"))
    again = practice.link(id_of(given))
    practice.save(id_of(given))
    practice.tick(days=4, hours=8)
    reminded = link_in(practice.messages("active")[-1])
    practice.refused_to(f"QuestionnaireResponse/{again['link'].rpartition('/')[2]}/$fill-link")
    practice.tick(days=20)
    tokens = [token_of(each) for each in (given["link"], unnamed["link"], again["link"], reminded)]
    assert len(set(tokens)) == 4
    assert not any(token in caplog.text for token in tokens)
    for service in practice.stores:
        for row in practice.rows(service):
            if any(token in row for token in tokens):
                assert service == "careteams" and "CommunicationRequest" in row, row[:80]


def test_until_it_is_sent_a_message_waits_with_its_token(practice: Asking) -> None:
    """What is requested is the message; nothing else that is kept beside it has the token."""
    answer = practice.ask("POST", ASSIGN, parameters(*ANN), service="questionnaires")
    link = next(each["valueUrl"] for each in json.parse_object(answer.body)["parameter"] if each["name"] == "link")
    rows = [each for each in practice.rows("questionnaires") if token_of(link) in each]
    assert [each.partition(" ")[0] for each in rows] == ["requests"]


def test_asked_by_several_at_the_same_time(practice: Asking) -> None:
    """Two departments, or somebody who is impatient: one of them asks, and the others are told so."""

    def call(number: int) -> int:
        body = parameters(*form(), ref("subject", "Patient/ann"), ref("requester", f"Practitioner/d{number}"))
        return practice.ask("POST", ASSIGN, body, service="questionnaires").status

    with ThreadPoolExecutor(6) as pool:
        statuses = sorted(pool.map(call, range(6)))
    assert statuses == [200, *[409] * 5]
    practice.send("questionnaires")
    assert len(practice.found("Task")) == len(practice.messages()) == len(practice.found("QuestionnaireResponse")) == 1


def test_who_goes_on_is_not_stopped_by_what_was_before(practice: Asking) -> None:
    """What was heard late: that the Task was cancelled when the draft was stopped."""
    given = practice.give()
    practice.pass_time(minutes=1)
    practice.save(id_of(given), "stopped")
    practice.pass_time(minutes=1)
    practice.save(id_of(given))
    practice.hear()
    assert practice.draft(id_of(given))["status"] == "in-progress"
    assert practice.task(given)["status"] == "in-progress"


def test_a_task_that_is_deleted_ends_the_ask(practice: Asking) -> None:
    given = practice.give()
    practice.pass_time(minutes=1)
    assert practice.ask("DELETE", given["task"]).status in (200, 204)
    practice.hear()
    assert practice.draft(id_of(given))["status"] == "stopped"
    assert practice.leads_to(given["link"]) == ""
