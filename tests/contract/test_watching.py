"""Subscribers that are too quiet, and proof that what was committed was published, on both databases."""

from __future__ import annotations

from carethread.adapters.sql.events.proof import published
from carethread.core.ports.channels import Answer
from support.subscribers import HOUR, SECOND, START, Desk, subscription

URL = "http://127.0.0.1:9/in"


def watched(desk: Desk, after: str = "", limit: int = 100) -> dict[str, tuple[int, int]]:
    found = desk.store.glance(lambda session: session.deliveries.watched(after, limit))
    return {each.subscriber.subscription: (each.matched, each.waits) for each in found}


def test_when_last_matched_and_since_when_something_waits(store) -> None:
    desk = Desk(store)
    for name in ("s1", "s2", "s3", "s4"):
        desk.put(subscription(name, f"{URL}/{name}"))
    desk.deliver()
    desk.script.answers[f"{URL}/s2"] = Answer(500)
    for _ in range(2):
        desk.now += HOUR
        desk.happen("s1", "s2")
        desk.deliver()
    desk.put({**desk.get("s4"), "status": "off"})
    assert watched(desk) == {
        "s1": (START + 2 * HOUR, 0),
        "s2": (START + 2 * HOUR, START + HOUR),
        "s3": (0, 0),
    }
    assert list(watched(desk, "s1", 1)) == ["s2"]


def test_what_is_published(store) -> None:
    desk = Desk(store)
    desk.put(subscription("s1", URL))
    found = published(store.engine, "subscriptions", ["Subscription"], START, START + SECOND)
    assert (found.committed, found.published) == (1, 0)
    assert [(gap.why, gap.subject) for gap in found.gaps] == [("not-numbered", "Subscription/s1/_history/1")]
    assert published(store.engine, "subscriptions", ["Subscription"], START + SECOND, START + HOUR).committed == 0
