"""Definition-based extraction: answers go to the elements that their items name.

A resource is made wherever an item says so and is answered, or once for the form; items below, and values that are set
beside them, name its elements by the canonical of the resource's definition.
Source: http://hl7.org/fhir/uv/sdc/extraction.html#definition-based-extraction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from carethread.core.fhir.definitions import resource_types
from carethread.core.fhir.elements import extension
from carethread.core.fhir.fhirpath import Element
from carethread.core.fhir.profiles import packaged
from carethread.core.fhir.profiles.tree import ProfileError, base_type
from carethread.core.ports import Resource
from carethread.questionnaires.extracting.building import Chain, Misplaced, Spot, complete, enter, pruned, put
from carethread.questionnaires.extracting.fitting import with_unit
from carethread.questionnaires.extracting.making import Entry, Making, Names
from carethread.questionnaires.extracting.marks import UNIT, Extract, Value, extracts, values
from carethread.questionnaires.extracting.observing import allocate
from carethread.questionnaires.extracting.places import Given
from carethread.questionnaires.forms.form import Form

Chains = Mapping[str, Chain]
"""By the canonical of a definition, the objects that values may be set in."""


@dataclass(slots=True, eq=False)
class _Begun:
    """A resource that is being made, as an item (None: the form) asks for it."""

    extract: Extract
    spot: Spot
    given: Given | None
    names: Names


@lru_cache(maxsize=256)
def _defines(form: Form) -> bool:
    return bool(extracts(form.raw)) or any(extracts(item.raw) for item in form.items.values())


def define(making: Making, roots: Sequence[Given], names: Names) -> None:
    """Make the resources of a response that its form defines. Raises TooMuch."""
    if not _defines(making.form):
        return
    chains: dict[str, Chain] = {}
    begun = _begin(making, making.form.raw, None, names, chains)
    _set_values(making, values(making.form.raw), None, names, chains)
    for each in roots:
        _walk(making, each, names, chains)
    for one in begun:
        _finish(making, one)


def _walk(making: Making, given: Given, names: Names, chains: Chains) -> None:
    """Set what an item of a response gives, and all below; as deep as the form at most."""
    if not given.answered:
        return
    names = allocate(making, given, names)
    inner = dict(chains)
    begun = _begin(making, given.item.raw, given, names, inner)
    canonical, _, path = given.item.definition.partition("#")
    chain = inner.get(canonical)
    below = inner
    if chain is not None and path:
        below = {**inner, canonical: chain.below()}
        _answer(making, given, below[canonical], path)
    _set_values(making, values(given.item.raw), given, names, {name: each.below() for name, each in below.items()})
    for each in given.children:
        _walk(making, each, names, below)
    for one in begun:
        _finish(making, one)


def _begin(
    making: Making, element: Mapping[str, Any], given: Given | None, names: Names, chains: dict[str, Chain]
) -> list[_Begun]:
    """Begin the resources that an element asks for; `chains` then leads into them."""
    begun = []
    where = given.path if given else "QuestionnaireResponse"
    own: set[str] = set()
    for extract in extracts(element):
        canonical = extract.definition
        if canonical in own or (canonical in chains and given is not None):
            making.wrong(f"{_of(given)} extracts {canonical[:200]} within itself.", where, "duplicate")
            continue
        own.add(canonical)
        spot = _new(canonical)
        if spot is None:
            said = f"{_of(given)} extracts a resource of the definition {canonical[:200]}, which is not known here."
            making.wrong(said, where, "not-found")
            continue
        chains[canonical] = Chain([spot])
        begun.append(_Begun(extract, spot, given, names))
    return begun


def _of(given: Given | None) -> str:
    return f"linkId '{given.item.link_id}'" if given else "The form"


def _new(canonical: str) -> Spot | None:
    """A new resource of a definition; None where that is not known."""
    url = canonical.partition("|")[0]
    kind = base_type(url)
    if kind in resource_types():
        return Spot(str(kind), {"resourceType": kind}, str(kind))
    library = packaged()
    try:
        kind, node = library.type_of(canonical), library.node(canonical)
    except ProfileError:
        return None
    if kind not in resource_types() or node is None:
        return None
    return Spot(str(kind), {"resourceType": kind, "meta": {"profile": [canonical]}}, str(kind), node)


def _answer(making: Making, given: Given, chain: Chain, path: str) -> None:
    """Set the answers of an item at its element; a group is the element itself."""
    try:
        if given.item.type == "group":
            enter(chain, path)
            return
        unit = extension(given.item.raw, UNIT).get("valueCoding", {})
        answers = [(each.kind, each.value) for each in given.answers if each.kind]
        put(chain, path, [with_unit(*each, unit) for each in answers])
    except Misplaced as error:
        _misplaced(making, given, error)


def _set_values(making: Making, found: Sequence[Value], given: Given | None, names: Names, chains: Chains) -> None:
    """Set values that are fixed, or that expressions give."""
    where = given.path if given else "QuestionnaireResponse"
    item = given.item if given else None
    for each in found:
        canonical, _, path = each.definition.partition("#")
        chain = chains.get(canonical)
        if chain is None:
            continue
        if each.expression:
            focus: Element = making.at(given.raw if given else None)
            items = making.items(each.expression, focus, item, names, where, item.link_id if item else "")
            said = [(one.type, one.value) for one in items]
        else:
            said = [(each.kind, each.fixed)]
        if not said or said[0][1] is None:
            continue
        try:
            put(chain, path, said)
        except Misplaced as error:
            _misplaced(making, given, error)


def _misplaced(making: Making, given: Given | None, error: Misplaced) -> None:
    making.wrong(f"{_of(given)} cannot be set: {str(error)[:300]}.", given.path if given else "QuestionnaireResponse")


def _finish(making: Making, begun: _Begun) -> None:
    """Complete a resource by its profile, and keep it with its entry."""
    spot, given, names = begun.spot, begun.given, begun.names
    if spot.node is not None:
        complete(spot.holder, spot.node, spot.type)
    item, where = (given.item, given.path) if given else (None, "QuestionnaireResponse")
    focus = making.at(given.raw if given else None)
    url = begun.extract.definition
    cause = f"{item.link_id if item else ''}{given.place if given else ''}#{url}"
    expressions = begun.extract.expressions
    full_url = making.text(expressions["fullUrl"], focus, item, names, where) if "fullUrl" in expressions else ""
    conditions = making.conditions(expressions, focus, item, names, where)
    link_id = item.link_id if item else ""
    making.add(
        Entry(_ordered(pruned(spot.holder)), full_url or making.full_url(cause), cause, link_id, where, conditions)
    )


def _ordered(resource: Resource) -> Resource:
    """A resource with its type, id and meta first, as resources are read."""
    first: Resource = {name: resource[name] for name in ("resourceType", "id", "meta") if name in resource}
    return {**first, **resource}
