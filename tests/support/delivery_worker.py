"""A worker that delivers, as a process of its own: `python -m support.delivery_worker DATABASE SECONDS` dawdles around
each send, so that a kill at a random moment often falls between sending and marking."""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from carethread.adapters.webhooks import Webhooks
from carethread.core.clock import system_clock, to_micros
from carethread.core.ports.channels import Answer
from carethread.subscriptions.engine import Engine
from support.stores import open_store
from support.subscribers import LOCAL, Desk


@dataclass
class Dawdling:
    """A channel that is slow to begin, and to say that it has sent."""

    channel: Webhooks
    seconds: float

    def send(self, url: str, headers: Mapping[str, str], body: bytes, seconds: float) -> Answer:
        time.sleep(random.uniform(0, self.seconds))
        answer = self.channel.send(url, headers, body, seconds)
        time.sleep(random.uniform(0, self.seconds))
        return answer


class Now(Desk):
    """A desk whose clock is the machine's."""

    def clock(self) -> datetime:
        return system_clock()


def main(database: str, dawdle: float) -> None:
    desk = Now(open_store(database, "subscriptions"), now=to_micros(system_clock()))
    channel = Dawdling(Webhooks(LOCAL, http=True), dawdle)
    Engine(desk.delivery(channel, holder=f"w{os.getpid()}")).run(threading.Event(), desk.store.wait)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
