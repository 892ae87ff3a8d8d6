"""Reminders of a form: as many as were planned, none at night, none to who is at it, none once it is over; on both
databases."""

from __future__ import annotations

import pytest

from carethread.adapters.local import LocalOwners
from carethread.core.errors import Busy
from carethread.core.ports import Resource
from support.assigning import FORMS, Asking, id_of, link_in

SUBJECT = {"name": "subject", "valueReference": {"reference": "Patient/ann"}}


def sent(practice: Asking) -> list[str]:
    """When each reminder is to be sent."""
    found = (each for each in practice.messages() if each["category"][0]["text"].startswith("Reminder"))
    return [str(each["occurrenceDateTime"])[:16] for each in found]


def reminders(*days: int) -> list[Resource]:
    return [{"name": "reminder", "valuePositiveInt": each} for each in days]


def test_twice_where_nobody_says_it(practice: Asking) -> None:
    practice.give()
    practice.tick(days=3, seconds=-1)
    assert sent(practice) == []
    practice.tick(seconds=1)
    for _ in range(13):
        practice.tick(days=1)
    assert sent(practice) == ["2031-03-06T08:00", "2031-03-10T08:00"]
    assert practice.messages("active") == []


def test_each_has_a_link_beside_those_of_before(practice: Asking) -> None:
    given = practice.give()
    practice.tick(days=3, seconds=1)
    (reminder,) = practice.messages("active")
    assert reminder["payload"][0]["contentString"].startswith("A reminder")
    assert practice.leads_to(link_in(reminder)) == id_of(given)
    assert practice.leads_to(given["link"]) == id_of(given), "they may have its page open"
    assert practice.task(given)["status"] == "requested"
    newest = practice.link(id_of(given))["link"]
    assert practice.leads_to(newest) == id_of(given)
    for before in (given["link"], link_in(reminder)):
        assert practice.leads_to(before) == "", "who is given another link has that one only"
        assert practice.is_over(before)


def test_all_links_end_with_the_answer(practice: Asking) -> None:
    given = practice.give()
    practice.tick(days=3, seconds=1)
    (reminder,) = practice.messages("active")
    practice.save(id_of(given), "completed")
    for each in (given["link"], link_in(reminder)):
        assert practice.leads_to(each) == ""
        assert practice.is_over(each)


def test_none_at_night(practice: Asking) -> None:
    practice.pass_time(hours=12)
    practice.give("Patient/eva", "phq-2", *reminders(1))  # in Mexico it is two in the afternoon
    practice.pass_time(hours=8)
    practice.give("Patient/ann", "phq-2", *reminders(1))  # here it is four in the morning
    practice.tick(hours=16)
    assert sent(practice) == ["2031-03-04T20:00"]
    practice.tick(hours=8)
    assert sent(practice) == ["2031-03-04T20:00"]
    practice.tick(hours=4)
    assert sent(practice) == ["2031-03-04T20:00", "2031-03-05T08:00"]


def test_what_was_missed_at_night_waits_for_the_morning(practice: Asking) -> None:
    """Nothing ran when it was due, and begins again at night."""
    practice.give("Patient/ann", "phq-2", *reminders(1))
    practice.tick(days=1, hours=15)
    assert sent(practice) == []
    practice.tick(hours=9)
    assert len(sent(practice)) == 1


def test_of_those_that_were_missed_one_is_made_up_for(practice: Asking) -> None:
    practice.give("Patient/ann", "phq-2", *reminders(1, 2, 3, 12))
    practice.tick(days=5, hours=2)
    assert len(sent(practice)) == 1
    practice.tick(days=8)
    assert len(sent(practice)) == 2


def test_none_to_who_is_at_it(practice: Asking) -> None:
    given = practice.give("Patient/ann", "phq-2", *reminders(2))
    practice.tick(days=1, hours=12)
    practice.save(id_of(given))
    practice.tick(hours=13)
    assert sent(practice) == []
    practice.tick(hours=30)
    assert len(sent(practice)) == 1, "but a day later they have stopped"
    assert practice.task(given)["status"] == "in-progress"


def test_none_once_it_is_over(practice: Asking) -> None:
    given = practice.give()
    practice.save(id_of(given), "completed")
    assert practice.tick(days=20) == 0
    assert sent(practice) == []


def test_none_after_the_end(practice: Asking) -> None:
    """Neither those that nobody asked for in particular, nor what would come in the morning after the end."""
    practice.give("Patient/ann", "phq-2", {"name": "expires", "valueDateTime": practice.at(days=5)})
    for _ in range(15):
        practice.tick(days=1)
    assert len(sent(practice)) == 1
    practice.pass_time(hours=14)
    until = {"name": "expires", "valueDateTime": practice.at(days=1, hours=8)}
    where = {"name": "questionnaire", "valueCanonical": FORMS + "phq-2"}, SUBJECT
    assert practice.refused_to("Questionnaire/$assign", *where, *reminders(1), until) == (422, [("value", "reminder")])


def test_none_to_who_has_died_meanwhile(practice: Asking) -> None:
    """Their owner is asked, for what has happened may not be heard of yet."""
    practice.give()
    practice.put({"resourceType": "Patient", "id": "ann", "deceasedBoolean": True})
    practice.tick(days=4)
    practice.tick(days=4)
    assert sent(practice) == []


def test_none_while_the_owner_is_away(practice: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*given: object) -> None:
        raise Busy("records is away.")

    practice.give()
    with monkeypatch.context() as patched:
        patched.setattr(LocalOwners, "read", away)
        practice.tick(days=3, hours=1)
        assert sent(practice) == []
    practice.tick(hours=1)
    assert len(sent(practice)) == 1


def test_another_link_begins_no_more_reminders_than_were_planned(practice: Asking) -> None:
    given = practice.give()
    practice.tick(days=3, hours=1)
    practice.link(id_of(given))
    for _ in range(12):
        practice.tick(days=1)
    assert len(sent(practice)) == 2
