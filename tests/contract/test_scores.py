"""What a response amounts to: asked of what is stored and of what is sent, compared with what the same person said
before, on both databases."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from carethread.core.context import new_id
from carethread.core.fhir import json
from carethread.core.ports import Resource
from carethread.interactions.mirror import keep
from carethread.questionnaires.forms.comparing import number as exact
from support.answers import questionnaire
from support.care import Care, care, patient
from support.instruments import answering, shipped

PHQ_9 = shipped("phq-9")
LINKS = tuple(f"/{code}" for code in (
    "44250-9", "44255-8", "44259-0", "44254-1", "44251-7", "44258-2", "44252-5", "44253-3", "44260-8",
))  # fmt: skip


@pytest.fixture
def home(tmp_path: Path, database_url: str) -> Iterator[Care]:
    with care(tmp_path, database_url, ("records", "questionnaires")) as made:
        yield made


def phq(id_: str, total: int, day: str, who: str = "ann", **more: Any) -> Resource:
    """A PHQ-9 of that total."""
    picks = {link: min(3, max(0, total - 3 * n)) for n, link in enumerate(LINKS)}
    told = {"subject": {"reference": f"Patient/{who}"}, "authored": f"{day}T08:00:00Z", "id": id_}
    return answering(PHQ_9, picks, **{**told, **more})


def asked(home: Care, path: str, body: Any = None) -> Resource:
    answer = home.ask("POST" if body else "GET", f"QuestionnaireResponse{path}", body, service="questionnaires")
    assert answer.status == 200, answer.body
    return json.parse_object(answer.body)


def part(parts: Sequence[Resource], name: str) -> Any:
    """What a part is: its value, its resource, or its own parts; None where it is not there."""
    found = next((each for each in parts if each["name"] == name), None)
    return None if found is None else next(value for member, value in found.items() if member != "name")


def score(home: Care, id_: str) -> list[Resource]:
    found: list[Resource] = part(asked(home, f"/{id_}/$score")["parameter"], "score")
    return found


def refused(home: Care, path: str, body: Any = None) -> tuple[int, str]:
    status, issues = home.refusal(
        "POST" if body else "GET", f"QuestionnaireResponse{path}", body, service="questionnaires"
    )
    return status, issues[0]["code"]


def sent(**resources: Resource) -> Resource:
    parts = [{"name": name.replace("_", "-"), "resource": each} for name, each in resources.items()]
    return {"resourceType": "Parameters", "parameter": parts}


def test_value_band_and_change(home: Care) -> None:
    home.tell(patient("ann"))
    for id_, total, day in (("one", 18, "2031-01-01"), ("two", 16, "2031-02-01"), ("three", 9, "2031-03-01")):
        home.put(phq(id_, total, day))
    answer = asked(home, "/three/$score")
    assert part(answer["parameter"], "questionnaire") == PHQ_9.canonical
    found = part(answer["parameter"], "score")
    assert (part(found, "link-id"), part(found, "code")["code"]) == ("/44261-6", "44261-6")
    assert [part(found, name) for name in ("questions", "minimum", "answered", "value")] == [9, 9, 9, 9]
    assert part(found, "band")["code"] == "mild"
    last, first = part(found, "previous"), part(found, "first")
    assert part(last, "response")["reference"] == "QuestionnaireResponse/two"
    assert [part(last, name) for name in ("authored", "value", "change", "reliable")] == [
        "2031-02-01T08:00:00Z", 16, -7, "improved",
    ]  # fmt: skip
    assert part(first, "response")["reference"] == "QuestionnaireResponse/one"
    assert [part(first, name) for name in ("value", "change")] == [18, -9]
    second = score(home, "two")
    assert part(part(second, "previous"), "reliable") == "unchanged"
    assert part(score(home, "one"), "previous") is None


def test_what_comes_late_is_corrected_or_withdrawn_moves_what_is_compared_with(home: Care) -> None:
    home.tell(patient("ann"))
    home.put(phq("now", 10, "2031-03-01"))
    assert part(score(home, "now"), "previous") is None
    home.put(phq("late", 20, "2031-02-01"))
    assert part(part(score(home, "now"), "previous"), "change") == -10
    home.put(phq("late", 12, "2031-02-01", status="amended"))
    assert part(part(score(home, "now"), "previous"), "change") == -2
    home.put(phq("draft", 0, "2031-02-10", status="in-progress"))
    assert part(part(score(home, "now"), "previous"), "value") == 12
    home.put(phq("late", 12, "2031-02-01", status="entered-in-error"))
    assert part(score(home, "now"), "previous") is None


def test_random_histories_against_plain_recomputation(home: Care) -> None:
    people = ["ann", "bea"]
    home.tell(*map(patient, people))
    dice = random.Random(7)
    known: dict[str, tuple[str, str, int]] = {}
    for _ in range(40):
        id_ = f"r{dice.randrange(20)}"
        who, day, _ = known.get(id_, (dice.choice(people), f"2031-01-{dice.randrange(1, 9):02}", 0))
        total = dice.randrange(28)
        home.put(phq(id_, total, day, who, status="amended" if id_ in known else "completed"))
        known[id_] = who, day, total
    for id_, (who, day, total) in known.items():
        line = sorted((d, i, t) for i, (w, d, t) in known.items() if w == who and (d, i) < (day, id_))
        found = score(home, id_)
        for name, other in (("previous", line[-1]), ("first", line[0])) if line else ():
            change = part(found, name)
            assert part(change, "response")["reference"] == f"QuestionnaireResponse/{other[1]}"
            assert part(change, "change") == total - other[2]
        assert (part(found, "previous") is None) is (not line)


def test_merged_patients_are_one_person_and_others_are_not(home: Care) -> None:
    home.tell(patient("ann"), patient("bea"), patient("old"))
    home.put(phq("before", 20, "2031-01-01", "old"))
    home.put(phq("other", 3, "2031-02-01", "bea"))
    home.put(phq("after", 8, "2031-03-01"))
    assert part(score(home, "after"), "previous") is None
    link = {"other": {"reference": "Patient/ann"}, "type": "replaced-by"}
    home.put({**patient("old"), "link": [link]})
    merged = home.stores["records"].glance(lambda session: session.current([("Patient", "old")]))
    runtime = home.runtimes["questionnaires"]
    runtime.store.transact(lambda session: keep(runtime, session, list(merged.values())))
    assert part(part(score(home, "after"), "previous"), "change") == -12


def test_a_response_that_is_not_stored_is_compared_too(home: Care) -> None:
    home.tell(patient("ann"))
    home.put(phq("before", 20, "2031-01-01"))
    new = phq("x", 27, "2031-02-01")
    del new["id"]
    answer = asked(home, "/$score", sent(questionnaire_response=new))
    found = part(answer["parameter"], "score")
    assert [part(found, "value"), part(part(found, "previous"), "change")] == [27, 7]
    assert part(answer["parameter"], "response")["item"][-1]["answer"] == [{"valueInteger": 27}]
    assert home.found("QuestionnaireResponse?_id=x") == []


def test_what_an_ehr_sent_without_a_total_is_scored(home: Care) -> None:
    home.tell(patient("ann"))
    plain = {name: value for name, value in phq("ehr", 15, "2031-01-01").items() if name != "meta"}
    home.put({**plain, "questionnaire": PHQ_9.url})
    assert [part(score(home, "ehr"), name) for name in ("value", "answered")] == [15, 9]


def test_the_total_is_worked_out_where_a_response_is_written(home: Care) -> None:
    home.tell(patient("ann"))
    for total in (12, 13):
        home.put(phq("one", total, "2031-01-01", status="completed" if total == 12 else "amended"))
        stored = home.found("QuestionnaireResponse?_id=one")[0]
        assert stored["item"][-1] == {
            "linkId": "/44261-6", "text": "PHQ-9 total score", "answer": [{"valueInteger": total}],
        }  # fmt: skip
        assert stored["questionnaire"] == PHQ_9.canonical
    wrong = phq("two", 12, "2031-01-02")
    wrong["item"].append({"linkId": "/44261-6", "answer": [{"valueInteger": 0}]})
    home.put(wrong)
    assert home.found("QuestionnaireResponse?_id=two")[0]["item"][-1]["answer"] == [{"valueInteger": 12}]
    again = phq("three", 12, "2031-01-03")
    home.put(again)
    home.put(again)


def test_who_answers_without_a_name_has_none(home: Care) -> None:
    pulse = shipped("staff-pulse")
    told = answering(pulse, {"worn": 0}, id="p", author={"reference": "Practitioner/x"})
    status, issues = home.refusal("PUT", "QuestionnaireResponse/p", told, service="questionnaires")
    places = [each["expression"][0].rpartition(".")[2] for each in issues]
    assert (status, set(places)) == (422, {"author", "subject", "id"})


def test_too_few_answers_have_no_value(home: Care) -> None:
    home.tell(patient("ann"))
    few = answering(PHQ_9, dict.fromkeys(LINKS[:8], 3), id="few", status="in-progress")
    home.put(few)
    found = score(home, "few")
    assert [part(found, name) for name in ("answered", "value", "band", "previous")] == [8, None, None, None]


def test_a_form_that_is_sent_along(home: Care) -> None:
    total = {"url": "total", "valueString": "n"}
    said = [total, {"url": "item", "valueString": "n"}, {"url": "minimum", "valuePositiveInt": 1}]
    direction = {"url": "direction", "valueCode": "lower-better"}
    extension = {"url": "https://carethread.dev/fhir/StructureDefinition/score", "extension": [*said, direction]}
    form = questionnaire({"linkId": "n", "type": "decimal"}, extension=[extension])
    response = {
        "resourceType": "QuestionnaireResponse", "status": "completed", "questionnaire": form["url"],
        "item": [{"linkId": "n", "answer": [{"valueDecimal": 2.5}]}],
    }  # fmt: skip
    answer = asked(home, "/$score", sent(questionnaire_response=response, questionnaire=form))
    assert Decimal(str(part(part(answer["parameter"], "score"), "value"))) == Decimal("2.5")
    assert refused(home, "/$score", sent(questionnaire_response=response)) == (422, "not-found")


@pytest.mark.parametrize("number", ["1e20", "-123456789012345678901234567890.5", "1e9999", "1e-9999", "0.123456789012"])
def test_a_number_beyond_all_bounds_is_a_number(home: Care, number: str) -> None:
    total = [{"url": "total", "valueString": "n"}, {"url": "item", "valueString": "n"}]
    more = [{"url": "minimum", "valuePositiveInt": 1}, {"url": "direction", "valueCode": "lower-better"}]
    extension = {"url": "https://carethread.dev/fhir/StructureDefinition/score", "extension": [*total, *more]}
    form = questionnaire({"linkId": "n", "type": "decimal", "text": "N"}, extension=[extension], id="wide")
    home.tell(patient("ann"))
    home.put({**form, "meta": {"source": "urn:example:ehr"}})
    values = {"first": "7", "last": number}
    for day, (id_, text) in enumerate(values.items(), start=1):
        answers = [{"linkId": "n", "answer": [{"valueDecimal": json.Number(text)}]}]
        home.put({
            "resourceType": "QuestionnaireResponse", "id": id_, "status": "completed", "questionnaire": form["url"],
            "meta": {"source": "urn:example:ehr"}, "authored": f"2031-01-0{day}", "item": answers,
            "subject": {"reference": "Patient/ann"},
        })  # fmt: skip
    found = score(home, "last")
    assert abs(exact(part(found, "value")) - Decimal(number)) <= Decimal("1e-8")
    assert part(part(found, "previous"), "change") is not None


def test_what_cannot_be_calculated_is_told(home: Care) -> None:
    url = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-calculatedExpression"
    said = {"url": url, "valueExpression": {"language": "text/fhirpath", "expression": "'x'"}}
    form = questionnaire({"linkId": "n", "type": "integer", "readOnly": True, "extension": [said]})
    response = {"resourceType": "QuestionnaireResponse", "status": "completed", "questionnaire": form["url"]}
    answer = asked(home, "/$score", sent(questionnaire_response=response, questionnaire=form))
    assert [each["severity"] for each in part(answer["parameter"], "issues")["issue"]] == ["information"]


def test_answers_without_a_name_are_compared_with_nobody(home: Care) -> None:
    pulse = shipped("staff-pulse")
    place = {"subject": {"reference": "Organization/heart"}}
    for day in ("01", "02"):
        last = home.put(answering(pulse, {"worn": 1}, id=new_id(), authored=f"2031-01-{day}", **place))["id"]
    found = score(home, last)
    assert [part(found, name) for name in ("value", "previous", "first")] == [2, None, None]


def test_refusals(home: Care) -> None:
    home.tell(patient("ann"))
    home.put(phq("wrong", 1, "2031-01-01", status="entered-in-error"))
    assert refused(home, "/wrong/$score") == (422, "business-rule")
    assert refused(home, "/absent/$score") == (404, "not-found")
    assert refused(home, "/$score", {"resourceType": "Parameters"}) == (400, "required")
    assert refused(home, "/wrong/$score?mood=good") == (400, "not-supported")
    one = phq("x", 1, "2031-01-01")
    two = {"name": "questionnaire-response", "resource": one}
    assert refused(home, "/$score", {"resourceType": "Parameters", "parameter": [two, two]}) == (400, "required")
    broken = {**PHQ_9.raw, "item": [*PHQ_9.raw["item"], PHQ_9.raw["item"][1]]}
    status, _ = refused(home, "/$score", sent(questionnaire_response=one, questionnaire=broken))
    assert status == 422
