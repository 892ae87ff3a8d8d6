"""What one extraction has made so far: entries of a transaction, and what was wrong.

Expressions see the response (%resource), where they stand (%context), the form (%questionnaire), its item (%qitem), the
ids that were allocated and the names that a template gives; they are from outside, so each has a budget, and there is
one for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from carethread.core.errors import Issue
from carethread.core.fhir.fhirpath import Budget, Element, FhirPathError, Purse, compile
from carethread.core.fhir.fhirpath.errors import BudgetExceeded
from carethread.core.fhir.json import Number
from carethread.core.ports import Resource
from carethread.questionnaires.extracting.marks import CONDITIONS
from carethread.questionnaires.forms.form import Form, Item
from carethread.questionnaires.forms.labels import labelled, labels_at

MOST_ENTRIES = 1_000
MOST_EXPRESSIONS = 20_000
MOST_STEPS = 2_000_000
"""How much one extraction may make and ask, and how many steps its expressions may take together."""

_STEPS_OF_ONE = 200_000

Names = Mapping[str, Any]
"""The variables of expressions by name, beyond those that all have."""


class TooMuch(Exception):
    """An extraction that is beyond its bounds; what was wrong is told already."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A resource that is to be written: its fullUrl, the conditions of its request, and the item (`link_id`, empty: the
    form itself; `path`: where it stands in the response) that it is made of.

    `url` and `method` are empty where they follow from the resource. `cause` tells it from all others of the response.
    It is `owned` where the resource is the response's alone, under an id that follows from the cause.
    """

    resource: Resource
    full_url: str
    cause: str
    link_id: str = ""
    path: str = "QuestionnaireResponse"
    conditions: Mapping[str, str] = field(default_factory=dict)
    method: str = ""
    url: str = ""
    owned: bool = False

    def bundled(self) -> Resource:
        """As an entry of a transaction."""
        kind, id_ = self.resource["resourceType"], self.resource.get("id")
        request = {
            "method": self.method or ("PUT" if id_ else "POST"),
            "url": self.url or (f"{kind}/{id_}" if id_ else kind),
            **self.conditions,
        }
        return {"fullUrl": self.full_url, "resource": self.resource, "request": request}


class Making:
    """One extraction from a response to a form. `uuid` gives an id for a cause, the same for the same cause; `clock` is
    what `now()` means."""

    def __init__(
        self, form: Form, response: Resource, uuid: Callable[[str], str], clock: Callable[[], datetime] | None = None
    ) -> None:
        self.form = form
        self.response = response
        self.uuid = uuid
        self.issues: list[Issue] = []
        self.entries: list[Entry] = []
        self._root = Element(response, "QuestionnaireResponse")
        self._clock = clock
        self._asked = 0
        self._taken: set[str] = set()
        self._budget = Budget(_STEPS_OF_ONE, purse=Purse(MOST_STEPS))

    def add(self, entry: Entry) -> None:
        """Keep an entry, its resource labelled as the form says. Raises TooMuch."""
        if len(self.entries) >= MOST_ENTRIES:
            self.wrong(f"A response gives {MOST_ENTRIES} resources at most.", entry.path, "too-costly")
            raise TooMuch
        if entry.full_url in self._taken:  # a template names it once, however often it is filled in
            entry = replace(entry, full_url=self.full_url(entry.cause))
        self._taken.add(entry.full_url)
        labels = labels_at(self.form, self.response, entry.link_id)
        self.entries.append(replace(entry, resource=labelled(entry.resource, labels)) if labels else entry)

    def wrong(self, said: str, where: str, code: str = "business-rule", severity: str = "error") -> None:
        self.issues.append(Issue(code, said, where, severity))

    def full_url(self, cause: str) -> str:
        return f"urn:uuid:{self.uuid(cause)}"

    def at(self, raw: Resource | None) -> Element:
        """An item of the response (None: the response) as that which expressions start from."""
        return self._root if raw is None else Element(raw, "QuestionnaireResponse#item")

    def items(
        self, expression: str, focus: Element, item: Item | None, names: Names, where: str, link_id: str = ""
    ) -> list[Element]:
        """What an expression gives, each with its type; nothing where it is wrong, which is told. Raises TooMuch."""
        self._asked += 1
        if self._asked > MOST_EXPRESSIONS:
            self.wrong(f"An extraction asks {MOST_EXPRESSIONS} expressions at most.", where, "too-costly")
            raise TooMuch
        environment = {"questionnaire": self.form.raw, "context": focus, **names}
        if item is not None:
            environment["qitem"] = Element(item.raw, "Questionnaire#item")
        try:
            found = compile(expression).typed(
                focus, root=self._root, environment=environment, clock=self._clock, budget=self._budget
            )
        except (FhirPathError, BudgetExceeded) as error:
            named = f"An expression of linkId '{link_id}'" if link_id else "An expression of the form"
            self.wrong(f"{named} cannot be applied: {error}", where, error.issues[0].code)
            return []
        return [Element(_exact(value), kind) for kind, value in found if value is not None]

    def text(self, expression: str, focus: Element, item: Item | None, names: Names, where: str) -> str:
        """What an expression says, as one text; empty where it says nothing, or more, which is told."""
        found = self.items(expression, focus, item, names, where, item.link_id if item else "")
        if len(found) > 1 or any(isinstance(each.value, dict | list) for each in found):
            self.wrong("An expression of an entry gives one text at most.", where)
            return ""
        return str(found[0].value) if found else ""

    def conditions(
        self, expressions: Mapping[str, str], focus: Element, item: Item | None, names: Names, where: str
    ) -> dict[str, str]:
        """The conditions of a request, by the expressions that there are for them."""
        said = {
            name: self.text(expressions[name], focus, item, names, where) for name in CONDITIONS if name in expressions
        }
        return {name: text for name, text in said.items() if text}


def _exact(value: Any) -> Any:
    """A number as an expression has computed it, without the digits that a binary number adds."""
    if type(value) is float:
        return int(value) if value.is_integer() else Number(repr(value))
    return value
