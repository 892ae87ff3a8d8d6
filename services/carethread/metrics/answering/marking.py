"""Reports that were stored while numbers of few people were told: where they are not told any more, their numbers are
not shown, in no version, however it is read. Each report that is counted here and stored says which of both it was; one
that does not say so is taken to tell few. So does what careteams reports of feedback. Pure.
"""

from __future__ import annotations

from dataclasses import replace

from carethread.core.fhir import json
from carethread.core.ports import Resource, Stored
from carethread.core.service import PROFILES, Runtime
from carethread.metrics.answering.guarding import is_counted
from carethread.metrics.answering.reporting import AS_OF, MASKED
from carethread.metrics.measures.definition import Definition
from carethread.metrics.suppressing.seeing import hides, is_of_people

SMALL_CELLS = PROFILES + "small-cells"
"""Extension of a report that is stored, or that few may read: `exact`, it may tell numbers of few people; `mask`, it
tells none."""

EXACT: Resource = {"url": SMALL_CELLS, "valueCode": "exact"}
_MASKS: Resource = {"url": SMALL_CELLS, "valueCode": "mask"}

_FEEDBACK = "https://carethread.dev/fhir/Measure/feedback-loop|"
_MAY_TELL = (AS_OF.encode(), _FEEDBACK.encode())
"""What stands in each report that may tell few."""


def marked(runtime: Runtime, definition: Definition) -> Resource:
    """The extension of a report that is counted to be stored."""
    tells = is_of_people(definition) and not hides(runtime, definition)
    return EXACT if tells else _MASKS


def shown(stored: Stored, small_cells: str) -> Stored:
    """A version as it is read where `small_cells` is set so."""
    if small_cells != "mask" or stored.type != "MeasureReport":
        return stored
    if not any(each in stored.body for each in _MAY_TELL):
        return stored
    report = json.parse_object(stored.body)
    tells = is_counted(report) or str(report.get("measure", "")).startswith(_FEEDBACK)
    if not tells or _MASKS in report.get("extension", ()):
        return stored
    left = {name: value for name, value in report.items() if name != "contained"}
    return replace(stored, body=json.render({**left, "group": [_masked(each) for each in report.get("group", ())]}))


def _masked(group: Resource) -> Resource:
    """Without strata: that there is one tells that there is somebody."""
    told = [{"code": each.get("code", {}), "_count": MASKED} for each in group.get("population", ())]
    score = {"measureScore": MASKED} if "measureScore" in group else {}
    code = {"code": group["code"]} if "code" in group else {}
    return {**code, "population": told, **score}
