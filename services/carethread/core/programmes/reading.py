"""A PlanDefinition of profile `programme` as a programme, or all that is wrong with it, each with its place. Pure.

What the profile asks (a ceiling, actions with an id, a form and triggers) the validator has seen to. Who owns
PlanDefinitions refuses by this what nobody could follow; who asks people reads by it what an EHR may have sent too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from carethread.core.errors import FhirError, Invalid, Issue
from carethread.core.fhir.elements import at, extension, keys_at, profiles_of
from carethread.core.fhir.fhirpath import compile
from carethread.core.fhir.search.dates import moment
from carethread.core.lengths import FIXED, LONGEST, UNITS, Length, length_of
from carethread.core.ports import Resource
from carethread.core.programmes.programme import NAMED, OWNERS, PROFILE, STAFF, Action, Programme, Trigger
from carethread.core.service import PROFILES

CEILING, VALIDITY = PROFILES + "ask-ceiling", PROFILES + "answer-validity"
WITHIN, REMIND = PROFILES + "answer-within", PROFILES + "remind-after"

MOST_ACTIONS, MOST_TRIGGERS, MOST_REMINDERS = 10, 10, 3
MOST_ASKS = 12
"""The highest ceiling: asks of one person in 30 days."""

MOST_TURNS = 200
"""How often one course asks at most."""

_CANONICAL = re.compile(r"(https?|urn):[^\s#]+")
_DAY, _WEEK = FIXED["d"], FIXED["wk"]
_MONTH = 28 * _DAY
_TWO_WEEKS = Length(micros=2 * _WEEK)
_RANKS = {"stat": 0, "asap": 1, "urgent": 2, "routine": 3}
_DATA = {"data-changed": (True, True), "data-added": (True, False), "data-modified": (False, True)}
_PERIODIC = "periodic"


def is_programme(definition: Resource) -> bool:
    """Whether a PlanDefinition claims to be a programme of ours."""
    return PROFILE in profiles_of(definition)


def programme_of(definition: Resource) -> Programme:
    """The programme. Raises Invalid with everything that is wrong with it."""
    issues = [*_about_ceiling(definition), *_about_actions(definition)]
    if "effectivePeriod" in definition:
        told = "Whether a programme is in effect its status says, and no period."
        issues.append(Issue("not-supported", told, "PlanDefinition.effectivePeriod"))
    if issues:
        raise Invalid(issues=issues)
    department = keys_at(dict(extension(definition, PROFILES + "department")), "valueReference")
    return Programme(
        id=str(definition.get("id", "")),
        url=definition["url"],
        edition=definition.get("version", ""),
        title=definition.get("title", ""),
        ceiling=int(extension(definition, CEILING)["valuePositiveInt"]),
        actions=tuple(_action(definition, each) for each in definition.get("action", ())),
        subject=_subject(definition),
        department=department[0][1] if department else "",
    )


def _subject(definition: Resource) -> str:
    """Who is asked: Patient, or the staff."""
    codes = {each.get("code") for each in at(definition, "subjectCodeableConcept.coding")}
    return STAFF if STAFF in codes else "Patient"


def _action(definition: Resource, given: Resource) -> Action:
    repeat = given.get("timingTiming", {}).get("repeat", {})
    periodic = (each["timingTiming"]["repeat"] for each in given["trigger"] if each["type"] == _PERIODIC)
    rounds: Resource = next(periodic, {})
    every = _period(repeat or rounds)
    return Action(
        id=given["id"],
        form=given["definitionCanonical"],
        triggers=tuple(map(_trigger, given["trigger"])) if not rounds else (),
        validity=_length(given, VALIDITY) or Length(),
        within=_length(given, WITHIN) or _TWO_WEEKS,
        delay=length_of(given["timingDuration"]) if "timingDuration" in given else None,
        every=every,
        turns=_turns(repeat, every) if repeat and every else 1,
        condition=next((each["expression"]["expression"] for each in given.get("condition", ())), ""),
        rank=_RANKS[given.get("priority", "routine")],
        reminders=tuple(
            filter(None, (_days(each) for each in given.get("extension", ()) if each.get("url") == REMIND))
        ),
        since=moment(definition.get("date")) if rounds else 0,
    )


def _trigger(given: Resource) -> Trigger:
    if given["type"] == "named-event":
        named = NAMED[given["name"]]
        return Trigger(named.type, named.verb, named.statuses)
    added, modified = _DATA[given["type"]]
    condition = given.get("condition", {}).get("expression", "")
    return Trigger(given["data"][0]["type"], condition=condition, added=added, modified=modified)


def _length(given: Resource, url: str) -> Length | None:
    return length_of(dict(extension(given, url).get("valueDuration", {})))


def _days(given: Resource) -> int:
    """How many days; 0 where it is not some whole days."""
    length = length_of(given.get("valueDuration", {})) or Length()
    return length.micros // _DAY if not (length.months or length.micros % _DAY) else 0


def _period(repeat: Resource) -> Length | None:
    """How long after one turn the next is; None where it is not said, or is none."""
    if repeat.get("frequency", 1) != 1:
        return None
    unit = repeat.get("periodUnit")
    return length_of({"value": repeat.get("period"), "code": unit, "system": "http://unitsofmeasure.org"})


def _turns(repeat: Resource, every: Length) -> int:
    """How many turns a course has at most; 0 where it has no end."""
    ends = [repeat[name] for name in ("countMax", "count") if name in repeat][:1]
    if bounds := length_of(repeat.get("boundsDuration", {})):
        ends.append(_micros(bounds) // _micros(every) + 1)
    return min(ends, default=0)


def _micros(length: Length) -> int:
    """About how long it is."""
    return length.micros + length.months * _MONTH


def _about_ceiling(definition: Resource) -> Iterator[Issue]:
    said = extension(definition, CEILING).get("valuePositiveInt", 0)
    if not 1 <= said <= MOST_ASKS:
        told = f"A programme has a ceiling (extension ask-ceiling): 1 to {MOST_ASKS} asks of a person in 30 days."
        yield Issue("required" if not said else "value", told, "PlanDefinition.extension")


def _about_actions(definition: Resource) -> Iterator[Issue]:
    actions = definition.get("action", [])
    named = Counter(each.get("id") for each in actions)
    if len(actions) > MOST_ACTIONS:
        yield Issue("too-costly", f"A programme has at most {MOST_ACTIONS} actions.", "PlanDefinition.action")
    for number, each in enumerate(actions):
        place = f"PlanDefinition.action[{number}]"
        if named[each.get("id")] > 1:
            yield Issue("value", "Two actions have this id; asks are counted by it.", f"{place}.id")
        if not _CANONICAL.fullmatch(each.get("definitionCanonical", "")):
            told = "It is the canonical of a Questionnaire, such as https://example.org/Questionnaire/one."
            yield Issue("value", told, f"{place}.definitionCanonical")
        if "action" in each:
            yield Issue("not-supported", "An action gives one form, and has no further actions.", f"{place}.action")
        yield from _about_triggers(definition, each, place)
        yield from _about_timing(each, place)
        yield from _about_condition(each, place)
        yield from _about_lengths(each, place)


def _about_triggers(definition: Resource, action: Resource, place: str) -> Iterator[Issue]:
    triggers, staff = action.get("trigger", []), _subject(definition) == STAFF
    if len(triggers) > MOST_TRIGGERS:
        yield Issue("too-costly", f"An action has at most {MOST_TRIGGERS} triggers.", f"{place}.trigger")
    if staff and len(triggers) > 1:
        yield Issue("not-supported", "Staff is asked by one periodic trigger.", f"{place}.trigger")
    for number, each in enumerate(triggers):
        where, kind = f"{place}.trigger[{number}]", each.get("type")
        if staff != (kind == _PERIODIC):
            told = "Staff is asked by a periodic trigger, patients by named-event, data-added, data-modified or "
            yield Issue("not-supported", told + "data-changed, which may be repeated (timingTiming).", f"{where}.type")
        elif staff:
            yield from _about_rounds(definition, action, each, where)
        elif kind == "named-event":
            if each.get("name") not in NAMED:
                yield Issue("value", f"The events that can be named are {', '.join(NAMED)}.", f"{where}.name")
        elif kind in _DATA:
            yield from _about_data(each, where)
        else:
            yield Issue("not-supported", f"It is named-event or one of {', '.join(_DATA)}.", f"{where}.type")


def _about_rounds(definition: Resource, action: Resource, trigger: Resource, where: str) -> Iterator[Issue]:
    every = _period(trigger.get("timingTiming", {}).get("repeat", {}))
    if every is None or _micros(every) < _WEEK:
        told = "timingTiming.repeat says how often: frequency 1, a whole period and a periodUnit, of a week at least."
        yield Issue("value", told, f"{where}.timingTiming")
    if not moment(definition.get("date")):
        yield Issue("required", "From its date on the rounds of a programme are counted.", "PlanDefinition.date")
    for name in ("timingTiming", "timingDuration", "condition"):
        if name in action:
            told = "Staff is asked in rounds, as the trigger says, whatever else is so."
            yield Issue("not-supported", told, f"{where.rpartition('.')[0]}.{name}")


def _about_data(trigger: Resource, where: str) -> Iterator[Issue]:
    data = trigger.get("data", [])
    if len(data) != 1 or data[0].get("type") not in OWNERS:
        yield Issue("not-supported", f"It has one data, of type {', '.join(OWNERS)}.", f"{where}.data")
        return
    for name in ("codeFilter", "dateFilter"):
        if name in data[0]:
            told = "What the resource has to be like is said by the trigger's condition."
            yield Issue("not-supported", told, f"{where}.data[0].{name}")
    if "condition" not in trigger:
        yield Issue("required", "A condition says how the resource has to be.", f"{where}.condition")
    else:
        yield from _unreadable(trigger["condition"], f"{where}.condition")


def _about_timing(action: Resource, place: str) -> Iterator[Issue]:
    if "timingDuration" in action and length_of(action["timingDuration"]) is None:
        yield _no_length(f"{place}.timingDuration")
    if others := [name for name in action if name.startswith("timing") and name not in _TIMINGS]:
        told = "It is timingDuration, from what happened to being asked, or timingTiming, how often it is asked."
        yield Issue("not-supported", told, f"{place}.{others[0]}")
    if "timingTiming" not in action:
        return
    repeat = action["timingTiming"].get("repeat", {})
    every = _period(repeat)
    if every is None or _micros(every) < _DAY:
        told = "repeat has frequency 1, a whole period and a periodUnit: one day at least."
        yield Issue("value", told, f"{place}.timingTiming.repeat")
    elif not 1 <= _turns(repeat, every) <= MOST_TURNS:
        told = f"It would have no end: say it by count or boundsDuration; {MOST_TURNS} times at most."
        yield Issue("business-rule", told, f"{place}.timingTiming.repeat")


_TIMINGS = ("timingDuration", "timingTiming")


def _about_condition(action: Resource, place: str) -> Iterator[Issue]:
    conditions = action.get("condition", [])
    if len(conditions) > 1:
        yield Issue("not-supported", "An action has one condition; join several by 'and'.", f"{place}.condition")
    for number, each in enumerate(conditions):
        where = f"{place}.condition[{number}]"
        if each.get("kind") != "applicability":
            yield Issue("not-supported", "A condition is one of applicability.", f"{where}.kind")
        yield from _unreadable(each.get("expression", {}), f"{where}.expression")


def _unreadable(expression: Resource, where: str) -> Iterator[Issue]:
    if expression.get("language") != "text/fhirpath" or "expression" not in expression:
        yield Issue("not-supported", "It is an expression in text/fhirpath.", where)
        return
    try:
        compile(expression["expression"])
    except FhirError as error:
        yield from (Issue("invalid", each.diagnostics, where) for each in error.issues)


def _about_lengths(action: Resource, place: str) -> Iterator[Issue]:
    reminders = 0
    for number, each in enumerate(action.get("extension", ())):
        if each.get("url") not in (VALIDITY, WITHIN, REMIND):
            continue
        reminders += each["url"] == REMIND
        if length_of(each.get("valueDuration", {})) is None:
            yield _no_length(f"{place}.extension[{number}]")
        elif each["url"] == REMIND and not _days(each):
            yield Issue(
                "value", "Somebody is reminded after whole days (d) or weeks (wk).", f"{place}.extension[{number}]"
            )
    if not extension(action, VALIDITY):
        told = "An action says for how long answers hold (extension answer-validity), so that nobody is asked twice."
        yield Issue("required", told, f"{place}.extension")
    if reminders > MOST_REMINDERS:
        yield Issue("too-costly", f"Nobody is reminded more than {MOST_REMINDERS} times.", f"{place}.extension")


def _no_length(where: str) -> Issue:
    units = ", ".join(UNITS)
    return Issue("value", f"It is a positive whole number of UCUM's {units}, of {LONGEST} years at most.", where)
