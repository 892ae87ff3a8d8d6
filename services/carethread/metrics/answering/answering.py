"""What a call of `$evaluate-measure` comes to: the MeasureReport of one Measure over one state of the facts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace

from carethread.core.clock import to_micros
from carethread.core.context import Context, Principal
from carethread.core.errors import Busy, Malformed
from carethread.core.ports import Resource, Session
from carethread.core.ports.analytics import Analytics, Glimpse
from carethread.core.service import Call, Runtime
from carethread.interactions.operations.parameters import once
from carethread.metrics.answering.marking import EXACT, marked
from carethread.metrics.answering.reporting import NARROWED_TO, Head, extension_of_department, report
from carethread.metrics.evaluating.asking import Asked, asked
from carethread.metrics.evaluating.counting import Cell, Counted
from carethread.metrics.evaluating.evaluating import Units, conditions, evaluate, units
from carethread.metrics.evaluating.listing import PERSON, contained, lists, populations
from carethread.metrics.evaluating.members import here, members, survivors
from carethread.metrics.measures.definition import Definition, Group
from carethread.metrics.measures.finding import defined, measure_named
from carethread.metrics.measures.tables import read_by
from carethread.metrics.suppressing.crossing import listed
from carethread.metrics.suppressing.masking import Progress, masked, refuse_list, untold
from carethread.metrics.suppressing.months import suppressed
from carethread.metrics.suppressing.seeing import hides, treats


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of which Measure; `people` are the members of the group that is named, None: no group is."""

    measure: Resource
    definition: Definition
    wanted: Asked
    people: Sequence[str] | None


def question(runtime: Runtime, call: Call) -> Question:
    """What a call asks.

    Raises Malformed for a parameter, NotFound for what is named and not known, Invalid for a Measure that is not
    counted by SQL, Busy, TooCostly.
    """
    wanted = asked(call)
    named = once(call, "measure")
    if bool(named) == bool(call.id):
        raise Malformed("measure is given where the URL names no Measure.", code="required", expression="measure")
    measure, definition = known(runtime, named or f"Measure/{call.id}")
    here(runtime, wanted, call)
    people = members(runtime, wanted.group, call) if wanted.group else None
    return Question(measure, definition, wanted, people)


def known(runtime: Runtime, named: str) -> tuple[Resource, Definition]:
    """A Measure and what it counts. Raises NotFound, Invalid."""

    def work(session: Session) -> tuple[Resource, Definition]:
        measure = measure_named(session, named)
        return measure, defined(session, measure, runtime.base_url)

    return runtime.store.snapshot(work)


def analytics_of(runtime: Runtime) -> Analytics:
    """What has the facts. Raises Busy where there is none."""
    if runtime.analytics is None:
        raise Busy("Facts are not set up here.", retry_after=0)
    return runtime.analytics


@contextmanager
def one_look(runtime: Runtime) -> Iterator[Runtime]:
    """The service while all that is asked of it is asked of one state of the facts, with one deadline: for an answer
    that is made of several. Raises Busy before there are facts."""
    analytics = analytics_of(runtime)
    with analytics.look() as facts:
        yield replace(runtime, analytics=_Looking(analytics, facts))


@dataclass(frozen=True, slots=True)
class _Looking:
    """Facts that somebody looks at already."""

    analytics: Analytics
    facts: Glimpse

    def look(self, *, leisure: bool = False) -> AbstractContextManager[Glimpse]:
        return nullcontext(self.facts)

    def check(self, sql: str) -> None:
        self.analytics.check(sql)


def answered(
    runtime: Runtime,
    asks: Question,
    context: Context,
    *,
    kept: bool,
    progress: Progress = untold,
    leisure: bool = False,
) -> Resource:
    """The report, not stored. `kept`: it is to be, so that it must not tell what only some are told. `leisure`: nobody
    waits for it.

    Raises Invalid for SQL that is wrong, Forbidden for numbers of few people, TooCostly, Busy.
    """
    progress("counting")
    definition = asks.definition
    with analytics_of(runtime).look(leisure=leisure) as facts:
        counted_units = wanted_units(facts, asks)
        hidden_of_others = hides(runtime, definition)
        masks = hidden_of_others and (kept or not is_told_all(facts, asks, counted_units, context.principal))
        counted, hidden = (
            masked(facts, definition, asks.wanted, progress) if masks else (_counted(facts, asks, counted_units), {})
        )
        head = _head(facts, asks, to_micros(context.clock()))
        found = report(definition, counted, head, hidden)
        if asks.wanted.kind == "subject-list":
            if masks:
                refuse_list(definition, asks.wanted.days)
            wanted = listed(definition.groups) if masks else populations(definition)
            found = contained(found, definition, lists(facts, definition, counted_units, wanted))
    said = [marked(runtime, definition)] if kept else [EXACT] if hidden_of_others and not masks else []
    return found | {"extension": [*found["extension"], *said]}


def still_told(runtime: Runtime, asks: Question, report: Resource, context: Context) -> None:
    """Raise Forbidden where a report has numbers of few people that who asks is not told any more."""
    if EXACT not in report.get("extension", ()) or not hides(runtime, asks.definition):
        return
    with analytics_of(runtime).look() as facts:
        if not is_told_all(facts, asks, wanted_units(facts, asks), context.principal):
            raise suppressed("These numbers are for staff who treat all people behind them now; ask anew.", "job")


def is_told_all(facts: Glimpse, asks: Question, counted: Units, principal: Principal) -> bool:
    """Whether who asks is told numbers of few people too, for it is they who treat them."""
    return treats(facts, asks.definition, counted, principal, _named(facts, asks))


def _named(facts: Glimpse, asks: Question) -> list[str] | None:
    """The people whom a call names; None: it names none."""
    named = [asks.wanted.subject] if asks.wanted.subject else asks.people
    return None if named is None else survivors(facts, named)


def wanted_units(facts: Glimpse, asks: Question) -> Units:
    """The units that are counted."""
    people = _named(facts, asks)
    if asks.people is not None and asks.wanted.subject:
        people = [each for each in people or () if each in survivors(facts, asks.people)]
    return units(facts, asks.definition, asks.wanted.days, conditions(asks.wanted, people))


def _counted(facts: Glimpse, asks: Question, counted: Units) -> Sequence[Counted]:
    found = evaluate(facts, asks.definition, counted, people=False)
    if asks.wanted.kind != "individual":
        return found
    return [_of_one(*each) for each in zip(asks.definition.groups, found, strict=True)]


def _of_one(group: Group, counted: Counted) -> Counted:
    """Of one person: where people are counted they are counted once, and in one stratum there is nothing to compare."""
    if group.basis != PERSON:
        return Counted(counted.whole, {})
    return Counted(_at_most_once(counted.whole), {})


def _at_most_once(cell: Cell) -> Cell:
    return replace(cell, counts={name: min(count, 1) for name, count in cell.counts.items()})


def _head(facts: Glimpse, asks: Question, now: int) -> Head:
    wanted = asks.wanted
    narrowed = {"Practitioner": wanted.practitioner, "Group": wanted.group}
    extensions = [
        {"url": NARROWED_TO, "valueReference": {"reference": f"{type_name}/{id_}"}}
        for type_name, id_ in narrowed.items()
        if id_
    ]
    about: dict[str, object] = {}
    if wanted.subject:
        about["subject"] = {"reference": f"Patient/{wanted.subject}"}
    if wanted.department:
        reference = {"reference": f"Organization/{wanted.department}"}
        about["reporter"] = reference
        extensions.append(extension_of_department(reference))
    by = [*asks.measure.get("library", ())[:1], *read_by(facts, asks.definition)]
    return Head(wanted.kind, wanted.start, wanted.end, now, facts.marks.time, by, extensions, about)
