"""What can be counted only as it is now is kept each day, so that there is a series of it: a MeasureReport for each
unit, which is a fact again, and which the Measure's SQL finds for the days that are over.

A Measure says by an extension that it is so. Nobody is told of these reports; they name a practitioner where the unit
does. Of units that are about people nothing is to be kept: such a report would tell of one. Pure but for reading facts.
Source: http://hl7.org/fhir/R4/measurereport.html.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from carethread.core.clock import from_micros, instant
from carethread.core.fhir.json import Number
from carethread.core.ports import Resource
from carethread.core.ports.analytics import Glimpse
from carethread.core.service import PROFILES
from carethread.metrics.answering.guarding import OF_THE_DAY
from carethread.metrics.answering.reporting import PROFILE, extension_of_department
from carethread.metrics.evaluating.counting import bare, nested
from carethread.metrics.evaluating.evaluating import answer, units
from carethread.metrics.evaluating.periods import Days
from carethread.metrics.measures.definition import Definition, Group

KEPT_DAILY = PROFILES + "kept-daily"
"""Extension of a Measure: its units are those of now, and are kept each day."""

_DAY = timedelta(days=1)


def is_kept_daily(measure: Resource) -> bool:
    """Whether the units of a Measure are to be kept."""
    said = (each.get("valueBoolean") for each in measure.get("extension", ()) if each.get("url") == KEPT_DAILY)
    return any(said)


def of_the_day(facts: Glimpse, measure: Resource, definition: Definition) -> list[Resource]:
    """The reports of the units of now; a unit has the same id all day (UTC). Raises Invalid, TooCostly, Busy."""
    now = from_micros(facts.marks.time)
    chosen = units(facts, definition, Days(now.date() - _DAY, now.date() + _DAY), ())
    group = definition.groups[0]
    within = nested(group)
    columns = ", ".join(f"{within[each.name]} AS in_{i}" for i, each in enumerate(group.populations))
    sql = f"SELECT unit.*, {columns} FROM unit WHERE unit.resource NOT LIKE 'MeasureReport/%'"
    rows = answer(facts, f"{bare(definition, chosen.wanted)}\n{sql}", chosen).dicts()
    return [_report(measure, definition, group, row, facts.marks.time) for row in rows]


def _report(measure: Resource, definition: Definition, group: Group, row: dict[str, Any], now: int) -> Resource:
    day, value = f"{from_micros(now).date()}", row[group.value]
    unit = "/".join((measure["id"], row["resource"], str(row.get("service") or ""), day))
    where = {"reference": f"Organization/{row['department']}"} if row["department"] else None
    told = {"value": Number(f"{value:.10g}"), **group.unit} if value is not None else None
    return {
        "resourceType": "MeasureReport",
        "id": str(uuid5(NAMESPACE_URL, f"{KEPT_DAILY}/{unit}")),
        "meta": {"profile": [PROFILE]},
        **({"extension": [extension_of_department(where)]} if where else {}),
        "status": "complete",
        "type": "individual",
        "measure": definition.canonical,
        **({"subject": {"reference": f"Practitioner/{row['practitioner']}"}} if row["practitioner"] else {}),
        "date": instant(now),
        "period": {"start": day, "end": day},
        "group": [
            {
                "code": {"coding": [OF_THE_DAY]},
                "population": [
                    {"code": each.code, "count": int(bool(row[f"in_{i}"]))} for i, each in enumerate(group.populations)
                ],
                **({"measureScore": told} if told else {}),
            }
        ],
    }
