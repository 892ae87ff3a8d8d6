"""The Flag and the Tasks of navigation as they are written. Pure.

Sources: http://hl7.org/fhir/R4/flag.html, http://hl7.org/fhir/R4/task.html.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from carethread.careteams.navigation.choosing import Choice, Reason
from carethread.careteams.navigation.terms import (
    ASSIGN,
    FAILED,
    FLAGS,
    HIGH_RISK,
    NAVIGATOR,
    OUTCOMES,
    OUTREACH,
    REVIEW,
    ROLES,
    concept,
)
from carethread.careteams.tasks import asked, refer
from carethread.core.ports import Resource
from carethread.core.service import PROFILES

RANKING = PROFILES + "ranking-reason"
_DETAIL = "http://hl7.org/fhir/StructureDefinition/flag-detail"
_CATEGORY = "http://terminology.hl7.org/CodeSystem/flag-category"

_TEXTS = {
    OUTREACH: "Reach this person and ask how they are",
    FAILED: "Decide how this person is reached",
    ASSIGN: "Find a navigator for this person",
    REVIEW: "Decide whether this person steps down",
}


def flag(id_: str, patient: str, since: str, author: str, details: Iterable[str]) -> Resource:
    """An active Flag that says high risk; `details` are what says so."""
    marks = [{"url": _DETAIL, "valueReference": refer(each)} for each in details]
    return {
        "resourceType": "Flag",
        "id": id_,
        "meta": {"profile": [PROFILES + "high-risk-flag"]},
        **({"extension": marks} if marks else {}),
        "status": "active",
        "category": [concept(_CATEGORY, "safety")],
        "code": concept(FLAGS, HIGH_RISK, "High risk"),
        "subject": refer(patient),
        "period": {"start": since},
        **({"author": refer(author)} if author else {}),
    }


def task(
    id_: str, code: str, patient: str, now: str, *, priority: str, owner: str = "", focus: str = "", due: str = ""
) -> Resource:
    """A Task of ours about somebody; `owner`, `focus` and `due` where they are known."""
    return asked(
        id_,
        code,
        now,
        text=_TEXTS[code],
        priority=priority,
        meta={"profile": [PROFILES + "task-outreach"]} if code == OUTREACH else {},
        focus=refer(focus),
        lastModified=now,
        owner=refer(owner),
        restriction={"period": {"end": due}} if due else {},
        whom=refer(patient),
    )


def assigned(waiting: Resource, choice: Choice, now: str) -> Resource:
    """The Task by which somebody was assigned: who it is, since when, and why."""
    role = choice.navigator.role
    return {
        **{name: value for name, value in waiting.items() if name not in ("restriction", "extension", "reasonCode")},
        "extension": [*_kept(waiting.get("extension", ())), *map(_reason, choice.reasons)],
        "status": "completed",
        "lastModified": now,
        "executionPeriod": {"start": now},
        "owner": refer(role),
        "output": [{"type": concept(ROLES, NAVIGATOR), "valueReference": refer(role)}],
    }


def _kept(extensions: Iterable[Resource]) -> list[Resource]:
    return [each for each in extensions if each.get("url") != RANKING]


def _reason(reason: Reason) -> Resource:
    parts = (("code", "valueCode", reason.code), ("text", "valueString", reason.text))
    said: list[Resource] = [{"url": url, member: value} for url, member, value in parts]
    return {"url": RANKING, "extension": [*said, {"url": "weight", "valueDecimal": reason.weight}]}


def with_count(outreach: Resource, unreached: int) -> Resource:
    """A Task of outreach with how many attempts before it were in vain, one after the other."""
    if not unreached:
        return outreach
    said = {"type": concept(OUTCOMES, "not-reached"), "valueUnsignedInt": unreached}
    return {**outreach, "input": [said]}


def unreached_before(outreach: Resource) -> int:
    """How many attempts before this Task were in vain, one after the other."""
    said: Sequence[Resource] = outreach.get("input", ())
    return sum(int(each.get("valueUnsignedInt", 0)) for each in said)
