"""What is wanted of the desk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Override:
    """Who says that conflicts are to be passed over, by their role (a code of `ROLES`), and why."""

    role: str
    reason: str


@dataclass(frozen=True, slots=True)
class Wish:
    """An Appointment that is to be.

    `slots` and `patients` are ids; the actors of the slots' Schedules take part by themselves. `details` are members of
    the Appointment, such as identifier or reasonCode. `id` is the id of a new one that is derived from what asks for it
    (an Idempotency-Key): asked again, the answer is what the first request made. `asked` is a fingerprint of the
    request, by which another under the same key or identifier is told; empty where none has to be.
    """

    slots: Sequence[str] = ()
    patients: Sequence[str] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    comment: str = ""
    id: str = ""
    asked: str = ""
    override: Override | None = None
