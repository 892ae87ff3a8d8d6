"""Which items of a form are enabled by the answers that a response has.

Source: http://hl7.org/fhir/R4/questionnaire-definitions.html#Questionnaire.item.enableWhen. A condition is about the
nearest occurrence of its question, answered or not: the item around it, else the one in the same repetition of the
innermost group that has both, and of several there the last before, or else the first behind. What is disabled has no
answers. `!=` holds where no answer is equal, so also where there is none, as the operator's definition says
(http://hl7.org/fhir/R4/valueset-questionnaire-enable-operator.html); the others need one answer that meets them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from carethread.questionnaires.forms.comparing import equal, order
from carethread.questionnaires.forms.form import Condition, Form, Item

if TYPE_CHECKING:
    from carethread.questionnaires.answering.placing import Answer, Holder

_ORDERS: Mapping[str, tuple[int, ...]] = {">": (1,), "<": (-1,), ">=": (0, 1), "<=": (-1, 0)}


class Rule(NamedTuple):
    """A condition and the way to its question: so many holders up, then down along linkIds, of which each is before
    the item that asks, or behind it. An empty way down: the question is the holder's own item."""

    condition: Condition
    up: int
    down: tuple[str, ...]
    before: bool


def rules_of(item: Item, form: Form) -> tuple[Rule, ...]:
    """The conditions of an item."""
    return tuple(_rule(item, condition, form.items[condition.question]) for condition in item.enable_when)


def _rule(item: Item, condition: Condition, question: Item) -> Rule:
    around: list[Item | None] = []
    holder = item.parent
    while holder is not None:
        around.append(holder)
        holder = holder.parent
    around.append(None)
    if question in around:
        return Rule(condition, around.index(question), (), before=True)
    down = [question.link_id]
    above = question.parent
    while above not in around:
        assert above is not None  # None is in `around`
        down.append(above.link_id)
        above = above.parent
    return Rule(condition, around.index(above), tuple(reversed(down)), before=question.place < item.place)


def is_enabled(rules: Sequence[Rule], holder: Holder, *, any_enables: bool) -> bool:
    """Whether an item in a holder is enabled by its conditions; what they ask about has been decided already."""
    met = (meets(rule.condition, answers_to(rule, holder)) for rule in rules)
    return any(met) if any_enables else all(met)


def answers_to(rule: Rule, holder: Holder) -> Sequence[Answer]:
    """The answers of the question's nearest occurrence; none where it is not answered, or disabled."""
    for _ in range(rule.up):
        assert holder.parent is not None  # the form has as many levels
        holder = holder.parent
    if not rule.down:
        return holder.entry.answers if holder.entry else ()
    nearest = -1 if rule.before else 0
    for link in rule.down[:-1]:
        entries = holder.entries(link)
        if not entries or not entries[nearest].holders:
            return ()
        holder = entries[nearest].holders[nearest]
    entries = holder.entries(rule.down[-1])
    return entries[nearest].answers if entries else ()


def meets(condition: Condition, answers: Sequence[Answer]) -> bool:
    """Whether answers, of which there may be none, meet a condition."""
    kind, wanted = condition.kind, condition.answer
    if condition.operator == "exists":
        return bool(answers) is wanted
    if condition.operator in ("=", "!="):
        found = any(equal(each.kind, each.value, kind, wanted) for each in answers)
        return found is (condition.operator == "=")
    orders = _ORDERS.get(condition.operator, ())
    return any(order(each.kind, each.value, kind, wanted) in orders for each in answers)
