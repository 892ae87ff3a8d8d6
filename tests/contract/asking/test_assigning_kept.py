"""Whom a link is about stays: no write moves what was given to somebody to another person, or to another form; who was
merged stays one person. And what is kept of links and asks is forgotten after its time; on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from carethread.core.ports import Resource
from support.assigning import FORMS, Asking, id_of

MOVED = [("business-rule", "QuestionnaireResponse.subject")]
EVA = {"reference": "Patient/eva"}


def refused(practice: Asking, made: Resource) -> tuple[int, list[tuple[str, str]]]:
    """The status of what is refused to be written, and the code and the place of each issue."""
    where = f"QuestionnaireResponse/{made['id']}"
    status, issues = practice.refusal("PUT", where, made, service="questionnaires")
    return status, [(each["code"], each["expression"][0]) for each in issues]


def plain(draft: Resource, *without: str) -> Resource:
    """The same without our profile, as somebody may write it who wants it judged by less."""
    return {name: value for name, value in draft.items() if name not in ("meta", *without)}


@pytest.mark.parametrize("who", [EVA, {"reference": "Organization/clinic"}, {"display": "Somebody"}, None])
def test_a_draft_stays_about_whom_it_is(practice: Asking, who: Resource | None) -> None:
    given = practice.give()
    draft = practice.draft(id_of(given))
    moved = {**plain(draft, "subject"), **({"subject": who} if who else {})}
    assert refused(practice, moved) == (422, MOVED)
    assert refused(practice, {**moved, "meta": draft["meta"]})[0] == 422
    assert practice.draft(id_of(given)) == draft
    assert practice.leads_to(given["link"]) == id_of(given)


def test_nor_by_a_patch(practice: Asking) -> None:
    given = practice.give()
    patch = [{"op": "replace", "path": "/subject/reference", "value": "Patient/eva"}]
    answer = practice.ask("PATCH", given["response"], patch, service="questionnaires",
                          headers={"content-type": "application/json-patch+json"})  # fmt: skip
    assert answer.status == 422, answer.body
    assert practice.draft(id_of(given))["subject"] == {"reference": "Patient/ann"}


@pytest.mark.parametrize("status", ["in-progress", "stopped", "completed", "entered-in-error"])
def test_nor_together_with_another_status(practice: Asking, status: str) -> None:
    given = practice.give()
    draft = plain(practice.draft(id_of(given)))
    assert refused(practice, {**draft, "status": status, "subject": EVA}) == (422, MOVED)


def test_nor_step_by_step(practice: Asking) -> None:
    """Without our profile first, by which it would not be judged; and once it was entered in error."""
    given = practice.give()
    draft = plain(practice.draft(id_of(given)))
    practice.put(draft)
    assert refused(practice, {**draft, "subject": EVA}) == (422, MOVED)
    practice.put({**draft, "status": "entered-in-error"})
    assert refused(practice, {**draft, "status": "entered-in-error", "subject": EVA}) == (422, MOVED)


def test_what_is_written_anew_in_its_place_has_no_link(practice: Asking) -> None:
    given = practice.give()
    draft = practice.draft(id_of(given))
    practice.ask("DELETE", given["response"], service="questionnaires")
    practice.put({**draft, "subject": EVA})
    assert practice.leads_to(given["link"]) == ""


def test_a_draft_keeps_its_form(practice: Asking) -> None:
    given = practice.give()
    draft = plain(practice.draft(id_of(given)))
    place = [("business-rule", "QuestionnaireResponse.questionnaire")]
    assert refused(practice, {**draft, "questionnaire": FORMS + "gad-7|1.0.0"}) == (422, place)
    none = plain(draft, "questionnaire")
    assert refused(practice, none) == (422, place)
    assert refused(practice, {**none, "subject": EVA}) == (422, MOVED + place), "all that is wrong at once"
    practice.put({**draft, "questionnaire": FORMS + "phq-2"})


def test_it_may_be_said_in_another_way_whom_it_is_about(practice: Asking) -> None:
    given = practice.give()
    base = practice.runtimes["questionnaires"].base_url
    for said in ({"reference": f"{base.rstrip('/')}/Patient/ann"}, {"reference": "Patient/ann", "display": "P. A."}):
        practice.put({**practice.draft(id_of(given)), "subject": said})
    assert practice.leads_to(given["link"]) == id_of(given)


def merged(practice: Asking) -> dict[str, Any]:
    """Who is given a form, and merged into another then; what was given."""
    given = practice.give("Patient/eva")
    practice.pass_time(minutes=1)
    link = [{"other": {"reference": "Patient/ann"}, "type": "replaced-by"}]
    practice.merge({"resourceType": "Patient", "id": "eva", "active": False, "link": link})
    practice.hear()
    return given


def test_who_was_merged_goes_on_by_the_same_link(practice: Asking) -> None:
    given = merged(practice)
    assert practice.leads_to(given["link"]) == id_of(given)
    draft = practice.draft(id_of(given))
    practice.put({**draft, "subject": {"reference": "Patient/ann"}})
    assert practice.leads_to(given["link"]) == id_of(given), "the same person by the id that they have now"
    assert refused(practice, {**draft, "subject": {"reference": "Patient/gone"}}) == (422, MOVED)
    practice.save(id_of(given), "completed")
    assert practice.task(given)["status"] == "completed"


def test_who_dies_under_the_name_that_they_have_now_is_asked_nothing_more(practice: Asking) -> None:
    given = merged(practice)
    practice.pass_time(minutes=1)
    practice.tell({"resourceType": "Patient", "id": "ann", "deceasedBoolean": True})
    practice.hear()
    assert practice.draft(id_of(given))["status"] == "stopped"
    assert practice.leads_to(given["link"]) == ""


def test_what_is_said_of_a_name_that_is_not_used_any_more_ends_nothing(practice: Asking) -> None:
    merged(practice)
    mine = practice.give("Patient/ann", "gad-7")
    practice.pass_time(minutes=1)
    link = [{"other": {"reference": "Patient/ann"}, "type": "replaced-by"}]
    practice.merge({"resourceType": "Patient", "id": "eva", "active": False, "deceasedBoolean": True, "link": link})
    practice.hear()
    assert practice.draft(id_of(mine))["status"] == "in-progress"


def digests(practice: Asking) -> list[str]:
    """What is kept of links that are over."""
    return [each for each in practice.rows("questionnaires") if each.startswith("claims ('fill-over'")]


def test_links_that_are_over_are_forgotten(practice: Asking) -> None:
    given = practice.give("Patient/ann", "phq-2", {"name": "remind", "valueBoolean": False})
    practice.link(id_of(given))
    practice.pass_time(days=10)
    practice.save(id_of(given), "completed")
    assert len(digests(practice)) == 2
    practice.tick(days=89)
    assert practice.is_over(given["link"]), "who opens it is told so"
    practice.tick(days=2)
    assert digests(practice) == []
    assert not practice.is_over(given["link"])


def test_one_that_is_open_is_not_forgotten_with_them(practice: Asking) -> None:
    until = {"name": "expires", "valueDateTime": practice.at(days=300)}
    given = practice.give("Patient/ann", "phq-2", until, {"name": "remind", "valueBoolean": False})
    again = practice.link(id_of(given))
    practice.tick(days=91)
    assert digests(practice) == []
    assert practice.leads_to(again["link"]) == id_of(given)
