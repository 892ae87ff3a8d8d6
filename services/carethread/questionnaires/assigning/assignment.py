"""What was asked of somebody, as the draft that they answer says it (extension `assignment`). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from carethread.core.clock import instant
from carethread.core.fhir.elements import extension, with_extensions
from carethread.core.fhir.search.dates import moment
from carethread.core.ports import Resource
from carethread.core.service import PROFILES

ASSIGNMENT = PROFILES + "assignment"

DAY = 86_400_000_000
"""In microseconds."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """One form asked of one person. Moments are microseconds; `due` is 0 where nothing is said of it.

    `task` (`Task/1`) asks for it; `recipient` (`Patient/1`) is who fills it in, in this `language` (BCP 47), told by
    `channel` (a code of `core.contacting.CHANNELS`), when it is no night in `zone` (IANA). `reminders` are days after
    it was asked; `reason` is the canonical of the programme that asks. `prefill`: what is known already is filled in
    when it is first opened.
    """

    task: str
    recipient: str
    asked: int
    expires: int
    language: str
    channel: str
    zone: str = "UTC"
    due: int = 0
    reminders: tuple[int, ...] = ()
    reason: str = ""
    prefill: bool = True

    def marked(self, response: Resource) -> Resource:
        """The response with this assignment."""
        return with_extensions(response, {ASSIGNMENT: {"extension": list(self._parts())}})

    def _parts(self) -> list[Resource]:
        parts: list[Resource] = [
            {"url": "task", "valueReference": {"reference": self.task}},
            {"url": "recipient", "valueReference": {"reference": self.recipient}},
            {"url": "asked", "valueInstant": instant(self.asked)},
            {"url": "expires", "valueInstant": instant(self.expires)},
            {"url": "language", "valueCode": self.language},
            {"url": "channel", "valueCode": self.channel},
            {"url": "zone", "valueCode": self.zone},
            {"url": "prefill", "valueBoolean": self.prefill},
        ]
        if self.due:
            parts.append({"url": "due", "valueInstant": instant(self.due)})
        if self.reason:
            parts.append({"url": "reason", "valueCanonical": self.reason})
        return [*parts, *({"url": "reminder", "valuePositiveInt": days} for days in self.reminders)]


def assignment_of(response: Mapping[str, Any]) -> Assignment | None:
    """What was asked with a response; None where nobody was asked for it here."""
    said = extension(response, ASSIGNMENT)
    if not said:
        return None

    def value(url: str, kind: str) -> Any:
        return extension(said, url).get(f"value{kind}")

    def reference(url: str) -> str:
        return str((value(url, "Reference") or {}).get("reference", ""))

    def at(url: str) -> int:
        return moment(text) if (text := value(url, "Instant")) else 0

    reminders = (each.get("valuePositiveInt", 0) for each in said.get("extension", ()) if each["url"] == "reminder")
    return Assignment(
        task=reference("task"),
        recipient=reference("recipient"),
        asked=at("asked"),
        expires=at("expires"),
        language=value("language", "Code") or "",
        channel=value("channel", "Code") or "",
        zone=value("zone", "Code") or "UTC",
        due=at("due"),
        reminders=tuple(reminders),
        reason=value("reason", "Canonical") or "",
        prefill=value("prefill", "Boolean") is not False,
    )
