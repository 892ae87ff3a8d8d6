"""The pack as a FHIR document: a Composition whose sections name the MeasureReports of the month and the Tasks of
decisions, each section in words too. It is made when it is asked for, and not stored.

An entry that is not stored has a `urn:uuid`, from which only an absolute URL leads to what is
(http://hl7.org/fhir/R4/bundle.html#references). Source: http://hl7.org/fhir/R4/documents.html,
http://hl7.org/fhir/R4/composition.html.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from carethread.core.clock import instant
from carethread.core.context import Context
from carethread.core.ports import Resource
from carethread.metrics.answering.reporting import OF_DEPARTMENT, extension_of_department
from carethread.metrics.reviewing import words
from carethread.metrics.reviewing.complaints import Line
from carethread.metrics.reviewing.deciding import CODE, REVIEWS, TASKS
from carethread.metrics.reviewing.decisions import Decision
from carethread.metrics.reviewing.figures import Figure
from carethread.metrics.reviewing.pack import Pack

Rows = Iterable[Sequence[str]]


def document(pack: Pack, base_url: str, context: Context) -> Resource:
    """The Bundle of type document."""
    decided = [*pack.decisions.open, *pack.decisions.done, *pack.decisions.new]
    where = {"reference": f"{base_url}/Organization/{pack.review.department}"}
    reports = [(f"urn:uuid:{context.new_id()}", _of(where, each)) for each in pack.reports]
    department: Resource = {
        "resourceType": "Organization",
        "id": pack.review.department,
        "name": pack.department,
    }
    composition = {
        "resourceType": "Composition",
        "id": context.new_id(),
        "status": "final",
        "type": {"text": "Monthly review of a department"},
        "subject": {**where, "display": pack.department},
        "date": instant(pack.made),
        "author": [{**where, "display": pack.department}],
        "title": f"{pack.department}, {words.month(pack.review.days.first)}",
        "event": [{"period": {"start": f"{pack.review.days.first}", "end": f"{pack.review.days.last}"}}],
        "section": list(_sections(pack, base_url, [url for url, _ in reports])),
    }
    entries = [
        (f"urn:uuid:{composition['id']}", composition),
        (where["reference"], department),
        *reports,
        *((f"{base_url}/Task/{each.id}", _task(pack, each)) for each in decided),
    ]
    return {
        "resourceType": "Bundle",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{context.new_id()}"},
        "type": "document",
        "timestamp": instant(pack.made),
        "entry": [{"fullUrl": url, "resource": resource} for url, resource in entries],
    }


def _of(where: Resource, report: Resource) -> Resource:
    """A report that leads to its department, of which all of them are."""
    told = [each for each in report.get("extension", ()) if each["url"] != OF_DEPARTMENT]
    return {**report, "extension": [*told, extension_of_department(where)], "reporter": where}


def _sections(pack: Pack, base_url: str, reports: Sequence[str]) -> Iterator[Resource]:
    seen = ("Measure", "This month", "Usual", "What is seen")
    yield _section("What stands out", seen, [_signal(each) for each in pack.signals])
    missed = [(_name(each), words.told(each, each.now), words.goal(each, each.goal)) for each in pack.missed]
    yield _section("Goals missed", ("Measure", "This month", "Goal"), missed)
    for title, list_ in (
        ("Open decisions of earlier reviews", pack.decisions.open),
        ("Decisions that are over", pack.decisions.done),
        ("Decisions of this review", pack.decisions.new),
    ):
        rows = [_decided(pack, each) for each in list_]
        made = _section(title, ("What", "Who", "By", "Stands"), rows)
        yield made | ({"entry": [{"reference": f"{base_url}/Task/{each.id}"} for each in list_]} if list_ else {})
    about = pack.complaints
    for title, lines in (
        ("Complaints", [about.whole]),
        ("Complaints by theme", about.themes),
        ("Complaints by severity", about.severities),
    ):
        yield _section(title, ("", "This month", "The month before"), [_count(each) for each in lines])
    figures = [_figure(each) for each in pack.figures]
    made = _section("All measures", ("Measure", "This month", "The month before", "Usual", "Goal"), figures)
    yield made | ({"entry": [{"reference": url} for url in reports]} if reports else {})
    if pack.left:
        yield _section("Left out", ("Measure", "Why"), pack.left)


def _signal(figure: Figure) -> Sequence[str]:
    signal, since = figure.signal, figure.since
    told = f"{signal.side} the usual since {words.month(since)}: {words.why(signal.rule)}" if signal and since else ""
    return _name(figure), words.told(figure, figure.now), words.number(figure.group, figure.usual), told


def _figure(figure: Figure) -> Sequence[str]:
    now, earlier = figure.values[-1], figure.values[-2]
    usual = words.number(figure.group, figure.usual)
    return _name(figure), words.told(figure, now), words.told(figure, earlier), usual, words.goal(figure, figure.goal)


def _decided(pack: Pack, decision: Decision) -> Sequence[str]:
    due = words.short(decision.due) if decision.due else ""
    stands = f"{decision.stands}, overdue" if decision.overdue else decision.stands
    return decision.words, pack.called(decision), due, stands


def _count(line: Line) -> Sequence[str]:
    told = words.count if line.name else words.whole
    return words.theme(line.name) or "All", told(line.now), told(line.earlier)


def _name(figure: Figure) -> str:
    return f"{figure.title}: {figure.part}" if figure.part else figure.title


def _section(title: str, heads: Sequence[str], rows: Rows) -> Resource:
    """A section with its rows in words; one without any says so."""
    cells = ["".join(f"<td>{escape(cell, quote=False)}</td>" for cell in row) for row in rows]
    head = "".join(f"<th>{escape(each, quote=False)}</th>" for each in heads)
    body = "".join(f"<tr>{each}</tr>" for each in cells)
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if cells else "<p>None.</p>"
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{table}</div>'
    return {"title": title, "text": {"status": "generated", "div": div}}


def _task(pack: Pack, decision: Decision) -> Resource:
    """What of the Task is told: all that the facts have of it."""
    department = {"reference": f"Organization/{pack.review.department}"}
    owner = {"reference": decision.owner, "display": pack.called(decision)} if decision.owner else {}
    return {
        "resourceType": "Task",
        "id": decision.id,
        "extension": [extension_of_department(department)],
        "groupIdentifier": {"system": REVIEWS, "value": f"{pack.review.department}/{decision.month}"},
        "status": decision.status,
        "intent": "order",
        "code": {"coding": [{"system": TASKS, "code": CODE}]},
        **({"description": decision.words} if decision.words else {}),
        **({"focus": {"reference": f"Measure/{decision.measure}"}} if decision.measure else {}),
        **({"owner": owner} if owner else {}),
        **({"executionPeriod": {"end": f"{decision.ended}"}} if decision.ended else {}),
        **({"restriction": {"period": {"end": f"{decision.due}"}}} if decision.due else {}),
    }
