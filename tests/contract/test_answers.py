"""Forms and answers on a real store: what is published is succeeded, what answers a form keeps to it, what an EHR sends
is stored as sent."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from carethread.adapters.sql.store.store import SqlStore
from carethread.core.context import Context
from carethread.core.errors import Invalid
from carethread.core.fhir import json
from carethread.core.ports import Request, Resource, Response
from carethread.core.service import PROFILES
from carethread.interactions.publish import publish
from carethread.interactions.rest.handling import handle
from carethread.questionnaires import SERVICE
from carethread.questionnaires.forms.finding import find, shipped
from support.answers import CORE, SDC, URL, answer, code, ext, item, questionnaire, response, when
from support.stores import runtime

OURS = {"profile": [PROFILES + "questionnaire"]}
ANSWERS = {"profile": [PROFILES + "questionnaire-response"]}
TEXT = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">made up</div>'}
NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
PHQ9 = "https://carethread.dev/fhir/Questionnaire/phq-9"


class Desk:
    """The service over a store, on one morning."""

    def __init__(self, store: SqlStore) -> None:
        self.runtime = runtime(store, SERVICE)

    def ask(self, method: str, path: str, body: Any = None, *, backfill: bool = False) -> Response:
        content = b"" if body is None else json.render(body)
        headers = {"content-type": "application/fhir+json"}
        where, _, query = path.partition("?")
        params = [tuple(each.split("=", 1)) for each in query.split("&") if each]
        request = Request(method, where, [(n, v) for n, v in params], headers, content)
        return handle(self.runtime, request, Context(clock=lambda: NOW, backfill=backfill))

    def put(self, resource: Resource, *, backfill: bool = False) -> Resource:
        where = f"{resource['resourceType']}/{resource['id']}"
        answered = self.ask("PUT", where, resource, backfill=backfill)
        assert answered.status in (200, 201), answered.body
        return json.parse_object(answered.body)

    def refused(self, resource: Resource, status: int = 422) -> list[tuple[str, str]]:
        """(code, place) of each issue that a write is refused for."""
        answered = self.ask("PUT", f"{resource['resourceType']}/{resource['id']}", resource)
        assert answered.status == status, answered.body
        return issues(answered)

    def validated(self, resource: Resource) -> list[tuple[str, str]]:
        """(severity, place) of what `$validate` says, but that a narrative is missing."""
        answered = self.ask("POST", f"{resource['resourceType']}/$validate", resource)
        assert answered.status == 200, answered.body
        found = json.parse_object(answered.body)["issue"]
        return [
            (each["severity"], each.get("expression", [""])[0]) for each in found if "dom-6" not in each["diagnostics"]
        ]


def issues(answered: Response) -> list[tuple[str, str]]:
    return [(each["code"], each.get("expression", [""])[0]) for each in json.parse_object(answered.body)["issue"]]


@pytest.fixture
def desk(store: SqlStore) -> Desk:
    return Desk(store)


def form(*items: Resource, id_: str = "form", **more: Any) -> Resource:
    """A form of ours; without items it asks one thing that is required and one that is not."""
    asked = items or (item("a", required=True), item("b", "integer"))
    return questionnaire(*asked, id=id_, meta=OURS, text=TEXT, **more)


def given(*items: Resource, id_: str = "answers", **more: Any) -> Resource:
    return response(*(items or [answer("a", "x")]), id=id_, meta=ANSWERS, text=TEXT, **more)


def test_an_answer_names_the_version_that_it_answers(desk: Desk) -> None:
    desk.put(form())
    assert desk.put(given(questionnaire=URL))["questionnaire"] == f"{URL}|1"
    assert desk.put(given(questionnaire=f"{URL}|1"))["questionnaire"] == f"{URL}|1"


def test_all_that_is_wrong_is_told_and_nothing_is_stored(desk: Desk) -> None:
    desk.put(form())
    found = desk.refused(given(answer("b", "x"), answer("c", 1)))
    assert found == [
        ("not-found", "QuestionnaireResponse.item[1].linkId"),
        ("required", "QuestionnaireResponse"),
        ("structure", "QuestionnaireResponse.item[0].answer[0]"),
    ]
    assert desk.ask("GET", "QuestionnaireResponse/answers").status == 404


def test_what_is_wrong_is_told_where_it_was_sent_though_totals_are_put_in(desk: Desk) -> None:
    total = {"language": "text/fhirpath", "expression": "%resource.item.answer.value.ofType(integer).sum()"}
    inner = item("t", "integer", readOnly=True, extension=[ext(SDC + "calculatedExpression", valueExpression=total)])
    desk.put(form(inner, item("a", "integer"), item("g", "group", {**inner, "linkId": "u"}, item("b", "integer"))))
    sent = given(answer("g", inner=[answer("b", "x")]), answer("a", 1))
    assert desk.refused(sent) == [
        ("structure", "QuestionnaireResponse.item[1]"),
        ("structure", "QuestionnaireResponse.item[0].item[0].answer[0]"),
    ]
    sent["item"] = [answer("a", 1), answer("g", inner=[answer("b", 2)])]
    assert [each["linkId"] for each in desk.put(sent)["item"]] == ["t", "a", "g"]


@pytest.mark.parametrize("status", ["draft", "retired"])
def test_a_form_that_is_not_in_use_is_not_answered(desk: Desk, status: str) -> None:
    assert desk.refused(given()) == [("not-found", "QuestionnaireResponse.questionnaire")]
    desk.put(form(status=status))
    assert desk.refused(given()) == [("business-rule", "QuestionnaireResponse.questionnaire")]
    assert desk.refused(given(questionnaire=f"{URL}|2")) == [("not-found", "QuestionnaireResponse.questionnaire")]


def test_a_form_is_answered_in_its_time(desk: Desk) -> None:
    desk.put(form(effectivePeriod={"start": "2026-02-01", "end": "2026-03-01"}))
    assert desk.refused(given()) == [("business-rule", "QuestionnaireResponse.authored")]
    assert desk.refused(given(authored="2026-03-02")) == [("business-rule", "QuestionnaireResponse.authored")]
    desk.put(given(authored="2026-03-01T20:00:00Z"))


def test_what_was_begun_is_ended_though_the_form_is_retired_and_history_is_told(desk: Desk) -> None:
    desk.put(form())
    desk.put(given(status="in-progress"))
    desk.put(form(status="retired"))
    desk.put(given())
    desk.put(given(answer("a", "y"), status="amended"))
    desk.put(given(id_="other"), backfill=True)
    assert desk.refused(given(id_="third")) == [("business-rule", "QuestionnaireResponse.questionnaire")]


def test_a_draft_may_be_incomplete(desk: Desk) -> None:
    desk.put(form())
    draft = given(answer("b", 1), status="in-progress")
    desk.put(draft)
    assert desk.refused(draft | {"status": "completed"}) == [("required", "QuestionnaireResponse")]
    assert desk.refused(given(answer("b", "x"), status="in-progress"))


def test_what_is_complete_is_amended_and_its_history_kept(desk: Desk) -> None:
    desk.put(form())
    desk.put(given())
    changed = given(answer("a", "y"))
    assert desk.refused(changed) == [("business-rule", "QuestionnaireResponse.status")]
    assert desk.refused(changed | {"status": "in-progress"}) == [("business-rule", "QuestionnaireResponse.status")]
    desk.put(changed | {"status": "amended"})
    assert desk.refused(changed) == [("business-rule", "QuestionnaireResponse.status")]
    assert desk.refused(given(answer("b", 1), status="amended")) == [("required", "QuestionnaireResponse")]
    history = json.parse_object(desk.ask("GET", "QuestionnaireResponse/answers/_history").body)
    said = [each["resource"]["item"][0]["answer"][0]["valueString"] for each in history["entry"]]
    assert said == ["y", "x"]


def test_what_was_entered_in_error_stays_so(desk: Desk) -> None:
    desk.put(form())
    desk.put(given())
    desk.put(given(answer("no", 1), status="entered-in-error"))
    assert desk.refused(given()) == [("business-rule", "QuestionnaireResponse.status")]


def test_an_answer_keeps_its_version(desk: Desk) -> None:
    desk.put(form())
    desk.put(form(item("a"), item("c", required=True), id_="form-2", version="2"))
    desk.put(given(questionnaire=f"{URL}|1"))
    place = "QuestionnaireResponse.questionnaire"
    assert desk.refused(given(status="amended", questionnaire=f"{URL}|2")) == [("business-rule", place)]
    assert desk.refused(given(status="amended", questionnaire="urn:example:other")) == [("business-rule", place)]
    kept = desk.put(given(answer("a", "y"), status="amended", questionnaire=URL))
    assert kept["questionnaire"] == f"{URL}|1"
    newer = desk.put(given(answer("c", "x"), id_="newer", questionnaire=URL))
    assert newer["questionnaire"] == f"{URL}|2"


def test_a_draft_may_go_over_to_a_new_version(desk: Desk) -> None:
    desk.put(form())
    desk.put(form(id_="form-2", version="2"))
    desk.put(given(status="in-progress", questionnaire=f"{URL}|1"))
    assert desk.put(given(questionnaire=f"{URL}|2"))["questionnaire"] == f"{URL}|2"


def test_what_an_ehr_sends_is_stored_as_sent(desk: Desk) -> None:
    sent = given(answer("no", 1)) | {"meta": {"source": "urn:example:ehr"}}
    desk.put(sent | {"questionnaire": "urn:example:nowhere"})
    desk.put(form())
    desk.put(sent | {"questionnaire": URL})
    assert desk.ask("DELETE", "QuestionnaireResponse/answers").status == 204


@pytest.mark.parametrize("status", ["completed", "amended", "entered-in-error"])
def test_what_was_completed_stays_ours(desk: Desk, status: str) -> None:
    """Else it could be rewritten, and what was made of it would stay as it was."""
    desk.put(form())
    desk.put(given())
    if status != "completed":
        desk.put(given(status=status))
    theirs = given(answer("a", "y"), status="in-progress") | {"meta": {"source": "urn:example:ehr"}}
    assert desk.refused(theirs) == [("business-rule", "QuestionnaireResponse.meta.profile")]
    desk.put(given(status="in-progress", id_="draft"))
    desk.put(theirs | {"id": "draft"})


NAMELESS = {"extension": [{"url": "urn:example:why", "valueString": "none"}]}


def test_an_extension_does_not_stand_for_a_link_id(desk: Desk) -> None:
    """R4 takes it for a value. Whatever an EHR sends is stored, and nothing falls over it."""
    theirs = {"meta": {"source": "urn:example:ehr"}}
    unnamed = questionnaire(item("a"), {"_linkId": NAMELESS, "type": "string", "text": "B"}, text=TEXT, id="unnamed")
    asking = {"_question": NAMELESS, "operator": "exists", "answerBoolean": True}
    unasked = questionnaire(item("a"), item("b", enableWhen=[asking]), text=TEXT, id="unasked")
    for made, place in ((unnamed, "item[1].linkId"), (unasked, "item[1].enableWhen[0].question")):
        assert ("required", f"Questionnaire.{place}") in desk.refused(made | {"meta": OURS})
        desk.put(made | theirs)
        assert ("error", f"Questionnaire.{place}") in desk.validated(made)
        desk.put(given() | theirs)
        assert desk.validated(given())[0] == ("error", "QuestionnaireResponse.questionnaire")
        assert desk.ask("GET", "QuestionnaireResponse/answers/$render").status == 422
        assert desk.ask("GET", f"Questionnaire/{made['id']}/$assemble").status == 422
        assert desk.ask("DELETE", f"Questionnaire/{made['id']}").status == 204
    desk.put(form())
    said = given(answer("a", "x"), {"_linkId": NAMELESS, "answer": [{"valueString": "y"}]})
    assert desk.refused(said) == [("not-found", "QuestionnaireResponse.item[1].linkId")]
    desk.put(said | theirs)
    assert ("error", "QuestionnaireResponse.item[1].linkId") in desk.validated(said)
    for operation in ("$render", "$score", "$extract"):
        assert desk.ask("GET", f"QuestionnaireResponse/answers/{operation}").status < 300
    adaptive = ext(SDC + "questionnaireAdaptive", valueBoolean=True)
    desk.put(form(item("q", "integer"), id_="grows", url="urn:example:grows", extension=[adaptive]))
    inside = questionnaire(item("q", "integer"), id="grown", derivedFrom=["urn:example:grows|1"])
    grown = given(answer("q", 1), {"_linkId": NAMELESS}, questionnaire="#grown", contained=[inside])
    assert ("not-found", "QuestionnaireResponse.item[1].linkId") in desk.refused(grown)


def test_an_adaptive_form_stands_in_its_response(desk: Desk) -> None:
    inside = questionnaire(item("a", "integer"), id="grown", status="draft", derivedFrom=[URL])
    grown = given(answer("a", 1), questionnaire="#grown", contained=[inside], status="in-progress")
    desk.put(grown)
    wrong = grown | {"item": [answer("a", "x")]}
    assert desk.refused(wrong) == [("structure", "QuestionnaireResponse.item[0].answer[0]")]


@pytest.mark.parametrize("status", ["active", "retired"])
def test_what_is_published_does_not_change(desk: Desk, status: str) -> None:
    desk.put(form(status=status))
    changed = form(item("a"), status=status, title="Other")
    assert desk.refused(changed) == [("business-rule", "Questionnaire.item"), ("business-rule", "Questionnaire.title")]
    assert desk.refused(form(status="draft")) == [("business-rule", "Questionnaire.status")]
    assert desk.refused(form(status=status) | {"meta": {"source": "urn:example:ehr"}}) == [
        ("business-rule", "Questionnaire.meta.profile")
    ]
    assert desk.ask("DELETE", "Questionnaire/form").status == 422
    desk.put(form(status="retired", date="2026-01-05", effectivePeriod={"end": "2026-01-31"}))


def test_a_draft_of_a_form_changes_as_it_likes(desk: Desk) -> None:
    desk.put(form(status="draft"))
    desk.put(form(item("z"), status="draft", version="2"))
    desk.put(form(id_="other", status="draft", version="1"))
    assert desk.ask("DELETE", "Questionnaire/form").status == 204
    desk.put(form(id_="third", version="2"))


def test_a_version_is_one_resource(desk: Desk) -> None:
    desk.put(form())
    assert desk.refused(form(id_="other"), 409) == [("duplicate", "Questionnaire.version")]
    desk.put(form(id_="other", version="2"))


def test_the_faults_of_a_form_are_told(desk: Desk) -> None:
    turned = [when("b", "exists", answerBoolean=True)], [when("a", "exists", answerBoolean=True)]
    circle = form(item("a", enableWhen=turned[0]), item("b", enableWhen=turned[1]))
    assert desk.refused(circle) == [("business-rule", "Questionnaire.item[0].enableWhen")]
    regex = form(item("a", extension=[ext(CORE + "regex", valueString="(?=a)")]))
    assert desk.refused(regex) == [("not-supported", "Questionnaire.item[0]")]
    assert desk.refused(form(*(item(str(n)) for n in range(10_000)))) == [("too-costly", "Questionnaire.item")]
    assert desk.refused(form(item("a"), item("a")))
    desk.put(circle | {"meta": {"source": "urn:example:ehr"}})
    assert desk.refused(given()) == [("business-rule", "QuestionnaireResponse.questionnaire")]


def test_items_nested_too_deep_are_refused(desk: Desk) -> None:
    def nested(levels: int) -> Resource:
        inner = item(str(levels))
        for n in reversed(range(1, levels)):
            inner = item(str(n), "group", inner)
        return inner

    assert desk.refused(form(nested(40))) == [("too-costly", "Questionnaire" + ".item[0]" * 31)]
    assert desk.ask("PUT", "Questionnaire/form", form(nested(100))).status == 400  # nor is that JSON read at all


def test_validate_judges_by_the_form_whoever_sends_it(desk: Desk) -> None:
    theirs = given(answer("b", 1)) | {"meta": {"source": "urn:example:ehr"}}
    assert desk.validated(theirs) == [("warning", "QuestionnaireResponse.questionnaire")]
    desk.put(form())
    assert desk.validated(theirs) == [("error", "QuestionnaireResponse")]
    assert desk.validated(theirs | {"item": [answer("a", "x")]}) == [("information", "")]
    desk.put(form(status="retired"))
    assert desk.validated(theirs | {"item": [answer("a", "x")]}) == [("warning", "QuestionnaireResponse.questionnaire")]


def test_validate_tells_the_faults_of_any_form(desk: Desk) -> None:
    wrong = questionnaire(item("a", enableWhen=[when("a", "exists", answerBoolean=True)]), text=TEXT)
    assert desk.validated(wrong) == [("error", "Questionnaire.item[0].enableWhen")]
    cql = ext(CORE + "variable", valueExpression={"name": "x", "language": "text/cql", "expression": "1"})
    found = desk.validated(questionnaire(item("a"), text=TEXT, extension=[cql]))
    assert ("warning", "Questionnaire.extension[0]") in found


def scored(linked: str, **more: Any) -> Resource:
    """A form whose score names an item."""
    parts = [{"url": "total", "valueString": "b"}, {"url": "item", "valueString": linked},
             {"url": "minimum", "valuePositiveInt": 1}, {"url": "direction", "valueCode": "lower-better"}]  # fmt: skip
    said = {"language": "text/fhirpath", "expression": f"%resource.item.where(linkId = '{linked}').answer.value"}
    total = item("b", "integer", extension=[ext(SDC + "calculatedExpression", valueExpression=said)])
    return form(item("a", "integer"), total, extension=[{"url": PROFILES + "score", "extension": parts}], **more)


def test_a_form_that_points_to_nothing_is_not_published(desk: Desk) -> None:
    adrift = ["Questionnaire.extension[0].extension[1].value", "Questionnaire.item[1].extension[0]"]
    assert desk.refused(scored("gone")) == [("not-found", each) for each in adrift]
    assert desk.ask("GET", "Questionnaire/form").status == 404
    assert desk.validated(scored("gone")) == [("error", each) for each in adrift]
    assert desk.validated(scored("gone", status="draft")) == [("warning", each) for each in adrift]
    desk.put(scored("gone", status="draft"))
    assert desk.refused(scored("gone")) == [("not-found", each) for each in adrift], "nor is a draft"
    desk.put(scored("a"))
    theirs = scored("gone", id_="theirs", version="9") | {"meta": {"source": "urn:example:ehr"}}
    assert {severity for severity, _ in desk.validated(theirs)} == {"warning"}
    desk.put(theirs)


def test_what_is_most_likely_not_meant_is_a_warning_and_refuses_nothing(desk: Desk) -> None:
    doubtful = form(item("a", "choice"), item("b", required=True, readOnly=True))
    assert desk.validated(doubtful) == [("warning", f"Questionnaire.item[{each}]") for each in (0, 1)]
    desk.put(doubtful)


def test_the_newest_active_version_is_found(desk: Desk) -> None:
    assert find(desk.runtime, URL) is None
    for version, status in (("1.9", "active"), ("1.10", "active"), ("2", "draft"), ("1.11", "retired")):
        desk.put(form(id_=f"v{version.replace('.', '-')}", version=version, status=status))
    newest, named = find(desk.runtime, URL), find(desk.runtime, f"{URL}|2")
    assert newest is not None
    assert newest.version == "1.10"
    assert named is not None
    assert named.status == "draft"
    assert find(desk.runtime, f"{URL}|3") is None
    assert find(desk.runtime, "#inside") is None


def test_what_an_ehr_has_sent_is_found_too(desk: Desk) -> None:
    desk.put(form(version="7") | {"meta": {"source": "urn:example:ehr"}})
    for canonical in (URL, f"{URL}|7"):
        found = find(desk.runtime, canonical)
        assert found is not None
        assert found.version == "7"


def test_a_version_may_be_as_long_as_it_likes(desk: Desk) -> None:
    for number, version in enumerate(("9" * 5000, "1" + "0" * 5000, "007", "8")):
        desk.put(form(id_=f"v{number}", version=version))
    newest = find(desk.runtime, URL)
    assert newest is not None
    assert newest.version == "1" + "0" * 5000


def test_what_was_judged_here_is_found_before_what_an_ehr_has_sent(desk: Desk) -> None:
    """Which may say nothing of what cannot wait."""
    desk.put(form(version="1"))
    desk.put(form(version="7", id_="theirs") | {"meta": {"source": "urn:example:ehr"}})
    assert desk.put(given(questionnaire=URL))["questionnaire"] == f"{URL}|1"
    assert desk.put(given(questionnaire=f"{URL}|7", id_="other"))["questionnaire"] == f"{URL}|7"


def test_a_form_that_cannot_be_read_is_not_found_but_told(desk: Desk) -> None:
    wrong = form(item("a", enableWhen=[when("a", "exists", answerBoolean=True)]))
    desk.put(wrong | {"meta": {"source": "urn:example:ehr"}})
    with pytest.raises(Invalid):
        find(desk.runtime, URL)


def test_what_is_brought_along_is_found_published_or_not_and_can_be_succeeded(desk: Desk) -> None:
    ours = shipped()[PHQ9]
    assert find(desk.runtime, PHQ9) is ours
    publish(desk.runtime, Context(clock=lambda: NOW))
    publish(desk.runtime, Context(clock=lambda: NOW))
    found = find(desk.runtime, PHQ9)
    assert found is not None
    assert found.canonical == ours.canonical
    assert desk.ask("DELETE", "Questionnaire/phq-9").status == 422
    desk.put(form(id_="own-phq-9", url=PHQ9, version="99"))
    succeeded = find(desk.runtime, PHQ9)
    assert succeeded is not None
    assert succeeded.version == "99"


def test_a_phq_9_is_answered(desk: Desk) -> None:
    publish(desk.runtime, Context(clock=lambda: NOW))
    asked = shipped()[PHQ9]
    items = [
        answer(each.link_id, each.options[1].value)
        for each in asked.items.values()
        if each.options and not each.read_only
    ]
    kept = desk.put(given(*items, questionnaire=PHQ9))
    assert kept["questionnaire"] == asked.canonical
    wrong = given(*items[:-1], answer(items[-1]["linkId"], code("x")), id_="other", questionnaire=PHQ9)
    assert ("code-invalid", f"QuestionnaireResponse.item[{len(items) - 1}].answer[0]") in desk.refused(wrong)
