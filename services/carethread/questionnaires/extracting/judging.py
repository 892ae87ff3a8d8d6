"""Whether what a response gives may be stored: judged before anything is requested, so that nothing is half made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from carethread.core.errors import Issue
from carethread.core.fhir.validation import validate
from carethread.core.ports import Resource
from carethread.questionnaires.extracting.extracted import FINISHED, Extraction, extract, uuid_of
from carethread.questionnaires.extracting.making import Entry
from carethread.questionnaires.forms.form import Form

_FAULTS = 20
"""Issues of one resource that are told."""


def faults_of(form: Form, response: Resource, id_: str, clock: Callable[[], datetime]) -> list[Issue]:
    """The errors of what a response would give, each with its place in the response and the linkId that it is of; none
    for one that is not finished."""
    if response.get("status") not in FINISHED:
        return []
    return judged(extract(form, {**response, "id": id_}, uuid_of(id_), clock))


def judged(extraction: Extraction) -> list[Issue]:
    """The errors of an extraction, and of the resources that it makes."""
    found = [issue for issue in extraction.issues if issue.severity in ("error", "fatal")]
    return [*found, *(issue for entry in extraction.entries for issue in _of(entry))]


def _of(entry: Entry) -> Iterator[Issue]:
    said = f"linkId '{entry.link_id}'" if entry.link_id else "the form"
    wrong = [issue for issue in validate(entry.resource) if issue.severity in ("error", "fatal")]
    for issue in wrong[:_FAULTS]:
        where = f"The {entry.resource['resourceType']} that {said} gives is not valid at {issue.expression}: "
        yield Issue(issue.code, where + issue.diagnostics, entry.path)
