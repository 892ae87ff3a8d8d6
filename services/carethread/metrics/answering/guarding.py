"""What a client may not write: the numbers of a report that was counted here. Such a report has the extension
`facts-as-of`, or is of one unit and one day; others are neither, but for those that history brings.
"""

from __future__ import annotations

from carethread.core.errors import Invalid
from carethread.core.fhir.elements import at
from carethread.core.ports import Resource
from carethread.core.service import Ruling, Unit
from carethread.metrics.answering.reporting import AS_OF

OF_THE_DAY = {"system": "https://carethread.dev/fhir/CodeSystem/measure-group", "code": "of-the-day"}
"""The code of a report's group, by which SQL finds it."""


def report_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Refuse to change what was counted, or to say of something else that it was. Raises Invalid."""
    if unit.own or after is None:
        return Ruling()
    if is_counted(before):
        said = "What was counted here is not changed: POST Measure/[id]/$evaluate-measure counts it anew."
        raise Invalid(said, code="business-rule", expression="MeasureReport")
    if is_of_the_day(after) and not unit.context.backfill:
        said = "Only what is counted here is of one unit and one day: leave the code of the group out."
        raise Invalid(said, code="business-rule", expression="MeasureReport.group[0].code")
    if is_counted(after) and not unit.context.backfill:
        said = f"Only what is counted here says up to when facts were: leave the extension {AS_OF} out."
        raise Invalid(said, code="business-rule", expression="MeasureReport.extension")
    return Ruling()


def is_counted(report: Resource | None) -> bool:
    """Whether it says that it was counted here."""
    if report is None:
        return False
    return is_of_the_day(report) or any(each.get("url") == AS_OF for each in report.get("extension", ()))


def is_of_the_day(report: Resource) -> bool:
    """Whether it is what one unit was on one day (`series.keeping`)."""
    codings = at(report, "group.code.coding")
    return any((each.get("system"), each.get("code")) == tuple(OF_THE_DAY.values()) for each in codings)
