"""The link in a message, once that was sent: cut out of it, while the person's link goes on; on both databases."""

from __future__ import annotations

import pytest

from carethread.core.fhir import json
from carethread.core.ports import Resource
from support.assigning import Asking, id_of, link_in, token_of

CUT = "/console/fill/…"


def text(message: Resource) -> str:
    return str(message["payload"][0]["contentString"])


def message(practice: Asking) -> Resource:
    (found,) = practice.messages()
    return found


@pytest.mark.parametrize("status", ["completed", "revoked", "entered-in-error"])
def test_what_was_sent_has_no_link_any_more(practice: Asking, status: str) -> None:
    given = practice.give()
    before = message(practice)
    practice.put({**before, "status": "on-hold"})
    assert link_in(message(practice)) == given["link"], "it is to be sent still"
    practice.put({**before, "status": status})
    sent = message(practice)
    assert text(sent) == text(before).replace(f"/console/fill/{token_of(given['link'])}", CUT)
    assert practice.leads_to(given["link"]) == id_of(given), "the person has it"
    answer = practice.ask("GET", f"CommunicationRequest/{sent['id']}/_history/1", service="careteams")
    assert link_in(json.parse_object(answer.body)) == given["link"], "versions of before stay"


def test_another_link_has_the_message_with_the_one_before_revoked_and_without_it(practice: Asking) -> None:
    given = practice.give()
    practice.link(id_of(given))
    (revoked,) = practice.messages("revoked")
    assert CUT in text(revoked) and token_of(given["link"]) not in text(revoked)


@pytest.mark.parametrize(("status", "cut"), [("in-progress", False), ("not-done", False), ("completed", True)])
def test_that_it_has_arrived_is_said_by_a_communication_too(practice: Asking, status: str, cut: bool) -> None:
    token = token_of(practice.give()["link"])
    asked = message(practice)
    told = {"resourceType": "Communication", "id": "told", "status": status, "payload": asked["payload"],
            "basedOn": [{"reference": f"CommunicationRequest/{asked['id']}"}]}  # fmt: skip
    practice.put(told)
    assert (token not in text(message(practice))) is cut
    (made,) = practice.found("Communication")
    assert (token not in text(made)) is (status != "in-progress"), "of what is over nobody has to read it"
    practice.put({**told, "status": "completed"})
    assert token not in text(message(practice)) + text(practice.found("Communication")[0])


def test_what_has_no_link_stays_as_it_was_sent(practice: Asking) -> None:
    payload = [{"contentString": "See https://example.org/fill/abc."}, {"contentReference": {"reference": "Task/1"}}]
    sent = {"resourceType": "CommunicationRequest", "id": "other", "status": "completed", "payload": payload}
    assert practice.put(sent)["payload"] == sent["payload"]


def test_nothing_of_it_is_left_where_it_was_requested(practice: Asking) -> None:
    token = token_of(practice.give()["link"])
    assert [each for each in practice.rows("questionnaires") if token in each] == []
