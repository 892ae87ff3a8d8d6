"""What the product itself says of numbers: the MeasureReports of every shipped measure, told and masked, and what
follows from them: gaps in care, reviews, signals and the Tasks that they ask for.

All is counted from made-up practices by the product's own code, on SQLite.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from carethread.core.errands.timing import Timing
from carethread.core.fhir import json
from carethread.core.fhir.patch.jsonpatch import json_patch
from carethread.core.ports import Resource, Response, Session
from carethread.core.ports.requests import Wanted
from carethread.metrics.explaining.gaps import CARE_GAP
from carethread.metrics.measures.shipped import texts
from carethread.metrics.signals.watching import TIMER
from support import measuring, reviewing, small_practice
from support.measuring import RATE, Metrics, body
from support.mutations import Case
from support.stores import open_store

KINDS = ("numbers", "numbers by their measure", "gaps in care", "reviews", "signals")
"""The kinds of the cases below."""

_MEASURES = Path(__file__).parents[2] / "fhir_profiles" / "measures"
_YEAR = {"periodStart": "2029-03-01", "periodEnd": "2030-02-28"}
_QUARTER = {"periodStart": "2029-12-01", "periodEnd": "2030-02-28"}
_DECEMBER = {"periodStart": "2029-12-01", "periodEnd": "2029-12-31"}
_MARCH = {"periodStart": "2030-03-01", "periodEnd": "2030-03-31"}
_KEPT_DAILY = "third-next-available"
"""What it counts is there only now."""

_NOW = datetime(2030, 3, 20, 8, tzinfo=UTC)


def cases(folder: Path) -> Iterator[Case]:
    """All of them; their databases lie in the folder."""
    with _asked(folder, "numbers") as asked:
        asked.facts.tell(*small_practice.practice())
        for name in sorted(texts()):
            yield from _numbers(asked, name)
        yield from _others(asked)
        yield from _gaps(asked)
    with _asked(folder, "reviews") as asked:
        _leave(asked, RATE, _KEPT_DAILY)
        yield from _review(asked)
        yield from _signals(asked)


@contextmanager
def _asked(folder: Path, name: str) -> Iterator[Metrics]:
    store = open_store(f"sqlite:///{folder}/{name}.db", "metrics")
    yield measuring.metrics(store)
    store.close()


def _leave(asked: Metrics, *names: str) -> None:
    """Have no other measures, for each takes time in a review."""
    for name in sorted(texts().keys() - set(names)):
        answer = asked.ask(f"Measure/{name}", "DELETE")
        assert answer.status == 204, answer.body


def _case(kind: str, name: str, answer: Response) -> Case:
    return Case(kind, f"{name}: {answer.status}", json.render(body(answer)))


def _numbers(asked: Metrics, name: str) -> Iterator[Case]:
    """A measure, of which something is counted, as it is stored; and masked."""
    long, short = (_MARCH, _MARCH) if name == _KEPT_DAILY else (_YEAR, _DECEMBER)
    stored = asked.rate("POST", measure=name, **long)
    for group in body(stored)["group"]:
        assert measuring.counts(group)["initial-population"] != 0, f"{name} counts nothing in the small practice"
    yield _case("numbers", f"{name}, whole", stored)
    yield Case("numbers by their measure", name, _beside_its_measure(name, body(stored)))
    yield _case("numbers", f"{name}, masked", asked.masking().rate(measure=name, **short))


def _beside_its_measure(name: str, report: Resource) -> bytes:
    """A report with its Measure in it, by which the oracle then judges groups, populations, strata and scores."""
    measure = json.parse_object((_MEASURES / f"{name}.json").read_bytes())
    return json.render({**report, "contained": [{**measure, "id": "measure"}], "measure": "#measure"})


def _others(asked: Metrics) -> Iterator[Case]:
    """What is narrowed, asked wrongly, behind a number; who is counted; over time, and by department."""
    stored = body(asked.rate("POST", **_YEAR))["id"]
    behind = f"MeasureReport/{stored}/$explain"
    answers = {
        "narrowed": asked.rate(department="Organization/ward", practitioner="Practitioner/nurse", **_YEAR),
        "explained": asked.ask(behind, population="numerator", _count="2"),
        "stratum": asked.ask(behind, population="numerator", stratifier="sex", stratum="female"),
        "explained masked": asked.masking().ask(behind, population="numerator"),
        "explained wrongly": asked.ask(behind, population="nobody"),
        "none of it counted": asked.rate(measure="workload"),
    }
    for name in (RATE, "waiting-time"):
        for how, by in (("told", asked), ("masked", asked.masking())):
            answers[f"list of {name}, {how}"] = by.rate(measure=name, reportType="subject-list", **_QUARTER)
            answers[f"{name} of one person, {how}"] = by.rate(measure=name, subject="Patient/p4", **_QUARTER)
            answers[f"quarter of {name}, {how}"] = by.rate(measure=name, **_QUARTER)
            answers[f"series of {name}, {how}"] = by.ask(f"Measure/{name}/$series", **_QUARTER)
            answers[f"departments of {name}, {how}"] = by.ask(f"Measure/{name}/$compare", **_QUARTER)
    for how, answer in answers.items():
        yield _case("numbers", how, answer)


def _gaps(asked: Metrics) -> Iterator[Case]:
    """Of each measure that tells a gap, for people who have one, have none, and are not counted."""
    for name in sorted(path.stem for path in _MEASURES.glob("*.json") if CARE_GAP in path.read_text("utf-8")):
        for who in ("p1", "p4", "p29"):
            params = {"subject": f"Patient/{who}", "measure": f"Measure/{name}"}
            yield _case("gaps in care", f"{name} of {who}", asked.ask("Measure/$care-gaps", **_YEAR, **params))
    params = {"subject": "Patient/p1", "topic": "depression"}
    yield _case("gaps in care", "by topic", asked.ask("Measure/$care-gaps", **_YEAR, **params))


def _review(asked: Metrics) -> Iterator[Case]:
    """The pack of a department's month, told and masked, and of one that is not known."""
    decided = (
        reviewing.decision("before", "2030-01", "Call <everybody> & write.", "2030-02-20"),
        reviewing.decision("over", "2030-01", "Ask earlier.", "2030-02-20", "completed"),
        reviewing.decision("new", reviewing.MONTH, "Call.", "2030-04-20"),
    )
    asked.facts.tell(reviewing.ward(), *reviewing.visits(), *decided, *reviewing.complaint("c1", "p1", "wait"))
    for how, by, where in (("told", asked, "ward"), ("masked", asked.masking(), "ward"), ("unknown", asked, "other")):
        params = {"department": f"Organization/{where}", "month": reviewing.MONTH}
        yield _case("reviews", how, by.ask("Measure/$review-pack", **params))


def _signals(asked: Metrics) -> Iterator[Case]:
    """What is told of a signal while it stands and once the data are corrected, with its Task as it is asked for and as
    it becomes; and what is kept of what is counted each day."""
    asked.facts.tell(*(each for each in small_practice.practice() if each["resourceType"] in ("Schedule", "Slot")))
    _looked(asked, RATE, _KEPT_DAILY)
    (wanted,) = _wanted(asked)
    yield from _reports(asked, "stands")
    yield Case("signals", "Task", wanted.body)
    asked.facts.tell(*reviewing.visits(at_last=8))
    _looked(asked, RATE)
    yield from _reports(asked, "withdrawn")
    for each in _wanted(asked):
        changed = json_patch(json.parse(each.body))(json.parse_object(wanted.body))
        yield Case("signals", f"Task, where {each.condition}", json.render(changed))


def _looked(asked: Metrics, *names: str) -> None:
    """Look at these measures now, and at no others."""

    def only(session: Session) -> None:
        for timer in session.timers.ahead(TIMER, 100):
            session.timers.cancel(TIMER, timer.key)
        for name in names:
            session.timers.set(TIMER, name, 1)

    asked.runtime.store.transact(only)
    timing = Timing(asked.runtime, lambda: _NOW)
    while timing.step():
        pass
    assert asked.runtime.store.glance(lambda session: session.timers.failing(10)) == []


def _wanted(asked: Metrics) -> Iterator[Wanted]:
    """What owners are asked for, in order."""
    store = asked.runtime.store
    while claimed := store.transact(lambda session: session.requests.claim(1, 60.0)):
        yield from (each.wanted for each in claimed)
        store.transact(lambda session, done=claimed: session.requests.done(*done))  # type: ignore[misc]


def _reports(asked: Metrics, how: str) -> Iterator[Case]:
    found = body(asked.ask("MeasureReport"))["entry"]
    for number, entry in enumerate(found):
        yield Case("signals", f"report {number} of {len(found)}, {how}", json.render(entry["resource"]))
