"""What shows that an activity was done, and when: what was told of its progress, and what was recorded of the person.

A note on an activity's progress counts where it says so (`progress-done`) and has a time. A resource counts where the
activity names it as its outcome; or where it is of a kind below and complete, and its code is that of the activity. A
Task or Communication also has to be based on the plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from carethread.core.fhir.elements import at, keys_at
from carethread.core.fhir.search.dates import date_range
from carethread.core.ports import Key, Resource
from carethread.core.service import PROFILES

PROGRESS_DONE = PROFILES + "progress-done"


@dataclass(frozen=True, slots=True)
class Kind:
    """Of a type: in which statuses something was done, where its code stands, and the first of these when it was."""

    statuses: frozenset[str]
    codes: tuple[str, ...]
    times: tuple[str, ...]
    of_plan: bool = False


_LAST = "meta.lastUpdated"

KINDS: Mapping[str, Kind] = {
    "Task": Kind(frozenset({"completed"}), ("code",), ("executionPeriod.end", "lastModified", _LAST), of_plan=True),
    "Communication": Kind(frozenset({"completed"}), ("category", "topic"), ("sent", "received", _LAST), of_plan=True),
    "Appointment": Kind(frozenset({"fulfilled"}), ("serviceType", "appointmentType"), ("start", _LAST)),
    "Encounter": Kind(frozenset({"finished"}), ("type", "serviceType"), ("period.start", _LAST)),
    "Observation": Kind(
        frozenset({"final", "amended", "corrected"}),
        ("code",),
        ("effectiveDateTime", "effectiveInstant", "effectivePeriod.end", "issued", _LAST),
    ),
    "QuestionnaireResponse": Kind(frozenset({"completed", "amended"}), (), ("authored", _LAST)),
}


def tokens(resource: Resource, paths: Iterable[str]) -> set[str]:
    """The codes at the paths of CodeableConcepts: `system|code`."""
    codings = (coding for path in paths for coding in at(resource, f"{path}.coding"))
    return {f"{each.get('system', '')}|{each['code']}" for each in codings if isinstance(each, dict) and "code" in each}


def times_done(
    activity: Resource, plan: Key, known: Mapping[Key, Resource], begin: int, now: int, base_url: str
) -> list[int]:
    """When an activity was done since a moment, in order; `known` is what was recorded of the person."""
    detail = activity.get("detail", {})
    codes = tokens(detail, ("code",))
    forms = {str(each).partition("|")[0] for each in detail.get("instantiatesCanonical", ())}
    outcomes = set(keys_at(activity, "outcomeReference", base_url))
    found = set(_told(activity))
    for key, resource in known.items():
        kind = KINDS.get(key[0])
        if kind and resource.get("status") in kind.statuses:
            meant = key in outcomes or _meant(resource, kind, codes, forms, plan, base_url)
            if meant and (moment := _first(resource, kind.times)) is not None:
                found.add((moment, key))
    return sorted(moment for moment, _ in found if begin <= moment <= now)


def _told(activity: Resource) -> Iterator[tuple[int, Key]]:
    for number, note in enumerate(activity.get("progress", ())):
        marks = [each.get("valueBoolean") for each in note.get("extension", ()) if each["url"] == PROGRESS_DONE]
        span = date_range(note.get("time", ""))
        if marks == [True] and span:
            yield span[0], ("", str(number))


def _meant(resource: Resource, kind: Kind, codes: set[str], forms: set[str], plan: Key, base_url: str) -> bool:
    if kind.of_plan and plan not in keys_at(resource, "basedOn", base_url):
        return False
    named = {
        str(name).partition("|")[0]
        for member in ("instantiatesCanonical", "questionnaire")
        for name in at(resource, member)
    }
    return bool(codes & tokens(resource, kind.codes) or forms & named)


def _first(resource: Resource, paths: Iterable[str]) -> int | None:
    for path in paths:
        for text in at(resource, path):
            if isinstance(text, str) and (span := date_range(text)):
                return span[0]
    return None
