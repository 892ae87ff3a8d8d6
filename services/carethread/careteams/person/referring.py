"""What a hand-off says by itself: its focus, its reason and its note go to the receiver too, and so only by Consent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from carethread.careteams.person.gathering import Gathered
from carethread.careteams.person.summary import PEOPLE, known_as
from carethread.careteams.sharing.withholding import may_leave
from carethread.core.errors import Invalid, Issue
from carethread.core.ports import Resource

_WHY = "This may go to the receiver only with a Consent of the person that names them, and what kind of content it is."


def refuse_untold(gathered: Gathered, parts: Mapping[str, Any], *, recipient: str, at: int) -> None:
    """Raise Invalid naming those of the parts of an offer that may not go to its receiver (`PractitionerRole/1`).

    `parts` are members of the Task by the parameters' names; `at` is in microseconds. A resource that the focus names
    has to be among `people` when the person was gathered.
    """
    told = [
        Issue("business-rule", _WHY, name)
        for name, value in parts.items()
        if value and not _may_go(gathered, {name: value}, recipient, at)
    ]
    if told:
        raise Invalid(issues=told)


def _may_go(gathered: Gathered, members: Resource, recipient: str, at: int) -> bool:
    offer = {"resourceType": "Task", "id": "offer", **members}
    known = [each for each in (*gathered.resources, *gathered.known.values()) if each["resourceType"] not in PEOPLE]
    receiver = known_as(gathered, recipient)
    return bool(may_leave([offer], gathered.consents, at, recipient=receiver, known=known, base=gathered.base_url))
