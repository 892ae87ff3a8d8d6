"""Observation-based extraction: an answer to an item with codes becomes an Observation.

What an item says of it holds for all below it that does not say otherwise. An Observation exists where there is an
answer, or where something is a component or member of it; `true` relates it to nothing.
Source: http://hl7.org/fhir/uv/sdc/extraction.html#observation-based-extraction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from carethread.core.fhir.elements import extension, without_extensions
from carethread.core.fhir.targets import parse_reference
from carethread.core.ports import Resource
from carethread.questionnaires.extracting.fitting import with_unit
from carethread.questionnaires.extracting.making import Entry, Making, Names
from carethread.questionnaires.extracting.marks import (
    CATEGORY,
    OBSERVATION,
    SUBJECT,
    UNIT,
    allocated,
    entry_expressions,
    marked,
)
from carethread.questionnaires.extracting.places import Answer, Given
from carethread.questionnaires.forms.form import Form, Item

INDEPENDENT, COMPONENT, MEMBER, DERIVED = "independent", "component", "member", "derived"
_RELATIONS = frozenset({INDEPENDENT, COMPONENT, MEMBER, DERIVED})

_PERFORMERS = frozenset({"Practitioner", "PractitionerRole", "Organization", "CareTeam", "Patient", "RelatedPerson"})
_SUBJECTS = frozenset({"Patient", "Group", "Device", "Location"})
_PARTS = frozenset(
    {
        "MedicationAdministration",
        "MedicationDispense",
        "MedicationStatement",
        "Procedure",
        "Immunization",
        "ImagingStudy",
    }
)
"""What R4's Observation may refer to where a QuestionnaireResponse may refer to more."""

_VALUES: Mapping[str, str] = {
    "boolean": "valueBoolean",
    "integer": "valueInteger",
    "string": "valueString",
    "uri": "valueString",
    "date": "valueDateTime",
    "dateTime": "valueDateTime",
    "time": "valueTime",
    "Quantity": "valueQuantity",
}


class Observed(NamedTuple):
    """What becomes of an item's answers: Observations of these `codes` and categories, in a relation to that of the
    item above. `unit` is a Coding."""

    codes: Sequence[Resource]
    relation: str
    categories: Sequence[Resource]
    unit: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What becomes of the items of a form, by linkId; and those that say whom all beside and below them are about."""

    observed: Mapping[str, Observed]
    subjects: frozenset[str]


@lru_cache(maxsize=256)
def plan_of(form: Form) -> Plan:
    """Read once per form."""
    relations: dict[Item | None, str] = {None: _relation(form.raw, "")}
    categories: dict[Item | None, Sequence[Resource]] = {None: _categories(form.raw, ())}
    observed = {}
    for item in form.items.values():
        relations[item] = _relation(item.raw, relations[item.parent])
        categories[item] = _categories(item.raw, categories[item.parent])
        codes, relation = _codes(item, relations[item])
        if codes and item.type != "display":
            coded = [each for code in codes for each in _categories(code, ())]
            plain = [without_extensions(code, (OBSERVATION, CATEGORY)) for code in codes]
            unit = extension(item.raw, UNIT).get("valueCoding", {})
            observed[item.link_id] = Observed(plain, relation, coded or categories[item], unit)
    about = frozenset(item.link_id for item in form.items.values() if item.extension(SUBJECT).get("valueBoolean"))
    return Plan(observed, about)


def _relation(element: Mapping[str, Any], inherited: str) -> str:
    """How an element's Observations relate to the one above; empty where there are none."""
    mark = extension(element, OBSERVATION)
    if "valueBoolean" in mark:
        return INDEPENDENT if mark["valueBoolean"] else ""
    code = mark.get("valueCode")
    return code if code in _RELATIONS else inherited


def _categories(element: Mapping[str, Any], inherited: Sequence[Resource]) -> Sequence[Resource]:
    own = [each["valueCodeableConcept"] for each in marked(element, CATEGORY) if "valueCodeableConcept" in each]
    return own or inherited


def _codes(item: Item, relation: str) -> tuple[list[Resource], str]:
    """The codes that an item's Observations have: those that are marked, else all that are not marked with false."""
    chosen = {place: _relation(code, "") for place, code in enumerate(item.codes)}
    if any(chosen.values()):
        first = next(each for each in chosen.values() if each)
        return [item.codes[place] for place, own in chosen.items() if own], relation if first == INDEPENDENT else first
    return [code for code in item.codes if not marked(code, OBSERVATION)] if relation else [], relation


@dataclass(slots=True, eq=False)
class _Made:
    """An Observation that is being made: it may have members, and be derived from another (`base`)."""

    resource: Resource
    full_url: str
    cause: str
    given: Given
    base: _Made | None = None
    members: list[_Made] = field(default_factory=list)
    conditions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Around:
    """What holds where a response's item stands: the Observation above, whom it is about, and names of variables."""

    above: _Made | None
    subject: Resource | None
    names: Names


def observe(making: Making, roots: Sequence[Given], names: Names) -> None:
    """Make the Observations of a response. Raises TooMuch."""
    plan = plan_of(making.form)
    if not plan.observed:
        return
    made: dict[str, _Made] = {}
    _several(making, plan, roots, _Around(None, making.response.get("subject"), names), made)
    for each in _standing(list(made.values())):
        making.add(
            Entry(each.resource, each.full_url, each.cause, each.given.item.link_id, each.given.path, each.conditions)
        )


def _standing(made: Sequence[_Made]) -> list[_Made]:
    """Those that say something: of a group all of whose questions are left open nothing is said. What is inside
    another comes after it."""
    standing: dict[str, _Made] = {}
    for one in reversed(made):
        members = [{"reference": each.full_url} for each in one.members if each.cause in standing]
        if members:
            one.resource["hasMember"] = members
        if members or "component" in one.resource or any(name in one.resource for name in _ANY_VALUE):
            standing[one.cause] = one
    for one in standing.values():
        if one.base and one.base.cause in standing:
            one.resource["derivedFrom"] = [*one.resource.get("derivedFrom", ()), {"reference": one.base.full_url}]
    return [one for one in made if one.cause in standing]


_ANY_VALUE = tuple({*_VALUES.values(), "valueCodeableConcept"})


def _several(making: Making, plan: Plan, given: Sequence[Given], around: _Around, made: dict[str, _Made]) -> None:
    for each in given:
        if each.item.link_id in plan.subjects:
            for answer in each.answers:
                if answer.kind == "Reference":
                    around = _Around(around.above, answer.value, around.names)
    for each in given:
        _one(making, plan, each, around, made)


def _one(making: Making, plan: Plan, given: Given, around: _Around, made: dict[str, _Made]) -> None:
    """Make what an item of a response gives, and all below; as deep as the form at most."""
    names = allocate(making, given, around.names)
    around = _Around(around.above, around.subject, names)
    observed = plan.observed.get(given.item.link_id)
    if observed is None:
        _several(making, plan, given.below, around, made)
        for answer in given.answers:
            _several(making, plan, answer.below, around, made)
        return
    if "modifierExtension" in given.raw:
        _not_understood(making, given, given.path)
        return
    if given.item.type == "group":
        above = _related(making, given, None, observed, around, made)
        _several(making, plan, given.below, _Around(above, around.subject, names), made)
        return
    for answer in given.answers:
        if "modifierExtension" in answer.raw:
            _not_understood(making, given, answer.path)
            continue
        inner = _related(making, given, answer, observed, around, made) if answer.kind else around.above
        _several(making, plan, answer.below, _Around(inner, around.subject, names), made)


def allocate(making: Making, given: Given, names: Names) -> Names:
    """The variables below an item: those above it, and ids that are allocated by it."""
    own = allocated(given.item.raw) if "extension" in given.item.raw else []
    return {**names, **{name: making.full_url(f"allocated/{name}{given.place}") for name in own}} if own else names


def _not_understood(making: Making, given: Given, path: str) -> None:
    said = f"linkId '{given.item.link_id}' has a modifierExtension, which may turn its meaning; nothing is made of it."
    making.wrong(said, f"{path}.modifierExtension", "not-supported", "warning")


def _related(
    making: Making, given: Given, answer: Answer | None, observed: Observed, around: _Around, made: dict[str, _Made]
) -> _Made | None:
    """Make an item's Observation, or component, of one answer; the Observation that what is below it relates to."""
    value = _value(making, given, answer, observed) if answer else {}
    if value is None:
        return around.above
    above = around.above
    if observed.relation == COMPONENT and above:
        if value:
            part = {"code": {"coding": list(observed.codes)}, **value}
            parts = above.resource.setdefault("component", [])
            if part not in parts:
                parts.append(part)
        return above
    place = answer.place if answer else given.place
    cause = f"{given.item.link_id}{place}"
    if cause in made:
        return made[cause]
    one = _Made(_observation(making, observed, around.subject), making.full_url(cause), cause, given)
    one.resource.update(value)
    _placed(making, one, around.names)
    made[cause] = one
    if above and observed.relation == MEMBER:
        above.members.append(one)
    if observed.relation == DERIVED:
        one.base = above
    return one


def _placed(making: Making, one: _Made, names: Names) -> None:
    """Have the form say where in the transaction an Observation stands."""
    item = one.given.item
    expressions = entry_expressions(item.raw) if "extension" in item.raw else {}
    if not expressions:
        return
    focus, where = making.at(one.given.raw), one.given.path
    if "fullUrl" in expressions:
        one.full_url = making.text(expressions["fullUrl"], focus, item, names, where) or one.full_url
    if "resourceId" in expressions and (id_ := making.text(expressions["resourceId"], focus, item, names, where)):
        one.resource["id"] = id_
    one.conditions = making.conditions(expressions, focus, item, names, where)


def _value(making: Making, given: Given, answer: Answer, observed: Observed) -> Resource | None:
    kind, value = with_unit(answer.kind, answer.value, observed.unit)
    if kind == "Coding":
        return {"valueCodeableConcept": {"coding": [value]}}
    if kind == "decimal":
        return {"valueQuantity": {"value": value}}
    if kind in _VALUES:
        return {_VALUES[kind]: value}
    said = f"The answers of linkId '{given.item.link_id}' are of type {kind}, which no Observation's value is."
    making.wrong(said, answer.path, "not-supported", "warning")
    return None


def _observation(making: Making, observed: Observed, subject: Resource | None) -> Resource:
    """All of it but the value."""
    response = making.response
    made: Resource = {"resourceType": "Observation"}
    if based := response.get("basedOn"):
        made["basedOn"] = based
    if part := [each for each in response.get("partOf", ()) if _kind(each) in _PARTS]:
        made["partOf"] = part
    made["status"] = "final"
    if observed.categories:
        made["category"] = list(observed.categories)
    made["code"] = {"coding": list(observed.codes)}
    if subject:
        made["subject"] = subject
        if _kind(subject) not in _SUBJECTS:
            said = f"What is observed is about a {', '.join(sorted(_SUBJECTS))}, not about a {_kind(subject)}."
            making.wrong(said, "QuestionnaireResponse.subject")
    if "encounter" in response:
        made["encounter"] = response["encounter"]
    if authored := response.get("authored"):
        made["effectiveDateTime"] = authored
        if "T" in authored:
            made["issued"] = authored
    if author := response.get("author"):
        if _kind(author) in _PERFORMERS:
            made["performer"] = [author]
        elif _kind(author) == "Device":
            made["device"] = author
    if "id" in response:
        made["derivedFrom"] = [{"reference": f"QuestionnaireResponse/{response['id']}"}]
    return made


def _kind(reference: Mapping[str, Any]) -> str:
    """The type that a reference leads to, as far as it tells; one that does not tell counts as a Patient's."""
    target = parse_reference(str(reference.get("reference", "")))
    return (target.type if target else "") or str(reference.get("type", "")).rpartition("/")[2] or "Patient"
