"""Second computations of what lies on members of staff, by the MeasureReports that are kept of each day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from support.measures.plain import Practice, Resource, Unit, first_code, id_of, moment, observed, standing

WORKLOAD = "https://carethread.dev/fhir/Measure/workload"
BURDEN = "https://carethread.dev/fhir/Measure/documentation-burden"


def caseload(practice: Practice) -> Iterator[Unit]:
    for report, facts in _days(practice):
        if "caseload" in facts:
            yield _unit(practice, report, observed(facts["caseload"] or None))


def after_hours(practice: Practice) -> Iterator[Unit]:
    for report, facts in _days(practice):
        both = [facts.get("after-hours-writes"), facts.get("after-hours-minutes")]
        if both != [None, None]:
            yield _unit(practice, report, *map(observed, both))


def _days(practice: Practice) -> Iterator[tuple[Resource, dict[str, int]]]:
    for report in practice.of("MeasureReport"):
        mine = report["measure"].partition("|")[0] == WORKLOAD
        if mine and report["status"] == "complete" and report["type"] == "individual":
            counts = {
                first_code(group["code"]) or "": group["population"][0]["count"]
                for group in report.get("group", ())
                if group.get("population")
            }
            yield report, counts


def _unit(practice: Practice, report: Resource, *groups: tuple[frozenset[str], float | None]) -> Unit:
    subject = report.get("subject")
    role = practice.get("PractitionerRole", id_of(subject, "PractitionerRole"))
    who = id_of(subject, "Practitioner") or id_of(role.get("practitioner"), "Practitioner")
    end = moment(report["period"]["end"])
    assert end is not None
    where = practice.department(report, report.get("reporter"), subject)
    person = f"Practitioner/{who}" if who else None
    return Unit(f"MeasureReport/{report['id']}", person, end - timedelta(hours=12), where, groups)


def documentation(practice: Practice) -> Iterator[Unit]:
    for report in practice.of("MeasureReport"):
        mine = report["measure"].partition("|")[0] == BURDEN
        if not mine or report["status"] != "complete" or report["type"] != "individual":
            continue
        for group in report.get("group", ()):
            whose = [first_code(each["code"]) for each in group.get("population", ())]
            if first_code(group["code"]) == "seconds" and (not whose or "initial-population" in whose):
                name = report.get("subject", {}).get("identifier", {}).get("value")
                at = standing(report["period"]["start"])
                assert at is not None
                yield Unit(
                    f"MeasureReport/{report['id']}",
                    f"identifier/{name}" if name else None,
                    at,
                    practice.department(report, report.get("reporter")),
                    (observed(group.get("measureScore", {}).get("value")),),
                )
