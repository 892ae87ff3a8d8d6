"""What a hand-off says beside who, when and until when: it goes to who is asked, and so only by Consent.

A plain write is judged here as `$hand-off` judges what it is given, by what this service's own database knows: an offer
for who is asked, a later step for those who read what is said with it. What an offer says is judged anew for each to
whom silence leads. Whatever was made for the first receiver alone does not go on to
the next: instead of the summary they have a link, which is judged when it is opened, and for its reader. Nothing that
is left tells that there was more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from carethread.careteams.handing.states import KIND, STATUS
from carethread.careteams.person.gathering import known_here
from carethread.careteams.person.referring import WHY, is_unclear, untold
from carethread.careteams.sharing.categories import CONFIDENTIALITY
from carethread.careteams.sharing.withholding import references
from carethread.careteams.teams.reading import ref
from carethread.core.errors import Invalid, Issue, TooCostly
from carethread.core.fhir.elements import at
from carethread.core.ports import Resource, Session
from carethread.core.service import PROFILES, Unit

SUMMARY = "Summary of the person"
"""Task.input.type of what goes with a hand-off."""

RESTRICTED = {"system": CONFIDENTIALITY, "code": "R"}
"""The label of a hand-off that says what not everybody may read."""

_PLAIN = frozenset({
    "resourceType", "id", "meta", "implicitRules", "language", "status", "intent", "priority", "for", "authoredOn",
    "lastModified", "executionPeriod", "requester", "owner", "restriction", "code", "businessStatus", "extension",
})  # fmt: skip
"""Members that say who, when, and how it stands; of the last three, what is ours does."""

_OURS = {"code": KIND, "businessStatus": STATUS}

_READERS = ("PractitionerRole/", "Practitioner/", "Organization/", "CareTeam/")

_UNCLEAR = (
    "What this refers to, or what that rests on, is not known here, so nobody can tell whether it may go to the "
    "receiver: use Task/$hand-off with focus, or $return with output, which ask the owners, or leave it out."
)
_TOO_MUCH = (
    "There is so much about the person that nobody can tell whether this may go to the receiver: leave it out, and "
    "tell them in another way."
)


def said_in(task: Resource) -> dict[str, Any]:
    """The members that say something, by their names; of codes and extensions those that are not ours."""
    said = {name: value for name, value in task.items() if value and name not in _PLAIN}
    extensions = [each for each in task.get("extension", ()) if not str(each.get("url")).startswith(PROFILES)]
    said |= {"extension": extensions} if extensions else {}
    for name, system in _OURS.items():
        concept = task.get(name, {})
        others = [each for each in concept.get("coding", ()) if each.get("system") != system]
        if others or concept.keys() - {"coding"}:
            said[name] = {**concept, "coding": others}
    return said


def unsaid(task: Resource, names: Collection[str]) -> Resource:
    """The Task without what these members say."""
    made = {name: value for name, value in task.items() if name not in names}
    if "extension" in names:
        ours = [each for each in task["extension"] if str(each.get("url")).startswith(PROFILES)]
        made |= {"extension": ours} if ours else {}
    for name in _OURS.keys() & names:
        coding = [each for each in task[name].get("coding", ()) if each.get("system") == _OURS[name]]
        made |= {name: {"coding": coding}} if coding else {}
    return made


def is_restricted(task: Resource) -> bool:
    """Whether a hand-off has our label."""
    return any((each.get("system"), each.get("code")) == (CONFIDENTIALITY, "R") for each in at(task, "meta.security"))


def restricted(task: Resource, *, on: bool = True) -> Resource:
    """The Task with our label, or without it."""
    meta: Resource = task["meta"]
    labels = [each for each in meta.get("security", ()) if each != RESTRICTED] + ([RESTRICTED] if on else [])
    rest = {name: value for name, value in meta.items() if name != "security"}
    return {**task, "meta": {**rest, **({"security": labels} if labels else {})}}


def refuse_unsayable(unit: Unit, before: Resource, after: Resource, readers: Iterable[str], now: int) -> None:
    """Raise Invalid naming what a hand-off newly says that may not go to who reads it, or nobody here can judge."""
    same_labels = _labels(before) == _labels(after)
    old = said_in(before) if same_labels else {}
    said = {name: value for name, value in said_in(after).items() if old.get(name) != value}
    if not said:
        return
    names: dict[str, str] = {}
    try:
        for each in dict.fromkeys(readers):
            names |= _judged(unit.session, after, said, each, now, unit.base_url)
    except TooCostly:
        raise Invalid(issues=[Issue("too-costly", _TOO_MUCH, f"Task.{name}") for name in said]) from None
    if names:
        raise Invalid(issues=[Issue("business-rule", text, f"Task.{name}") for name, text in names.items()])


def gone_on(session: Session, task: Resource, to: str, now: int, base: str) -> Resource:
    """The Task as it may go on to the next, `Practitioner/1`."""
    inputs = task.get("input", ())
    others = [each for each in inputs if each.get("type", {}).get("text") != SUMMARY]
    made = {name: value for name, value in task.items() if name != "input"} | ({"input": others} if others else {})
    if said := said_in(made):
        try:
            found = _judged(session, made, said, to, now, base)
        except TooCostly:
            found = dict.fromkeys(said, _TOO_MUCH)
        strict = is_restricted(task)
        made = unsaid(made, [name for name, text in found.items() if strict or text != _UNCLEAR])
    if len(others) < len(inputs) and to.startswith(_READERS):
        link = f"{base}/{ref(task, 'for', base)}/$transfer-summary?recipient={to}"
        made["input"] = [*made.get("input", ()), {"type": {"text": SUMMARY}, "valueUrl": link}]
    return restricted(made, on=False)


def _judged(
    session: Session, task: Resource, said: Mapping[str, Any], to: str, now: int, base: str
) -> Mapping[str, str]:
    """Of what is said the names of what may not go to somebody, each with why."""
    known = known_here(session, ref(task, "for", base), now, base, people=[to], wanted=references(dict(said), base))
    withheld = untold(known, said, recipient=to, at=now, labels=_labels(task))
    unclear = {name: _UNCLEAR for name, value in said.items() if is_unclear(known, value)}
    return unclear | dict.fromkeys(withheld, WHY)


def _labels(task: Resource) -> list[Resource]:
    return [each for each in at(task, "meta.security") if isinstance(each, dict) and each != RESTRICTED]
