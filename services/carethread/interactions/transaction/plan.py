"""What a transaction is about, settled before anything is written: new ids, what criteria mean, where links lead.

The answer to criteria may have changed when the writes are done; so each step says which resource it took them to mean,
and `perform` looks again under the locks. Rules: http://hl7.org/fhir/R4/http.html#trules.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from carethread.core.errors import FhirError, Invalid, NotFound, PreconditionFailed
from carethread.core.ports import Key, Resource
from carethread.interactions.transaction.entries import ORDER, READS, Entry, at_entry, check_shape, located, raise_all
from carethread.interactions.transaction.links import Links, conditional_references

Match = Callable[[str, str], Sequence[str]]
"""The ids of the resources of a type that meet criteria, two of them where there are more."""


@dataclass(slots=True)
class Step:
    """One entry whose identity is settled: `id` is empty where a delete's criteria match nothing, and for a read.

    `criteria` are those that the id rests on; `found` says whether they matched.
    """

    number: int
    method: str
    url: str
    id: str
    resource: Resource | None
    headers: Mapping[str, str]
    criteria: str = ""
    found: bool = False

    @property
    def type(self) -> str:
        return self.url.partition("?")[0].partition("/")[0]

    @property
    def key(self) -> Key:
        return self.type, self.id

    @property
    def is_read(self) -> bool:
        return self.method in READS

    @property
    def entry(self) -> Entry:
        """The entry again, as far as the step still needs it."""
        return Entry(self.number, self.method, self.url, "", self.resource, self.headers)

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in Step.__slots__}


def plan(parsed: Sequence[Entry | FhirError], match: Match, new_id: Callable[[], str]) -> list[Step]:
    """The steps in the order in which they are done. Raises what is wrong with the entries, each in its place."""
    raise_all([error for error in parsed if isinstance(error, FhirError)])
    entries = [entry for entry in parsed if isinstance(entry, Entry)]
    _refuse_same_full_url(entries)
    steps: list[Step] = []
    errors: list[FhirError] = []
    for entry in entries:
        try:
            steps.append(_aimed(entry, match, new_id))
        except FhirError as error:
            errors.append(located(error, entry.number))
    raise_all(errors)
    _refuse_same_identity(steps)
    links = _links(entries, steps, match)
    for entry, step in zip(entries, steps, strict=True):
        if step.resource:
            step.resource = links.relinked(step.resource, entry.full_url)
    return sorted(steps, key=lambda step: ORDER[step.method])


def _refuse_same_full_url(entries: Sequence[Entry]) -> None:
    seen: dict[str, int] = {}
    for entry in entries:
        if entry.full_url and entry.full_url in seen:
            raise Invalid(
                f"Entry {seen[entry.full_url]} has this fullUrl too; each resource of a transaction has its own.",
                code="duplicate",
                expression=f"Bundle.entry[{entry.number}].fullUrl",
            )
        seen[entry.full_url] = entry.number


def _aimed(entry: Entry, match: Match, new_id: Callable[[], str]) -> Step:
    """The step with the identity of what it is about."""
    type_name, *rest = entry.path
    step = Step(entry.number, entry.method, entry.url, "", entry.resource, entry.headers, entry.criteria)
    if step.is_read:
        step.criteria = ""
        return step
    check_shape(entry)
    if not entry.criteria:
        step.id = new_id() if entry.method == "POST" else rest[0]
        return step
    found = match(type_name, entry.criteria)
    if len(found) > 1:
        member = "ifNoneExist" if entry.method == "POST" else "url"
        raise PreconditionFailed(
            f"The criteria match several resources of {type_name}; give some that match one.",
            code="multiple-matches",
            expression=f"Bundle.entry[{entry.number}].request.{member}",
        )
    if found:
        step.id, step.found = found[0], True
        return step
    if entry.method == "DELETE":
        return step
    if entry.method == "PATCH":
        raise NotFound(f"No {type_name} meets the criteria.", expression=f"Bundle.entry[{entry.number}].request.url")
    sent = (entry.resource or {}).get("id") if entry.method == "PUT" else None
    step.id = sent if isinstance(sent, str) else new_id()
    return step


def _refuse_same_identity(steps: Sequence[Step]) -> None:
    """A resource is written once. A create that found one writes nothing, so several may have found the same."""
    writes = [step for step in steps if step.id and not (step.method == "POST" and step.found)]
    seen: dict[tuple[str, ...], int] = {}
    for step in writes:
        names = [step.key, (step.type, "?", step.criteria)] if step.criteria else [step.key]
        for name in names:
            if name in seen:
                raise _duplicate(step, seen[name])
        seen |= dict.fromkeys(names, step.number)
    for step in steps:
        if step.method == "POST" and step.found and step.key in seen:
            raise _duplicate(step, seen[step.key])


def _duplicate(step: Step, other: int) -> Invalid:
    return Invalid(
        f"{step.type}/{step.id} is written by entry {other} too; a transaction writes each once."
        if not step.criteria
        else f"Entry {other} is about the same {step.type}; a transaction writes each once.",
        code="duplicate",
        expression=f"Bundle.entry[{step.number}].request.url",
    )


def _links(entries: Sequence[Entry], steps: Sequence[Step], match: Match) -> Links:
    meant = {f"{step.type}?{step.criteria}": f"{step.type}/{step.id}" for step in steps if step.criteria and step.id}
    conditional: dict[str, str] = {}
    for entry in entries:
        for reference in conditional_references(entry.resource):
            if reference not in conditional:
                with at_entry(entry.number):
                    conditional[reference] = meant.get(reference) or _the_match(reference, match)
    targets: dict[str, str] = {}
    versions: dict[str, str] = {}
    for entry, step in zip(entries, steps, strict=True):
        if entry.full_url and step.id and entry.resource:
            targets[entry.full_url] = f"{step.type}/{step.id}"
            if step.method == "POST" and not step.found:
                versions[entry.full_url] = "1"
    return Links(targets, versions, conditional)


def _the_match(reference: str, match: Match) -> str:
    type_name, _, criteria = reference.partition("?")
    found = match(type_name, criteria)
    if len(found) != 1:
        raise PreconditionFailed(
            f"The conditional reference to {type_name} must match one resource; it matches "
            + ("none." if not found else "several."),
            code="not-found" if not found else "multiple-matches",
        )
    return f"{type_name}/{found[0]}"
