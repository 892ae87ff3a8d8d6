"""Where a validation stands and what it has found; a path becomes text only when something is wrong."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, NamedTuple

from carethread.core.errors import Issue

Place = tuple["Place | None", str, int | None]
"""An element: its parent, its name and, in an array, its index. The root has no parent."""

Found = tuple[dict[str, Any], Place, dict[str, Any]]
"""An object met on the way, its place, and the resource that it stands in."""

MAX_ISSUES = 1000
"""More than anyone reads; the rest is counted in one closing issue, so that a hostile body costs little."""

_MAX_SUGGESTIONS = 20
_MAX_NAME = 64
_MAX_SHOWN = 80


class Surroundings(NamedTuple):
    """Where a check stands: the resource, the one that contains it (itself, mostly), and its elements' ids so far.

    `links` are those within the narrative, each with the place of the narrative.
    """

    container: dict[str, Any]
    resource: dict[str, Any]
    ids: set[str]
    links: list[tuple[str, Place]]


class Run:
    """One validation: the issues found, the resource whose `contained` a `#id` means, and what was asked for.

    `full_urls` tells the type of each entry of the Bundle that is checked. `claims` are the resources met that claim
    profiles, `extensions` the extensions: what profiles are about.
    """

    __slots__ = (
        *("_contained", "_contained_in", "_dropped", "_dropped_severity", "_suggested", "claims", "container"),
        *("extensions", "full_urls", "ids", "informational", "issues", "links", "resource"),
    )

    def __init__(self, informational: bool) -> None:
        self.issues: list[Issue] = []
        self.informational = informational
        self.container: dict[str, Any] = {}
        self.resource: dict[str, Any] = {}
        self.ids: set[str] = set()
        self.links: list[tuple[str, Place]] = []
        self.full_urls: dict[str, str] = {}
        self.claims: list[Found] = []
        self.extensions: list[Found] = []
        self._contained: dict[str, dict[str, Any]] = {}
        self._contained_in: dict[str, Any] | None = None
        self._dropped = 0
        self._dropped_severity = "information"
        self._suggested = 0

    def enter(self, resource: dict[str, Any], *, contained: bool = False) -> Surroundings:
        """Start on a resource within what was checked so far; hand what this returns to `leave`."""
        outer = Surroundings(self.container, self.resource, self.ids, self.links)
        self.resource, self.ids, self.links = resource, set(), []
        if not contained:
            self.container = resource
        return outer

    def contained(self) -> dict[str, dict[str, Any]]:
        """What the container contains, by id; of several with one id the first."""
        if self._contained_in is not self.container:
            members = self.container.get("contained")
            objects = [each for each in members if type(each) is dict] if type(members) is list else []
            named = [(each.get("id"), each) for each in reversed(objects)]
            self._contained = {name: each for name, each in named if type(name) is str}
            self._contained_in = self.container
        return self._contained

    def leave(self, outer: Surroundings) -> None:
        self.container, self.resource, self.ids, self.links = outer

    def add(self, code: str, place: Place, diagnostics: str, severity: str = "error") -> None:
        if len(self.issues) >= MAX_ISSUES:
            self._dropped += 1
            if severity == "error":
                self._dropped_severity = severity
        else:
            self.issues.append(Issue(code, diagnostics, expression(place), severity))

    def suggestion(self, name: str, allowed: Iterable[str]) -> str:
        """The allowed name nearest to a wrong one, as a sentence; finding it is slow, so only for the first few."""
        self._suggested += 1
        if self._suggested > _MAX_SUGGESTIONS:
            return ""
        nearest = difflib.get_close_matches(name[:_MAX_NAME], allowed, 1)
        return f" Did you mean '{nearest[0]}'?" if nearest else ""

    def finish(self, root: Place) -> list[Issue]:
        if self._dropped:
            text = f"{self._dropped} more issues were found; these are the first {MAX_ISSUES}."
            self.issues.append(Issue("informational", text, expression(root), self._dropped_severity))
        return self.issues


def expression(place: Place) -> str:
    """The FHIRPath of an element: `Appointment.participant[0].status`."""
    steps: list[str] = []
    at: Place | None = place
    while at is not None:
        at, name, index = at
        steps.append(name if index is None else f"{name}[{index}]")
    return ".".join(reversed(steps))


def shown(word: str) -> str:
    """A canonical, code or id from outside as a message may repeat it: bounded and printable."""
    return ascii(word[:_MAX_SHOWN])[1:-1][:_MAX_SHOWN]


def step(name: Any) -> str:
    """A member name that comes from outside as a FHIRPath step: bounded, printable, delimited where it must be."""
    text = str(name)[:_MAX_NAME].encode("ascii", "backslashreplace").decode()
    return text if text.isidentifier() else "`" + text.replace("`", "\\`") + "`"
