"""The calculated items of a response: worked out in document order, and again until nothing changes.

An item that nobody may write (`readOnly`) has what its expression gives, and nothing where it gives nothing. One that
may be written is filled in where it is empty: what somebody has put there instead is theirs, and stays.

Source: http://hl7.org/fhir/uv/sdc/StructureDefinition-sdc-questionnaire-calculatedExpression.html.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from carethread.core.clock import from_micros
from carethread.core.errors import Issue
from carethread.core.fhir.elements import extension
from carethread.core.fhir.fhirpath import BudgetExceeded, FhirPathError, Purse
from carethread.core.fhir.search.dates import moment
from carethread.core.ports import Resource
from carethread.questionnaires.answering.judging import disabled
from carethread.questionnaires.expressions.answers import answers_of
from carethread.questionnaires.expressions.surroundings import STEPS, Spot, Surroundings
from carethread.questionnaires.forms.expressions import ENABLE, FHIRPATH, SDC
from carethread.questionnaires.forms.form import Form, Item
from carethread.questionnaires.forms.values import typed_value

CALCULATED = SDC + "calculatedExpression"

PASSES = 5
"""How often all are worked out at most: an item may need what stands behind it."""


class Calculated(NamedTuple):
    """A response with its calculated items, and what could not be worked out (informations)."""

    response: Resource
    issues: list[Issue]


def calculated(form: Form, response: Resource) -> Resource:
    """The response with its calculated items; itself where that changes nothing. Raises BudgetExceeded."""
    return calculate(form, response).response


def calculate(
    form: Form, response: Resource, *, clock: Callable[[], datetime] | None = None, purse: Purse | None = None
) -> Calculated:
    """As `calculated`, with what could not be worked out. `purse` is for several responses together.

    `now()` is when the response was authored, so that it comes to the same whenever it is asked; `clock` tells the time
    where that is not said. Raises BudgetExceeded.
    """
    plan = _plan(form)
    if not plan.inside:
        return Calculated(response, [])
    copy = _copied(response)
    authored = moment(response.get("authored"))
    around = Surroundings(
        form, copy, clock=(lambda: from_micros(authored)) if authored else clock, purse=purse or Purse(STEPS)
    )
    return _Calculation(form, plan, copy, around).run(response)


class _Plan(NamedTuple):
    """The expressions of a form's calculated items, and within which items there are any; None: the form itself."""

    texts: dict[Item, str]
    inside: frozenset[Item | None]
    conditional: bool
    """Whether one of these items may be disabled."""


@lru_cache(maxsize=256)
def _plan(form: Form) -> _Plan:
    texts, inside = dict[Item, str](), set[Item | None]()
    conditional = False
    for item in form.items.values():
        said = extension(item.raw, CALCULATED).get("valueExpression", {})
        if said.get("language") != FHIRPATH or not said.get("expression"):
            continue
        texts[item] = said["expression"]
        around: Item | None = item
        while around is not None:
            conditional = conditional or bool(around.enable_when or around.extension(ENABLE))
            around = around.parent
            inside.add(around)
    return _Plan(texts, frozenset(inside), conditional)


@dataclass(slots=True, eq=False)
class _Place:
    """What items stand in: the response, a group, an answer. One that is not in the response yet has whom it joins."""

    spot: Spot
    holder: Resource
    path: str
    item: Item | None = None
    joins: _Place | None = None


class _Calculation:
    """One response, a copy of which is changed."""

    def __init__(self, form: Form, plan: _Plan, response: Resource, around: Surroundings) -> None:
        self._form, self._plan, self._response, self._around = form, plan, response, around
        self._issues: dict[str, Issue] = {}
        self._off: Collection[tuple[str, str]] = ()

    def run(self, before: Resource) -> Calculated:
        changed = False
        for _ in range(PASSES):
            self._issues.clear()
            if self._plan.conditional:
                self._off = disabled(self._form, self._response)
            if not self._pass():
                break
            changed = True
            if len(self._plan.texts) == 1:
                break
        else:
            told = "The calculated items go on changing each other; these are the last values."
            self._issues[""] = Issue("processing", told, "Questionnaire.item", "information")
        return Calculated(self._response if changed else before, list(self._issues.values()))

    def _pass(self) -> bool:
        """Work everything out once, in document order; whether something is different now."""
        changed = False
        waiting = [_Place(self._around.root, self._response, "QuestionnaireResponse")]
        while waiting:
            place = waiting.pop()
            below: list[_Place] = []
            there = _by_link(place.holder)
            for child in place.item.children if place.item else self._form.roots:
                if child in self._plan.texts or child in self._plan.inside:
                    off = (place.path, child.link_id) in self._off
                    found = there.get(child.link_id, [])
                    if child in self._plan.texts:
                        changed |= self._worked_out(child, place, found[0][1] if found else None, off=off)
                    if child in self._plan.inside and not off:
                        below += self._inner(child, place, found)
            waiting += reversed(below)
        return changed

    def _inner(self, item: Item, place: _Place, found: list[tuple[int, Resource]]) -> Iterator[_Place]:
        """What the items in an item stand in; a group that is not there may come to be there."""
        for number, given in found:
            spot, path = place.spot.inside(item, given), f"{place.path}.item[{number}]"
            if item.type == "group":
                yield _Place(spot, given, path, item)
            else:
                for n, answer in enumerate(given.get("answer", ())):
                    yield _Place(spot, answer, f"{path}.answer[{n}]", item)
        if not found and item.type == "group" and not item.repeats:
            given = {"linkId": item.link_id, **_text(item)}
            yield _Place(place.spot.inside(item, given), given, f"{place.path}.item", item, joins=place)

    def _worked_out(self, item: Item, place: _Place, given: Resource | None, *, off: bool) -> bool:
        """Give one item what its expression gives; whether that is something else than it had."""
        had = given.get("answer", []) if given else []
        if had and not item.read_only:
            return False
        answers: list[Resource] = []
        if not off:
            try:
                spot = place.spot.inside(item, given)
                answers = answers_of(item, self._around.items(self._plan.texts[item], spot))
            except BudgetExceeded as error:
                told = f"The item '{item.link_id}' cannot be calculated: {error.issues[0].diagnostics}"
                raise BudgetExceeded(told, expression=f"{item.path}.extension") from error
            except FhirPathError as error:
                told = f"The item '{item.link_id}' cannot be calculated: {error.issues[0].diagnostics}"
                self._issues[item.link_id] = Issue("processing", told, f"{item.path}.extension", "information")
        if list(map(typed_value, had)) == list(map(typed_value, answers)):
            return False
        self._set(item, place, given, answers)
        self._around.forget()
        return True

    def _set(self, item: Item, place: _Place, given: Resource | None, answers: list[Resource]) -> None:
        if given is None:
            self._join(place)
            self._put(place.holder, {"linkId": item.link_id, **_text(item), "answer": answers})
        elif answers:
            given["answer"] = answers
        else:
            place.holder["item"] = [each for each in place.holder["item"] if each is not given]
            if not place.holder["item"]:
                del place.holder["item"]

    def _join(self, place: _Place) -> None:
        """Put a group that was not there, and those that it is in, into the response."""
        while place.joins is not None:
            outer, place.joins = place.joins, None
            self._put(outer.holder, place.holder)
            place = outer

    def _put(self, holder: Resource, made: Resource) -> None:
        """Put an item before the first that the form has behind it. The others stay as they are: an order that
        is not the form's is told of, whether anything is calculated or not."""
        known, items = self._form.items, holder.setdefault("item", [])
        place = known[made["linkId"]].place
        behind = (n for n, each in enumerate(items) if (it := known.get(each.get("linkId", ""))) and it.place > place)
        items.insert(next(behind, len(items)), made)


def _text(item: Item) -> Resource:
    return {"text": item.text} if item.text else {}


def _by_link(holder: Resource) -> dict[str, list[tuple[int, Resource]]]:
    found: dict[str, list[tuple[int, Resource]]] = {}
    for number, each in enumerate(holder.get("item", ())):
        found.setdefault(each.get("linkId", ""), []).append((number, each))
    return found


def _copied(response: Resource) -> Resource:
    """A copy whose items and answers can be changed; their values are the same objects."""
    made = dict(response)
    waiting = [made]
    while waiting:
        holder = waiting.pop()
        for name in ("item", "answer"):
            if name in holder:
                holder[name] = [dict(each) for each in holder[name]]
                waiting += [each for each in holder[name] if "item" in each or "answer" in each]
    return made
