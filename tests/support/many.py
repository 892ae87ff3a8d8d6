"""Very many small resources, put into a database at once: what an export of a large practice has to go through."""

from __future__ import annotations

from sqlalchemy import func, insert, select

from carethread.adapters.sql.engine import is_sqlite, writing
from carethread.adapters.sql.tables import resources, versions
from carethread.core.clock import instant
from carethread.core.fhir import json
from support.stores import open_store

_AT_ONCE = 10_000
_FIRST = 1_700_000_000_000_000


def fill(url: str, count: int, *, padding: int = 0) -> int:
    """Store `count` Observations of the service `records`, without index rows and events; returns the bytes of one.

    `padding` makes each larger by so many characters.
    """
    store = open_store(url)
    size = 0
    for start in range(0, count, _AT_ONCE):
        numbers = range(start, min(start + _AT_ONCE, count))
        bodies = [_observation(number, padding) for number in numbers]
        size = len(bodies[-1])
        common = {"type": "Observation", "version": 1}
        with writing(store.engine) as connection:
            connection.execute(
                insert(resources),
                [
                    {"row": n + 1, "id": f"many-{n}", "updated": _FIRST + n * 1000, "deleted": False, **common}
                    | {"key": f"Patient/many-{n % 1000}", "department": ""}
                    for n in numbers
                ],
            )
            connection.execute(
                insert(versions),
                [
                    {"row": n + 1, "updated": _FIRST + n * 1000, "method": "PUT", "body": body, **common}
                    for n, body in zip(numbers, bodies, strict=True)
                ],
            )
    if not is_sqlite(store.engine):
        with writing(store.engine) as connection:
            connection.execute(select(func.setval("resources_row_seq", count)))
    store.close()
    return size


def _observation(number: int, padding: int) -> bytes:
    return json.render(
        {
            "resourceType": "Observation",
            "id": f"many-{number}",
            "meta": {"versionId": "1", "lastUpdated": instant(_FIRST + number * 1000)},
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4", "display": "Heart rate"}]},
            "subject": {"reference": f"Patient/many-{number % 1000}"},
            "effectiveDateTime": instant(_FIRST + number * 1000),
            "valueQuantity": {"value": 60 + number % 40, "system": "http://unitsofmeasure.org", "code": "/min"},
            **({"note": [{"text": "x" * padding}]} if padding else {}),
        }
    )
