"""Who is counted in each population, of a report of type subject-list: Lists that the report contains, each of the
people of one population, or of what else is counted there.

Source: http://hl7.org/fhir/R4/measurereport.html (subjectResults).
"""

from __future__ import annotations

from collections.abc import Mapping

from carethread.core.errors import TooCostly
from carethread.core.ports import Resource
from carethread.core.ports.analytics import Glimpse
from carethread.metrics.evaluating.counting import bare, nested
from carethread.metrics.evaluating.evaluating import Units, run
from carethread.metrics.measures.definition import Definition

_MOST = 10_000
"""Entries of all Lists of one report."""

PERSON = "boolean"
"""The basis of a group whose units are people."""


def lists(facts: Glimpse, definition: Definition, counted: Units) -> dict[tuple[int, str], list[str]]:
    """By the group's place and the population's name the references of who or what is counted. Raises TooCostly."""
    found: dict[tuple[int, str], list[str]] = {}
    room = _MOST
    for place, group in enumerate(definition.groups):
        within = nested(group)
        what = "'Patient/' || unit.subject" if group.basis == PERSON else "unit.resource"
        for each in group.populations:
            sql = f"SELECT DISTINCT {what} AS listed FROM unit WHERE {within[each.name]} ORDER BY 1 LIMIT {room + 1}"
            rows = run(facts, f"{bare(definition, counted.wanted)}\n{sql}", counted)
            if len(rows) > room:
                said = f"A subject-list has {_MOST} entries at most: ask for a shorter period, a department or a group."
                raise TooCostly(said, expression="reportType")
            room -= len(rows)
            found[place, each.name] = [str(row[0]) for row in rows if row[0] is not None]
    return found


def contained(report: Resource, definition: Definition, listed: Mapping[tuple[int, str], list[str]]) -> Resource:
    """The report with Lists of what is counted in each population whose count it tells."""
    held: list[Resource] = []
    for place, (group, told) in enumerate(zip(definition.groups, report["group"], strict=True)):
        for each, population in zip(group.populations, told["population"], strict=True):
            if "count" not in population:
                continue
            id_ = f"list-{place}-{each.name}"
            entries = [{"item": {"reference": reference}} for reference in listed[place, each.name]]
            one: Resource = {"resourceType": "List", "id": id_, "status": "current", "mode": "snapshot"}
            held.append(one | ({"entry": entries} if entries else {}))
            population["subjectResults"] = {"reference": f"#{id_}"}
    return {"resourceType": report["resourceType"], "contained": held, **report} if held else report
