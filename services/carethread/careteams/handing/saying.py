"""What a hand-off says beside who, when and until when: it goes to who is asked, and so only by Consent.

A plain write is judged here as `$hand-off` judges what it is given, by what this service's own database knows: an offer
for who is asked, a later step for those who read what is said with it. What an offer says is judged anew for each to
whom silence leads. Whatever was made for the first receiver alone does not go on to
the next: instead of the summary they have a link, which is judged when it is opened, and for its reader. Nothing that
is left tells that there was more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from carethread.careteams.handing.states import ANSWERED_BY, BY_SERVICE, KIND, RESULT_BY, STATUS
from carethread.careteams.person.gathering import known_here
from carethread.careteams.person.referring import WHY, is_unclear, untold
from carethread.careteams.sharing.categories import CONFIDENTIALITY
from carethread.careteams.sharing.withholding import references
from carethread.careteams.teams.passing import DEPARTMENT_OF
from carethread.careteams.teams.reading import ref
from carethread.core.errors import Invalid, Issue, TooCostly
from carethread.core.fhir.elements import at
from carethread.core.ports import Resource, Session
from carethread.core.service import Unit

SUMMARY = "Summary of the person"
"""Task.input.type of what goes with a hand-off."""

RESTRICTED = {"system": CONFIDENTIALITY, "code": "R"}
"""The label of a hand-off that says what not everybody may read."""

_PLAIN = frozenset({
    "resourceType", "id", "meta", "implicitRules", "language", "status", "intent", "priority", "for", "authoredOn",
    "lastModified", "executionPeriod", "requester", "owner", "restriction", "code", "businessStatus", "extension",
})  # fmt: skip
"""Members that say who, when, and how it stands, as far as they say no more than that (`_MORE`)."""

_OURS = {"code": KIND, "businessStatus": STATUS}

_MARKS = {ANSWERED_BY: "valueReference", DEPARTMENT_OF: "valueReference", RESULT_BY: "valueInstant"}
"""The extensions of a hand-off that are ours, and their values."""

_STAMPS = frozenset({"profile", "versionId", "lastUpdated", "source", "security"})

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
    more = {name: tell(task[name]) for name, tell in _MORE.items() if name in task}
    return said | {name: value for name, value in more.items() if value}


def unsaid(task: Resource, names: Collection[str]) -> Resource:
    """The Task without what these members say."""
    plain = {name: _PLAINLY[name](task[name]) for name in _PLAINLY.keys() & names if name in task}
    made = {name: plain.get(name, value) for name, value in task.items() if name in plain or name not in names}
    return {name: value for name, value in made.items() if value}


def _kept(*names: str) -> Callable[[Resource], Resource]:
    """An element with only these members."""
    return lambda element: {name: element[name] for name in names if name in element}


def _less(*names: str) -> Callable[[Resource], Resource]:
    """An element without these members."""
    return lambda element: {name: value for name, value in element.items() if name not in names}


def _coded(system: str) -> Callable[[Resource], Resource]:
    """A concept with only the codes of a system."""

    def only(concept: Resource) -> Resource:
        codes = [_kept("system", "code")(each) for each in concept.get("coding", ()) if each.get("system") == system]
        return {"coding": codes} if codes else {}

    return only


def _beside(system: str) -> Callable[[Resource], Resource]:
    """A concept without the codes of a system, but with what else is said of them."""

    def rest(concept: Resource) -> Resource:
        others = [
            _less("system", "code")(each) if each.get("system") == system else each
            for each in concept.get("coding", ())
        ]
        made = {**concept, "coding": [each for each in others if each]}
        return made if made["coding"] or concept.keys() - {"coding"} else {}

    return rest


def _marked(extension: Resource) -> Resource:
    """An extension of ours as we write it; empty for others."""
    url = str(extension.get("url"))
    if _MARKS.get(url) == "valueReference":
        value = extension.get("valueReference", {})
        own = value if value == BY_SERVICE else _kept("reference")(value)
        return {"url": url, "valueReference": own}
    return _kept("url", _MARKS[url])(extension) if url in _MARKS else {}


def _period(restriction: Resource) -> Resource:
    return {"period": _kept("start", "end")(restriction["period"])} if "period" in restriction else {}


def _beside_period(restriction: Resource) -> Resource:
    more = _less("start", "end")(restriction.get("period", {}))
    return {**_less("period", "repetitions")(restriction), **({"period": more} if more else {})}


_MORE: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("for", "requester", "owner"), _less("reference")),
    **{name: _beside(system) for name, system in _OURS.items()},
    "meta": lambda meta: _less(*_STAMPS)(meta) | _displays(meta),
    "extension": lambda extensions: [each for each in extensions if each != _marked(each)],
    "executionPeriod": _less("start", "end"),
    "restriction": _beside_period,
}
"""Of members that are plain what says more than who, when, and how it stands."""

_PLAINLY: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("for", "requester", "owner"), _kept("reference")),
    **{name: _coded(system) for name, system in _OURS.items()},
    "meta": lambda meta: {
        name: [_kept("system", "code", "version")(each) for each in value] if name == "security" else value
        for name, value in _kept(*_STAMPS)(meta).items()
    },
    "extension": lambda extensions: [made for each in extensions if (made := _marked(each))],
    "executionPeriod": _kept("start", "end"),
    "restriction": _period,
}
"""The same members without that."""


def _displays(meta: Resource) -> Resource:
    """What labels say beside their codes, which hold for all that is said."""
    more = [_less("system", "code", "version")(each) for each in meta.get("security", ())]
    return {"security": [each for each in more if each]} if any(more) else {}


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
    said = {name: new for name, value in said_in(after).items() if (new := _new(value, old.get(name)))}
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


def _new(value: Any, old: Any) -> Any:
    """What a member says that it did not say before; of a list what has come to it."""
    if isinstance(value, list) and isinstance(old, list):
        return [each for each in value if each not in old]
    return value if value != old else None


def may_hear(unit: Unit, task: Resource, said: Mapping[str, Any], readers: Iterable[str], now: int) -> bool:
    """Whether all of what is said of a hand-off may go to each of its readers, as far as can be told here."""
    try:
        return not any(_judged(unit.session, task, said, each, now, unit.base_url) for each in readers)
    except TooCostly:
        return False


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
