"""What may be chosen for an item: its options, the codes of its value set, or whatever is of the right type.

Source: http://hl7.org/fhir/R4/questionnaire-definitions.html#Questionnaire.item.answerOption, #answerValueSet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from carethread.core.fhir.definitions import ValueSet
from carethread.core.fhir.profiles import packaged
from carethread.core.fhir.profiles.valuesets import expand
from carethread.core.fhir.validation.bindings import Bound, bound
from carethread.core.ports import Resource
from carethread.questionnaires.forms.answerable import ANSWERS
from carethread.questionnaires.forms.comparing import key
from carethread.questionnaires.forms.form import Form, Item, Option

_MOST_LISTED = 20


class Choice(NamedTuple):
    """`accepts` tells of a value of a type whether it may be chosen; `allowed` says what may.

    `unknown` names the value set whose codes are not known here, so that none is refused. `exclusive` are the keys of
    options that exclude all others.
    """

    accepts: Callable[[str, Any], bool]
    allowed: str
    exclusive: frozenset[Any] = frozenset()
    unknown: str = ""


def kinds_of(item: Item) -> frozenset[str]:
    """The types that an answer may be of; none for what nobody answers."""
    kinds = ANSWERS.get(item.type, frozenset())
    if item.type == "choice" and item.options:
        return frozenset(option.kind for option in item.options)
    if item.type == "open-choice":
        return kinds | {option.kind for option in item.options}
    return kinds


def choice_of(item: Item, form: Form) -> Choice | None:
    """What may be chosen; None where that is not narrowed down."""
    if item.options:
        return _of_options(item)
    return _of_set(item, form) if item.value_set else None


def _of_options(item: Item) -> Choice:
    keys = frozenset(key(option.kind, option.value) for option in item.options)
    free = item.type == "open-choice"

    def accepts(kind: str, value: Any) -> bool:
        return (free and kind == "string") or key(kind, value) in keys

    exclusive = frozenset(key(option.kind, option.value) for option in item.options if option.exclusive)
    return Choice(accepts, _listed(item.options), exclusive)


def _listed(options: tuple[Option, ...]) -> str:
    if len(options) > _MOST_LISTED:
        return f"one of the form's {len(options)} options"
    return "one of " + ", ".join(_named(option) for option in options)


def _named(option: Option) -> str:
    if option.kind == "Coding":
        return str(option.value.get("code") or option.value.get("display", ""))
    return str(option.value.get("reference", "")) if option.kind == "Reference" else str(option.value)


def _of_set(item: Item, form: Form) -> Choice:
    members = bound_of(item.value_set, form)
    if members is None:
        return Choice(lambda kind, value: True, "", unknown=item.value_set)
    accepts = members.accepts
    return Choice(lambda kind, value: kind != "Coding" or accepts(value), members.allowed)


def bound_of(canonical: str, form: Form) -> Bound | None:
    """What tells of the codes of a value set, which the form may contain; None where they are not known here."""
    members = members_of(canonical, form)
    return bound(members, "Coding") if members else None


def members_of(canonical: str, form: Form) -> ValueSet | None:
    """A value set with its codes, which the form may contain; None where it is not known here."""
    library = packaged()
    if canonical.startswith("#"):
        contained = _contained(form.raw.get("contained", ()), canonical[1:])
        return expand(contained, library) if contained else None
    return library.members(canonical) or library.members(canonical.partition("|")[0])


def _contained(contained: Iterable[Resource], id_: str) -> Mapping[str, Any] | None:
    return next((each for each in contained if each.get("id") == id_ and each["resourceType"] == "ValueSet"), None)
