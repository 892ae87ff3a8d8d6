"""Slots that are taken together: the time that they have in common, whose they are, and what they say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from carethread.core.fhir.elements import extension
from carethread.core.ports import Resource
from carethread.scheduling.rules import PLACE


def common(spans: dict[Any, list[tuple[int, int]]]) -> tuple[int, int]:
    """The time for which all Schedules have their slots, which join for each of them."""
    begin = max(min(begin for begin, _ in each) for each in spans.values())
    end = min(max(end for _, end in each) for each in spans.values())
    return begin, max(begin, end)


def actors_of(slot: Resource, schedule: Resource) -> list[Resource]:
    """Whose the Schedule is; where the Slot has a place of its own, that instead of the Schedule's."""
    actors: list[Resource] = list(schedule.get("actor", ()))
    place = extension(slot, PLACE).get("valueReference")
    if not place:
        return actors
    return [*(each for each in actors if str(each.get("reference")).split("/")[-2:-1] != ["Location"]), place]


def distinct(values: Iterable[Any]) -> list[Any]:
    """Each that is not empty once, in the order in which they come."""
    found: list[Any] = []
    for value in values:
        if value and value not in found:
            found.append(value)
    return found
