"""How soon feedback is answered, told: by `Task/$feedback-loop` for any time, and once for each time that is looked at
together, as a MeasureReport of the Measure `feedback-loop`, requested of its owner. And what comments are about, by
`Task/$feedback-themes`. No content, and nobody whom it is about, is told; nor are numbers of few people, where they are
told to nobody (`core.few`).

Source: http://hl7.org/fhir/R4/measurereport.html.
"""

from __future__ import annotations

from carethread.careteams.feedback.figures import CLOSED, SAID, SHARE, Figures, figures
from carethread.careteams.feedback.looking import within
from carethread.careteams.feedback.terms import ANSWER, CODE, concept
from carethread.careteams.feedback.themes import ALL, Themes, changes, counted, themes
from carethread.careteams.knowing import refuse_unknown_people
from carethread.careteams.navigation.asking import moment, reference
from carethread.core.clock import instant, period_of, to_micros
from carethread.core.context import Context, authorize
from carethread.core.errors import Malformed
from carethread.core.few import MASKED
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
        return figures_within(runtime, session, department, begin, end, now)

    found = runtime.store.snapshot(look)
    parts = _about(department, begin, end)
    parts += [{"name": name, **_told(found, name, "UnsignedInt", number)} for name, number in found.counts.items()]
    if found.share_told is not None:
        parts.append({"name": SHARE, **_told(found, SHARE, "Decimal", found.share_told)})
    for name, ranks in found.hours.items():
        each = [{"name": rank, **_told(found, name, "Decimal", hours)} for rank, hours in ranks.items()]
        parts.append({"name": name, "part": each})
    return {"resourceType": "Parameters", "parameter": parts}


def _told(found: Figures, name: str, kind: str, value: float) -> Resource:
    return {f"_value{kind}": MASKED} if name in found.masked else {f"value{kind}": value}


def of_themes(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Parameters with how many comments have which theme, and what has changed since as long a time before. Raises as
    `loop`."""
    department, begin, end = _asked(runtime, call, context)

    def look(session: Session) -> Resource:
        now, before = (
            themes_within(runtime, session, department, *span)
            for span in ((begin, end), (begin - (end - begin), begin))
        )
        changed = changes(now, before)
        parts = _about(department, begin, end)
        parts += [{"name": name, **counted(each, masked=name in now.masked)} for name, each in now.counts().items()]
        for code in (code for code in ALL if code in now.of or code in now.masked or code in changed):
            part: list[Resource] = [{"name": "code", "valueCode": code}]
            part.append({"name": "count", **counted(now.of.get(code, 0), masked=code in now.masked)})
            if code in changed:
                part.append({"name": "change", "valueInteger": changed[code]})
            parts.append({"name": "theme", "part": part})
        return {"resourceType": "Parameters", "parameter": parts}

    return runtime.store.snapshot(look)


def themes_within(runtime: Runtime, session: Session, department: str, begin: int, end: int) -> Themes:
    """The themes of a department's comments within a time, as far as they are told."""
    found = within(runtime, session, CODE, department, begin, end)
    return themes(found.tasks, found.people, found.others, found.department)


def figures_within(runtime: Runtime, session: Session, department: str, begin: int, end: int, now: int) -> Figures:
    """The figures of a department's feedback within a time, and which of them are told."""
    found = within(runtime, session, ANSWER, department, begin, end)
    return figures(found.tasks, now, found.people, found.others, found.department)


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


def report(found: Figures, department: str, begin: int, end: int, small_cells: str) -> Resource:
    """The MeasureReport of the feedback of a time, as it stands at its end; repeated it is the same. `small_cells` says
    whether it may tell numbers of few people."""
    groups = [_group(found, name, name) for name in found.counts]
    if found.share_told is not None:
        groups.append(
            {**_group(found, SHARE, CLOSED), "measureScore": _score(found, SHARE, {"value": found.share_told})}
        )
    for name, ranks in found.hours.items():
        for rank, hours in ranks.items():
            score = _score(found, name, _hours(hours))
            groups.append({**_group(found, f"{name}-{rank}", SAID), "measureScore": score})
    return {
        "resourceType": "MeasureReport",
        "id": derived("MeasureReport", f"{_MEASURE}/{department}/{begin}/{end}"),
        "meta": {"profile": [PROFILES + "measure-report"]},
        "extension": [{"url": PROFILES + "small-cells", "valueCode": small_cells}],
        "status": "complete",
        "type": "summary",
        "measure": _MEASURE,
        "date": instant(end),
        "reporter": {"reference": department},
        "period": period_of(begin, end),
        "group": groups,
    }


def _group(found: Figures, code: str, of: str) -> Resource:
    number: Resource = {"_count": MASKED} if of in found.masked else {"count": found.counts[of]}
    population = {"code": concept(_POPULATIONS, "initial-population"), **number}
    return {"code": concept(_FIGURES, code), "population": [population]}


def _score(found: Figures, name: str, score: Resource) -> Resource:
    return MASKED if name in found.masked else score


def _hours(value: float) -> Resource:
    return {"value": value, "unit": "h", "system": "http://unitsofmeasure.org", "code": "h"}
