"""A broker that takes long over new topics is at work, not away."""

from __future__ import annotations

from typing import Any

import pytest
from kafka.errors import KafkaTimeoutError, RequestTimedOutError

from carethread.adapters.kafka.clients import KafkaSettings
from carethread.adapters.kafka.topics import make
from carethread.core.errors import Busy


class Admin:
    """A broker of ours that says about topics what it is told to."""

    def __init__(self, error: int = 0, late: Exception | None = None) -> None:
        self.error, self.late, self.waited = error, late, 0

    def create_topics(self, topics: dict[str, Any], *, raise_errors: bool) -> dict[str, Any]:
        assert not raise_errors
        return {"topics": [{"topic": name, "error_code": self.error, "error_message": ""} for name in topics]}

    def wait_for_topics(self, topics: list[str], timeout_ms: int) -> None:
        self.waited = timeout_ms
        if self.late:
            raise self.late


SETTINGS = KafkaSettings("127.0.0.1:9", seconds=2.0)


def test_topics_are_waited_for_longer_than_an_answer() -> None:
    admin = Admin()
    make(admin, SETTINGS, ["a.v1"])
    assert admin.waited == 6000


@pytest.mark.parametrize("admin", [Admin(late=KafkaTimeoutError()), Admin(error=RequestTimedOutError.errno)])
def test_topics_that_are_not_ready_in_time_are_named(admin: Admin) -> None:
    with pytest.raises(Busy, match=r"still making the topics a\.v1, b\.v1"):
        make(admin, SETTINGS, ["a.v1", "b.v1"])
