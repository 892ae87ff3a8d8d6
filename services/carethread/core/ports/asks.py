"""Who is wanted to be asked what, by which programme, and what became of it: asked, or why not.

Kept beside the drafts that people answer, in the transactions that store them. Moments are microseconds; 0: not (yet).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Ask:
    """One form for one person because of one cause. `want` is what makes it this one.

    `programme` is a url, `action` one of it, both empty where somebody assigned the form by hand; `form` a url;
    `person` and `cause` are references; `turn` counts those of one cause, from 0; `department` is an Organization's id.
    `outcome` is empty until it is decided: then `asked`, or why nobody was. `response` is the id of the draft, empty
    where it is answered without a name; `ending` says what became of it: completed, expired, declined or cancelled.
    """

    want: str
    person: str
    programme: str
    action: str
    form: str
    cause: str
    turn: int
    department: str
    due: int
    language: str = ""
    outcome: str = ""
    decided: int = 0
    response: str = ""
    opened: int = 0
    started: int = 0
    ended: int = 0
    ending: str = ""


ASKED = "asked"

KEPT = 731 * 86_400_000_000
"""How long what was decided and is over is kept, in microseconds: two years, so that one can be compared with another;
longer where an answer that a programme in effect asks for is valid for longer."""


class Asks(Protocol):
    """The asks of a service, in the transaction of a session."""

    def want(self, asks: Sequence[Ask]) -> None:
        """Note what is wanted, or was given by hand; what is known by its `want` stays as it is."""
        ...

    def decide(self, ask: Ask) -> None:
        """Note what was decided of one that is wanted."""
        ...

    def last(self, causes: Collection[str]) -> dict[tuple[str, str, str, str], Ask]:
        """The last turns that causes have led to, by programme, action, cause and person."""
        ...

    def waiting(self, persons: Collection[str]) -> list[Ask]:
        """What is wanted of somebody who has these references, and not decided."""
        ...

    def asked(self, persons: Collection[str], since: int) -> list[Ask]:
        """What they were asked since then, what has ended since, and what is still open."""
        ...

    def of_response(self, response: str) -> Ask | None:
        """The ask that a draft was made for."""
        ...

    def step(self, ask: Ask) -> None:
        """Note what a person has done with a draft: when it was opened, started and ended, and how."""
        ...

    def between(self, begin: int, end: int) -> Iterator[Ask]:
        """What was decided in [begin, end), in pages, oldest first."""
        ...

    def forget(self, before: int, count: int) -> int:
        """Forget at most so many of those that were decided and have ended before a moment; how many. What is wanted,
        and what can still be answered, stays."""
        ...
