"""Template-based extraction: a resource that the form contains is copied, and what is marked in it is filled in.

A mark at an element gives what is looked at from there on (templateExtractContext), or what stands there instead
(templateExtractValue): once for each result, not at all without one.
Source: http://hl7.org/fhir/uv/sdc/extraction.html#template-based-extraction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from carethread.core.fhir.elements import extension, without_extensions
from carethread.core.fhir.fhirpath import Element
from carethread.core.fhir.fhirpath.model import Slot, members
from carethread.core.ports import Resource
from carethread.questionnaires.extracting.fitting import chosen
from carethread.questionnaires.extracting.making import Entry, Making, Names
from carethread.questionnaires.extracting.marks import (
    CONDITIONS,
    TEMPLATE_BUNDLE,
    TEMPLATE_CONTEXT,
    TEMPLATE_VALUE,
    Extract,
    templates,
)
from carethread.questionnaires.extracting.observing import allocate
from carethread.questionnaires.extracting.places import Given
from carethread.questionnaires.forms.form import Form

_MARKS = (TEMPLATE_CONTEXT, TEMPLATE_VALUE)


@dataclass(frozen=True, slots=True)
class _Sight:
    """What an expression of a template sees: where it is in the response, by which item, and named values."""

    making: Making
    focus: Element
    given: Given | None
    names: Names

    @property
    def where(self) -> str:
        return self.given.path if self.given else "QuestionnaireResponse"

    @property
    def of(self) -> str:
        return f"The template of linkId '{self.given.item.link_id}'" if self.given else "The template of the form"

    def items(self, expression: str) -> list[Element]:
        item = self.given.item if self.given else None
        return self.making.items(expression, self.focus, item, self.names, self.where, item.link_id if item else "")


@lru_cache(maxsize=256)
def _has_templates(form: Form) -> bool:
    marked = [form.raw, *(item.raw for item in form.items.values())]
    return bool(extension(form.raw, TEMPLATE_BUNDLE)) or any(templates(each) for each in marked)


def fill(making: Making, roots: Sequence[Given], names: Names) -> None:
    """Make the resources of a response that its form has templates of. Raises TooMuch."""
    if not _has_templates(making.form):
        return
    sight = _Sight(making, making.at(None), None, names)
    for extract in templates(making.form.raw):
        _resource(sight, extract)
    if reference := extension(making.form.raw, TEMPLATE_BUNDLE).get("valueReference", {}).get("reference"):
        _bundle(sight, reference)
    for each in roots:
        _walk(making, each, names)


def _walk(making: Making, given: Given, names: Names) -> None:
    """Fill the templates of what answers an item, and of all below; as deep as the form at most."""
    if not given.answered:
        return
    names = allocate(making, given, names)
    for extract in templates(given.item.raw):
        _resource(_Sight(making, making.at(given.raw), given, names), extract)
    for each in given.children:
        _walk(making, each, names)


def _resource(sight: _Sight, extract: Extract) -> None:
    """Fill a template, and keep what it becomes with its entry."""
    made = _filled(sight, extract.definition)
    if made is None:
        return
    making, given, expressions = sight.making, sight.given, extract.expressions
    item = given.item if given else None
    asked = {
        name: making.text(expressions[name], sight.focus, item, sight.names, sight.where)
        for name in ("resourceId", "fullUrl")
        if name in expressions
    }
    if id_ := asked.get("resourceId"):
        made = {"resourceType": made["resourceType"], "id": id_, **made}
    conditions = making.conditions(expressions, sight.focus, item, sight.names, sight.where)
    cause = f"{item.link_id if item else ''}{given.place if given else ''}{extract.definition}"
    link_id = item.link_id if item else ""
    full_url = asked.get("fullUrl") or making.full_url(cause)
    making.add(Entry(made, full_url, cause, link_id, sight.where, conditions))


def _bundle(sight: _Sight, reference: str) -> None:
    """Fill a template of a whole transaction, and keep its entries."""
    made = _filled(sight, reference)
    if made is None:
        return
    for number, entry in enumerate(made.get("entry", ())):
        resource = entry.get("resource")
        if not isinstance(resource, dict):
            sight.making.wrong(f"{sight.of} has an entry without a resource.", sight.where)
            continue
        request = entry.get("request", {})
        cause = f"{reference}/{number}"
        full_url = entry.get("fullUrl") or sight.making.full_url(cause)
        conditions = {name: request[name] for name in CONDITIONS if name in request}
        method, url = request.get("method", ""), request.get("url", "")
        sight.making.add(Entry(resource, full_url, cause, conditions=conditions, method=method, url=url))


def _filled(sight: _Sight, reference: str) -> Resource | None:
    """A contained resource (`#id`) without its id, filled in; None where it is missing or nothing of it is left."""
    contained = sight.making.form.raw.get("contained", ())
    template = next((each for each in contained if f"#{each.get('id')}" == reference), None)
    if template is None:
        sight.making.wrong(f"{sight.of} is missing: the Questionnaire contains no {reference[:64]}.", sight.where)
        return None
    plain = {name: value for name, value in template.items() if name != "id"}
    found = list(_copies(sight, plain, str(template["resourceType"])))
    if len(found) > 1:
        sight.making.wrong(f"{sight.of} has several results at its root, and one resource is made.", sight.where)
    return found[0] if found and found[0].keys() - {"resourceType"} else None


def _copies(sight: _Sight, template: Resource, type_name: str) -> Iterator[Any]:
    """What an object of a template becomes: one for each result of the marks that it has; as deep as the template."""
    for inner in _looking(sight, template):
        if (mark := extension(template, TEMPLATE_VALUE).get("valueString")) is not None:
            yield from _results(inner, mark, type_name)
            continue
        plain = without_extensions(template, _MARKS)
        if made := _members(inner, plain, type_name):
            yield made


def _looking(sight: _Sight, template: Mapping[str, Any]) -> Iterator[_Sight]:
    """What is looked at from an element on: each result of its context, or what is around it."""
    mark = extension(template, TEMPLATE_CONTEXT)
    named = mark.get("valueExpression", {})
    expression = mark.get("valueString") or named.get("expression")
    if expression is None:
        yield sight
        return
    for each in sight.items(expression):
        names = {**sight.names, named["name"]: each} if named.get("name") else sight.names
        yield replace(sight, focus=each, names=names)


def _results(sight: _Sight, expression: str, type_name: str) -> Iterator[Any]:
    """The values of an expression for an element of a type; one that it cannot have is told."""
    for each in sight.items(expression):
        found, value = chosen(each.type, each.value, (type_name,))
        if not found:
            said = f"{sight.of} has a value of type {each.type} where a {type_name} stands."
            sight.making.wrong(said, sight.where)
        else:
            yield value


def _members(sight: _Sight, template: Resource, type_name: str) -> Resource:
    """The members of an object, filled in; those of which nothing is left are not there."""
    slots = {slot.key: slot for several in members(type_name).values() for slot in several}
    made: Resource = {}
    for key in dict.fromkeys(name.removeprefix("_") for name in template):
        slot, value, extra = slots.get(key), template.get(key), template.get(f"_{key}")
        if slot is None or key == "resourceType":
            made |= {name: template[name] for name in (key, f"_{key}") if name in template}
            continue
        several = isinstance(value, list) or isinstance(extra, list)
        found = list(_values(sight, slot, value, extra))
        if len(found) > 1 and not several:
            sight.making.wrong(f"{sight.of} has {len(found)} values for {key}, which takes one.", sight.where)
        _keep(made, key, found, several=several)
    return made if made.keys() - {"resourceType"} else {}


def _values(sight: _Sight, slot: Slot, value: Any, extra: Any) -> Iterator[tuple[Any, Any]]:
    """What a member becomes: values, each with what a primitive has beside it."""
    if isinstance(value, list) or isinstance(extra, list):
        values, extras = value or [], extra or []
        for number in range(max(len(values), len(extras))):
            one = values[number] if number < len(values) else None
            yield from _values(sight, slot, one, extras[number] if number < len(extras) else None)
    elif isinstance(value, dict):
        type_name = str(value.get("resourceType", "")) if slot.type == "Resource" else slot.type
        yield from ((made, None) for made in _copies(sight, value, type_name))
    elif isinstance(extra, dict):
        left = without_extensions(extra, _MARKS) or None
        for inner in _looking(sight, extra):
            mark = extension(extra, TEMPLATE_VALUE).get("valueString")
            found = [value] if mark is None else list(_results(inner, mark, slot.type))
            yield from ((made, left) for made in found)
    elif value is not None:
        yield value, None


def _keep(made: Resource, key: str, found: Sequence[tuple[Any, Any]], *, several: bool) -> None:
    if not found:
        return
    values, extras = [value for value, _ in found], [extra for _, extra in found]
    if any(value is not None for value in values):
        made[key] = values if several else values[0]
    if any(extra is not None for extra in extras):
        made[f"_{key}"] = extras if several else extras[0]
