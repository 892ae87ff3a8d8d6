"""How sensitive the answers to a form are, as the form says it (extension `answer-label`): security labels that what is
answered gets, and what is made of it. Pure.

The form's labels hold for every response to it, an item's for those in which it, or something below it, is answered.
Whatever is made of an item has the labels of the form, of the items above, its own, and those of what is answered below
it; what is made of the whole form, those of the response. Who somebody is, is not labelled.
Source: http://hl7.org/fhir/R4/security-labels.html.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from carethread.core.ports import Resource
from carethread.core.service import PROFILES
from carethread.questionnaires.forms.form import Form, Item

ANSWER_LABEL = PROFILES + "answer-label"

_PEOPLE = frozenset({
    "Patient", "RelatedPerson", "Person", "Practitioner", "PractitionerRole", "Organization", "Location", "Device",
    "Group", "Parameters",
})  # fmt: skip
"""What is not labelled: who somebody is, and how a resource is to be changed."""

Labels = Sequence[Resource]
"""Codings, such as those of v3-ActCode and v3-Confidentiality."""


def labels_of(form: Form, response: Resource) -> Labels:
    """The labels of a response: those of the form, and of all that is answered in it."""
    own = _labels(form)
    if not own:
        return ()
    answered = _answered(form, response)
    return _once(label for name, labels in own.items() if not name or name in answered for label in labels)


def labels_at(form: Form, response: Resource, link_id: str) -> Labels:
    """The labels of what is made of an item of a response; of the whole form where `link_id` is empty."""
    own, item = _labels(form), form.items.get(link_id)
    if item is None or not own:
        return labels_of(form, response)
    around = {each.link_id for each in _upwards(item)}
    below = {name for name in _answered(form, response) if item in _upwards(form.items[name])}
    return _once(label for name, labels in own.items() if not name or name in around | below for label in labels)


def labelled(resource: Resource, labels: Labels) -> Resource:
    """A resource with these labels beside those that it has."""
    if not labels or resource["resourceType"] in _PEOPLE:
        return resource
    meta = resource.get("meta", {})
    has = meta.get("security", [])
    lacks = [each for each in labels if _key(each) not in {_key(one) for one in has}]
    if not lacks:
        return resource
    first: Resource = {name: resource[name] for name in ("resourceType", "id") if name in resource}
    return {**first, "meta": {}, **resource} | {"meta": {**meta, "security": [*has, *lacks]}}


@lru_cache(maxsize=256)
def _labels(form: Form) -> Mapping[str, Labels]:
    """The labels by linkId, those of the form under an empty one; only where there are some."""
    found = {"": _marks(form.raw), **{link: _marks(item.raw) for link, item in form.items.items()}}
    return {name: labels for name, labels in found.items() if labels}


def _marks(element: Mapping[str, Any]) -> Labels:
    extensions = element.get("extension")
    marks = extensions if isinstance(extensions, list) else ()
    return [each["valueCoding"] for each in marks if each.get("url") == ANSWER_LABEL and "valueCoding" in each]


def _answered(form: Form, response: Resource) -> set[str]:
    """The items with an answer, and those that these stand in."""
    found: set[str] = set()
    waiting = [*response.get("item", ())]
    while waiting:
        given = waiting.pop()
        answers = given.get("answer", ())
        waiting += [*given.get("item", ()), *(each for answer in answers for each in answer.get("item", ()))]
        if answers and (item := form.items.get(given.get("linkId", ""))):
            found |= {each.link_id for each in _upwards(item)}
    return found


def _upwards(item: Item | None) -> Iterator[Item]:
    while item is not None:
        yield item
        item = item.parent


def _once(labels: Iterable[Resource]) -> Labels:
    return list({_key(each): each for each in labels}.values())


def _key(label: Resource) -> tuple[str, str]:
    return label.get("system", ""), label.get("code", "")
