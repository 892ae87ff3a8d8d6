"""The types that subscriptions owns, what their writes mean, and the topics that it publishes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from carethread.core.errors import Invalid
from carethread.core.ports import Resource
from carethread.core.service import ResourceType, Ruling, Unit
from carethread.subscriptions.life import SERVER, subscription_stored, subscription_written
from carethread.subscriptions.rules import PROFILE
from carethread.subscriptions.topics import Topic, catalogue

_R5 = "http://hl7.org/fhir/5.0/StructureDefinition/"
_CODE = {"system": "http://hl7.org/fhir/fhir-types", "code": "SubscriptionTopic"}
_URL = "http://hl7.org/fhir/StructureDefinition/artifact-url"
_STATUS = "http://hl7.org/fhir/StructureDefinition/artifact-status"


def basic_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Refuse a topic that a client writes: it would trigger nothing. Raises Invalid."""
    if unit.context.principal != SERVER and any(_is_topic(each) for each in (before, after) if each):
        raise Invalid(
            "Topics come with the installation, as files of fhir_profiles/topics; they are not written over REST.",
            code="business-rule",
            expression="Basic.code",
        )
    return Ruling()


def _is_topic(basic: Resource) -> bool:
    codings = basic.get("code", {}).get("coding", ())
    return any((each.get("system"), each.get("code")) == (_CODE["system"], _CODE["code"]) for each in codings)


def topics_as_basic() -> list[Resource]:
    """The catalogue as R4 can hold it."""
    return [as_basic(topic) for topic in catalogue().values()]


def as_basic(topic: Topic) -> Resource:
    """A topic as a Basic with the R5 elements in extensions: http://hl7.org/fhir/R5/versions.html#extensions."""
    definition = topic.definition
    texts = (("version", "valueString"), ("name", "valueString"), ("title", "valueString"), ("date", "valueDateTime"),
             ("publisher", "valueString"), ("description", "valueMarkdown"))  # fmt: skip
    extensions: list[Resource] = [{"url": _URL, "valueUri": topic.url}]
    extensions += [
        {"url": f"{_R5}extension-SubscriptionTopic.{name}", member: definition[name]}
        for name, member in texts
        if name in definition
    ]
    extensions += [
        {"url": f"{_R5}extension-SubscriptionTopic.{name}", "extension": _parts(each)}
        for name in ("resourceTrigger", "canFilterBy", "notificationShape")
        for each in definition.get(name, ())
    ]
    return {
        "resourceType": "Basic",
        "id": topic.id,
        "extension": extensions,
        "modifierExtension": [{"url": _STATUS, "valueCode": definition["status"]}],
        "code": {"coding": [_CODE]},
        **({"created": definition["date"]} if "date" in definition else {}),
    }


_MEMBERS = {
    "resource": "valueUri",
    "filterDefinition": "valueUri",
    "description": "valueMarkdown",
    "supportedInteraction": "valueCode",
    "resultForCreate": "valueCode",
    "resultForDelete": "valueCode",
    "comparator": "valueCode",
    "modifier": "valueCode",
    "requireBoth": "valueBoolean",
}
"""Which member holds the value of an R5 element; the others are strings."""


def _parts(element: Mapping[str, Any]) -> list[Resource]:
    parts: list[Resource] = []
    for name, value in element.items():
        if name == "extension":
            parts += value
        elif isinstance(value, dict):
            parts.append({"url": name, "extension": _parts(value)})
        else:
            values = value if isinstance(value, list) else [value]
            parts += [{"url": name, _MEMBERS.get(name, "valueString"): each} for each in values]
    return parts


TYPES = (
    ResourceType("Subscription", rule=subscription_written, profile=PROFILE, stored=subscription_stored),
    ResourceType("Basic", rule=basic_written),
)
