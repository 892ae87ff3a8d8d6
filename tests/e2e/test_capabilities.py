"""What the CapabilityStatement of a running server claims can be done, and what it does not claim cannot."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

from carethread.core.fhir.definitions import resource_types
from carethread.core.fhir.search.parameters import searchable
from carethread.interactions.rest import table
from support.examples import example
from support.fhir import Answer, Fhir
from support.needing import NEED_STEPS, walked
from support.processes import CareThread, carethread
from support.servers import until

pytestmark = pytest.mark.timeout(240)

VALUES = {
    "token": "x",
    "reference": "x",
    "date": "2031-01-01",
    "string": "x",
    "number": "1",
    "quantity": "1",
    "uri": "http://example.org/x",
}
"""A value that a parameter of each search type takes."""

NOT_SUPPORTED = ("_text", "_content", "_query", "_filter", "near", "phonetic")
"""Search parameters of R4 that are not answered."""

OURS = "https://carethread.dev/fhir/"
SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"

AT_ONCE = 90
"""Includes in one search; it takes 100 parameters."""


@pytest.fixture(scope="module")
def server() -> Iterator[CareThread]:
    with carethread("up") as process:
        yield process


@pytest.fixture(scope="module")
def claims(server: CareThread) -> dict[str, Any]:
    told: dict[str, Any] = server.fhir.get("metadata").json["rest"][0]
    return told


@pytest.fixture(scope="module")
def stored(server: CareThread, claims: dict[str, Any]) -> dict[str, Answer]:
    """One resource of each type, by the claim that an update may create. Who answers takes part in what is answered."""
    answers = {
        each["type"]: server.fhir.put(f"{each['type']}/walk", {**example(each["type"]), "id": "walk"})
        for each in claims["resource"]
        if each["type"] != "AppointmentResponse"
    }
    who = answers["Appointment"].json["participant"][0]["actor"]
    response = {"appointment": {"reference": "Appointment/walk"}, "actor": who, "id": "walk"}
    answers["AppointmentResponse"] = server.fhir.put(
        "AppointmentResponse/walk", {**example("AppointmentResponse"), **response}
    )
    assert {name: answer.json for name, answer in answers.items() if answer.status != 201} == {}
    return answers


def _strictly(server: CareThread, path: str, params: Sequence[tuple[str, str]]) -> Answer:
    return server.fhir.get(f"{path}?{urlencode(params)}", Prefer="handling=strict")


def test_each_type_is_claimed(claims: dict[str, Any]) -> None:
    assert {each["type"] for each in claims["resource"]} == resource_types() - {"Parameters", "OperationOutcome"}


def _tried(fhir: Fhir, name: str, resource: dict[str, Any]) -> dict[str, Answer]:
    """What each interaction with a type's resource `walk` is answered with."""
    one, changed = f"{name}/walk", {**resource, "language": "en"}
    merged = {"language": "de"}
    return {
        "read": fhir.get(one),
        "vread": fhir.get(f"{one}/_history/1"),
        "history-instance": fhir.get(f"{one}/_history"),
        "history-type": fhir.get(f"{name}/_history?_count=1"),
        "search-type": fhir.get(f"{name}?_id=walk"),
        "update": fhir.put(one, changed, If_Match='W/"1"'),
        "patch": fhir.patch(one, merged, Content_Type="application/merge-patch+json"),
        "create": fhir.post(name, changed, If_None_Exist="_id=walk"),
        "delete": fhir.delete(f"{name}?_id=absent"),
    }


def test_each_interaction_that_a_type_claims_is_answered(
    server: CareThread, claims: dict[str, Any], stored: dict[str, Answer]
) -> None:
    wrong = []
    for each in claims["resource"]:
        name, resource = each["type"], stored[each["type"]].json
        answers = _tried(server.fhir, name, resource)
        claimed = {claim["code"] for claim in each["interaction"]}
        assert claimed == set(answers)
        answers["conditional update"] = server.fhir.put(f"{name}?_id=walk", resource)
        answers["conditional read"] = server.fhir.get(f"{name}/walk", If_None_Match='W/"0"')
        wrong += [(name, code, a.status, a.json) for code, a in answers.items() if a.status not in (200, 204)]
        assert each["conditionalCreate"] and each["conditionalUpdate"] and each["readHistory"] and each["updateCreate"]
        assert (each["conditionalRead"], each["conditionalDelete"]) == ("full-support", "single")
    assert wrong == []


def test_each_search_parameter_that_is_claimed_is_answered(server: CareThread, claims: dict[str, Any]) -> None:
    wrong = []
    for each in claims["resource"]:
        known = searchable(each["type"])
        for claim in each["searchParam"]:
            parameter = known[claim["name"]]
            assert (claim["type"], claim["definition"]) == (parameter.type, parameter.url)
            parts = [VALUES[component.type] for component in parameter.component] or [VALUES[parameter.type]]
            answer = _strictly(server, each["type"], [(claim["name"], "$".join(parts)), ("_count", "1")])
            if answer.status != 200:
                wrong.append((each["type"], claim["name"], answer.status, answer.json))
    assert wrong == []


def test_each_include_that_is_claimed_is_answered(
    server: CareThread, claims: dict[str, Any], stored: dict[str, Answer]
) -> None:
    wrong = []
    for each in claims["resource"]:
        for kind, name in (("searchInclude", "_include"), ("searchRevInclude", "_revinclude")):
            values = each.get(kind, [])
            for start in range(0, len(values), AT_ONCE):
                asked = [("_id", "walk"), *((name, value) for value in values[start : start + AT_ONCE])]
                answer = _strictly(server, each["type"], asked)
                if answer.status != 200:
                    wrong.append((each["type"], name, answer.status, answer.json))
    assert wrong == []


def test_each_operation_that_is_claimed_is_answered(
    server: CareThread, claims: dict[str, Any], stored: dict[str, Answer]
) -> None:
    fhir, period = server.fhir, "periodStart=2031-01-01&periodEnd=2031-02-01"
    month, review = "periodStart=2026-01&periodEnd=2026-01", "department=Organization/walk&month=2026-01"
    two_people = "participant=Practitioner/a&participant=Practitioner/b"
    person = {"resourceType": "Patient", "id": "other", "name": [{"family": "Made", "given": ["Up"]}]}
    assert fhir.put("Patient/other", person).status == 201
    two = _parameters(
        {"name": "source-patient", "valueReference": {"reference": "Patient/other"}},
        {"name": "target-patient", "valueReference": {"reference": "Patient/walk"}},
    )
    first = {"name": "eventsSinceNumber", "valueString": "1"}
    of_walk = _parameters({"name": "actor", "valueReference": {"reference": "Patient/walk"}})
    tried: dict[str, Callable[[str], Answer]] = {
        "export": lambda where: fhir.get(f"{where}$export", Prefer="respond-async"),
        "validate": lambda where: fhir.get(f"{where}walk/$validate"),
        "everything": lambda where: fhir.get(f"{where}walk/$everything"),
        "match": lambda where: fhir.post(f"{where}$match", _parameters({"name": "resource", "resource": person})),
        "merge": lambda where: fhir.post(f"{where}$merge", two),
        "unmerge": lambda where: fhir.post(f"{where}$unmerge", two),
        "evaluate-measure": lambda where: fhir.get(f"{where}no-show-rate/$evaluate-measure?{period}"),
        "evaluation": lambda where: fhir.get(f"{where}$evaluation?job={_evaluation(fhir, period)}"),
        "care-gaps": lambda where: fhir.get(f"{where}$care-gaps?{period}&subject=Patient/walk&topic=depression"),
        "explain": lambda where: fhir.get(f"{where}{_report(fhir, period)}/$explain?population=numerator"),
        "status": lambda where: fhir.get(f"{where}walk/$status"),
        "events": lambda where: fhir.get(f"{where}walk/$events"),
        "resend": lambda where: fhir.post(f"{where}walk/$resend", _parameters(first)),
        "get-ws-binding-token": lambda where: fhir.get(f"{where}walk/$get-ws-binding-token"),
        "find": lambda where: fhir.get(f"{where}$find?start=2031-01-01&end=2031-02-01"),
        "third-next-available": lambda where: fhir.get(f"{where}$third-next-available"),
        "calendar-link": lambda where: fhir.post(f"{where}$calendar-link", of_walk),
        "calendar": lambda where: fhir.get(f"{where}$calendar?token={_token(fhir, of_walk)}"),
        **{name: partial(_at_the_desk, fhir, name) for name in DESK},
        **{name: partial(_of_a_series, fhir, name) for name in SERIES},
        "stranded": lambda where: fhir.get(f"{where}desk/$stranded"),
        "offer-report": lambda where: fhir.get(f"{where}$offer-report?from=2031-01-01&to=2031-02-01"),
        "offer-history": lambda where: fhir.get(f"{where}{'desk-book' if 'Slot' in where else 'walk'}/$offer-history"),
        "waiting": lambda where: fhir.get(f"{where}$waiting"),
        "no-show-score": lambda where: fhir.get(f"{where}walk/$no-show-score"),
        "unresolved": lambda where: fhir.get(f"{where}$unresolved"),
        "to-rebook": lambda where: fhir.get(f"{where}$to-rebook"),
        "find-huddle": lambda where: fhir.get(f"{where}$find-huddle?{two_people}"),
        "reconcile": lambda where: fhir.get(f"{where}$reconcile?from=2031-01-01&to=2031-02-01"),
        "apply": lambda where: fhir.get(f"{where}walk/$apply?subject=Patient/walk"),
        "adherence": lambda where: fhir.get(f"{where}walk/$adherence"),
        "shared-decision": lambda where: fhir.post(f"{where}walk/$shared-decision", _decision()),
        "about-me": lambda where: fhir.get(f"{where}walk/$about-me"),
        "may-act": lambda where: fhir.get(f"{where}{_kin(fhir)}/$may-act?action=see"),
        "transfer-summary": lambda where: fhir.get(f"{where}walk/$transfer-summary"),
        "accountable": lambda where: fhir.get(f"{where}walk/$accountable"),
        "ledger": lambda where: fhir.get(f"{where}walk/$ledger"),
        "orphans": lambda where: fhir.get(f"{where}$orphans?start=2026-01-01&end=2026-01-02"),
        **{name: partial(_of_a_hand_off, fhir, name) for name in HAND_OFF},
        "gaps": lambda where: fhir.get(f"{where}$gaps"),
        "try": lambda where: fhir.get(f"{where}no-contact/$try?_count=1"),
        "caseload": lambda where: fhir.get(f"{where}walk/$caseload"),
        "caseloads": lambda where: fhir.get(f"{where}$caseloads"),
        "workload": lambda where: fhir.get(
            f"{where}walk/$workload" if "Role" in where else f"{where}$workload?department=Organization/walk"
        ),
        **{name: partial(_of_navigation, fhir, name) for name in NAVIGATION},
        **{name: partial(_of_a_team, fhir, name) for name in HUDDLE},
        **{name: partial(_of_a_notice, fhir, name) for name in NOTICE},
        **{name: partial(_of_feedback, fhir, name) for name in FEEDBACK},
        **{name: lambda where, name=name: walked(fhir)[0][name] for name in NEED_STEPS},  # type: ignore[misc]
        "need-chain": lambda where: fhir.get(f"{walked(fhir)[1][where.strip('/')]}/$need-chain"),
        "feedback-loop": lambda where: fhir.get(f"{where}$feedback-loop"),
        "feedback-themes": lambda where: fhir.get(f"{where}$feedback-themes"),
        "score": lambda where: fhir.get(f"{where}{_answered(fhir)}/$score"),
        "populate": lambda where: fhir.get(f"{where}$populate?questionnaire={OURS}Questionnaire/phq-9"),
        "response-rates": lambda where: fhir.get(f"{where}$response-rates?from=2026-01&to=2026-01"),
        "try-programme": lambda where: fhir.post(f"{where}$try-programme", _programme()),
        "documentation-burden": lambda where: fhir.get(
            f"{where}$documentation-burden?questionnaire={OURS}Questionnaire/phq-9"
        ),
        "extract": lambda where: fhir.post(f"{where}$extract", _completed()),
        "next-question": lambda where: fhir.post(f"{where}$next-question", _adaptive(fhir)),
        "assemble": lambda where: fhir.get(f"{where}$assemble?questionnaire={OURS}Questionnaire/phq-9"),
        "render": lambda where: fhir.get(f"{where}{_answered(fhir)}/$render", Accept="*/*"),
        "fill": lambda where: fhir.get(f"{where}$fill?token={_given(fhir)}", Accept="*/*"),
        "assign": lambda where: _assign(fhir, where, "gad-7"),
        "fill-link": lambda where: fhir.post(f"{where}{_draft(fhir)}/$fill-link", {"resourceType": "Parameters"}),
        "delivery-report": lambda where: fhir.get(f"{where}walk/$delivery-report?from=2026-01-01&to=2026-01-02"),
        "table": lambda where: fhir.get(f"{where}no-show-rate/$table?{month}&by=month", Accept="*/*"),
        "charts": lambda where: fhir.get(f"{where}$charts?measure=no-show-rate", Accept="*/*"),
        "number": lambda where: fhir.get(f"{where}$number?measure=no-show-rate&{month}", Accept="*/*"),
        "series": lambda where: fhir.get(f"{where}no-show-rate/$series?{month}&by=month"),
        "compare": lambda where: fhir.get(f"{where}no-show-rate/$compare?{month}"),
        "review-pack": lambda where: fhir.get(f"{where}$review-pack?{review}&measure=Measure/no-show-rate"),
        "review-decide": lambda where: fhir.post(f"{where}$review-decide", _decided()),
    }
    _open_desk(fhir)
    until(lambda: tried["evaluate-measure"]("Measure/").status == 200, seconds=60, what="facts are published")
    claimed = [("", claim) for claim in claims["operation"]]
    claimed += [(f"{each['type']}/", claim) for each in claims["resource"] for claim in each["operation"]]
    assert {claim["name"] for _, claim in claimed} == set(tried)
    for where, claim in claimed:
        answer = tried[claim["name"]](where)
        assert answer.status in (200, 202), (where, claim, answer.json)
        if claim["definition"].startswith(OURS):
            found = fhir.get(f"OperationDefinition?url={claim['definition']}").json
            assert [entry["resource"]["code"] for entry in found["entry"]] == [claim["name"]]


def _evaluation(fhir: Fhir, period: str) -> str:
    """What an evaluation is known by that is asked for later."""
    begun = fhir.get(f"Measure/no-show-rate/$evaluate-measure?{period}", Prefer="respond-async")
    return begun.headers["Content-Location"].partition("job=")[2]


def _decided() -> dict[str, Any]:
    """What a review has decided."""
    people = {"department": "Organization/walk", "owner": "Practitioner/walk"}
    texts = {"month": "2026-01", "words": "Call who missed a visit.", "measure": "Measure/no-show-rate"}
    return _parameters(
        *({"name": name, "valueReference": {"reference": value}} for name, value in people.items()),
        *({"name": name, "valueString": value} for name, value in texts.items()),
        {"name": "due", "valueDate": (datetime.now(UTC) + timedelta(days=30)).date().isoformat()},
    )


def _report(fhir: Fhir, period: str) -> str:
    """The id of a report that is stored."""
    names = ("periodStart", "periodEnd")
    given = [{"name": name, "valueDate": value} for name, value in parse_qsl(period) if name in names]
    report: str = fhir.post("Measure/no-show-rate/$evaluate-measure", _parameters(*given)).json["id"]
    return report


def _programme() -> dict[str, Any]:
    """One of those that come along, as it is tried."""
    file = files("carethread.fhir_profiles").joinpath("programmes").joinpath("after-a-visit.json")
    part = {"name": "programme", "resource": json.loads(file.read_bytes())}
    return {"resourceType": "Parameters", "parameter": [part]}


def _answered(fhir: Fhir) -> str:
    """The id of a response to a form that comes along."""
    response = {"resourceType": "QuestionnaireResponse", "id": "answered", "status": "in-progress"}
    form = {"questionnaire": f"{OURS}Questionnaire/phq-9"}
    assert fhir.put("QuestionnaireResponse/answered", response | form).status in (200, 201)
    return "answered"


def _assign(fhir: Fhir, where: str, form: str) -> Answer:
    """Give somebody a form that comes along."""
    who = {"resourceType": "Patient", "id": "asked", "active": True}
    assert fhir.put("Patient/asked", who).status in (200, 201)
    asked = {"name": "questionnaire", "valueCanonical": f"{OURS}Questionnaire/{form}"}
    subject = {"name": "subject", "valueReference": {"reference": "Patient/asked"}}
    return fhir.post(f"{where}$assign", _parameters(asked, subject, {"name": "send", "valueBoolean": False}))


def _given(fhir: Fhir) -> str:
    """The token of a link to a form that somebody was given."""
    parts = {each["name"]: each for each in _assign(fhir, "Questionnaire/", "phq-2").json["parameter"]}
    return str(parts["link"]["valueUrl"]).rpartition("/")[2]


def _draft(fhir: Fhir) -> str:
    """The id of a draft that somebody was given."""
    parts = {each["name"]: each for each in _assign(fhir, "Questionnaire/", "trust").json["parameter"]}
    return str(parts["response"]["valueReference"]["reference"]).removeprefix("QuestionnaireResponse/")


def _completed() -> dict[str, Any]:
    """A response of which something may be extracted."""
    form = f"{OURS}Questionnaire/phq-9"
    return {"resourceType": "QuestionnaireResponse", "status": "completed", "questionnaire": form}


def _adaptive(fhir: Fhir) -> dict[str, Any]:
    """The beginning of a response to an adaptive form."""
    adaptive = {"url": f"{SDC}questionnaireAdaptive", "valueBoolean": True}
    form = {"resourceType": "Questionnaire", "id": "adaptive", "url": "urn:example:adaptive", "status": "active"}
    question = {"linkId": "1", "text": "How is it?", "type": "string"}
    assert fhir.put("Questionnaire/adaptive", {**form, "extension": [adaptive], "item": [question]}).status in (
        200,
        201,
    )
    growing = {"resourceType": "Questionnaire", "id": "q", "status": "active", "derivedFrom": ["urn:example:adaptive"]}
    response = {"resourceType": "QuestionnaireResponse", "status": "in-progress", "questionnaire": "#q"}
    return {**response, "contained": [growing]}


def _kin(fhir: Fhir) -> str:
    """The id of somebody close to a person who is here."""
    related = {"resourceType": "RelatedPerson", "id": "kin", "patient": {"reference": "Patient/walk"}}
    assert fhir.put("RelatedPerson/kin", related).status == 201
    return "kin"


DESK = ("hold", "renew", "release", "book", "reschedule", "cancel", "check")
SERIES = ("book-series", "move-series", "cancel-series")
HAND_OFF = ("hand-off", "answer", "withdraw", "return")
NAVIGATION = ("outreach", "step-down")
HUDDLE = ("huddle", "huddle-minutes")
FEEDBACK = {
    "resolve-feedback": ("feedback", {"outcome": "explained", "words": "So it came about.", "untold": "declined"}),
    "code-comment": ("code-comment", {"theme": "praise"}),
    "close-feedback-review": ("feedback-review", {"decision": "watch", "words": "We look again."}),
}
"""By operation: the code of the Task that it is of, and its parameters."""
NOTICE = ("notice", "acknowledge", "readers", "unread", "recall")


def _decision() -> dict[str, Any]:
    """What is said of a shared decision."""
    said = {"decision": "To wait", "preference": "I would rather wait"}
    texts = [{"name": name, "valueString": value} for name, value in said.items()]
    options = [{"name": "option", "part": [{"name": "text", "valueString": text}]} for text in ("To wait", "To act")]
    return _parameters(*texts, *options, {"name": "by", "valueReference": {"reference": "Patient/walk"}})


def _of_a_hand_off(fhir: Fhir, name: str, where: str) -> Answer:
    """A step of a hand-off that was offered just now."""
    taker = {"resourceType": "Practitioner", "id": "taker", "active": True}
    assert fhir.put("Practitioner/taker", taker).status in (200, 201)
    who = {"from": "Practitioner/walk", "to": "Practitioner/taker", "patient": "Patient/walk"}
    said = [{"name": name, "valueReference": {"reference": reference}} for name, reference in who.items()]
    asked = _parameters(*said, {"name": "kind", "valueCode": "follow-up"})
    while (offered := fhir.post(f"{where}$hand-off", asked)).status == 503:  # the news of who takes over are on the way
        time.sleep(0.1)
    if name == "hand-off":
        return offered
    task = offered.json["parameter"][0]["resource"]["id"]
    why = {"name": "reason", "valueString": "So it is."}
    accept = _parameters({"name": "answer", "valueCode": "accept"})
    if name == "withdraw":
        return fhir.post(f"{where}{task}/$withdraw", _parameters(why))
    answered = fhir.post(f"{where}{task}/$answer", accept)
    return answered if name == "answer" else fhir.post(f"{where}{task}/$return", _parameters(why))


def _of_navigation(fhir: Fhir, name: str, where: str) -> Answer:
    """An operation about somebody at high risk, who was found to be before."""
    risk = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/risk-probability", "code": "high"}]}
    assessed = {"resourceType": "RiskAssessment", "id": "navigated", "status": "final"}
    found = {**assessed, "subject": {"reference": "Patient/walk"}, "prediction": [{"qualitativeRisk": risk}]}
    assert fhir.put("RiskAssessment/navigated", found).status in (200, 201)
    if name == "outreach":
        contact = {**example("Task"), "id": "contact", "status": "requested", "for": {"reference": "Patient/walk"}}
        code = {"coding": [{"system": f"{OURS}CodeSystem/careteam-task", "code": "outreach"}]}
        assert fhir.put("Task/contact", {**contact, "code": code}).status in (200, 201)
        outcome = _parameters({"name": "outcome", "valueCode": "reached"})
        return fhir.post(f"{where}contact/$outreach", outcome)
    by = {"name": "by", "valueReference": {"reference": "Practitioner/walk"}}
    said = _parameters({"name": "reason", "valueString": "It is over."}, by)
    answers: list[Answer] = []

    def stepped() -> bool:
        answers.append(fhir.post(f"{where}walk/$step-down", said))
        return answers[-1].status == 200

    until(stepped, seconds=30, what="the worker has flagged the person")
    return answers[-1]


def _of_feedback(fhir: Fhir, name: str, where: str) -> Answer:
    """An operation of a Task by which feedback is answered or looked at."""
    code, given = FEEDBACK[name]
    task = {**example("Task"), "id": name, "status": "requested", "for": {"reference": "Patient/walk"}}
    concept = {"coding": [{"system": f"{OURS}CodeSystem/careteam-task", "code": code}]}
    assert fhir.put(f"Task/{name}", {**task, "code": concept}).status in (200, 201)
    by = {"name": "by", "valueReference": {"reference": "Practitioner/walk"}}
    return fhir.post(f"{where}{name}/${name}", _parameters(by, *(_said(*each) for each in given.items())))


def _said(name: str, value: str) -> dict[str, Any]:
    return {"name": name, "valueString" if name == "words" else "valueCode": value}


def _of_a_team(fhir: Fhir, name: str, where: str) -> Answer:
    """An operation of a huddle."""
    if name == "huddle":
        return fhir.get(f"{where}walk/$huddle")
    return fhir.post(
        f"{where}walk/$huddle-minutes",
        _parameters({"name": "present", "valueReference": {"reference": "Patient/walk"}}),
    )


def _of_a_notice(fhir: Fhir, name: str, where: str) -> Answer:
    """An operation of a notice, which is sent before."""
    reader = {"resourceType": "Practitioner", "id": "reader", "active": True}
    assert fhir.put("Practitioner/reader", reader).status in (200, 201)
    by = {"name": "by", "valueReference": {"reference": "Practitioner/reader"}}
    sent = partial(
        fhir.post,
        f"{where}$notice",
        _parameters(
            {"name": "recipient", "valueReference": {"reference": "Practitioner/reader"}},
            {"name": "sender", "valueReference": {"reference": "Practitioner/reader"}},
            {"name": "text", "valueString": "The door is green now."},
            {"name": "acknowledge-by", "valueDate": "2039-01-03"},
        ),
    )
    until(lambda: sent().status == 200, seconds=30, what="careteams has a copy of who reads")
    answer = sent()
    if name == "unread":
        return fhir.get(f"{where}$unread?reader=Practitioner/reader")
    about = answer.json["parameter"][0]["valueReference"]["reference"]
    if name == "readers":
        return fhir.get(f"{about}/$readers")
    why = [{"name": "reason", "valueString": "It is red again."}] if name == "recall" else []
    return answer if name == "notice" else fhir.post(f"{about}/${name}", _parameters(by, *why))


def _open_desk(fhir: Fhir) -> None:
    """Slots to come, one for each operation and two more, and somebody who comes."""
    someone = {"resourceType": "Patient", "id": "visitor", "name": [{"family": "Made", "given": ["Up"]}]}
    plan = {"resourceType": "Schedule", "id": "desk", "actor": [{"reference": "Practitioner/walk"}]}
    assert (fhir.put("Patient/visitor", someone).status, fhir.put("Schedule/desk", plan).status) == (201, 201)
    for hour, name in enumerate((*DESK, "elsewhere", *SERIES, "moved"), 10):
        times = {"start": f"2039-01-03T{hour}:00:00Z", "end": f"2039-01-03T{hour}:30:00Z"}
        free = {
            "resourceType": "Slot",
            "id": f"desk-{name}",
            "schedule": {"reference": "Schedule/desk"},
            "status": "free",
        }
        assert fhir.put(f"Slot/desk-{name}", {**free, **times}).status == 201
    asked = partial(_at_the_desk, fhir, "check", "Appointment/")
    until(lambda: asked().status == 200, seconds=30, what="records says over gRPC who comes")


def _at_the_desk(fhir: Fhir, name: str, where: str) -> Answer:
    """An operation of the desk; what it is about is held or booked before."""
    slot = {"name": "slot", "valueReference": {"reference": f"Slot/desk-{name}"}}
    asked = _parameters(slot, {"name": "patient", "valueReference": {"reference": "Patient/visitor"}})
    if name in ("hold", "book", "check"):
        return fhir.post(f"{where}${name}", asked)
    before = fhir.post(f"{where}$" + ("book" if name in ("reschedule", "cancel") else "hold"), asked).json
    about = {"reference": f"Appointment/{before['entry'][0]['resource']['id']}"}
    parts = [{"name": "appointment-reference", "valueReference": about}]
    if name == "reschedule":
        parts.append({"name": "slot", "valueReference": {"reference": "Slot/desk-elsewhere"}})
    return fhir.post(f"{where}${name}", _parameters(*parts))


def _of_a_series(fhir: Fhir, name: str, where: str) -> Answer:
    """An operation on a series of one, which is booked before."""
    hour = 18 + SERIES.index(name)
    said = {"rule": "FREQ=DAILY;COUNT=1", "start": f"2039-01-03T{hour}:00:00", "zone": "Etc/UTC"}
    texts = [{"name": part, "valueString": value} for part, value in said.items()]
    people = [("schedule", "Schedule/desk"), ("patient", "Patient/visitor")]
    references = [{"name": part, "valueReference": {"reference": value}} for part, value in people]
    booked = fhir.post(f"{where}$book-series", _parameters(*texts, *references))
    if name == "book-series":
        return booked
    about = booked.json["entry"][0]["resource"]["id"]
    moved = {"name": "start", "valueString": "2039-01-03T21:00:00"}
    zone = {"name": "zone", "valueString": "Etc/UTC"}
    scope = {"name": "scope", "valueCode": "rest"}
    return fhir.post(f"{where}{about}/${name}", _parameters(scope, *([moved, zone] if name == "move-series" else [])))


def test_each_profile_of_ours_can_be_read(server: CareThread, claims: dict[str, Any]) -> None:
    claimed = [profile for each in claims["resource"] for profile in each.get("supportedProfile", ())]
    named = [profile for profile in claimed if profile.startswith(OURS)]
    assert (len(named), len(claimed)) == (14, 15), "one is of the Subscriptions R5 Backport"
    asked = f"StructureDefinition?url={','.join(named)}&_elements=url&_total=accurate"
    until(lambda: server.fhir.get(asked).json["total"] == 14, seconds=30, what="the worker publishes the definitions")
    assert {entry["resource"]["url"] for entry in server.fhir.get(asked).json["entry"]} == set(named)


def _token(fhir: Fhir, of: dict[str, Any]) -> str:
    """That of a new calendar link."""
    link: str = fhir.post("Appointment/$calendar-link", of).json["parameter"][0]["valueUrl"]
    return link.rpartition("/")[2].removesuffix(".ics")


def _parameters(*parts: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": list(parts)}


def test_each_interaction_of_the_system_and_compartment_is_answered(
    server: CareThread, claims: dict[str, Any], stored: dict[str, Answer]
) -> None:
    fhir = server.fhir
    reading = [{"request": {"method": "GET", "url": "Patient/walk"}}]
    tried: dict[str, Callable[[], Answer]] = {
        "batch": lambda: fhir.post("", {"resourceType": "Bundle", "type": "batch", "entry": reading}),
        "transaction": lambda: fhir.post("", {"resourceType": "Bundle", "type": "transaction", "entry": reading}),
        "search-system": lambda: fhir.get("?_type=Patient,Slot&_id=walk"),
        "history-system": lambda: fhir.get("_history?_count=1"),
    }
    assert {claim["code"] for claim in claims["interaction"]} == set(tried)
    answers = {code: ask() for code, ask in tried.items()}
    assert {code: answer.json for code, answer in answers.items() if answer.status != 200} == {}
    assert {claim["name"] for claim in claims["searchParam"]} == {"_type", "_list", "_has"}
    assert _strictly(server, "", [("_type", "Observation"), ("_list", "walk")]).status == 200
    assert _strictly(server, "Patient", [("_has:Observation:patient:code", "x")]).status == 200
    assert claims["compartment"] == ["http://hl7.org/fhir/CompartmentDefinition/patient"]
    assert _strictly(server, "Patient/walk/Observation", []).status == 200


def test_what_is_not_claimed_is_refused(server: CareThread, claims: dict[str, Any], stored: dict[str, Answer]) -> None:
    for each in claims["resource"]:
        assert not {claim["name"] for claim in each["searchParam"]} & set(NOT_SUPPORTED)
        assert _strictly(server, each["type"], [("made-up", "x")]).status == 400
    for name in NOT_SUPPORTED:
        assert _strictly(server, "Patient", [(name, "x")]).status == 400
    for path in ("Parameters/x", "OperationOutcome", "Patient/$made-up", "$meta", "Patient/walk/$evaluate-measure"):
        assert server.fhir.get(path).status == 404
    assert server.fhir.get("Practitioner/walk/Observation").status == 404
    assert server.fhir.get("metadata", Accept="application/fhir+xml").status == 406
    assert server.fhir.post("Patient", "<Patient/>", Content_Type="application/fhir+xml").status == 415
    assert server.fhir.patch("Patient/walk", "<diff/>", Content_Type="application/xml-patch+xml").status == 415


@pytest.mark.parametrize("path", sorted({each.path for each in table.INTERACTIONS}))
def test_a_path_has_the_methods_of_the_table(server: CareThread, path: str) -> None:
    where = path.format(type="Observation", id="absent", version="1", job="absent", file="Observation-0.ndjson")
    offered = set(table.methods(path)) | ({"HEAD"} if "GET" in table.methods(path) else set()) | {"OPTIONS"}
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"):
        answer = server.fhir.send(method, where)
        assert (answer.status == 405) == (method not in offered), (method, answer.status)
        if answer.status == 405:
            assert set(answer.headers["Allow"].split(", ")) == offered


def test_the_smart_configuration_claims_nothing(server: CareThread) -> None:
    answer = server.fhir.get(".well-known/smart-configuration", Accept="application/json")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json["capabilities"] == []
    assert "token_endpoint" not in answer.json
    security = server.fhir.get("metadata").json["rest"][0]["security"]
    assert "service" not in security and "No authentication" in security["description"]
