"""Who is to be told of an event, slowly and obviously: each subscription is judged by itself, by the slow search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from support.search_model import SearchModel
from support.stores import BASE

Resource = dict[str, Any]


def told(
    topic: Mapping[str, Any], filters: Mapping[str, Sequence[str]], resource: Resource, before: str | None
) -> set[str]:
    """The subscriptions, by id with their filters, that a create (`before` None) or an update is told to.

    `before` is the status of the version before. `changed` elements and FHIRPath play no part here.
    """
    return {
        id_
        for id_, texts in filters.items()
        if any(_triggers(trigger, resource, before) for trigger in topic["resourceTrigger"])
        and all(_meets(resource, text.partition("?")[2]) for text in texts if _is_on(text, resource))
    }


def _is_on(text: str, resource: Resource) -> bool:
    return bool(text.partition("?")[0] == resource["resourceType"])


def _triggers(trigger: Mapping[str, Any], resource: Resource, before: str | None) -> bool:
    if not str(trigger["resource"]).endswith(f"/{resource['resourceType']}"):
        return False
    if ("create" if before is None else "update") not in trigger["supportedInteraction"]:
        return False
    criteria = trigger.get("queryCriteria", {})
    tests = []
    if "previous" in criteria:
        passes = criteria.get("resultForCreate") == "test-passes"
        tests.append(passes if before is None else _meets({**resource, "status": before}, criteria["previous"]))
    if "current" in criteria:
        tests.append(_meets(resource, criteria["current"]))
    together = all if criteria.get("requireBoth") is True else any
    return not tests or together(tests)


def _meets(resource: Resource, query: str) -> bool:
    pairs = parse_qsl(query)
    model = SearchModel([resource], BASE, datetime(2026, 1, 1, tzinfo=UTC))
    return bool(model.search(resource["resourceType"], pairs))
