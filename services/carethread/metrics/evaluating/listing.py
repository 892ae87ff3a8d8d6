"""Who is counted in each population, of a report of type subject-list: Lists that the report contains, each of the
people of one population, or of what else is counted there.

Source: http://hl7.org/fhir/R4/measurereport.html (subjectResults).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from carethread.core.errors import Invalid, TooCostly
from carethread.core.fhir.targets import parse_reference
from carethread.core.ports import Resource
from carethread.core.ports.analytics import Glimpse
from carethread.metrics.evaluating.counting import bare, nested
from carethread.metrics.evaluating.evaluating import Units, run
from carethread.metrics.measures.definition import Definition

_MOST = 10_000
"""Entries of all Lists of one report."""

PERSON = "boolean"
"""The basis of a group whose units are people."""


def populations(definition: Definition) -> set[tuple[int, str]]:
    """All that may be listed: by their group's place and their names."""
    return {(place, each.name) for place, group in enumerate(definition.groups) for each in group.populations}


def lists(
    facts: Glimpse, definition: Definition, counted: Units, wanted: Collection[tuple[int, str]]
) -> dict[tuple[int, str], list[str]]:
    """Of these populations the references of who or what is counted. Raises TooCostly, Invalid."""
    found: dict[tuple[int, str], list[str]] = {}
    room = _MOST
    for place, group in enumerate(definition.groups):
        within = nested(group)
        what = "'Patient/' || unit.subject" if group.basis == PERSON else "unit.resource"
        for each in group.populations:
            if (place, each.name) not in wanted:
                continue
            sql = f"SELECT DISTINCT {what} AS listed FROM unit WHERE {within[each.name]} ORDER BY 1 LIMIT {room + 1}"
            rows = run(facts, f"{bare(definition, counted.wanted)}\n{sql}", counted)
            if len(rows) > room:
                said = f"A subject-list has {_MOST} entries at most: ask for a shorter period, a department or a group."
                raise TooCostly(said, expression="reportType")
            room -= len(rows)
            found[place, each.name] = [_referred(str(row[0])) for row in rows if row[0] is not None]
    return found


def _referred(listed: str) -> str:
    """Raises Invalid for what the SQL lists that is no reference."""
    target = parse_reference(listed)
    if target is None or f"{target.type}/{target.id}" != listed:
        said = (
            "What the SQL lists as resource is a reference such as Appointment/123, and as subject an id such as 123."
        )
        raise Invalid(said, code="value", expression="Library.content")
    return listed


def contained(report: Resource, definition: Definition, listed: Mapping[tuple[int, str], list[str]]) -> Resource:
    """The report with Lists of what is counted in each population whose count it tells, where there is one."""
    held: list[Resource] = []
    for place, (group, told) in enumerate(zip(definition.groups, report["group"], strict=True)):
        for each, population in zip(group.populations, told["population"], strict=True):
            if "count" not in population or (place, each.name) not in listed:
                continue
            id_ = f"list-{place}-{each.name}"
            entries = [{"item": {"reference": reference}} for reference in listed[place, each.name]]
            one: Resource = {"resourceType": "List", "id": id_, "status": "current", "mode": "snapshot"}
            held.append(one | ({"entry": entries} if entries else {}))
            population["subjectResults"] = {"reference": f"#{id_}"}
    return {"resourceType": report["resourceType"], "contained": held, **report} if held else report
