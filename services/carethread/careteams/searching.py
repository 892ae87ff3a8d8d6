"""All of something that is stored: where a decision rests on all of it, a part would be no answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from carethread.core.errors import TooCostly
from carethread.core.fhir import json
from carethread.core.fhir.search import parse_query
from carethread.core.ports import Resource, Session, Stored

MOST_CONSENTS = 5_000
"""Consents of one person that are weighed."""

_PAGE = 500


def every(session: Session, type_name: str, params: Sequence[tuple[str, str]], base: str) -> Iterator[Stored]:
    """All matches of a search, however many, in its order."""
    query = parse_query(type_name, params, base=base)
    while True:
        page = session.search(query, _PAGE)
        yield from page.matches
        if not page.next:
            return
        query = replace(query, cursor=page.next)


def consents_of(session: Session, patient: str, base: str) -> list[Resource]:
    """All Consents of a person (`Patient/1`). Raises TooCostly for more than can be weighed."""
    found: list[Resource] = []
    for stored in every(session, "Consent", [("patient", patient)], base):
        found.append(json.parse_object(stored.body))
        if len(found) > MOST_CONSENTS:
            raise TooCostly(f"The person has more than {MOST_CONSENTS} Consents to weigh: delete those that are over.")
    return found
