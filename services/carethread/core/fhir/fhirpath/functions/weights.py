"""What an answer weighs in a score: SDC's `weight()`, which R4 called `ordinal()`.

The weight is looked up where it is said nearest: at the answer in the QuestionnaireResponse (%resource), at the option
of the item that it answers (%questionnaire), or at the concept in a value set or code system that the Questionnaire
contains. The same answer may weigh differently in two items, so it is looked for in the item that it was given to;
where that is not known (an answer that is a primitive, or comes from elsewhere), only what all items agree on counts.

Source: http://hl7.org/fhir/uv/sdc/expressions.html#weight;
http://hl7.org/fhir/R4/extension-ordinalvalue.html and its successor `itemWeight`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import Any

from carethread.core.fhir.fhirpath.element import Element, Items, child, plain
from carethread.core.fhir.fhirpath.scope import Scope

ITEM_WEIGHT = "http://hl7.org/fhir/StructureDefinition/itemWeight"
ORDINAL_VALUE = "http://hl7.org/fhir/StructureDefinition/ordinalValue"

_ANSWER = "QuestionnaireResponse#item.answer"

_Key = tuple[Any, ...]
"""What makes two answers the same: of a Coding its system and code, else the value."""


def weight(scope: Scope, items: Items) -> Items:
    """The weights of answers or of their values, in order; nothing for what has none."""
    found: Items = []
    for item in items:
        value = next(child(item, "value"), None) if type(item) is Element and item.type == _ANSWER else item
        if value is None:
            continue
        own = next((said for each in (item, value) if (said := _said(each)) is not None), None)
        if own is None:
            own = _looked_up(scope, value)
        if own is not None:
            found.append(own)
    return found


def _said(item: Any) -> Decimal | None:
    """The weight that an element carries itself."""
    if type(item) is not Element:
        return None
    holder = item.value if type(item.value) is dict else item.extra
    return weight_of(holder) if holder else None


def weight_of(holder: Mapping[str, Any]) -> Decimal | None:
    """The weight that the extensions of an element say: `itemWeight` before `ordinalValue`."""
    extensions = holder.get("extension", ())
    if type(extensions) is list:
        for url in (ITEM_WEIGHT, ORDINAL_VALUE):
            for each in extensions:
                if type(each) is dict and each.get("url") == url and "valueDecimal" in each:
                    number = plain(Element(each["valueDecimal"], "decimal"))
                    return number if type(number) is Decimal else None
    return None


def _looked_up(scope: Scope, value: Any) -> Decimal | None:
    known = scope.kept.get("weights")
    if known is None:
        known = scope.kept["weights"] = _Weights(scope)
    return known.of(value)


class _Same:
    """A Questionnaire as a key: it is the same only as itself, and does not change while it is asked about."""

    __slots__ = ("questionnaire",)

    def __init__(self, questionnaire: dict[str, Any]) -> None:
        self.questionnaire = questionnaire

    def __hash__(self) -> int:
        return id(self.questionnaire)

    def __eq__(self, other: object) -> bool:
        return type(other) is _Same and other.questionnaire is self.questionnaire


@lru_cache(maxsize=64)
def _by_item(same: _Same) -> Mapping[str, Mapping[_Key, Decimal]]:
    """The weights of the answers that each item of a Questionnaire offers, by linkId."""
    contained = _contained(same.questionnaire)
    sets: dict[str, Mapping[_Key, Decimal]] = {}
    found: dict[str, Mapping[_Key, Decimal]] = {}
    for item in _items(same.questionnaire):
        link_id, name = item.get("linkId"), item.get("answerValueSet")
        if type(name) is str and name.startswith("#"):
            if name not in sets:
                sets[name] = dict(_concepts(contained.get(name[1:], {}), contained))
            weights = sets[name]
        else:
            weights = dict(_options(item.get("answerOption", ())))
        if type(link_id) is str and weights:
            found[link_id] = weights
    return found


class _Weights:
    """The weights of a Questionnaire's options by item, and which items each Coding of the response was given to."""

    def __init__(self, scope: Scope) -> None:
        questionnaire = _form(scope)
        self.by_item = _by_item(_Same(questionnaire)) if questionnaire else {}
        self.given_to: defaultdict[int, set[str]] = defaultdict(set)
        for link_id, value in _given(scope) if self.by_item else ():
            self.given_to[id(value)].add(link_id)

    def of(self, value: Any) -> Decimal | None:
        key = _key(value)
        if key is None:
            return None
        raw = value.value if type(value) is Element else value
        items = self.given_to.get(id(raw)) if type(raw) is dict else None
        found = {
            weights[key]
            for link_id in (self.by_item if items is None else items)
            if (weights := self.by_item.get(link_id)) is not None and key in weights
        }
        return found.pop() if len(found) == 1 else None


def _form(scope: Scope) -> dict[str, Any] | None:
    given = scope.environment.get("questionnaire")
    given = given[0] if type(given) is list and given else given
    value = given.value if type(given) is Element else given
    return value if type(value) is dict and value.get("resourceType") == "Questionnaire" else None


def _items(holder: dict[str, Any]) -> Iterator[dict[str, Any]]:
    waiting = [holder]
    while waiting:
        inner = waiting.pop().get("item", ())
        yield from (each for each in inner if type(each) is dict)
        waiting += [each for each in inner if type(each) is dict]


def _given(scope: Scope) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each Coding of the response with the linkId that it stands under."""
    waiting: list[Any] = [scope.root.value] if scope.root.type == "QuestionnaireResponse" else []
    while waiting:
        inner = waiting.pop().get("item", ())
        scope.spend(len(inner))
        for item in inner:
            answers = [each for each in item.get("answer", ()) if type(each) is dict]
            yield from ((item.get("linkId", ""), each["valueCoding"]) for each in answers if "valueCoding" in each)
            waiting += [item, *answers]


def _options(options: Any) -> Iterator[tuple[_Key, Decimal]]:
    for option in options:
        value = next((Element(v, "") for k, v in option.items() if k.startswith("value")), None)
        key = _key(value)
        said = weight_of(option)
        if said is None and value is not None:
            said = _said(value)
        if key is not None and said is not None:
            yield key, said


def _contained(questionnaire: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What a Questionnaire contains, by id, and code systems by their url."""
    resources = [each for each in questionnaire.get("contained", ()) if type(each) is dict]
    return {each[name]: each for name in ("url", "id") for each in resources if type(each.get(name)) is str}


def _concepts(value_set: dict[str, Any], contained: Mapping[str, dict[str, Any]]) -> Iterator[tuple[_Key, Decimal]]:
    """The weights that a value set's concepts have, else those that their code systems say."""
    for include in value_set.get("compose", {}).get("include", ()):
        system = include.get("system", "")
        for concept in (*_all(contained.get(system, {})), *include.get("concept", ())):
            said = weight_of(concept)
            if said is None:
                properties = [each for each in concept.get("property", ()) if each.get("code") == "itemWeight"]
                said = next((Decimal(str(each["valueDecimal"])) for each in properties if "valueDecimal" in each), None)
            if said is not None:
                yield (system, concept.get("code", "")), said


def _all(code_system: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The concepts of a code system, those within others too."""
    waiting = [code_system]
    while waiting:
        inner = waiting.pop().get("concept", ())
        yield from inner
        waiting += inner


def _key(value: Any) -> _Key | None:
    """What an answer is known by; None for what no option can be."""
    raw = value.value if type(value) is Element else value
    if type(raw) is dict:
        return (raw.get("system", ""), raw["code"]) if type(raw.get("code")) is str else None
    return (str(raw),) if raw is not None and type(raw) is not list else None
