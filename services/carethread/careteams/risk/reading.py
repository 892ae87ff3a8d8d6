"""A PlanDefinition of profile `risk-rule` as a rule, or all that is wrong with it, each with its place.

What the profile asks (one action with a level, triggers, inputs and one condition) the validator has seen to.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal

from carethread.careteams.risk.costing import Unfit, cost, misplaced, repeats
from carethread.careteams.risk.rules import LEVELS, MOST, PROFILE, STEPS, TYPES, Code, Date, Group, Input, Rule
from carethread.careteams.risk.windows import ranges_of
from carethread.core.errors import FhirError, Invalid, Issue
from carethread.core.fhir.elements import at, profiles_of
from carethread.core.fhir.fhirpath import Element, compile
from carethread.core.lengths import LONGEST, UNITS, length_of
from carethread.core.ports import Resource

WEIGHT = "https://carethread.dev/fhir/StructureDefinition/risk-weight"
FEEDBACK = "https://carethread.dev/fhir/StructureDefinition/reads-feedback"

_ACTION = "PlanDefinition.action[0]"
_CONDITION = f"{_ACTION}.condition[0].expression"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}", re.ASCII)
_TAKEN = ("patient", "resource", "rootResource", "context", "ucum", "sct", "loinc")
_MOST_INPUTS = 20


def is_rule(definition: Resource) -> bool:
    """Whether a PlanDefinition claims to be a rule of ours."""
    return PROFILE in profiles_of(definition)


def rule_of(definition: Resource) -> Rule:
    """The rule. Raises Invalid with everything that is wrong with it."""
    action = definition["action"][0]
    issues = [*_about_time(definition), *_about_inputs(action), *_about_triggers(action), *_about_condition(action)]
    if issues:
        raise Invalid(issues=issues)
    feedback = any(e.get("url") == FEEDBACK and e.get("valueBoolean") for e in definition.get("extension", ()))
    return Rule(
        id=str(definition.get("id", "")),
        url=definition["url"],
        edition=definition.get("version", ""),
        title=action.get("title") or definition.get("title") or definition["url"],
        says=action.get("description", ""),
        level=next(c["code"] for c in at(action, "code.coding") if c.get("system") == LEVELS),
        condition=action["condition"][0]["expression"]["expression"],
        inputs=tuple(_input(each, feedback=feedback) for each in action["input"]),
        helps=tuple(each["title"] for each in action.get("action", ()) if "title" in each),
        feedback=feedback,
    )


def _input(given: Resource, *, feedback: bool) -> Input:
    filters = [*given.get("codeFilter", ()), *given.get("dateFilter", ())]
    split = {each["path"]: _split(given["type"], each["path"]) for each in filters}
    unders = dict.fromkeys(under for under, _ in split.values())
    groups = tuple(
        Group(
            under,
            tuple(
                Code(split[each["path"]][1], frozenset((c.get("system"), c["code"]) for c in each["code"]))
                for each in given.get("codeFilter", ())
                if split[each["path"]][0] == under
            ),
            tuple(
                _date(each, split[each["path"]][1])
                for each in given.get("dateFilter", ())
                if split[each["path"]][0] == under
            ),
        )
        for under in unders
    )
    weight = next((e.get("valueDecimal", 0) for e in given.get("extension", ()) if e.get("url") == WEIGHT), 0)
    dated = next((tuple(each["path"].split(".")) for each in given.get("dateFilter", ())), ())
    return Input(given["id"], given["type"], groups, Decimal(getattr(weight, "text", str(weight))), dated, feedback)


def _split(type_name: str, path: str) -> tuple[str, tuple[str, ...]]:
    """The repeating element that a path leads into, empty for none, and the rest of the path."""
    first, *rest = path.split(".")
    return (first, tuple(rest)) if rest and repeats(type_name, first) else ("", (first, *rest))


def _date(given: Resource, path: tuple[str, ...]) -> Date:
    if "valueDuration" in given:
        return Date(path, within=length_of(given["valueDuration"]))
    return Date(path, during=next(iter(ranges_of(Element(given["valuePeriod"], "Period")))))


def _about_time(definition: Resource) -> Iterator[Issue]:
    if "effectivePeriod" in definition:
        told = "Whether a rule is in effect its status says, and no period."
        yield Issue("not-supported", told, "PlanDefinition.effectivePeriod")


def _about_inputs(action: Resource) -> Iterator[Issue]:
    inputs = action.get("input", [])
    named = Counter(each.get("id") for each in inputs)
    if len(inputs) > _MOST_INPUTS:
        yield Issue("too-costly", f"A rule has at most {_MOST_INPUTS} inputs.", f"{_ACTION}.input")
    for number, each in enumerate(inputs):
        place = f"{_ACTION}.input[{number}]"
        name = each.get("id", "")
        if not _NAME.fullmatch(name) or name in _TAKEN:
            told = f"The id is a variable's name: a letter, then letters, digits or _; none of {', '.join(_TAKEN)}."
            yield Issue("value", told, place)
        elif named[name] > 1:
            yield Issue("value", f"Two inputs are named %{name}; give each a name of its own.", place)
        if each.get("type") not in TYPES:
            yield Issue("not-supported", f"A rule reads {', '.join(TYPES)}.", f"{place}.type")
            continue
        for part, about in (("codeFilter", _about_codes), ("dateFilter", _about_dates)):
            for position, given in enumerate(each.get(part, ())):
                where = f"{place}.{part}[{position}]"
                if "path" not in given:
                    yield Issue("not-supported", "A filter has a path; search parameters are not supported.", where)
                else:
                    yield from (Issue("value", why, f"{where}.path") for why in misplaced(each["type"], given["path"]))
                yield from about(given, where)


def _about_codes(given: Resource, where: str) -> Iterator[Issue]:
    if "valueSet" in given:
        yield Issue("not-supported", "A value set is not supported here; name the codes.", f"{where}.valueSet")
    elif not given.get("code") or any("code" not in each for each in given["code"]):
        yield Issue("required", "A codeFilter names at least one code.", f"{where}.code")


def _about_dates(given: Resource, where: str) -> Iterator[Issue]:
    if "valueDuration" in given:
        if length_of(given["valueDuration"]) is None:
            units = ", ".join(UNITS)
            told = f"A duration is a positive whole number of UCUM's {units}, of {LONGEST} years at most."
            yield Issue("value", told, f"{where}.valueDuration")
    elif "valuePeriod" not in given:
        yield Issue("required", "A dateFilter has a valueDuration before now, or a valuePeriod.", where)


def _about_triggers(action: Resource) -> Iterator[Issue]:
    read = {each.get("type") for each in action.get("input", ())}
    for number, trigger in enumerate(action.get("trigger", ())):
        for position, data in enumerate(trigger.get("data", ())):
            if data.get("type") not in read:
                place = f"{_ACTION}.trigger[{number}].data[{position}].type"
                yield Issue("business-rule", "A rule is triggered by what one of its inputs reads.", place)


def _about_condition(action: Resource) -> Iterator[Issue]:
    given = action["condition"][0].get("expression", {})
    if given.get("language") != "text/fhirpath" or "expression" not in given:
        yield Issue("not-supported", "A condition is an expression in text/fhirpath.", _CONDITION)
        return
    variables: dict[str, tuple[str, int]] = {"patient": ("Patient", 1)}
    variables |= {each.get("id", ""): (str(each.get("type", "")), MOST) for each in action.get("input", ())}
    try:
        compile(given["expression"])
        needed = cost(given["expression"], variables)
    except FhirError as error:
        yield from (Issue(each.code, each.diagnostics, _CONDITION) for each in error.issues)
    except Unfit as error:
        yield Issue("invalid", str(error), _CONDITION)
    else:
        if needed > STEPS:
            told = f"With {MOST} facts in each set it may take {_about(needed)} steps; a rule has {STEPS:,}. "
            yield Issue("too-costly", told + "Narrow the sets by their filters, and compare each with few.", _CONDITION)


def _about(number: int) -> str:
    return f"{number:,}" if number < 10**12 else "very many"
