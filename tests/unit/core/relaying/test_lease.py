"""A lease that is renewed from the side: while something is done, whatever a renewal comes to, and no longer."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from threading import Event as Signal

import pytest

from carethread.core.errors import Busy
from carethread.core.relaying.lease import Keeper

PATIENCE = 10.0


class Lease:
    """Counts how often it is renewed; fails as it is told to."""

    def __init__(self, *errors: Exception) -> None:
        self.errors: Iterator[Exception] = iter(errors)
        self.tries = 0
        self.renewed = Signal()

    def renew(self) -> None:
        self.tries += 1
        if error := next(self.errors, None):
            raise error
        self.renewed.set()


@pytest.mark.parametrize("error", [Busy("away"), RuntimeError("a name that must not be told"), KeyError("x")])
def test_a_renewal_that_fails_is_not_the_last(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    lease = Lease(error, error)
    keeper = Keeper(lease.renew, 0.005)
    keeper.start()
    with caplog.at_level(logging.INFO), keeper.during():
        assert lease.renewed.wait(PATIENCE)
    keeper.stop()
    assert lease.tries >= 3
    told = [record for record in caplog.records if record.message == "lease_not_renewed"]
    assert len(told) == (0 if isinstance(error, Busy) else 2)
    assert "must not be told" not in caplog.text


def test_nothing_is_renewed_while_nothing_is_done() -> None:
    lease = Lease()
    keeper = Keeper(lease.renew, 0.005)
    keeper.start()
    assert not lease.renewed.wait(0.1)
    with keeper.during():
        assert lease.renewed.wait(PATIENCE)
    keeper.stop()
    tries = lease.tries
    assert not Signal().wait(0.05)
    assert lease.tries == tries
