"""A need's links in order, and where it stands, of what is known of it. Pure.

Each link stands behind those that it follows from; of those that could be next the earliest comes first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

from carethread.careteams.needs.need import Need, code_of, is_over, verified
from carethread.careteams.needs.shapes import ARRANGE, CONFIRM, OFFER, REFERRAL, REVIEW, UNANSWERED, code
from carethread.careteams.risk.doubting import VOID
from carethread.careteams.tasks import OPEN
from carethread.careteams.teams.reading import ends, ref
from carethread.core.fhir.elements import keys_at
from carethread.core.fhir.targets import key_of
from carethread.core.ports import Resource

_STEPS: Sequence[str] = (
    "answer", "observation", "need", CONFIRM, REVIEW, OFFER, "consent", ARRANGE, "request", REFERRAL, UNANSWERED,
    "told",
)  # fmt: skip
"""What a link is; of links of one moment the order."""

STEP_OF = {
    "QuestionnaireResponse": "answer",
    "Observation": "observation",
    "Condition": "need",
    "Consent": "consent",
    "ServiceRequest": "request",
    "Communication": "told",
}
_FROM = {
    "Observation": ("derivedFrom",),
    "Condition": (),
    "Task": ("reasonReference",),
    "Consent": (),
    "ServiceRequest": ("supportingInfo",),
    "Communication": ("about",),
}
_AT = {
    "QuestionnaireResponse": "authored", "Observation": "effectiveDateTime", "Condition": "recordedDate",
    "Task": "authoredOn", "Consent": "dateTime", "ServiceRequest": "authoredOn", "Communication": "sent",
}  # fmt: skip
_WHO = {
    "QuestionnaireResponse": ("author", "source"), "Observation": ("performer",), "Condition": ("asserter", "recorder"),
    "Task": ("owner",), "Consent": ("performer",), "ServiceRequest": ("requester",), "Communication": ("recipient",),
}  # fmt: skip


@dataclass(slots=True)
class Link:
    """A link: which resource it is (`Task/1`), what, how it stands (empty: it is not at its owner yet), since when,
    whose it is, and from which links it follows; `provenance` are those that tell of it."""

    path: str
    step: str
    status: str = ""
    at: str = ""
    who: Sequence[str] = ()
    before: Sequence[str] = ()
    after: list[str] = field(default_factory=list)
    provenance: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known here of a need: its resources by path, and what else is of it."""

    need: Need
    resources: Mapping[str, Resource]
    elsewhere: Sequence[str]


def chain(known: Known, told: Mapping[str, Resource], base: str) -> list[Link]:
    """The links of a need, in order."""
    made = {path: _link(path, known.need, {**told, **known.resources}.get(path), base) for path in known.resources}
    made |= {path: _link(path, known.need, told.get(path), base) for path in known.elsewhere}
    _follow(made, {**told, **known.resources}, known.need, base)
    for path, each in told.items():
        if path.startswith("Provenance/"):
            for kind, id_ in keys_at(each, "target", base):
                if f"{kind}/{id_}" in made:
                    made[f"{kind}/{id_}"].provenance.append(path)
    return _in_order(made)


def _in_order(made: Mapping[str, Link]) -> list[Link]:
    """Each link behind those that it follows from; of those that could be next, the earliest."""
    waits = {path: len(link.before) for path, link in made.items()}
    ready = [(_when(link), path) for path, link in made.items() if not waits[path]]
    heapify(ready)
    found: list[Link] = []
    while ready:
        _, path = heappop(ready)
        found.append(made[path])
        for each in made[path].after:
            waits[each] -= 1
            if not waits[each]:
                heappush(ready, (_when(made[each]), each))
    return [*found, *(link for path, link in sorted(made.items()) if waits[path])]  # somebody has tied them in a ring


def _when(link: Link) -> tuple[int, str, int]:
    """By what links are put in order: the answers first, then what was made of them, by the moment."""
    place = _STEPS.index(link.step)
    return (place, "", place) if place < _STEPS.index(CONFIRM) else (len(_STEPS), link.at[:23], place)


def _link(path: str, need: Need, resource: Resource | None, base: str) -> Link:
    kind = key_of(path)[0]
    step = STEP_OF.get(kind) or code(resource)
    if resource is None:
        return Link(path, step or "request")
    status = verified(resource) if kind == "Condition" else str(resource.get("status", ""))
    if kind == "Condition" and status not in VOID and is_over(resource):
        status = code_of(resource.get("clinicalStatus"))
    who = [f"{k}/{i}" for name in _WHO.get(kind, ()) for k, i in keys_at(resource, name, base)]
    at = str(resource.get(_AT.get(kind, ""), resource.get("meta", {}).get("lastUpdated", "")))
    before = [f"{k}/{i}" for name in _FROM.get(kind, ()) for k, i in keys_at(resource, name, base)]
    return Link(path, step, status, at, who[:1], before)


def _follow(made: Mapping[str, Link], resources: Mapping[str, Resource], need: Need, base: str) -> None:
    """Join links to those that they follow from."""
    for path, link in made.items():
        resource = resources.get(path, {})
        if link.step == "need":
            link.before = sorted(each for each in made if made[each].step == "observation")
        elif link.step == "consent":
            offers = [each for each, task in resources.items() if _gave(task, path, base)]
            link.before = sorted(offers) or [need.path]
        elif link.step == REFERRAL:
            link.before = [ref(resource, "focus", base)]
        elif link.step == "request":
            link.before = link.before or [need.path]
        link.before = [each for each in link.before if each in made and each != path]
    for path, link in made.items():
        for each in link.before:
            made[each].after.append(path)


def _gave(task: Resource, path: str, base: str) -> bool:
    """Whether a Task of the care team had this for its result."""
    return code(task) == OFFER and any(f"{k}/{i}" == path for k, i in keys_at(task, "output.valueReference", base))


_STATE = {CONFIRM: "to-confirm", REVIEW: "to-review", OFFER: "to-offer", ARRANGE: "to-refer"}


def state(known: Known, condition: Resource | None, now: int) -> str:
    """Where a need stands: over (`refuted`, `withdrawn`, `resolved`), whose turn it is (`to-confirm`, `to-review`,
    `to-offer`, `to-refer`, `asked`, `helped-by`), `declined`, or `open` where nothing is under way."""
    tasks = [each for each in known.resources.values() if code(each)]
    if condition is not None and is_over(condition):
        said = verified(condition)
        return {"refuted": "refuted", "entered-in-error": "withdrawn"}.get(said, "resolved")
    decided = {str(each.get("valueCode")) for task in tasks for each in task.get("output", ()) if "valueCode" in each}
    if over := decided & {"refuted", "resolved"}:
        return over.pop()
    doing = [task for task in tasks if task["status"] in OPEN]
    for name, told in _STATE.items():
        if any(code(task) == name for task in doing):
            return told
    asked = [task["status"] for task in doing if code(task) == REFERRAL]
    if asked:
        return "asked" if all(each in ("requested", "received") for each in asked) else "helped-by"
    consents = [each for path, each in known.resources.items() if path.startswith("Consent/")]
    newest = max(consents, key=lambda each: (each.get("dateTime", ""), each["id"]), default=None)
    if newest and newest["status"] == "rejected" and _until(newest) > now:
        return "declined"
    void = condition is None and not doing and all(task["status"] == "cancelled" for task in tasks)
    return "withdrawn" if void else "open"


def _until(consent: Resource) -> int:
    return ends(consent.get("provision", {}).get("period", {}).get("end"))
