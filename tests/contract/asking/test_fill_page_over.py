"""A link that ends while its page is open, on both databases: nothing more is written by it, however close it is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event

import pytest

from carethread.core.context import Context
from carethread.core.errors import Gone, Invalid, PreconditionFailed
from carethread.core.ports import Resource, Response, Session
from carethread.interactions.writing.unit import WriteUnit
from carethread.questionnaires.assigning import links
from carethread.questionnaires.assigning.sending import end_link
from carethread.questionnaires.filling.drafts import TYPE, Draft, opened, saved, sent
from support.answers import answer
from support.assigning import Asking, link_in, parameters, token_of

REVOKE: Resource = {"name": "revoke", "valueBoolean": True}
SECONDS = 20


class Window:
    """A page that is open: what is saved or sent of it."""

    def __init__(self, practice: Asking, link: str) -> None:
        self.practice, self.runtime = practice, practice.runtimes["questionnaires"]
        self.context = Context(clock=lambda: practice.now)
        found = opened(self.runtime, token_of(link), self.context)
        assert found is not None
        self.draft: Draft = found
        self.response = {**found.response, "item": [answer("/44250-9", {"valueCoding": SEVERAL})]}

    def save(self) -> Draft:
        return saved(self.runtime, self.draft, self.response, "en", self.context)

    def send(self) -> None:
        sent(self.runtime, self.draft, {**self.response, "status": "completed"}, "en", self.context)


SEVERAL = {"system": "http://loinc.org", "code": "LA6569-3"}


@pytest.fixture
def window(practice: Asking) -> Window:
    return Window(practice, practice.give("Patient/ann", "phq-2")["link"])


def revoke(window: Window) -> Response:
    where = f"{TYPE}/{window.draft.response['id']}/$fill-link"
    return window.practice.ask("POST", where, parameters(REVOKE), service="questionnaires")


def ended(window: Window, how: str) -> None:
    """What may become of a link meanwhile."""
    id_ = window.draft.response["id"]
    if how == "revoked":
        assert revoke(window).status == 200
    elif how == "replaced":
        window.practice.link(id_)
    elif how == "expired":
        window.practice.pass_time(days=15)
    else:
        window.practice.save(id_, "completed")


@pytest.mark.parametrize("how", ["revoked", "replaced", "expired", "used"])
def test_what_ended_after_the_page_was_looked_up_writes_nothing(window: Window, how: str) -> None:
    ended(window, how)
    standing = window.practice.draft(window.draft.response["id"])
    for write in (window.save, window.send):
        with pytest.raises(Gone):
            write()
    assert window.practice.draft(window.draft.response["id"]) == standing


def test_a_reminder_ends_no_page_that_is_open(window: Window) -> None:
    """What somebody has filled in, and not saved yet, is theirs to save and to send; and all links end with that."""
    window.practice.tick(days=3, seconds=1)
    (reminder,) = window.practice.messages("active")
    assert reminder["category"][0]["text"].startswith("Reminder")
    other = Window(window.practice, link_in(reminder))
    window.draft = window.save()
    window.response["item"].append(answer("/44255-8", {"valueCoding": SEVERAL}))
    with pytest.raises(PreconditionFailed):
        other.save()
    window.send()
    for each in (window, other):
        with pytest.raises(Gone):
            each.save()


@pytest.mark.parametrize("how", ["revoked", "replaced", "expired", "used"])
def test_what_ends_one_link_ends_those_of_its_reminders(window: Window, how: str) -> None:
    window.practice.tick(days=3, seconds=1)
    (reminder,) = window.practice.messages("active")
    both = window, Window(window.practice, link_in(reminder))
    ended(window, how)
    for each in both:
        with pytest.raises(Gone):
            each.send()


def test_one_without_a_name_ends_with_its_time(practice: Asking) -> None:
    nurse = {"name": "recipient", "valueReference": {"reference": "Practitioner/nurse"}}
    window = Window(practice, practice.give("Organization/clinic", "staff-pulse", nurse)["link"])
    window.response["item"] = [answer("worn", "whatever")]
    practice.pass_time(days=100)
    with pytest.raises(Gone):
        window.send()
    assert practice.found("QuestionnaireResponse") == []


def test_who_ends_a_link_is_waited_for(window: Window) -> None:
    id_, standing = window.draft.response["id"], window.practice.draft(window.draft.response["id"])
    held, go_on = Event(), Event()

    def work(session: Session) -> None:
        WriteUnit(window.runtime, session, window.context).stored((TYPE, id_))
        end_link(session, id_, window.context)
        held.set()
        assert go_on.wait(SECONDS)

    with ThreadPoolExecutor(2) as pool:
        ending = pool.submit(window.runtime.store.transact, work)
        assert held.wait(SECONDS)
        saving = pool.submit(window.save)
        with pytest.raises(TimeoutError):
            saving.result(0.2)
        go_on.set()
        ending.result(SECONDS)
        assert isinstance(saving.exception(SECONDS), Gone)
    assert window.practice.draft(id_) == standing


def test_who_ends_a_link_waits_for_what_is_being_saved(window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    looked, go_on, of = Event(), Event(), links.response_of

    def slowly(session: Session, token: str) -> str:
        found = of(session, token)
        looked.set()
        assert go_on.wait(SECONDS)
        return found

    monkeypatch.setattr(links, "response_of", slowly)
    with ThreadPoolExecutor(2) as pool:
        saving = pool.submit(window.save)
        assert looked.wait(SECONDS)
        ending = pool.submit(revoke, window)
        with pytest.raises(TimeoutError):
            ending.result(0.2)
        go_on.set()
        assert saving.result(SECONDS).version == window.draft.version + 1
        assert ending.result(SECONDS).status == 200
    with pytest.raises(Gone):
        window.save()


def test_what_was_known_and_what_is_said_of_it_are_stored_together_or_not_at_all(window: Window) -> None:
    """A draft that is filled in for somebody becomes two versions, in one transaction."""
    standing = window.practice.draft(window.draft.response["id"])
    window.draft = replace(window.draft, response=window.response, unwritten=True)
    window.response = {**window.response, "item": [answer("/44250-9", 7)]}
    with pytest.raises(Invalid):
        window.save()
    assert window.practice.draft(window.draft.response["id"]) == standing
    window.response = {**window.response, "item": []}
    window.save()
    assert window.practice.draft(window.draft.response["id"])["meta"]["versionId"] == "3"
