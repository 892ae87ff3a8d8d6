"""`Questionnaire/$response-rates`: who was asked in a period and what became of it, and who was not asked and why.

Of a form that is answered without a name nobody knows who has answered: how many did is counted in what was answered,
and told only from as many on as the form says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from carethread.core.clock import instant
from carethread.core.context import Context, authorize
from carethread.core.errors import Invalid, Malformed, TooCostly
from carethread.core.fhir.search import parse_query
from carethread.core.moments import DAY, asked_span
from carethread.core.ports import Resource, Session
from carethread.core.ports.asks import Ask
from carethread.core.service import Call, Runtime
from carethread.interactions.operations.parameters import refuse_unknown
from carethread.questionnaires.forms.finding import find_in
from carethread.questionnaires.programmes.guarding import UNTRACED
from carethread.questionnaires.programmes.rates import BY, Rate, rates
from carethread.questionnaires.scoring.anonymous import shown_from

PARAMETERS = ("from", "to", "by", *BY)
_LONGEST = 366 * DAY
_MOST = 100_000
_USUAL = ("programme", "form")
_ENDINGS = ("completed", "expired", "declined", "cancelled")
_TYPE = "QuestionnaireResponse"


def response_rates(runtime: Runtime, call: Call, context: Context) -> Resource:
    """A group for each. Raises Malformed for the parameters, TooCostly for too many asks."""
    authorize("search-type", _TYPE, context)
    refuse_unknown(call, "the rates", PARAMETERS)
    begin, end = _period(call)
    by, where = _by(call), _where(call)

    def work(session: Session) -> list[Resource]:
        found = rates(_counted(session, begin, end), by, where)
        return [
            _group(session, dict(zip(by, key, strict=True)), where, each, begin, end, runtime.base_url)
            for key, each in found.items()
        ]

    return {"resourceType": "Parameters", "parameter": [*_spoken(begin, end), *runtime.store.snapshot(work)]}


def _counted(session: Session, begin: int, end: int) -> Iterator[Ask]:
    for number, ask in enumerate(session.asks.between(begin, end)):
        if number >= _MOST:
            raise TooCostly(
                f"More than {_MOST:,} asks were decided in this period; ask for less time.", expression="to"
            )
        yield ask


def _spoken(begin: int, end: int) -> list[Resource]:
    return [{"name": "period", "valuePeriod": {"start": instant(begin), "end": instant(end)}}]


def _group(
    session: Session,
    key: Mapping[str, str],
    where: Mapping[str, str],
    rate: Rate,
    begin: int,
    end: int,
    base_url: str,
) -> Resource:
    parts: list[Resource] = [{"name": name, **_value(name, value)} for name, value in key.items() if value]
    parts.append({"name": "asked", "valueUnsignedInt": rate.asked})
    if rate.ended[UNTRACED]:
        parts += _unnamed(session, {**key, **where}, begin, end, base_url)
    else:
        parts.append({"name": "opened", "valueUnsignedInt": rate.opened})
        parts.append({"name": "started", "valueUnsignedInt": rate.started})
        parts += [{"name": name, "valueUnsignedInt": rate.ended[name]} for name in _ENDINGS]
        parts.append({"name": "open", "valueUnsignedInt": rate.ended[""]})
        if rate.asked:
            parts.append({"name": "rate", "valueDecimal": round(rate.ended["completed"] / rate.asked, 3)})
        if rate.typical is not None:
            parts.append({"name": "median-hours", "valueDecimal": rate.typical})
    for reason, number in sorted(rate.why.items()):
        told: list[Resource] = [
            {"name": "reason", "valueCode": reason},
            {"name": "count", "valueUnsignedInt": number},
        ]
        parts.append({"name": "not-asked", "part": told})
    return {"name": "group", "part": parts}


def _value(name: str, value: str) -> Resource:
    if name == "department":
        return {"valueReference": {"reference": f"Organization/{value}"}}
    return {"valueCode": value} if name == "language" else {"valueCanonical": value}


def _unnamed(session: Session, known: Mapping[str, str], begin: int, end: int, base_url: str) -> Iterator[Resource]:
    """How many have answered without a name, where they are enough, and it is known of what they are counted."""
    try:
        form = find_in(session, known["form"]) if known.get("form") else None
    except Invalid:
        form = None
    if form is None or known.get("language"):
        return
    asked = [
        ("questionnaire", form.url),
        ("status", "completed,amended"),
        ("authored", f"ge{instant(begin)}"),
        ("authored", f"lt{instant(end)}"),
        *([("subject", f"Organization/{known['department']}")] if known.get("department") else []),
    ]
    answered = session.count(parse_query(_TYPE, asked, base=base_url))
    if answered >= shown_from(form) > 0:
        yield {"name": "completed", "valueUnsignedInt": answered}
    else:
        yield {"name": "suppressed", "valueBoolean": True}


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
    """The span in microseconds."""
    moments = []
    for name, last in (("from", 0), ("to", 1)):
        given = call.params.get(name, ())
        span = asked_span(given[0]) if len(given) == 1 else None
        if span is None:
            raise Malformed(f"{name} is needed once, a date such as 2026-11-01.", code="value", expression=name)
        moments.append(span[last])
    if not 0 < moments[1] - moments[0] <= _LONGEST:
        raise Malformed("from comes before to, by 366 days at most.", code="value", expression="to")
    return moments[0], moments[1]
