"""QuestionnaireService: what it answers and refuses is what the operations over REST answer and refuse."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest

from carethread.core.fhir import json
from carethread.questionnaires.assigning.assign import assign
from carethread.questionnaires.populating.filling import INITIAL_EXPRESSION
from carethread.questionnaires.populating.launching import LAUNCH
from carethread.v1 import questionnaires_pb2 as pb
from support.care import Care, care, patient
from support.extracting import form, question
from support.instruments import answering, shipped
from support.rpc import SECONDS, Rpc, outcome_of, serving

Resource = dict[str, Any]

PHQ_9 = shipped("phq-9")
LINKS = [link for link, item in PHQ_9.items.items() if len(item.options) == 4 and item.required]
NONE = "https://carethread.dev/fhir/Questionnaire/none"
VISIT = [{"name": "name", "valueString": "visit"},
         {"name": "content", "valueReference": {"reference": "Encounter/none"}}]  # fmt: skip
ANN = {"valueReference": {"reference": "Patient/ann"}}


def phq(id_: str, pick: int, day: str, **more: Any) -> Resource:
    told = {"id": id_, "authored": f"{day}T08:00:00Z", "subject": {"reference": "Patient/ann"}}
    return answering(PHQ_9, dict.fromkeys(LINKS, pick), **{**told, **more})


def wrong() -> Resource:
    """A response with several mistakes."""
    made = phq("new", 1, "2031-03-01")
    made["item"][0]["answer"] = [{"valueString": "often"}]
    made["item"][1]["linkId"] = "/none"
    del made["item"][2]["answer"]
    return made


def expression(text: str) -> Resource:
    return {"url": INITIAL_EXPRESSION, "valueExpression": {"language": "text/fhirpath", "expression": text}}


def known() -> Resource:
    """A form of what is known of a person, and of what cannot be."""
    opened = [{"url": "name", "valueCoding": {"code": "patient"}}, {"url": "type", "valueCode": "Patient"}]
    return form(
        question("born", "date", expression("%patient.birthDate")),
        question("other", "date", expression("%nothing.of.it")),
        extension=({"url": LAUNCH, "extension": opened},),
    )


@pytest.fixture
def home(tmp_path: Path, database_url: str) -> Iterator[Care]:
    with care(tmp_path, database_url, ("questionnaires", "records")) as made:
        made.now = datetime.now(UTC)  # as the server's clock
        made.tell(patient("ann", birthDate="1970-01-01"), patient("bob", active=True), patient("eve", active=False))
        made.put(known())
        for id_, pick, day in (("one", 2, "2031-01-01"), ("two", 1, "2031-02-01")):
            made.put(phq(id_, pick, day))
        made.put(phq("draft", 1, "2031-02-02", status="in-progress"))
        made.put(phq("void", 1, "2031-02-02", status="entered-in-error"))
        yield made


@pytest.fixture
def rpc(home: Care) -> Iterator[Rpc]:
    with serving(home.runtimes) as made:
        yield made


def asked(home: Care, path: str, body: Resource | None = None) -> Resource:
    answer = home.ask("POST" if body else "GET", path, body, service="questionnaires")
    assert answer.status == 200, answer.body
    return json.parse_object(answer.body)


def posted(**given: Resource) -> Resource:
    """Parameters: resources by their names, or a member and its value."""
    parts = [
        {"name": name.replace("_", "-"), **({"resource": each} if "resourceType" in each else each)}
        for name, each in given.items()
    ]
    return {"resourceType": "Parameters", "parameter": parts}


def part(parts: list[Resource], name: str) -> Any:
    """What a part is: its value, its resource, or its own parts; None where it is not there."""
    found = next((each for each in parts if each["name"] == name), None)
    return None if found is None else next(value for member, value in found.items() if member != "name")


def timeless(made: Any) -> Any:
    """What was made, without when."""
    text = re.sub(r'"(authored|recorded)":"[^"]*"', r'"\1":""', json.render(made).decode())
    return json.parse(text.encode())


def read(body: bytes) -> Any:
    return json.parse(body) if body else None


def test_what_is_filled_in(home: Care, rpc: Rpc) -> None:
    url = known()["url"]
    parts = asked(home, "Questionnaire/$populate", posted(questionnaire={"valueCanonical": url}, subject=ANN))
    wanted = timeless([part(parts["parameter"], "response"), part(parts["parameter"], "issues")])
    assert wanted[0]["item"][0]["answer"][0]["valueDate"] == "1970-01-01"
    assert len(wanted[1]["issue"]) == 1
    by_name = pb.PopulateContext(name="patient", reference="Patient/ann")
    whole = pb.PopulateContext(name="patient", json=json.render(patient("ann", birthDate="1970-01-01")))
    asks: tuple[dict[str, Any], ...] = (
        {"form": pb.FormChoice(canonical=url), "subject": "Patient/ann"},
        {"form": pb.FormChoice(canonical=url), "contexts": [by_name]},
        {"form": pb.FormChoice(id="needs"), "subject": "Patient/ann"},
        {"form": pb.FormChoice(json=json.render(known())), "subject": "Patient/ann"},
        {"form": pb.FormChoice(json=json.render(known())), "contexts": [whole], "local": False},
    )
    for more in asks:
        answer = rpc.questionnaires.Populate(pb.PopulateRequest(**more), timeout=SECONDS)
        assert timeless([read(answer.response), read(answer.issues.json)]) == wanted, more


def said(issues: list[Resource]) -> list[tuple[str, str, str, str]]:
    return [
        (each["severity"], each["code"], each["diagnostics"], next(iter(each.get("expression", ())), ""))
        for each in issues
    ]


ODD: Resource = {"resourceType": "QuestionnaireResponse", "status": "odd", "wrong": 1}
UPDATED = phq("two", 1, "2031-02-01", status="amended")
JUDGED: list[tuple[str, Resource | None, dict[str, Any]]] = [
    ("$validate", phq("new", 1, "2031-03-01"), {}),
    ("$validate", wrong(), {}),
    ("$validate", ODD, {}),
    ("$validate", phq("new", 1, "2031-03-01", questionnaire=NONE), {}),
    ("$validate", {"resourceType": "Patient"}, {}),
    ("$validate?mode=create", wrong(), {"mode": pb.VALIDATION_MODE_CREATE}),
    ("two/$validate", None, {"id": "two"}),
    ("two/$validate?mode=update", UPDATED, {"id": "two", "mode": pb.VALIDATION_MODE_UPDATE}),
    ("none/$validate?mode=delete", None, {"id": "none", "mode": pb.VALIDATION_MODE_DELETE}),
    (
        "two/$validate?mode=profile&profile=http://example.org/none",
        None,
        {"id": "two", "mode": pb.VALIDATION_MODE_PROFILE, "profiles": ["http://example.org/none"]},
    ),
]


def test_what_is_to_be_said_of_a_response(home: Care, rpc: Rpc) -> None:
    for path, body, given in JUDGED:
        issues = said(asked(home, f"QuestionnaireResponse/{path}", body)["issue"])
        request = pb.ValidateRequest(json=json.render(body) if body else b"", **given)
        answer = rpc.questionnaires.Validate(request, timeout=SECONDS)
        assert [(each.severity, each.code, each.diagnostics, each.expression) for each in answer.issues] == issues, path
        assert answer.valid == (not {"error", "fatal"} & {severity for severity, *_ in issues}), path
    several = rpc.questionnaires.Validate(pb.ValidateRequest(json=json.render(wrong())), timeout=SECONDS)
    assert len([each for each in several.issues if each.severity == "error"]) >= 3


def coded(code: pb.ScoreCode) -> Resource:
    return {field.name: value for field, value in code.ListFields()}


def spoken(score: pb.Score) -> Resource:
    """A score as the Parameters of REST have it."""
    told: Resource = {"link-id": score.link_id, "questions": score.questions, "minimum": score.minimum}
    told |= {"code": coded(score.code), "answered": score.answered}
    if score.value:
        told["value"] = json.parse(score.value.encode())
    if score.HasField("band"):
        told["band"] = coded(score.band)
    for name in ("previous", "first"):
        if score.HasField(name):
            change = getattr(score, name)
            inner = {"response": {"reference": change.response}, "authored": change.authored}
            numbers = {each: json.parse(getattr(change, each).encode()) for each in ("value", "change")}
            told[name] = {**inner, **numbers, **({"reliable": change.reliable} if change.reliable else {})}
    return told


def parted(parts: list[Resource]) -> Resource:
    """Parts by their names; of a Coding what a message has of it."""
    found: Resource = {}
    for each in parts:
        value = next(value for member, value in each.items() if member != "name")
        if "valueCoding" in each:
            value = {name: value[name] for name in ("system", "code", "display") if name in value}
        found[each["name"]] = parted(value) if "part" in each else value
    return found


def test_what_a_response_amounts_to(home: Care, rpc: Rpc) -> None:
    sent = phq("new", 1, "2031-03-01")
    few = answering(PHQ_9, dict.fromkeys(LINKS[:3], 1), status="in-progress")
    of_form = posted(questionnaire_response=sent, questionnaire=PHQ_9.raw)
    for path, body, request in (
        ("two/$score", None, {"response": pb.ResponseChoice(id="two")}),
        ("$score", posted(questionnaire_response=sent), {"response": pb.ResponseChoice(json=json.render(sent))}),
        ("$score", posted(questionnaire_response=few), {"response": pb.ResponseChoice(json=json.render(few))}),
        (
            "$score",
            of_form,
            {"response": pb.ResponseChoice(json=json.render(sent)), "form": json.render(PHQ_9.raw)},
        ),
    ):
        parts = asked(home, f"QuestionnaireResponse/{path}", body)["parameter"]
        answer = rpc.questionnaires.Score(pb.ScoreRequest(**request), timeout=SECONDS)
        assert answer.form == part(parts, "questionnaire")
        assert [spoken(each) for each in answer.scores] == [
            parted(each["part"]) for each in parts if each["name"] == "score"
        ]
        assert read(answer.response) == part(parts, "response")
        assert read(answer.issues.json) == part(parts, "issues")
    two = rpc.questionnaires.Score(pb.ScoreRequest(response=pb.ResponseChoice(id="two")), timeout=SECONDS).scores[0]
    assert (two.value, two.band.code, two.previous.change, two.previous.response) == (
        "9", "mild", "-9", "QuestionnaireResponse/one",
    )  # fmt: skip


def test_what_answers_become(home: Care, rpc: Rpc) -> None:
    sent = phq("new", 1, "2031-03-01")
    plain = form(question("told"))
    of_nothing = {
        "resourceType": "QuestionnaireResponse", "id": "none", "questionnaire": "https://example.org/other",
        "status": "completed", "authored": "2031-03-01", "item": [{"linkId": "told", "answer": [{"valueString": "x"}]}],
    }  # fmt: skip
    for path, body, request in (
        ("two/$extract", None, {"response": pb.ResponseChoice(id="two")}),
        ("$extract", posted(questionnaire_response=sent), {"response": pb.ResponseChoice(json=json.render(sent))}),
        (
            "$extract",
            posted(questionnaire_response=of_nothing, questionnaire=plain),
            {"response": pb.ResponseChoice(json=json.render(of_nothing)), "form": json.render(plain)},
        ),
    ):
        found = asked(home, f"QuestionnaireResponse/{path}", body)
        answer = rpc.questionnaires.Extract(pb.ExtractRequest(**request), timeout=SECONDS)
        beside = read(answer.bundle) or read(answer.issues.json)
        assert timeless(beside) == timeless(found), path
    assert not answer.bundle
    assert "nothing to extract" in read(answer.issues.json)["issue"][0]["diagnostics"]


PHQ_2 = pb.FormChoice(canonical="https://carethread.dev/fhir/Questionnaire/phq-2")


def given(home: Care, id_: str, patient_id: str) -> Resource:
    """A draft that was assigned, without what tells it from one of somebody else."""
    draft = asked(home, f"QuestionnaireResponse/{id_}")
    text = re.sub(r"\d{4}-\d\d-\d\dT[^\"]*|Task/[^\"]*", "", json.render(draft).decode())
    made: Resource = json.parse(text.replace(f"Patient/{patient_id}", "Patient/x").encode())
    return {name: value for name, value in made.items() if name not in ("id", "meta")}


def test_a_form_is_given_to_somebody(home: Care, rpc: Rpc) -> None:
    due = home.micros + 3 * 86_400_000_000
    request: dict[str, Any] = {
        "form": PHQ_2, "subject": "Patient/ann", "due_micros": due, "language": "es", "channel": "sms",
        "reminder_days": [1, 2], "prefill": False, "send": True, "reason": "https://example.org/programme",
    }  # fmt: skip
    made = rpc.questionnaires.Assign(pb.AssignRequest(**request, idempotency_key="one"), timeout=SECONDS)
    assert made.task
    assert "/console/fill/" in made.link
    assert made.expires_micros >= due
    again = rpc.questionnaires.Assign(pb.AssignRequest(**request, idempotency_key="one"), timeout=SECONDS)
    assert (again.response, again.task, again.link) == (made.response, made.task, "")
    parts = posted(
        questionnaire={"valueCanonical": PHQ_2.canonical}, subject={"valueReference": {"reference": "Patient/bob"}},
        due={"valueInstant": home.at(days=3)}, language={"valueCode": "es"}, channel={"valueCode": "sms"},
        prefill={"valueBoolean": False}, reason={"valueCanonical": "https://example.org/programme"},
    )  # fmt: skip
    parts["parameter"] += [{"name": "reminder", "valuePositiveInt": days} for days in (1, 2)]
    other = asked(home, "Questionnaire/$assign", parts)["parameter"]
    id_ = part(other, "response")["reference"].removeprefix("QuestionnaireResponse/")
    assert given(home, made.response, "ann") == given(home, id_, "bob")
    of_staff = pb.AssignRequest(
        form=pb.FormChoice(id="needs"), subject="Patient/ann", recipient="Patient/bob", send=False, remind=False
    )
    assert rpc.questionnaires.Assign(of_staff, timeout=SECONDS).link


def test_what_its_deadline_ends_is_not_given(home: Care, rpc: Rpc, monkeypatch: pytest.MonkeyPatch) -> None:
    def slowly(*args: Any) -> Any:
        made = assign(*args)
        time.sleep(0.8)
        return made

    monkeypatch.setattr("carethread.questionnaires.assigning.operations.assign", slowly)
    request = pb.AssignRequest(form=PHQ_2, subject="Patient/ann")
    with pytest.raises(grpc.RpcError) as caught:
        rpc.questionnaires.Assign(request, timeout=0.4)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    monkeypatch.undo()
    assert rpc.questionnaires.Assign(request, timeout=SECONDS).link  # else they would be asked for it already
    assert len(home.found(f"QuestionnaireResponse?questionnaire={PHQ_2.canonical}", service="questionnaires")) == 1


FORM, OTHER = pb.FormChoice, pb.ResponseChoice
UNREADABLE = {"resourceType": "Questionnaire", "status": "active", "item": [{"linkId": "1", "type": "string"}] * 2}
VOID = phq("new", 1, "2031-03-01", status="entered-in-error")
UNKNOWN = phq("new", 1, "2031-03-01", questionnaire=NONE)
AT_NONE = pb.PopulateContext(name="visit", reference="Encounter/none")
REFUSED: list[tuple[str, str, Resource | None, Any, str]] = [
    ("Populate", "Questionnaire/$populate", posted(subject=ANN), pb.PopulateRequest(subject="Patient/ann"), "form"),
    (
        "Populate", "Questionnaire/$populate", posted(questionnaire={"valueCanonical": NONE}),
        pb.PopulateRequest(form=FORM(canonical=NONE)), "form",
    ),
    ("Populate", "Questionnaire/none/$populate", None, pb.PopulateRequest(form=FORM(id="none")), ""),
    (
        "Populate", "Questionnaire/$populate", posted(questionnaire=UNREADABLE),
        pb.PopulateRequest(form=FORM(json=json.render(UNREADABLE))), "",
    ),
    (
        "Populate", "Questionnaire/needs/$populate", posted(context={"part": VISIT}),
        pb.PopulateRequest(form=FORM(id="needs"), contexts=[AT_NONE]), "contexts",
    ),
    ("Validate", "QuestionnaireResponse/none/$validate", None, pb.ValidateRequest(id="none"), ""),
    ("Validate", "QuestionnaireResponse/$validate", None, pb.ValidateRequest(), "json"),
    (
        "Validate", "QuestionnaireResponse/$validate?mode=update", UPDATED,
        pb.ValidateRequest(mode=pb.VALIDATION_MODE_UPDATE, json=json.render(UPDATED)), "mode",
    ),
    ("Score", "QuestionnaireResponse/none/$score", None, pb.ScoreRequest(response=OTHER(id="none")), ""),
    ("Score", "QuestionnaireResponse/void/$score", None, pb.ScoreRequest(response=OTHER(id="void")), ""),
    (
        "Score", "QuestionnaireResponse/$score", posted(questionnaire_response=UNKNOWN),
        pb.ScoreRequest(response=OTHER(json=json.render(UNKNOWN))), "",
    ),
    (
        "Score", "QuestionnaireResponse/$score", posted(questionnaire=PHQ_9.raw),
        pb.ScoreRequest(form=json.render(PHQ_9.raw)), "response",
    ),
    ("Extract", "QuestionnaireResponse/none/$extract", None, pb.ExtractRequest(response=OTHER(id="none")), ""),
    ("Extract", "QuestionnaireResponse/draft/$extract", None, pb.ExtractRequest(response=OTHER(id="draft")), ""),
    (
        "Extract", "QuestionnaireResponse/$extract", posted(questionnaire_response=UNKNOWN),
        pb.ExtractRequest(response=OTHER(json=json.render(UNKNOWN))), "",
    ),
    (
        "Extract", "QuestionnaireResponse/$extract", posted(questionnaire_response=ODD),
        pb.ExtractRequest(response=OTHER(json=json.render(ODD))), "",
    ),
]  # fmt: skip
"""What is asked by either, and how a message names what REST names otherwise."""

STATUSES = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND", 410: "NOT_FOUND", 422: "INVALID_ARGUMENT"}


def test_what_is_refused(home: Care, rpc: Rpc) -> None:
    for call, path, body, request, named in REFUSED:
        method = "POST" if body or "Response/$" in path else "GET"
        status, issues = home.refusal(method, path, body or posted(), service="questionnaires")
        with pytest.raises(grpc.RpcError) as caught:
            getattr(rpc.questionnaires, call)(request, timeout=SECONDS)
        assert caught.value.code().name == STATUSES[status], (call, path, issues)
        told = outcome_of(caught.value)["issue"]
        if named:
            assert [each["expression"] for each in told] == [[named]], (call, path)
            assert [each["code"] for each in told] == [each["code"] for each in issues]
        else:
            assert said(told) == said(issues), (call, path)


INACTIVE = {"valueReference": {"reference": "Patient/eve"}}
NOBODY = {"valueReference": {"reference": "Patient/nobody"}}
OF_PHQ_2 = {"valueCanonical": PHQ_2.canonical}
ASSIGN = "Questionnaire/$assign"
REFUSED += [
    ("Assign", ASSIGN, posted(subject=ANN), pb.AssignRequest(subject="Patient/ann"), "form"),
    ("Assign", ASSIGN, posted(questionnaire=OF_PHQ_2), pb.AssignRequest(form=PHQ_2), "subject"),
    (
        "Assign", ASSIGN, posted(questionnaire={"valueCanonical": NONE}, subject=ANN),
        pb.AssignRequest(form=FORM(canonical=NONE), subject="Patient/ann"), "form",
    ),
    (
        "Assign", "Questionnaire/none/$assign", posted(subject=ANN),
        pb.AssignRequest(form=FORM(id="none"), subject="Patient/ann"), "",
    ),
    (
        "Assign", ASSIGN, posted(questionnaire=OF_PHQ_2, subject=INACTIVE),
        pb.AssignRequest(form=PHQ_2, subject="Patient/eve"), "subject",
    ),
    (
        "Assign", ASSIGN, posted(questionnaire=OF_PHQ_2, subject=ANN, due={"valueInstant": "2020-01-01T00:00:00Z"}),
        pb.AssignRequest(form=PHQ_2, subject="Patient/ann", due_micros=1), "due_micros",
    ),
    (
        "Assign", ASSIGN, posted(questionnaire=OF_PHQ_2, subject=ANN, language={"valueCode": "xx"}),
        pb.AssignRequest(form=PHQ_2, subject="Patient/ann", language="xx"), "language",
    ),
    (
        "Assign", ASSIGN, posted(questionnaire=OF_PHQ_2, subject=ANN, reminder={"valuePositiveInt": 999}),
        pb.AssignRequest(form=PHQ_2, subject="Patient/ann", reminder_days=[999]), "reminder_days",
    ),
]  # fmt: skip

BROKEN = [
    ("Populate", pb.PopulateRequest(form=FORM(json=b"{")), []),
    ("Populate", pb.PopulateRequest(form=FORM(id="no id")), ["form"]),
    ("Populate", pb.PopulateRequest(form=FORM(id="")), ["form"]),
    ("Populate", pb.PopulateRequest(form=FORM(id="needs"), contexts=[pb.PopulateContext(name="a")]), ["contexts"]),
    ("Populate", pb.PopulateRequest(form=FORM(canonical="a b")), ["Parameters.parameter[0].value"]),
    ("Validate", pb.ValidateRequest(json=b"[]"), []),
    ("Validate", pb.ValidateRequest(json=b'{"resourceType":"QuestionnaireResponse","id":"a","id":"b"}'), ["id"]),
    ("Validate", pb.ValidateRequest(id="no id"), ["id"]),
    ("Validate", pb.ValidateRequest(id="two", mode=99), ["mode"]),  # type: ignore[arg-type]
    ("Score", pb.ScoreRequest(response=OTHER(id="")), ["response"]),
    ("Extract", pb.ExtractRequest(response=OTHER(json=b"\xff")), []),
    ("Assign", pb.AssignRequest(form=FORM(json=json.render(PHQ_9.raw)), subject="Patient/ann"), ["form"]),
    ("Assign", pb.AssignRequest(form=PHQ_2, subject="Patient/ann", expires_micros=2**62), ["expires_micros"]),
    (
        "Assign",
        pb.AssignRequest(form=PHQ_2, subject="Patient/ann", reminder_days=[0]),
        ["Parameters.parameter[2].value"],
    ),
]


def test_what_is_no_message(rpc: Rpc) -> None:
    for call, request, where in BROKEN:
        with pytest.raises(grpc.RpcError) as caught:
            getattr(rpc.questionnaires, call)(request, timeout=SECONDS)
        issues = outcome_of(caught.value)["issue"]
        assert caught.value.code().name == "INVALID_ARGUMENT", (call, request)
        assert [each.get("expression", [None])[0] for each in issues if "expression" in each] == where, (call, issues)
