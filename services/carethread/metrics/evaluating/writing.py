"""What may be written of Measures and Libraries, by whatever way it comes: a Measure that is counted here has all
columns that counting takes, what has counted is not changed under its version, and a promise is not taken back.

Whether the columns are there is known as soon as there are facts, and the engine has room to look; before,
`$evaluate-measure` says so. Of history it says so too. What is not counted here, for its Library is not known or has no
SQL, is kept as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, suppress

from carethread.core.context import Context
from carethread.core.errors import Busy, Invalid, Issue, TooCostly
from carethread.core.fhir import json
from carethread.core.fhir.search import parse_query
from carethread.core.ports import Resource, Span
from carethread.core.service import Ruling, Runtime, Unit
from carethread.metrics.evaluating.describing import refuse_known
from carethread.metrics.evaluating.evaluating import judge
from carethread.metrics.measures.definition import NAMELESS, is_nameless
from carethread.metrics.measures.files import promised
from carethread.metrics.measures.finding import defined, sql_of
from carethread.metrics.measures.judging import is_shipped, look_at, refuse_wrong
from carethread.metrics.measures.shipped import comes_along

_MOST = 200
"""Libraries of one url and version."""


def ask_ahead(runtime: Runtime, resources: Sequence[Resource], context: Context) -> None:
    """Have the engine look at the SQL of what is to be written, so that it is known in the transaction, which asks no
    engine: that may take long, and nothing else could be written meanwhile. See `core.service.Service.asks_ahead`."""
    libraries = [each for each in resources if each["resourceType"] == "Library"]
    measures = [each for each in resources if each["resourceType"] == "Measure" and not context.backfill]
    try:
        for library in libraries:
            look_at(runtime, library)
        for measure in measures:
            _look_at_measure(runtime, measure, libraries)
    except Busy:
        return  # nor has it room for the others


def _look_at_measure(runtime: Runtime, measure: Resource, beside: Sequence[Resource]) -> None:
    with suppress(Invalid, TooCostly):
        definition = runtime.store.snapshot(lambda session: defined(session, measure, runtime.base_url, beside))
        if runtime.analytics is not None and not comes_along(definition.sql):
            with runtime.analytics.look() as facts:
                judge(facts, definition)


def measure_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Refuse to take a promise back. Raises Invalid."""
    if after is None or is_nameless(after):
        return Ruling()
    earlier = before or _deleted(unit, id_)
    if (earlier is not None and is_nameless(earlier)) or after.get("url") in promised():
        said = f"Of this Measure it was promised that nobody learns who it is of: leave the extension {NAMELESS} there."
        raise Invalid(said, code="business-rule", expression="Measure.extension")
    return Ruling()


def _deleted(unit: Unit, id_: str) -> Resource | None:
    """What a Measure was before it was deleted."""
    versions = unit.session.history(Span(("Measure",), id=id_), 2) if id_ else []
    return next((json.restore(each.body) for each in versions if not each.deleted), None)


def measure_settled(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> None:
    """Refuse a Measure whose SQL, which may be written with it, lacks what counting takes, as far as that is known by
    now. Raises Invalid."""
    if after is None or unit.context.backfill:
        return
    beside = [library for each in unit.staged("Library") if (library := unit.find(("Library", each)))]
    try:
        definition = defined(unit.session, {**after, "id": id_}, unit.base_url, beside)
    except Invalid:
        return
    if unit.runtime.analytics is None or comes_along(definition.sql):
        return
    with ExitStack() as looking:
        try:
            facts = looking.enter_context(unit.runtime.analytics.look())
        except (Busy, Invalid):  # there are no facts, or a view is wrong, for which no Measure answers
            return
        try:
            refuse_known(facts, definition)
        except Invalid as error:
            issues = [Issue(each.code, each.diagnostics, "Measure.library") for each in error.issues]
            raise Invalid(issues=issues) from None


def library_written(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """Refuse a Library whose SQL is not one SELECT. Raises Invalid, and Busy where that is not known now."""
    if after is not None:
        refuse_wrong(unit.runtime, after)
    return Ruling()


def library_settled(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> None:
    """Refuse other SQL under a version that there is already: reports are explained by it. Raises Invalid."""
    if after is None or "url" not in after or is_shipped(after):
        return
    named = [("url", after["url"]), *([("version", after["version"])] if "version" in after else [])]
    stored = unit.session.search(parse_query("Library", named), _MOST).matches
    others = [unit.find(("Library", each)) for each in unit.staged("Library") if each != id_]
    known = [before, *others, *(json.restore(each.body) for each in stored if each.id != id_)]
    for each in known:
        if each is not None and _same(each, after) and _sql(each) not in ("", _sql(after)):
            said = "There is other SQL under this url and version, by which reports are explained: give a new version."
            raise Invalid(said, code="business-rule", expression="Library.version")


def _same(one: Resource, other: Resource) -> bool:
    return (one.get("url"), one.get("version")) == (other.get("url"), other.get("version"))


def _sql(library: Resource) -> str:
    """Empty where there is none."""
    try:
        return sql_of(library)
    except Invalid:
        return ""
