"""One person and one form, whatever is done in whatever order, against what is to be true of it: links that end
together, a Task that follows, no more reminders than were planned and none at night, and nothing after the end."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from support.assigning import Asking, afresh, id_of, link_in, parameters

PLANNED = (1, 3)
LASTS = 6
"""Days."""

NEXT = {
    "in-progress": ("in-progress", "in-progress", "completed", "stopped", "entered-in-error"),
    "stopped": ("in-progress", "completed", "stopped", "entered-in-error"),
    "completed": ("amended", "entered-in-error"),
    "amended": ("amended", "entered-in-error"),
    "entered-in-error": ("entered-in-error",),
}
"""What may follow a status of the draft."""

OVER = {"completed", "failed", "cancelled"}


class Asked:
    """What is to be true of one ask. `link` is the newest that is open, empty where none is; `open` are all of them.
    `ending`: it ends by itself; what was stopped by then, and is gone on with, does not."""

    def __init__(self, given: dict[str, Any], ends: float, key: str) -> None:
        self.given, self.id, self.ends, self.key = given, id_of(given), ends, key
        self.link: str = given["link"]
        self.links, self.open = {self.link}, {self.link}
        self.status = "requested"
        self.deleted, self.ending, self.reminders = False, True, 0


class Life(RuleBasedStateMachine):
    """Many asks of one person for one form, one after the other."""

    services: Asking

    def __init__(self) -> None:
        super().__init__()
        self.practice = afresh(self.services)
        self.asks: list[Asked] = []

    @property
    def last(self) -> Asked | None:
        return self.asks[-1] if self.asks else None

    @property
    def open(self) -> bool:
        return self.last is not None and self.last.status not in OVER

    @rule()
    def assign(self) -> None:
        days = [{"name": "reminder", "valuePositiveInt": each} for each in PLANNED]
        ends = {"name": "expires", "valueDateTime": self.practice.at(days=LASTS)}
        if self.open:
            subject = {"name": "subject", "valueReference": {"reference": "Patient/ann"}}
            form = {"name": "questionnaire", "valueCanonical": "https://carethread.dev/fhir/Questionnaire/phq-2"}
            assert self.practice.refused_to("Questionnaire/$assign", form, subject)[0] == 409
            return
        key = f"k{len(self.asks)}"
        given = self.practice.give("Patient/ann", "phq-2", ends, *days, idempotency_key=key)
        self.asks.append(Asked(given, self.practice.now.timestamp() + LASTS * 86400, key))

    @precondition(lambda self: self.last is not None and not self.last.deleted)
    @rule(data=st.data())
    def write(self, data: st.DataObject) -> None:
        ask = self.last
        assert ask is not None
        standing = self.practice.draft(ask.id)
        status = data.draw(st.sampled_from(NEXT[standing["status"]]))
        self.practice.save(ask.id, status)
        late = self.practice.now.timestamp() >= ask.ends
        stays = standing["status"] == status == "stopped" and ask.status == "failed"
        ask.status = {
            "in-progress": "in-progress", "completed": "completed", "amended": "completed",
            "stopped": "failed" if late or stays else "cancelled", "entered-in-error": "cancelled",
        }[status]  # fmt: skip
        if ask.status in OVER:
            ask.link = ""
        elif standing["status"] == "stopped":
            ask.ending = not late

    @precondition(lambda self: self.last is not None and not self.last.deleted)
    @rule()
    def delete(self) -> None:
        assert self.last is not None
        self.practice.ask("DELETE", self.last.given["response"], service="questionnaires")
        self.practice.send("questionnaires")
        self.last.deleted, self.last.link, self.last.status = True, "", "cancelled"

    @precondition(lambda self: self.last is not None and self.last.status == "cancelled" and not self.last.deleted)
    @rule()
    def go_on(self) -> None:
        ask = self.last
        assert ask is not None
        if self.practice.draft(ask.id)["status"] == "stopped":
            self.practice.save(ask.id, "in-progress")
            ask.status, ask.ending = "in-progress", self.practice.now.timestamp() < ask.ends

    @precondition(lambda self: self.last is not None)
    @rule(revoke=st.booleans())
    def link(self, revoke: bool) -> None:
        ask = self.last
        assert ask is not None
        asked = [{"name": "revoke", "valueBoolean": True}] if revoke else []
        where = f"{ask.given['response']}/$fill-link"
        if ask.deleted or ask.status in OVER:
            assert self.practice.refused_to(where, *asked)[0] in (409, 410)
        elif revoke:
            assert self.practice.link(ask.id, *asked)["revoked"] is bool(ask.link)
            ask.link = ""
        elif self.practice.now.timestamp() >= ask.ends:
            assert self.practice.refused_to(where)[0] == 409
        else:
            ask.link = self.practice.link(ask.id)["link"]
            ask.links.add(ask.link)
            ask.open = {ask.link}

    @precondition(lambda self: self.last is not None)
    @rule()
    def again(self) -> None:
        """The first call again, as somebody does who did not hear the answer."""
        assert self.last is not None
        named = {"name": "questionnaire", "valueCanonical": "https://carethread.dev/fhir/Questionnaire/phq-2"}
        subject = {"name": "subject", "valueReference": {"reference": "Patient/ann"}}
        answer = self.practice.ask(
            "POST", "Questionnaire/$assign", parameters(named, subject), service="questionnaires",
            headers={"idempotency-key": self.last.key},
        )  # fmt: skip
        assert answer.status == 422, "another request under the same key"

    @rule(hours=st.integers(1, 60))
    def time_passes(self, hours: int) -> None:
        before = {each["id"] for each in self.practice.messages()}
        self.practice.tick(hours=hours)
        ask = self.last
        was_open = ask is not None and bool(ask.link)
        new = [each for each in self.practice.messages() if each["id"] not in before]
        if ask is None:
            assert new == []
            return
        over = ask.status in OVER
        if not over and ask.ending and self.practice.now.timestamp() >= ask.ends:
            ask.status, ask.link = "failed", ""
        assert len(new) <= 1
        for each in new:
            assert not over and ask.status not in OVER, "nothing after the end"
            assert each["category"][0]["text"].startswith("Reminder")
            assert 8 <= datetime.fromisoformat(each["occurrenceDateTime"]).hour < 21
            ask.reminders += 1
            ask.link = link_in(each)
            ask.links.add(ask.link)
            ask.open = {*ask.open, ask.link} if was_open else {ask.link}

    @invariant()
    def those_links_lead_there_that_are_open(self) -> None:
        led = {link: self.practice.leads_to(link) for ask in self.asks for link in ask.links}
        wanted = {link: ask.id for ask in self.asks if ask.link for link in ask.open}
        assert {link: id_ for link, id_ in led.items() if id_} == wanted

    @invariant()
    def the_task_follows(self) -> None:
        for ask in self.asks:
            assert self.practice.task(ask.given)["status"] == ask.status

    @invariant()
    def no_more_reminders_than_planned(self) -> None:
        assert all(ask.reminders <= len(PLANNED) for ask in self.asks)

    @invariant()
    def one_message_at_most_is_still_to_be_sent(self) -> None:
        active = [link_in(each) for each in self.practice.messages("active")]
        assert active == [ask.link for ask in self.asks if ask.link]


@pytest.mark.timeout(600)
def test_one_person_and_one_form(services: Asking, request: pytest.FixtureRequest) -> None:
    class Here(Life):
        pass

    Here.services = services
    count = 10 if "sqlite" in request.node.name else 3
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
    run_state_machine_as_test(
        Here, settings=settings(max_examples=count, stateful_step_count=20, deadline=None, suppress_health_check=checks)
    )
