"""What a hand-off says by itself: its focus, its reason and its note go to the receiver too, and so only by Consent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from carethread.careteams.person.gathering import NOBODYS, Gathered
from carethread.careteams.person.summary import PEOPLE, known_as, refused_as
from carethread.careteams.sharing.withholding import may_leave, own_key
from carethread.core.errors import Invalid, Issue
from carethread.core.fhir.elements import objects
from carethread.core.fhir.targets import parse_reference
from carethread.core.ports import Key, Resource

WHY = "This may go to the receiver only with a Consent of the person that names them, and what kind of content it is."


def refuse_untold(gathered: Gathered, parts: Mapping[str, Any], *, recipient: str, at: int) -> None:
    """Raise Invalid naming those of the parts of an offer that may not go to its receiver (`PractitionerRole/1`).

    `parts` are members of the Task by the parameters' names; `at` is in microseconds. A resource that the focus names
    has to be among `people` when the person was gathered.
    """
    if names := untold(gathered, parts, recipient=recipient, at=at):
        raise Invalid(issues=[Issue("business-rule", WHY, name) for name in names])


def untold(
    gathered: Gathered,
    parts: Mapping[str, Any],
    *,
    recipient: str,
    at: int,
    labels: Sequence[Resource] = (),
    within: str = "",
) -> list[str]:
    """The names of those parts that may not go; an empty recipient is nobody in particular. `labels` are the Task's
    own (`meta.security`), and hold for each part; `within` is the team (`CareTeam/1`) as whose member the recipient
    hears it, who is known by its name too."""
    meta = {"meta": {"security": list(labels)}} if labels else {}
    return [
        name
        for name, value in parts.items()
        if value and not _may_go(gathered, {**meta, name: value}, recipient, at, within)
    ]


def is_unclear(gathered: Gathered, value: Any) -> bool:
    """Whether a part refers to something of which nobody here can tell what it is about: it was not gathered, or what
    it rests on was not."""
    there = {own_key(each): each for each in gathered.resources} | dict(gathered.known)
    seen: set[Key] = set()
    waiting = [value]
    while waiting:
        for each in objects(waiting.pop()):
            text = each.get("reference")
            target = parse_reference(text, gathered.base_url) if isinstance(text, str) else None
            if not isinstance(text, str) or text.startswith("#") or (target and target.type in NOBODYS):
                continue
            key = (target.type, target.id) if target else ("", "")
            if key not in there:
                return True
            if key not in seen:
                seen.add(key)
                waiting.append(there[key])
    return False


def _may_go(gathered: Gathered, members: Resource, recipient: str, at: int, within: str) -> bool:
    offer = {"resourceType": "Task", "id": "offer", **members}
    known = [each for each in (*gathered.resources, *gathered.known.values()) if each["resourceType"] not in PEOPLE]
    receiver, also = known_as(gathered, recipient), refused_as(gathered, recipient)
    receiver |= known_as(gathered, within)
    base = gathered.base_url
    return bool(may_leave([offer], gathered.consents, at, recipient=receiver, known=known, base=base, also=also))
