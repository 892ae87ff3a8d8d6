"""The alarms that stand for a response, as places tell them, and the ids of what was requested for each."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from carethread.core.ports import Session
from carethread.questionnaires.extracting.extracted import uuid_of

RAISED = "critical-answer"
"""The kind of places that tell what stands (keys, see `Alarm`) of which response (holder)."""


class Alarm(NamedTuple):
    """One alarm: the code of its Task, what it is about (a UUID, the same for the same question and person), with which
    version of the response it was raised, so that an answer taken back and given again calls anew, and how bad the
    answer was."""

    code: str
    cause: str
    version: int
    level: Decimal

    @property
    def key(self) -> str:
        return f"{self.code}/{self.cause}/{self.version}/{self.level}"

    @classmethod
    def of(cls, key: str) -> Alarm:
        code, cause, version, level = key.split("/")
        return cls(code, cause, int(version), Decimal(level))

    def id_of(self, what: str, response_id: str) -> str:
        """The id of its `task`, its `issue`, or of the transaction (`both`) that makes them, of a response."""
        return uuid_of(response_id)(f"{what}/{self.key}")


def alarms_of(session: Session, response_id: str) -> list[Alarm]:
    """Those that stand for a response."""
    return [Alarm.of(key) for key in session.places(RAISED, response_id)]
