"""What can be chosen for a question, each under a key that stands for it in a form field. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from carethread.core.fhir.json import Number
from carethread.core.fhir.profiles import packaged
from carethread.core.ports import Resource
from carethread.questionnaires.answering.choosing import members_of
from carethread.questionnaires.forms import limits
from carethread.questionnaires.forms.comparing import key as key_of
from carethread.questionnaires.forms.expressions import CORE
from carethread.questionnaires.forms.form import Form, Item

MOST = 500
"""Codes of a value set that are offered one by one; of a longer one the code is written."""

_KEPT = ("system", "version", "code", "display", "userSelected")


class Choice(NamedTuple):
    """One of them: `value` of FHIR type `kind`, as an answer has it; `told` is the element with its texts, of which
    `member` is the one to be shown."""

    key: str
    kind: str
    value: Any
    told: Resource
    member: str

    @property
    def answer(self) -> Resource:
        return {f"value{self.kind[0].upper()}{self.kind[1:]}": self.value}


@lru_cache(maxsize=4096)
def choices_of(item: Item, form: Form) -> tuple[Choice, ...]:
    """What can be chosen for an item; nothing where anything can be, or more than can be offered."""
    if item.type == "boolean":
        return tuple(Choice(text, "boolean", value, {}, "") for text, value in (("true", True), ("false", False)))
    if item.type not in ("choice", "open-choice"):
        return ()
    if item.options:
        made = [choice(option.kind, option.value, option.raw) for option in item.options]
    else:
        made = [choice("Coding", each, each) for each in _codings(item.value_set, form)] if item.value_set else []
    return tuple({each.key: each for each in reversed(made)}.values())[::-1]


@lru_cache(maxsize=1024)
def units_of(item: Item, form: Form) -> tuple[Choice, ...]:
    """The units that an amount may be in; nothing where none is said."""
    said = limits.limits(item.raw, limits.UNIT_OPTION) or limits.limits(item.raw, CORE + "questionnaire-unit")
    codings = [found.value for found in said if found.kind == "Coding"]
    for found in limits.limits(item.raw, limits.UNIT_SET):
        codings += _codings(str(found.value), form)
    return tuple({made.key: made for each in codings for made in [choice("Coding", each, each)]}.values())


def choice(kind: str, value: Any, told: Resource) -> Choice:
    """What stands for a value, of an option or an answer."""
    if kind == "Coding":
        kept = {name: value[name] for name in _KEPT if name in value}
        key = f"{kept.get('system', '')}|{kept['code']}" if "code" in kept else f"||{kept.get('display', '')}"
        return Choice(key, kind, kept, value, "display" if "display" in kept else "code")
    if kind == "Reference":
        key = str(value.get("reference") or value.get("display", ""))
        return Choice(key, kind, value, value, "display" if "display" in value else "reference")
    return Choice(_plain(value), kind, value, told, f"value{kind[0].upper()}{kind[1:]}")


def slots(choices: Sequence[Choice], answers: Sequence[tuple[str, Any]]) -> list[int]:
    """Of each answer (its type and value) the number under which what is asked about it stands: that of what it has
    chosen, or one behind all of those."""
    numbers = {key_of(each.kind, each.value): number for number, each in enumerate(choices)}
    found: list[int] = []
    more = len(choices)
    for kind, value in answers:
        number = numbers.get(key_of(kind, value) if kind else None, -1)
        if number < 0 or number in found:
            number, more = more, more + 1
        found.append(number)
    return found


def _plain(value: Any) -> str:
    return value.text if isinstance(value, Number) else str(value)


def _codings(canonical: str, form: Form) -> list[Resource]:
    members = members_of(canonical, form)
    if members is None or not members.is_enumerated or sum(map(len, members.codes.values())) > MOST:
        return []
    shown = dict(_displays(canonical, form))
    return [
        {"system": system, "code": code, **_display(shown.get((system, code)) or _known(system).get(code))}
        for system, codes in members.codes.items()
        for code in codes
    ]


def _display(concept: Mapping[str, Any] | None) -> Resource:
    return {name: concept[name] for name in ("display", "_display") if name in concept} if concept else {}


def _displays(canonical: str, form: Form) -> Iterator[tuple[tuple[str, str], Mapping[str, Any]]]:
    """What a value set itself calls its codes."""
    inside = {f"#{each.get('id')}": each for each in form.raw.get("contained", ())}
    found = inside.get(canonical) or packaged().find("ValueSet", canonical) or {}
    for include in found.get("compose", {}).get("include", ()):
        for concept in include.get("concept", ()):
            yield (include.get("system", ""), concept["code"]), concept
    waiting = list(found.get("expansion", {}).get("contains", ()))
    while waiting:
        concept = waiting.pop()
        yield (concept.get("system", ""), concept.get("code", "")), concept
        waiting += concept.get("contains", ())


@lru_cache(maxsize=64)
def _known(system: str) -> Mapping[str, Mapping[str, Any]]:
    """The concepts of a code system of ours."""
    found: dict[str, Mapping[str, Any]] = {}
    waiting = list((packaged().find("CodeSystem", system) or {}).get("concept", ()))
    while waiting:
        concept = waiting.pop()
        found[concept["code"]] = concept
        waiting += concept.get("concept", ())
    return found
