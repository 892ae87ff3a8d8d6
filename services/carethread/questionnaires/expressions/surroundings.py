"""Asking the expressions of a form about one response, with all that they may see.

`%resource` is the response, `%context` the item of it that is asked about (the response itself at the root),
`%questionnaire` the form and `%qitem` the form's item; then the form's variables, which inherit downwards, each seeing
those before it and those further out; then what the form was opened with (`launch`). Variables are worked out when they
are asked for, once. What is not answered is an item with nothing in it, so that expressions about it are empty.

Source: http://hl7.org/fhir/uv/sdc/expressions.html.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from carethread.core.fhir.fhirpath import Budget, Element, Purse, Quantity, compile
from carethread.core.fhir.fhirpath.element import Items, plain
from carethread.core.fhir.fhirpath.scope import Resolve
from carethread.core.ports import Resource
from carethread.questionnaires.expressions.holders import variables
from carethread.questionnaires.expressions.variables import RESERVED, Variable
from carethread.questionnaires.forms.expressions import FHIRPATH, QUERY
from carethread.questionnaires.forms.form import Form, Item

STEPS = 1_000_000
"""What all expressions together may take for one response."""

STEPS_OF_ONE = 200_000

Ask = Callable[[str], Resource | None]
"""Answers an x-fhir-query, such as `Observation?code=…`, with a Bundle or a resource; None where there is none."""

_EMBEDDED = re.compile(r"\{\{(.+?)\}\}", re.DOTALL)
_QITEM, _ITEM, _QUESTIONNAIRE, _RESPONSE = (
    "Questionnaire#item",
    "QuestionnaireResponse#item",
    "Questionnaire",
    "QuestionnaireResponse",
)


@dataclass(frozen=True, slots=True, eq=False)
class Spot:
    """Where an expression is asked: an item of the form, what the response has of it, and the spot around it.

    At the root there is no item, and what is given is the response. `named` are further names that are seen there and
    below, in place of variables of the same name.
    """

    item: Item | None
    given: Resource
    outer: Spot | None = None
    named: Mapping[str, Items] = field(default_factory=dict)

    def inside(
        self, item: Item, given: Resource | None = None, named: Mapping[str, Items] = MappingProxyType({})
    ) -> Spot:
        """A spot within this one; of an item that is not answered nothing is given."""
        return Spot(item, {"linkId": item.link_id} if given is None else given, self, named)


@dataclass(eq=False)
class Surroundings:
    """What the expressions of a form see in one response; who changes the response says so by `forget`.

    `launch` are resources by name; `query` answers x-fhir-queries, else they are empty; `resolve` what `resolve()`
    finds; `clock` what `now()` means; `steps` how many all expressions may take together.
    """

    form: Form
    response: Resource
    launch: Mapping[str, Any] = field(default_factory=dict)
    query: Ask | None = None
    resolve: Resolve | None = None
    clock: Callable[[], datetime] | None = None
    purse: Purse = field(default_factory=lambda: Purse(STEPS))

    def __post_init__(self) -> None:
        self.root = Spot(None, self.response)
        self._resource = Element(self.response, _RESPONSE)
        self._questionnaire = Element(self.form.raw, _QUESTIONNAIRE)
        self._budget = Budget(STEPS_OF_ONE, purse=self.purse)
        self._variables = variables(self.form)
        self._known: dict[tuple[Spot, int], Items] = {}

    def items(self, text: str, spot: Spot, language: str = FHIRPATH, *, focus: Element | None = None) -> Items:
        """What an expression gives at a spot; empty in a language that is not known.

        `focus` is the element to start from, where it is not the spot's. Raises FhirPathError and BudgetExceeded.
        """
        return self._asked(text, language, spot, _Names(self, spot), focus)

    def holds(self, text: str, spot: Spot, *, focus: Element | None = None) -> bool:
        """Whether a FHIRPath is true at a spot. Raises as `items`."""
        found = self.items(text, spot, focus=focus)
        return len(found) == 1 and (plain(found[0]) is True)

    def forget(self) -> None:
        """Have the variables worked out anew: the response is another now."""
        self._known.clear()

    def names(self, spot: Spot) -> Mapping[str, Any]:
        """The environment of the expressions at a spot, for those who evaluate themselves."""
        return _Names(self, spot)

    def _asked(self, text: str, language: str, spot: Spot, names: _Names, focus: Element | None = None) -> Items:
        if language == QUERY:
            return self._queried(text, spot, names)
        if language != FHIRPATH:
            return []
        return compile(text).items(
            focus or self._focus(spot),
            root=self._resource,
            environment=names,
            resolve=self.resolve,
            clock=self.clock,
            budget=self._budget,
        )

    def _focus(self, spot: Spot) -> Element:
        return self._resource if spot.item is None else Element(spot.given, _ITEM)

    def _queried(self, text: str, spot: Spot, names: _Names) -> Items:
        """The answer to a query, its embedded expressions filled in; nothing where one of them is empty."""
        parts, end = [], 0
        for found in _EMBEDDED.finditer(text):
            values = self._asked(found[1], FHIRPATH, spot, names)
            if not values:
                return []
            parts += [text[end : found.start()], ",".join(_in_query(value) for value in values)]
            end = found.end()
        answer = self.query("".join([*parts, text[end:]])) if self.query else None
        return [Element(answer, str(answer.get("resourceType", "")))] if answer else []

    def _value(self, spot: Spot, number: int, variable: Variable) -> Items:
        key = (spot, number)
        if key not in self._known:
            self._known[key] = self._asked(variable.text, variable.language, spot, _Names(self, spot, number))
        return self._known[key]

    def find(self, name: str, spot: Spot, before: int | None) -> Items | None:
        """What a name means at a spot, of whose own variables only those `before` are seen; None: nothing."""
        if name == "qitem":
            return [Element(spot.item.raw, _QITEM)] if spot.item else []
        if name == "questionnaire":
            return [self._questionnaire]
        if name in RESERVED:
            return None
        here: Spot | None = spot
        while here is not None:
            if name in here.named:
                return here.named[name]
            own = self._variables.get(here.item, ())
            for number in range(len(own) if before is None else before):
                if own[number].name == name:
                    return self._value(here, number, own[number])
            here, before = here.outer, None
        launched = self.launch.get(name)
        if launched is None:
            return None
        return list(launched) if isinstance(launched, list) else [launched]


class _Names(Mapping[str, Any]):
    """The names that an expression sees at a spot."""

    __slots__ = ("_before", "_spot", "_surroundings")

    def __init__(self, surroundings: Surroundings, spot: Spot, before: int | None = None) -> None:
        self._surroundings, self._spot, self._before = surroundings, spot, before

    def __getitem__(self, name: str) -> Items:
        found = self._surroundings.find(name, self._spot, self._before)
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        """Nobody lists them."""
        return iter(())

    def __len__(self) -> int:
        return 1


def _in_query(value: Any) -> str:
    item = plain(value)
    if isinstance(item, Element | Quantity) or item is None:
        return ""
    return quote(str(item).lower() if isinstance(item, bool) else str(item), safe="|/:")
