"""A response in words, asked of what is stored and of what is sent, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from carethread.core.fhir import json
from carethread.core.fhir.xhtml import is_right
from carethread.core.ports import Response
from support.answers import answer, item, questionnaire, response
from support.care import Care, care
from support.instruments import answering, shipped

PHQ_2 = shipped("phq-2")
SAID = answering(PHQ_2, {"/44250-9": 3, "/44255-8": 3}, id="said", subject={"reference": "Patient/ann"})


@pytest.fixture
def home(tmp_path: Path, database_url: str) -> Iterator[Care]:
    with care(tmp_path, database_url, ("questionnaires",)) as made:
        made.put(SAID)
        yield made


def rendered(home: Care, path: str, body: Any = None) -> Response:
    method = "POST" if body else "GET"
    return home.ask(method, f"QuestionnaireResponse{path}", body, service="questionnaires")


def refused(home: Care, path: str, body: Any = None) -> tuple[int, str]:
    found = rendered(home, path, body)
    return found.status, json.parse_object(found.body)["issue"][0]["code"]


def test_what_is_stored_in_each_format(home: Care) -> None:
    found = {each: rendered(home, f"/said/$render?format={each}") for each in ("html", "narrative", "text")}
    assert [each.status for each in found.values()] == [200, 200, 200]
    types = [each.headers["Content-Type"].partition(";")[0] for each in found.values()]
    assert types == ["text/html", "application/xhtml+xml", "text/plain"]
    assert all("script" not in each.headers["Content-Security-Policy"] for each in found.values())
    assert found["html"].body == rendered(home, "/said/$render").body
    assert is_right(found["narrative"].body.decode())
    assert found["narrative"].body in found["html"].body
    assert b"  - 6\n" in found["text"].body


def test_for_whom_and_in_which_language(home: Care) -> None:
    patient = rendered(home, "/said/$render?format=text&for=patient&language=es").body.decode()
    assert "Casi todos los días" in patient
    assert "- 6" not in patient
    asked = {"resourceType": "Parameters", "parameter": [
        {"name": "questionnaire-response", "resource": {n: v for n, v in SAID.items() if n != "id"}},
        {"name": "format", "valueCode": "text"},
        {"name": "for", "valueCode": "patient"},
        {"name": "language", "valueCode": "es"},
    ]}  # fmt: skip
    assert rendered(home, "/$render", asked).body.decode() == patient


def test_a_response_to_a_form_that_is_not_here(home: Care) -> None:
    said = response(answer("a", "<b>so</b>\nit is"))
    form = questionnaire(item("a", "text"))
    parts = [{"name": "questionnaire-response", "resource": said}, {"name": "questionnaire", "resource": form}]
    found = rendered(home, "/$render", {"resourceType": "Parameters", "parameter": parts})
    assert b"&lt;b&gt;so&lt;/b&gt;<br/>it is" in found.body
    assert refused(home, "/$render?format=text", said) == (422, "not-found")
    contained = {"id": "f", **{n: v for n, v in form.items() if n not in ("url", "version")}}
    inside = {**said, "questionnaire": "#f", "contained": [contained]}
    assert b"    it is\n" in rendered(home, "/$render?format=text", inside).body


def test_what_is_refused(home: Care) -> None:
    assert refused(home, "/none/$render") == (404, "not-found")
    assert refused(home, "/$render") == (400, "required")
    assert refused(home, "/said/$render?format=pdf") == (400, "value")
    assert refused(home, "/said/$render?for=nobody") == (400, "value")
    assert refused(home, "/said/$render?language=<script>") == (400, "value")
    assert refused(home, "/said/$render?unanswered=maybe") == (400, "value")
    assert refused(home, "/said/$render?format=text&format=html") == (400, "value")
    assert refused(home, "/said/$render?colour=red") == (400, "not-supported")
    assert refused(home, "/said/$render", SAID) == (400, "required")
    assert refused(home, "/$render", {"resourceType": "Patient"}) == (400, "invalid")
    assert refused(home, "/$render", {**SAID, "parameter": [{}]}) == (422, "structure")
    broken = questionnaire(item("a"), item("a"))
    parts = [{"name": "questionnaire-response", "resource": response()}, {"name": "questionnaire", "resource": broken}]
    assert refused(home, "/$render", {"resourceType": "Parameters", "parameter": parts})[0] == 422
