"""Who answers for whom: for each person the intervals of who was, is and, as planned, will be accountable.

Kept beside the CareTeams that say it, in the transactions that store them. Of one person no two intervals touch the
same moment; what is over is never changed. Moments are microseconds since the epoch; an interval goes from `since` up
to `until`, which is not in it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Answering:
    """A person (`Patient/1`) has a member (`PractitionerRole/1`) of a team (`CareTeam/1`) answer for them.

    `until` is FOREVER where no end is planned. `cause` is why it is this member: empty for what the team says by
    itself, else a code such as `on-call`, or a reference such as `Task/1`.
    """

    patient: str
    since: int
    until: int
    member: str
    team: str
    cause: str = ""


class Register(Protocol):
    """The register of a service, in the transaction of a session."""

    def at(self, patients: Collection[str], moment: int) -> dict[str, Answering]:
        """Who answers for each of the persons at a moment; who has nobody then is not among them."""
        ...

    def between(self, patients: Collection[str], begin: int, end: int) -> list[Answering]:
        """The intervals of the persons that have something of [begin, end), in order of person and time."""
        ...

    def members(self, begin: int, end: int) -> set[str]:
        """All who answer for anybody in [begin, end)."""
        ...

    def borne(self, members: Collection[str], moment: int, after: str, count: int) -> list[Answering]:
        """At most `count` of the intervals in which one of the members answers, or is to answer, that end after a
        moment, in order of person (`after` is the last one known) and time. A person's are not told apart in part."""
        ...

    def plan(self, patient: str, begin: int, planned: Sequence[Answering]) -> None:
        """Replace what a person's intervals say from `begin` on by `planned`, in order, none before `begin`.

        The one that `begin` is in goes on where the first planned one begins there with the same member and team;
        else it ends there. What ends by then stays as it is. Whoever calls this keeps others from it meanwhile.
        """
        ...
