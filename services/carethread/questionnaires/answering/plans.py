"""A form made ready for judging responses: all that can be said of an item before there is an answer, said once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from carethread.core.fhir.elements import extension
from carethread.core.ports import Resource
from carethread.questionnaires.answering.checking import Check, checks_of
from carethread.questionnaires.answering.choosing import Choice, choice_of, kinds_of
from carethread.questionnaires.answering.enabling import Rule, rules_of
from carethread.questionnaires.forms.comparing import key
from carethread.questionnaires.forms.expressions import CONSTRAINTS, ENABLE, FHIRPATH, SDC, TOGGLE, expressions_of
from carethread.questionnaires.forms.form import Form, Item
from carethread.questionnaires.forms.limits import MAX_OCCURS, MIN_OCCURS, whole
from carethread.questionnaires.forms.ordering import ordered
from carethread.questionnaires.forms.values import typed_value

_TRANSLATION = "http://hl7.org/fhir/StructureDefinition/translation"
_EXPRESSION = "http://hl7.org/fhir/StructureDefinition/cqf-expression"
_ESTABLISHED = (SDC + "initialExpression", SDC + "calculatedExpression", SDC + "observationLinkPeriod")


class Constraint(NamedTuple):
    """An invariant of the form."""

    key: str
    severity: str
    human: str
    text: str


class Toggle(NamedTuple):
    """Options that can be chosen only where an expression is true."""

    keys: frozenset[Any]
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """One item. `texts` are what its text may be, None where it may be anything; `fixed` the keys of the values that
    it has where nobody may change it; `least` and `most` how often it is there, None: as often as one likes."""

    item: Item
    kinds: frozenset[str]
    choice: Choice | None
    checks: tuple[Check, ...]
    least: int
    most: int | None
    texts: frozenset[str] | None
    fixed: frozenset[Any] | None
    rules: tuple[Rule, ...]
    enable: str
    toggles: tuple[Toggle, ...]
    constraints: tuple[Constraint, ...]
    gaps: tuple[str, ...]
    children: list[Plan] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class Plans:
    """A form. `conditional` are the items that may be disabled, each behind those that decide about it."""

    form: Form
    roots: tuple[Plan, ...]
    items: Mapping[str, Plan]
    conditional: tuple[Plan, ...]
    constraints: tuple[Constraint, ...]


@lru_cache(maxsize=256)
def plans_of(form: Form) -> Plans:
    """The form made ready; once, as long as it is in use."""
    items = {link: _plan(item, form) for link, item in form.items.items()}
    for plan in items.values():
        if plan.item.parent:
            items[plan.item.parent.link_id].children.append(plan)
    needs = {
        item.link_id: [*([item.parent.link_id] if item.parent else ()), *(each.question for each in item.enable_when)]
        for item in form.items.values()
    }
    return Plans(
        form,
        tuple(items[item.link_id] for item in form.roots),
        items,
        tuple(items[link] for link in ordered(needs)[0] if items[link].rules or items[link].enable),
        _constraints(form.raw),
    )


def _plan(item: Item, form: Form) -> Plan:
    checks, gaps = checks_of(item, form)
    choice = choice_of(item, form)
    written = list(expressions_of(item.raw, item.path))
    told = [gap.told for gap in gaps]
    if choice and choice.unknown:
        told.append(f"The codes of {choice.unknown} are not known here.")
    if any(each.language != FHIRPATH and each.url in (ENABLE, TOGGLE, *CONSTRAINTS) for each in written):
        told.append("An expression of the form that is not FHIRPath was not asked.")
    return Plan(
        item=item,
        kinds=kinds_of(item),
        choice=choice,
        checks=tuple(checks),
        least=max(whole(item.raw, MIN_OCCURS) or 0, int(item.required)) if item.type != "display" else 0,
        most=whole(item.raw, MAX_OCCURS) if item.repeats else 1,
        texts=_texts(item.raw),
        fixed=_fixed(item),
        rules=rules_of(item, form),
        enable=next((each.text for each in written if each.url == ENABLE and each.language == FHIRPATH), ""),
        toggles=tuple(_toggle(each) for each in item.extensions(TOGGLE) if _is_fhirpath(each)),
        constraints=_constraints(item.raw),
        gaps=tuple(told),
    )


def _texts(raw: Resource) -> frozenset[str] | None:
    """The text and its translations; what an expression makes of it is anything."""
    extra = raw.get("_text", {}).get("extension", ())
    if "text" not in raw or any(each.get("url") == _EXPRESSION for each in extra):
        return None
    translated = [typed_value(extension(each, "content"))[1] for each in extra if each.get("url") == _TRANSLATION]
    return frozenset([raw["text"], *(text for text in translated if isinstance(text, str))])


def _fixed(item: Item) -> frozenset[Any] | None:
    if not item.read_only or any(each.get("url") in _ESTABLISHED for each in item.raw.get("extension", ())):
        return None
    initial = [typed_value(each) for each in item.raw.get("initial", ())]
    initial += [(option.kind, option.value) for option in item.options if option.raw.get("initialSelected")]
    return frozenset(key(kind, value) for kind, value in initial if kind) or None


def _is_fhirpath(toggle: Resource) -> bool:
    return bool(extension(toggle, "expression").get("valueExpression", {}).get("language") == FHIRPATH)


def _toggle(raw: Resource) -> Toggle:
    options = [typed_value(each) for each in raw.get("extension", ()) if each.get("url") == "option"]
    text = extension(raw, "expression")["valueExpression"].get("expression", "")
    return Toggle(frozenset(key(kind, value) for kind, value in options if kind), text)


def _constraints(raw: Resource) -> tuple[Constraint, ...]:
    found = []
    for each in raw.get("extension", ()):
        if each.get("url") not in CONSTRAINTS:
            continue
        expression = extension(each, "expression")
        written = expression.get("valueExpression", {})
        fhirpath = written.get("expression", "") if written.get("language") == FHIRPATH else ""
        text = expression.get("valueString", fhirpath)
        if text:
            found.append(
                Constraint(
                    str(extension(each, "key").get("valueId", "")),
                    str(extension(each, "severity").get("valueCode", "error")),
                    _told(each),
                    text,
                )
            )
    return tuple(found)


def _told(constraint: Resource) -> str:
    told = next((v for n, v in extension(constraint, "human").items() if n.startswith("value")), "")
    return str(told) or "The form's constraint does not hold."
