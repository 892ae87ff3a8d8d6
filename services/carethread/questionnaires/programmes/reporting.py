"""`Questionnaire/$response-rates`: who was asked in some months and what became of it, and who was not asked and why.

What could tell what one person did is not told (`rates`); of a form that is answered without a name nobody knows who
has answered: how many did is counted in what was answered, and told only from as many on as the form says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from carethread.core.clock import instant, period_of
from carethread.core.context import Context, authorize
from carethread.core.errors import Invalid, Malformed, TooCostly
from carethread.core.fhir.search import parse_query
from carethread.core.fhir.search.dates import date_range
from carethread.core.moments import DAY, asked_span
from carethread.core.ports import Resource, Session
from carethread.core.ports.asks import Ask
from carethread.core.service import Call, Runtime
from carethread.interactions.operations.parameters import refuse_unknown
from carethread.questionnaires.forms.finding import find_in
from carethread.questionnaires.programmes.rates import BY, COUNTS, Lack, Place, Rate, rates
from carethread.questionnaires.scoring.anonymous import shown_from

PARAMETERS = ("from", "to", "by", *BY)
_LONGEST = 366 * DAY
_MONTH_BEGINS, _DAYS = "-01T00:00:00.000Z", ("first", "last")
_MOST = 100_000
_USUAL = ("programme", "form")
_TYPE = "QuestionnaireResponse"

_ABSENT: Mapping[Lack, tuple[str, str]] = {
    "few": ("masked", "Too few stand behind it, of those who have answered or of those who have not."),
    "others": (
        "not-applicable",
        "Others were asked the same form there in the same month, and an answer without a name does not say by what it "
        "was asked: ask for all of them, by form or by department.",
    ),
    "more": (
        "not-applicable",
        "There are more answers than were asked for: some came unasked, or to what was asked in another month.",
    ),
}
"""Why it is not told how many have answered without a name: a code of
http://terminology.hl7.org/CodeSystem/data-absent-reason, and what to say of it."""


def response_rates(runtime: Runtime, call: Call, context: Context) -> Resource:
    """A group for each. Raises Malformed for the parameters, TooCostly for too many asks."""
    authorize("search-type", _TYPE, context)
    refuse_unknown(call, "the rates", PARAMETERS)
    begin, end = _period(call)
    by, where = _by(call), _where(call)

    def work(session: Session) -> list[Resource]:
        def answered(place: Place) -> int | None:
            return _answered(session, place, runtime.base_url)

        found = rates(_counted(session, begin, end), by, where, answered)
        return [_group(dict(zip(by, key, strict=True)), each) for key, each in found.items()]

    told = {"name": "period", "valuePeriod": period_of(begin, end)}
    return {"resourceType": "Parameters", "parameter": [told, *runtime.store.snapshot(work)]}


def _counted(session: Session, begin: int, end: int) -> Iterator[Ask]:
    for number, ask in enumerate(session.asks.between(begin, end)):
        if number >= _MOST:
            raise TooCostly(
                f"More than {_MOST:,} asks were decided in this period; ask for less time.", expression="to"
            )
        yield ask


def _group(key: Mapping[str, str], rate: Rate) -> Resource:
    parts: list[Resource] = [{"name": name, **_value(name, value)} for name, value in key.items() if value]
    counts = ((name, rate.told(name)) for name in COUNTS)
    parts += [{"name": name, "valueUnsignedInt": count} for name, count in counts if count is not None]
    if rate.share is not None:
        parts.append({"name": "rate", "valueDecimal": rate.share})
    if rate.typical is not None:
        parts.append({"name": "median-hours", "valueDecimal": rate.typical})
    for reason, number in sorted(rate.why.items()):
        told: list[Resource] = [
            {"name": "reason", "valueCode": reason},
            {"name": "count", "valueUnsignedInt": number},
        ]
        parts.append({"name": "not-asked", "part": told})
    if rate.lack:
        reason, because = _ABSENT[rate.lack]
        why: list[Resource] = [
            {"name": "count", "valueCode": "completed"},
            {"name": "reason", "valueCode": reason},
            {"name": "because", "valueString": because},
        ]
        parts.append({"name": "absent", "part": why})
    if rate.partial:
        parts.append({"name": "suppressed", "valueBoolean": True})
    return {"name": "group", "part": parts}


def _value(name: str, value: str) -> Resource:
    if name == "department":
        return {"valueReference": {"reference": f"Organization/{value}"}}
    return {"valueCode": value} if name == "language" else {"valueCanonical": value}


def _answered(session: Session, place: Place, base_url: str) -> int | None:
    """How many have answered without a name, where they are enough for the form, and their department is known."""
    try:
        form = find_in(session, place.form)
    except Invalid:
        form = None
    span = date_range(place.month)
    if form is None or span is None or not place.department:
        return None
    asked = [
        ("questionnaire", form.url),
        ("status", "completed,amended"),
        ("authored", f"ge{instant(span[0])}"),
        ("authored", f"lt{instant(span[1])}"),
        ("subject", f"Organization/{place.department}"),
    ]
    answered = session.count(parse_query(_TYPE, asked, base=base_url))
    return answered if answered >= shown_from(form) > 0 else None


def _by(call: Call) -> tuple[str, ...]:
    given = [each for text in call.params.get("by", ()) for each in text.split(",")]
    if unknown := [each for each in given if each not in BY]:
        raise Malformed(f"by is some of {', '.join(BY)}, not {unknown[0][:64]}.", code="value", expression="by")
    return tuple(each for each in BY if each in given) if given else _USUAL


def _where(call: Call) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in BY:
        given = call.params.get(name, ())
        if len(given) > 1:
            raise Malformed(f"{name} is given once.", code="value", expression=name)
        if given:
            found[name] = given[0].removeprefix("Organization/") if name == "department" else given[0].partition("|")[0]
    return found


def _period(call: Call) -> tuple[int, int]:
    """The span in microseconds: whole months, so that of two periods that overlap the difference is not one person."""
    moments = []
    for name, last in (("from", 0), ("to", 1)):
        given = call.params.get(name, ())
        span = asked_span(given[0]) if len(given) == 1 else None
        if span is None:
            raise Malformed(f"{name} is needed once, a month such as 2026-11.", code="value", expression=name)
        if not instant(span[last]).endswith(_MONTH_BEGINS):
            told = f"Whole calendar months are counted: {name} is a month such as 2026-11, or its {_DAYS[last]} day."
            raise Malformed(told, code="value", expression=name)
        moments.append(span[last])
    if not 0 < moments[1] - moments[0] <= _LONGEST:
        raise Malformed("from comes before to, by 366 days at most.", code="value", expression="to")
    return moments[0], moments[1]
