"""Rows of the shipped views, and what a view says by FHIRPath beside what it says over plain JSON."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest

from carethread.core.errors import FhirError
from carethread.core.fhir.validation import validate
from carethread.metrics.views.library import library
from carethread.metrics.views.view import View
from carethread.metrics.views.walking import SURPRISES

OURS = "https://carethread.dev/fhir/StructureDefinition/"
CODES = "https://carethread.dev/fhir/CodeSystem/"
SYNTHEA = Path(__file__).parents[3] / "shared" / "data" / "synthea"
PROFILES = Path(__file__).parents[2] / "fhir_profiles"

Rows = list[dict[str, Any]]


def rows(name: str, resource: Mapping[str, Any]) -> Rows:
    """The rows of a resource that is valid, without empty cells."""
    faults = [issue for issue in validate(dict(resource)) if issue.severity in ("error", "fatal")]
    assert not faults, faults
    view = library()[name]
    assert agreed(view, resource) is True
    names = [column.name for column in view.columns]
    told = [dict(zip(names, row, strict=True)) for row in view.rows(dict(resource))]
    return [{name: value for name, value in row.items() if value is not None} for row in told]


def agreed(view: View, resource: Mapping[str, Any]) -> bool:
    """Whether plain JSON told; then it has told what FHIRPath tells."""
    assert view.quick is not None
    try:
        quick = view.quick(dict(resource))
    except SURPRISES:
        return False
    except FhirError as error:
        with pytest.raises(type(error)):
            view.rows_by_fhirpath(dict(resource))
        return True
    assert _typed(quick) == _typed(view.rows_by_fhirpath(dict(resource))), view.name
    return True


def outcome(view: View, resource: Mapping[str, Any]) -> object:
    """The rows, or the kind of error."""
    try:
        return _typed(view.rows(dict(resource)))
    except FhirError as error:
        return type(error)


def _typed(found: Sequence[tuple[Any, ...]]) -> list[list[tuple[str, Any]]]:
    """Rows in which 1 is not True."""
    return [[(type(cell).__name__, cell) for cell in row] for row in found]


def made() -> Iterator[dict[str, Any]]:
    """The good examples of our profiles."""
    for path in sorted(PROFILES.glob("examples/*/good-*.json")):
        yield orjson.loads(path.read_bytes())


def synthea(files: int) -> Iterator[dict[str, Any]]:
    """Resources of the first files of generated people; none where they are not beside the project."""
    for path in sorted(SYNTHEA.glob("patient-*.json.gz"))[:files]:
        yield from (entry["resource"] for entry in orjson.loads(gzip.decompress(path.read_bytes()))["entry"])


def coded(system: str, code: str) -> dict[str, Any]:
    """A CodeableConcept."""
    return {"coding": [{"system": system, "code": code}]}


def told(name: str, **value: Any) -> dict[str, Any]:
    """An extension of ours."""
    return {"url": OURS + name, **value}


def parts(name: str, kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """An extension of ours with parts that have values of one type, such as valueInstant."""
    return {"url": OURS + name, "extension": [{"url": url, kind: value} for url, value in values.items()]}


DEPARTMENT = told("department", valueReference={"reference": "Organization/ward"})
