"""How soon feedback is answered, told: by `Task/$feedback-loop` for any time, and once for each time that is looked at
together, as a MeasureReport of the Measure `feedback-loop`, requested of its owner. And what comments are about, by
`Task/$feedback-themes`. No content, and nobody whom it is about, is told.

Source: http://hl7.org/fhir/R4/measurereport.html.
"""

from __future__ import annotations

from collections.abc import Sequence

from carethread.careteams.feedback.figures import CLOSED, SAID, SHARE, Figures, figures
from carethread.careteams.feedback.looking import within
from carethread.careteams.feedback.terms import ANSWER, CODE, concept
from carethread.careteams.feedback.themes import ALL, changes, counted, themes
from carethread.careteams.knowing import refuse_unknown_people
from carethread.careteams.navigation.asking import moment, reference
from carethread.core.clock import instant, period_of, to_micros
from carethread.core.context import Context, authorize
from carethread.core.errors import Malformed
from carethread.core.moments import DAY
from carethread.core.ports import Resource, Session
from carethread.core.service import PROFILES, Call, Runtime
from carethread.interactions.operations.once import derived
from carethread.interactions.operations.parameters import refuse_unknown

TAKES = ("department", "start", "end")

_MEASURE = "https://carethread.dev/fhir/Measure/feedback-loop|1.0.0"
_FIGURES = "https://carethread.dev/fhir/CodeSystem/feedback-figure"
_POPULATIONS = "http://terminology.hl7.org/CodeSystem/measure-population"
_NOW = 1000
"""What is said at this moment counts: microseconds to the next that can be written."""

_USUAL, _LONGEST = 30 * DAY, 366 * DAY


def loop(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Parameters with the figures. Raises Malformed and Invalid for the parameters, TooCostly, Busy."""
    department, begin, end = _asked(runtime, call, context)
    now = to_micros(context.clock())

    def look(session: Session) -> Figures:
        return figures(within(session, ANSWER, department, begin, end, runtime.base_url), now)

    found = runtime.store.snapshot(look)
    parts = _about(department, begin, end)
    parts += [{"name": name, "valueUnsignedInt": number} for name, number in found.counts.items()]
    if found.share_told is not None:
        parts.append({"name": SHARE, "valueDecimal": found.share_told})
    for name, ranks in found.hours.items():
        parts.append({"name": name, "part": [{"name": rank, "valueDecimal": hours} for rank, hours in ranks.items()]})
    return {"resourceType": "Parameters", "parameter": parts}


def of_themes(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Parameters with how many comments have which theme, and what has changed since as long a time before. Raises as
    `loop`."""
    department, begin, end = _asked(runtime, call, context)

    def look(session: Session) -> Resource:
        tasks = [
            within(session, CODE, department, *span, runtime.base_url)
            for span in ((begin, end), (begin - (end - begin), begin))
        ]
        now, before = map(themes, tasks)
        changed = changes(now, before)
        parts = _about(department, begin, end)
        counts = {"comments": now.comments, "uncoded": now.uncoded, "severe": now.severe}
        parts += [{"name": name, **counted(number)} for name, number in counts.items()]
        for code in (code for code in ALL if code in now.of or code in changed):
            part: list[Resource] = [{"name": "code", "valueCode": code}]
            part.append({"name": "count", **counted(now.of.get(code, 0))})
            if code in changed:
                part.append({"name": "change", "valueInteger": changed[code]})
            parts.append({"name": "theme", "part": part})
        return {"resourceType": "Parameters", "parameter": parts}

    return runtime.store.snapshot(look)


def _asked(runtime: Runtime, call: Call, context: Context) -> tuple[str, int, int]:
    """The department (empty: all), and the time: the last 30 days where it is not said."""
    authorize("search-type", "Task", context)
    refuse_unknown(call, "an overview of feedback", TAKES)
    department = reference(call, "department", ("Organization",), runtime.base_url)
    end = moment(call, "end", to_micros(context.clock()) + _NOW)
    begin = moment(call, "start", end - _USUAL)
    if not 0 < end - begin <= _LONGEST:
        raise Malformed("start comes before end, by 366 days at most.", code="value", expression="start")
    refuse_unknown_people(runtime, [(department, "department")], context)
    return department, begin, end


def _about(department: str, begin: int, end: int) -> list[Resource]:
    of: list[Resource] = [{"name": "department", "valueReference": {"reference": department}}] if department else []
    return [*of, {"name": "period", "valuePeriod": period_of(begin, end)}]


def report(tasks: Sequence[Resource], department: str, begin: int, end: int) -> Resource:
    """The MeasureReport of the feedback of a time, as it stands at its end; repeated it is the same."""
    found = figures(tasks, end)
    said = found.counts[SAID]
    groups = [_group(name, count) for name, count in found.counts.items()]
    if found.share_told is not None:
        groups.append({**_group(SHARE, found.counts[CLOSED]), "measureScore": {"value": found.share_told}})
    for name, ranks in found.hours.items():
        for rank, hours in ranks.items():
            groups.append({**_group(f"{name}-{rank}", said), "measureScore": _hours(hours)})
    return {
        "resourceType": "MeasureReport",
        "id": derived("MeasureReport", f"{_MEASURE}/{department}/{begin}/{end}"),
        "meta": {"profile": [PROFILES + "measure-report"]},
        "status": "complete",
        "type": "summary",
        "measure": _MEASURE,
        "date": instant(end),
        "reporter": {"reference": department},
        "period": period_of(begin, end),
        "group": groups,
    }


def _group(code: str, count: int) -> Resource:
    population = {"code": concept(_POPULATIONS, "initial-population"), "count": count}
    return {"code": concept(_FIGURES, code), "population": [population]}


def _hours(value: float) -> Resource:
    return {"value": value, "unit": "h", "system": "http://unitsofmeasure.org", "code": "h"}
