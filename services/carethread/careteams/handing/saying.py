"""What a hand-off says beside who, when and until when: it goes to who is asked, and so only by Consent.

A plain write is judged here as `$hand-off` judges what it is given, by what this service's own database knows; and what
is said is judged anew for each to whom silence leads. Whatever was made for the first receiver alone does not go on to
the next: instead of the summary they have a link, which is judged when it is opened, and for its reader. Nothing that
is left tells that there was more.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from carethread.careteams.handing.states import KIND
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

_SAYS = (
    "basedOn", "contained", "description", "encounter", "focus", "input", "note", "partOf", "reasonCode",
    "reasonReference", "text",
)  # fmt: skip
_READERS = ("PractitionerRole/", "Practitioner/", "Organization/", "CareTeam/")

_UNCLEAR = (
    "What this refers to, or what that rests on, is not known here, so nobody can tell whether it may go to the "
    "receiver: use Task/$hand-off with focus, which asks the owners, or leave it out."
)


def said_in(task: Resource) -> dict[str, Any]:
    """The members that say something, by their names; of codes and extensions those that are not ours."""
    said = {name: task[name] for name in _SAYS if task.get(name)}
    extensions = [each for each in task.get("extension", ()) if not str(each.get("url")).startswith(PROFILES)]
    code = task.get("code", {})
    others = [each for each in code.get("coding", ()) if each.get("system") != KIND]
    said |= {"extension": extensions} if extensions else {}
    return said | ({"code": {**code, "coding": others}} if others or code.keys() - {"coding"} else {})


def unsaid(task: Resource, names: Collection[str]) -> Resource:
    """The Task without what these members say."""
    made = {name: value for name, value in task.items() if name not in names}
    if "extension" in names:
        ours = [each for each in task["extension"] if str(each.get("url")).startswith(PROFILES)]
        made |= {"extension": ours} if ours else {}
    if "code" in names:
        made["code"] = {"coding": [each for each in task["code"]["coding"] if each.get("system") == KIND]}
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


def refuse_unsayable(unit: Unit, before: Resource, after: Resource, now: int) -> None:
    """Raise Invalid naming what a hand-off newly says that may not go to who is asked, or nobody here can judge."""
    same_labels = _labels(before) == _labels(after)
    old = said_in(before) if same_labels else {}
    said = {name: value for name, value in said_in(after).items() if old.get(name) != value}
    if not said:
        return
    names = _judged(unit.session, after, said, ref(after, "owner", unit.base_url), now, unit.base_url)
    if names:
        issues = [Issue("business-rule", text, f"Task.{name}") for name, text in names.items()]
        raise Invalid(issues=issues)


def gone_on(session: Session, task: Resource, to: str, now: int, base: str) -> Resource:
    """The Task as it may go on to the next, `Practitioner/1`."""
    inputs = task.get("input", ())
    others = [each for each in inputs if each.get("type", {}).get("text") != SUMMARY]
    made = {name: value for name, value in task.items() if name != "input"} | ({"input": others} if others else {})
    if said := said_in(made):
        try:
            found = _judged(session, made, said, to, now, base)
        except TooCostly:
            found = dict.fromkeys(said, _UNCLEAR)
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
