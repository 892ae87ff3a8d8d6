"""Requests to the owners of other types, on both databases: none is lost, in order for each key, and made once."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest

from carethread.adapters.local import LocalOwners, LocalPeer
from carethread.adapters.sql.store.store import SqlStore
from carethread.core.context import Context
from carethread.core.errands.sending import BATCH, Sending
from carethread.core.errors import Busy, Invalid, NotSupported
from carethread.core.metric_names import REQUESTS_REFUSED, REQUESTS_SENT
from carethread.core.ports import URGENT, Asked, Request, Response, Session, Wanted
from carethread.core.service import ResourceType, Runtime, Service
from carethread.interactions.requesting import request, request_change
from support.looping import looping
from support.servers import until
from support.stores import BASE, open_store

CONTEXT = Context()
JSON = {"content-type": "application/fhir+json"}
OWNERS = {"Task": "careteams", "Communication": "careteams", "AuditEvent": "records"}


@dataclass
class Owners:
    """The peer as a test wants it: who is away raises Busy, a script answers before the owner does."""

    peer: LocalPeer
    away: set[str] = field(default_factory=set)
    answers: dict[str, list[Response | Exception]] = field(default_factory=dict)
    got: list[tuple[str, Request]] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None

    def call(self, service: str, request: Request) -> Response:
        self.got.append((service, request))
        if service in self.away:
            raise Busy("It does not answer.")
        if script := self.answers.get(request.path):
            answer = script.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        answer = self.peer.call(service, request)
        self.meanwhile()
        return answer

    def knows(self, service: str) -> bool:
        return service in ("careteams", "records")

    @property
    def paths(self) -> list[str]:
        return [request.path for _, request in self.got]


class Practice:
    """`scheduling` on the store of the test, and `careteams` beside it."""

    def __init__(self, store: SqlStore, path) -> None:
        self.store, self.now = store, 0.0
        here: dict[str, Runtime] = {}
        self.owners = Owners(LocalPeer(here))
        self.careteams = open_store(f"sqlite:///{path}/careteams.db", "careteams")
        types = (ResourceType("Task"), ResourceType("Communication"))
        here["careteams"] = Runtime(Service("careteams", "", types), self.careteams, LocalOwners({}), self.owners, BASE)
        self.runtime = replace(here["careteams"], service=Service("scheduling", "", ()), store=store)
        self.counted: list[str] = []
        self.sending = self.another()

    def another(self) -> Sending:
        count = lambda name, value: self.counted.append(name)  # noqa: E731  # shorter than a method
        return Sending(self.runtime, OWNERS, "gateway", observe=count, monotonic=lambda: self.now)

    def want(self, resource: dict[str, object], context: Context = CONTEXT, **more) -> str:
        return self.store.transact(lambda session: request(session, resource, context, **more))

    def send(self, seconds: float = 0.0) -> None:
        """Send all that can be sent, so much later."""
        self.now += seconds
        hasten(self.store)
        while self.sending.step():
            pass

    def left(self) -> list[Asked]:
        found: list[Asked] = self.store.glance(lambda session: session.requests.all())
        return found

    def task(self, id_: str) -> dict[str, object]:
        answer = self.owners.peer.call("careteams", Request("GET", f"Task/{id_}"))
        return {"status": answer.status, **json.loads(answer.body)}


def hasten(store: SqlStore) -> None:
    """As if all pauses and leases were over."""
    from sqlalchemy import update

    from carethread.adapters.sql.tables import requests

    with store.engine.begin() as connection:
        connection.execute(update(requests).values(next=0))


@pytest.fixture
def practice(store, tmp_path):
    made = Practice(store, tmp_path)
    yield made
    made.careteams.close()


def task(**more: object) -> dict[str, object]:
    return {"resourceType": "Task", "status": "requested", "intent": "order", "for": patient("p1"), **more}


def patient(id_: str) -> dict[str, str]:
    return {"reference": f"Patient/{id_}"}


def test_the_owner_has_it_with_the_id_that_was_given(practice) -> None:
    context = Context(backfill=True)
    id_ = practice.want(task(), context)
    (asked,) = practice.left()
    assert (asked.wanted.path, asked.wanted.key, asked.wanted.new) == (f"Task/{id_}", "Patient/p1", True)
    practice.send()
    assert practice.left() == [] and practice.counted == [REQUESTS_SENT]
    assert practice.task(id_)["id"] == id_
    ((owner, sent),) = practice.owners.got
    assert (owner, sent.method) == ("careteams", "PUT")
    assert sent.headers["if-none-match"] == "*" and sent.headers["x-carethread-backfill"] == "true"
    assert sent.headers["traceparent"] == context.traceparent


def test_what_was_rolled_back_is_not_asked_for(practice) -> None:
    def undone(session: Session) -> None:
        request(session, task(), CONTEXT)
        raise Invalid("no")

    with pytest.raises(Invalid):
        practice.store.transact(undone)
    practice.send()
    assert practice.owners.got == []


def test_made_once_however_often_it_is_sent(practice) -> None:
    id_ = practice.want(task())
    practice.owners.meanwhile = partial(_die, practice)
    with pytest.raises(KeyboardInterrupt):
        practice.sending.step()
    practice.owners.meanwhile = lambda: None
    changed = json.dumps({**task(), "id": id_, "status": "accepted"}).encode()
    headers = {"content-type": "application/fhir+json"}
    practice.owners.peer.call("careteams", Request("PUT", f"Task/{id_}", headers=headers, body=changed))
    practice.send()
    assert practice.left() == [] and practice.owners.paths == [f"Task/{id_}"] * 2
    assert practice.task(id_)["status"] == "accepted", "what became of it since stays"


def _die(practice: Practice) -> None:
    raise KeyboardInterrupt


def test_later_versions_replace_in_order(practice) -> None:
    id_ = practice.want(task())
    for status in ("received", "accepted", "completed"):
        practice.want(task(id=id_, status=status))
    practice.owners.answers[f"Task/{id_}"] = [Response(500), Response(500)]
    practice.send()
    practice.send()
    practice.send()
    stands = practice.task(id_)
    assert stands["status"] == "completed" and stands["meta"]["versionId"] == "4"
    assert [request.headers.get("if-none-match") for _, request in practice.owners.got] == ["*"] * 3 + [None] * 3


def test_a_key_waits_for_its_first_and_others_do_not(practice) -> None:
    first, second = practice.want(task()), practice.want(task())
    other = practice.want(task(**{"for": patient("p2")}))
    practice.owners.answers[f"Task/{first}"] = [Response(500)]
    practice.send()
    assert [asked.wanted.id for asked in practice.left()] == [first, second]
    assert practice.task(other)["id"] == other
    (asked, _) = practice.left()
    assert (asked.attempts, asked.state) == (1, "waiting") and b"careteams answers 500" in asked.outcome
    practice.send()
    assert practice.owners.paths == [f"Task/{first}", f"Task/{other}", f"Task/{first}", f"Task/{second}"]


def test_a_key_may_be_given(practice) -> None:
    practice.want(task(), key="Appointment/1")
    practice.want({key: value for key, value in task(id="t", intent="plan").items() if key != "for"})
    assert [asked.wanted.key for asked in practice.left()] == ["Appointment/1", "Task/t"]


def test_what_is_urgent_is_sent_before_all_that_waits_in_its_own_order(practice) -> None:
    plain = [practice.want(task(), key=f"k{number}") for number in range(BATCH + 2)]
    called = [practice.want(task(), key=f"{URGENT}call") for _ in range(2)]
    hasten(practice.store)
    practice.sending.step()
    assert practice.owners.paths == [f"Task/{id_}" for id_ in (called[0], *plain[: BATCH - 1])]
    practice.send()
    assert practice.owners.paths[BATCH:] == [f"Task/{id_}" for id_ in (called[1], *plain[BATCH - 1 :])]


def test_an_owner_that_is_away_is_left_alone_and_the_others_are_served(practice) -> None:
    practice.owners.away = {"records"}
    event = {"resourceType": "AuditEvent"}
    for number in range(BATCH + 5):
        practice.want(event, key=f"k{number}")
    id_ = practice.want(task())
    practice.send()
    assert practice.task(id_)["id"] == id_
    assert len(practice.left()) == BATCH + 5
    assert {asked.attempts for asked in practice.left()} == {0}, "the owner is away, not wrong"
    assert practice.owners.paths.count(f"Task/{id_}") == 1 and len(practice.owners.got) == 2
    pauses = []
    for _ in range(12):
        before, step = len(practice.owners.got), 0.0
        while len(practice.owners.got) == before:
            step += 0.05
            practice.send(0.05)
        pauses.append(step)
    assert pauses == sorted(pauses) and 4.9 < pauses[-1] < 5.2
    practice.owners.away = set()
    practice.owners.answers = {asked.wanted.path: [Response(201)] for asked in practice.left()}
    practice.send(5.1)
    assert practice.left() == []


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_owner_too(practice, status: int) -> None:
    id_ = practice.want(task())
    practice.want(task(**{"for": patient("p2")}))
    practice.owners.answers[f"Task/{id_}"] = [Response(status)]
    practice.send()
    assert practice.owners.paths == [f"Task/{id_}"]
    practice.send(0.06)
    assert practice.left() == []


@pytest.mark.parametrize("answer", [Response(422, body=b'{"resourceType":"OperationOutcome"}'), Response(409),
                                    Response(301), NotSupported("No such type here."), Response(412)])  # fmt: skip
def test_what_is_refused_is_kept_and_holds_nobody_up(practice, answer) -> None:
    id_ = "refused"
    practice.want(task(id=id_))
    second = practice.want(task())
    practice.owners.answers[f"Task/{id_}"] = [answer]
    practice.send()
    (asked,) = practice.left()
    assert (asked.wanted.id, asked.state, asked.attempts) == (id_, "refused", 1)
    assert b"OperationOutcome" in asked.outcome
    assert practice.task(second)["id"] == second
    assert practice.counted.count(REQUESTS_REFUSED) == 1
    practice.send()
    assert len(practice.left()) == 1, "it is not sent again by itself"
    assert practice.store.transact(lambda session: session.requests.retry(asked.number))
    practice.send()
    assert practice.left() == [] and practice.task(id_)["id"] == id_
    assert not practice.store.transact(lambda session: session.requests.retry(asked.number))


def test_the_owner_refuses_what_is_not_valid(practice) -> None:
    practice.want(task(status="unknown-code"))
    practice.send()
    (asked,) = practice.left()
    assert asked.state == "refused" and "Task.status" in asked.outcome.decode()
    (whole,) = practice.store.glance(lambda session: session.requests.all(asked.number))
    assert json.loads(whole.wanted.body)["status"] == "unknown-code"
    assert practice.store.transact(lambda session: session.requests.discard(asked.number))
    assert not practice.store.transact(lambda session: session.requests.discard(asked.number))
    assert practice.left() == []


def test_a_later_version_replaces_what_was_refused(practice) -> None:
    practice.want(task(id="t", status="unknown-code"))
    practice.send()
    practice.want(task(id="t", status="accepted"))
    practice.send()
    assert practice.left() == [] and practice.task("t")["status"] == "accepted"


def test_a_type_that_nobody_owns_is_refused(practice) -> None:
    practice.want({"resourceType": "Binary", "contentType": "text/plain"})
    practice.send()
    (asked,) = practice.left()
    assert asked.state == "refused" and b"No service owns the type Binary" in asked.outcome


def test_who_is_not_known_is_reached_through_the_gateway(practice, monkeypatch) -> None:
    id_ = practice.want(task())
    monkeypatch.setattr(Owners, "knows", lambda self, service: False)
    practice.owners.answers[f"Task/{id_}"] = [Response(201)]
    practice.send()
    assert [service for service, _ in practice.owners.got] == ["gateway"]


def together(*resources: dict[str, object]) -> dict[str, object]:
    """A transaction that makes resources."""
    entries = [
        {
            "resource": each,
            "request": {"method": "PUT", "url": f"{each['resourceType']}/{each['id']}", "ifNoneMatch": "*"},
        }
        for each in resources
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def test_a_transaction_is_done_whole_and_once(practice) -> None:
    bundle = {**together(task(id="a"), task(id="b")), "id": "both"}
    practice.want(bundle, key="Patient/p1", new=True)
    practice.send()
    assert practice.left() == []
    assert [each["status"] for each in (practice.task("a"), practice.task("b"))] == ["requested", "requested"]
    ((owner, sent),) = practice.owners.got
    assert (owner, sent.method, sent.path, "if-none-match" in sent.headers) == ("careteams", "POST", "", False)
    practice.want(bundle, key="Patient/p1", new=True)
    practice.send()
    assert practice.left() == [], "it is there already"
    assert practice.task("a")["meta"]["versionId"] == "1"


def test_a_transaction_that_is_refused_is_kept_whole(practice) -> None:
    practice.want({**together(task(id="a"), task(id="b", status="nonsense")), "id": "both"}, key="Patient/p1", new=True)
    practice.send()
    (asked,) = practice.left()
    assert (asked.state, asked.wanted.path) == ("refused", "Bundle/both")
    assert json.loads(asked.outcome)["issue"][0]["expression"] == ["Bundle.entry[1].resource.status"]
    assert practice.owners.peer.call("careteams", Request("GET", "Task/a")).status == 404


def test_a_transaction_of_several_owners_goes_through_the_gateway(practice) -> None:
    event: dict[str, object] = {"resourceType": "AuditEvent", "id": "c"}
    practice.want({**together(task(id="a"), event), "id": "both"}, key="Patient/p1", new=True)
    practice.owners.answers[""] = [Response(503, {}, b""), Busy("It does not answer."), Response(200, {}, b"{}")]
    practice.send()
    assert [owner for owner, _ in practice.owners.got] == ["gateway"]
    practice.send()
    assert len(practice.owners.got) == 1, "it is left alone for a while"
    practice.send(10)
    practice.send(10)
    assert practice.left() == []
    assert [owner for owner, _ in practice.owners.got] == ["gateway"] * 3


def test_several_senders_keep_the_order_of_each_key(practice) -> None:
    for number in range(8):
        for key in ("a", "b", "c", "d"):
            practice.want(task(id=f"{key}{number}"), key=key)
    senders = [practice.another() for _ in range(3)]

    def work(sending: Sending) -> None:
        while practice.left():
            sending.step()

    threads = [threading.Thread(target=work, args=(each,)) for each in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(practice.owners.paths) == 32, "each was sent once"
    for key in ("a", "b", "c", "d"):
        assert [path for path in practice.owners.paths if path[5] == key] == [f"Task/{key}{n}" for n in range(8)]


def test_a_slow_batch_gives_the_rest_back(practice) -> None:
    for number in range(4):
        practice.want(task(id=f"t{number}"), key=str(number))
    practice.owners.meanwhile = lambda: setattr(practice, "now", practice.now + 3)
    assert practice.sending.step() == 4
    assert [(asked.wanted.id, asked.attempts) for asked in practice.left()] == [("t2", 0), ("t3", 0)]


def test_within_a_moment_of_the_commit(practice) -> None:
    sending = Sending(practice.runtime, OWNERS, "gateway")
    with looping(sending.run):
        time.sleep(0.3)
        before = time.monotonic()
        id_ = practice.want(task())
        until(lambda: practice.task(id_)["status"] != 404, seconds=10, what="there")
        assert time.monotonic() - before < 2


def test_the_loop_lives_through_a_database_that_is_away(practice, monkeypatch) -> None:
    id_ = practice.want(task())
    glance, fail = practice.store.glance, iter([True, True])

    def flaky(work: Callable[[Session], object]) -> object:
        if next(fail, False):
            raise Busy("The database is away.")
        return glance(work)

    monkeypatch.setattr(practice.store, "glance", flaky)
    with looping(practice.sending.run):
        until(lambda: practice.task(id_)["status"] != 404, seconds=10, what="there")


OPEN = "status=requested,accepted"


def settle(practice: Practice, id_: str) -> None:
    patch = [{"op": "replace", "path": "/status", "value": "completed"}]
    practice.store.transact(
        lambda session: request_change(session, ("Task", id_), patch, CONTEXT, key="Patient/p1", condition=OPEN)
    )


def test_a_change_alters_what_it_names_and_keeps_what_users_have_said(practice) -> None:
    id_ = practice.want(task())
    practice.send()
    said = {**task(), "id": id_, "status": "accepted", "note": [{"text": "Called twice."}]}
    headers = {"content-type": "application/fhir+json"}
    practice.owners.peer.call(
        "careteams", Request("PUT", f"Task/{id_}", headers=headers, body=json.dumps(said).encode())
    )
    settle(practice, id_)
    settle(practice, id_)
    practice.send()
    stands = practice.task(id_)
    assert (stands["status"], stands["note"], stands["meta"]["versionId"]) == ("completed", said["note"], "3")
    assert practice.left() == [] and practice.counted == [REQUESTS_SENT] * 3


def test_a_change_of_what_is_closed_or_not_there_is_left_undone(practice) -> None:
    id_ = practice.want(task(status="rejected"))
    settle(practice, id_)
    settle(practice, "never")
    practice.send()
    assert practice.task(id_)["status"] == "rejected" and practice.left() == []
    assert REQUESTS_REFUSED not in practice.counted


def test_a_change_waits_for_what_it_changes(practice) -> None:
    id_ = practice.want(task())
    settle(practice, id_)
    practice.owners.answers[f"Task/{id_}"] = [Response(500)]
    practice.send()
    assert len(practice.left()) == 2
    practice.send()
    assert practice.task(id_)["status"] == "completed" and practice.left() == []


def test_a_change_that_does_not_fit_is_refused(practice) -> None:
    id_ = practice.want(task())
    patch = [{"op": "replace", "path": "/status", "value": "nonsense"}]
    practice.store.transact(
        lambda session: request_change(session, ("Task", id_), patch, CONTEXT, key="Patient/p1", condition=OPEN)
    )
    practice.send()
    (asked,) = practice.left()
    assert asked.state == "refused" and b"status" in asked.outcome


def bundle(id_: str, *of: str) -> dict[str, Any]:
    """A transaction that makes Tasks, the first of them once."""
    once: list[dict[str, str]] = [{"ifNoneMatch": "*"}, *({} for _ in of)]
    entries = [
        {"resource": task(id=each), "request": {"method": "PUT", "url": f"Task/{each}", **condition}}
        for each, condition in zip(of, once, strict=False)
    ]
    return {"resourceType": "Bundle", "id": id_, "type": "transaction", "entry": entries}


def all_at_once(practice: Practice, sent: list[int]) -> Sending:
    """As in one process: the owner does several transactions by one commit."""

    def at_once(owner: str, requests) -> list[Response | None]:
        answers = practice.owners.peer.call_at_once(owner, requests)
        sent.append(sum(answer is not None for answer in answers))
        return answers

    count = lambda name, value: practice.counted.extend([name] * int(value))  # noqa: E731  # shorter than a method
    return Sending(practice.runtime, OWNERS, "gateway", at_once=at_once, observe=count, monotonic=lambda: practice.now)


def test_transactions_that_wait_together_are_done_together(practice) -> None:
    for number in range(4):
        practice.want(bundle(f"b{number}", f"x{number}", f"y{number}"), key=f"Patient/p{number}")
    practice.want(task(id="single"), key="Patient/p9")
    sent: list[int] = []
    assert all_at_once(practice, sent).step() == 5
    assert sent == [4] and practice.owners.paths == ["Task/single"]
    assert practice.left() == [] and practice.counted == [REQUESTS_SENT] * 5
    assert all(practice.task(f"{letter}{n}")["status"] == "requested" for letter in "xy" for n in range(4))


def test_what_has_one_key_is_still_sent_in_order(practice) -> None:
    practice.want(bundle("b1", "a"), key="Patient/p1")
    practice.want(bundle("b2", "b"), key="Patient/p1")
    practice.want(bundle("b3", "c"), key="Patient/p2")
    sent: list[int] = []
    sending = all_at_once(practice, sent)
    assert sending.step() == 2 and [each.wanted.id for each in practice.left()] == ["b2"]
    assert sending.step() == 1 and practice.left() == []


def test_one_that_was_done_before_or_is_refused_holds_nobody_up(practice) -> None:
    practice.owners.peer.call("careteams", Request("POST", "", headers=JSON, body=json.dumps(bundle("", "a")).encode()))
    wrong = bundle("wrong", "w1", "w2")
    wrong["entry"][1]["resource"]["status"] = "nonsense"
    for each in (bundle("again", "a", "b"), wrong, bundle("new", "c")):
        practice.want(each, key=f"key/{each['id']}", new=True)
    all_at_once(practice, []).step()
    (asked,) = practice.left()
    assert (asked.wanted.id, asked.state) == ("wrong", "refused")
    assert practice.task("c")["status"] == "requested"
    assert practice.task("b")["resourceType"] == "OperationOutcome", "it was done once, and b is not made after all"


def test_a_sender_that_dies_after_the_owner_has_them_sends_them_again_in_vain(practice, monkeypatch) -> None:
    for number in range(3):
        practice.want(bundle(f"b{number}", f"x{number}"), key=f"Patient/p{number}", new=True)
    sent: list[int] = []
    dying = all_at_once(practice, sent)
    with monkeypatch.context() as patched:
        patched.setattr("carethread.core.errands.sending._settle", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            dying.step()
    assert sent == [3] and len(practice.left()) == 3
    hasten(practice.store)
    assert all_at_once(practice, sent).step() == 3
    assert practice.left() == [] and REQUESTS_REFUSED not in practice.counted
    assert [practice.task(f"x{n}")["meta"]["versionId"] for n in range(3)] == ["1"] * 3, "each is made once"
    assert sent == [3], "what was sent before is sent by itself"


def test_several_are_put_in_their_order(practice) -> None:
    wanted = [Wanted("Task", f"t{n}", b'{"n":"\\u00e4\\""}', f"k{n % 2}", new=n % 2 == 0) for n in range(6)]
    practice.store.transact(lambda session: session.requests.put(*wanted))
    practice.store.transact(lambda session: session.requests.put())
    left = practice.left()
    assert [each.wanted.id for each in left] == [f"t{n}" for n in range(6)]
    claimed = practice.store.transact(lambda session: session.requests.claim(9, 30))
    assert [each.wanted for each in claimed] == wanted[:2]
    practice.store.transact(lambda session: session.requests.done(*claimed))
    assert [each.wanted.id for each in practice.left()] == [f"t{n}" for n in range(2, 6)]
