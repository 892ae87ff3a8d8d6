"""Moving through the tree, and what the surroundings know: the time, and traces.

Source: http://hl7.org/fhirpath/N1, sections 5.8 and 5.9; `answers()`: http://hl7.org/fhir/uv/sdc/STU3/expressions.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from carethread.core.fhir.fhirpath.element import Element, Items, children
from carethread.core.fhir.fhirpath.functions.kinds import Closure, Eager, Function, Lazy
from carethread.core.fhir.fhirpath.scope import Scope
from carethread.core.fhir.fhirpath.temporal import of_instant
from carethread.core.fhir.fhirpath.types import type_info

_ANSWER = "QuestionnaireResponse#item.answer"


def _below(scope: Scope, items: Items) -> Items:
    found = [below for item in items if type(item) is Element for below in children(item)]
    scope.spend(len(found) + 1)
    return found


def _descendants(scope: Scope, items: Items) -> Items:
    found = list[Any]()
    level = _below(scope, items)
    while level:
        found += level
        level = _below(scope, level)
    return found


def _answers(scope: Scope, items: Items) -> Items:
    """All answers below, at any depth. SDC 4 dropped the function; forms made for SDC 3 have it."""
    return [each for each in _descendants(scope, items) if type(each) is Element and each.type == _ANSWER]


def _trace(_: Scope, items: Items, __: tuple[Closure, ...]) -> Items:
    """Nothing is written: a trace could carry what must not be in a log."""
    return items


FUNCTIONS: Mapping[str, Function] = {
    "children": Eager(_below),
    "descendants": Eager(_descendants),
    "answers": Eager(_answers),
    "trace": Lazy(_trace, 1, 2),
    "type": Eager(lambda _, items: [type_info(item) for item in items]),
    "now": Eager(lambda scope, _: [of_instant(scope.now, "DateTime")]),
    "today": Eager(lambda scope, _: [of_instant(scope.now, "Date")]),
    "timeOfDay": Eager(lambda scope, _: [of_instant(scope.now, "Time")]),
}
