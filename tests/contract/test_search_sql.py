"""Search as SQL against an obvious slow model: the same matches, count, order and pages, on both databases.

The model judges a query by the rows that `extract` gives for each resource, one resource at a time, in Python.
"""

from __future__ import annotations

import base64
import json as stdlib_json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import cmp_to_key, partial
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from carethread.adapters.sql.engine import writing
from carethread.adapters.sql.store.store import SqlStore
from carethread.adapters.sql.tables import fit, metadata
from carethread.core.errors import Malformed, TooCostly
from carethread.core.fhir.search import IndexRows, extract, parse_query
from carethread.core.fhir.search import query as q
from carethread.core.fhir.search.dates import date_range
from carethread.core.fhir.search.escapes import escape
from carethread.core.fhir.search.query import Criterion
from carethread.core.fhir.search.text import MAX_INDEXED, fold
from carethread.core.fhir.search.values import Reading, read_number, read_quantity
from carethread.core.ports import Stored
from support.stores import BASE, deletion, open_store, put, version

Resource = dict[str, Any]
Params = list[tuple[str, str]]
NOW = 1_767_225_600_000_000  # 2026-01-01

# ---------------------------------------------------------------------------------------------------- the model


@dataclass(frozen=True)
class Known:
    """One living resource as the model sees it."""

    stored: Stored
    rows: IndexRows


class Model:
    """Every living resource, judged one by one."""

    def __init__(self, found: Sequence[tuple[Stored, Resource]]) -> None:
        self.all = [Known(stored, extract(resource, base=BASE)) for stored, resource in found]

    def search(self, query: q.SearchQuery) -> list[str]:
        """The ids of the matches, in order."""
        matches = [k for k in self.all if k.stored.type == query.type and self.matches(query, k)]
        return [k.stored.id for k in sorted(matches, key=cmp_to_key(partial(compare, query.sort)))]

    def matches(self, query: q.SearchQuery, known: Known) -> bool:
        return all(self.holds(node, known) for node in query.criteria)

    def holds(self, node: q.Node, known: Known) -> bool:
        if isinstance(node, q.Chain):
            targets = {(row[1], row[2]) for row in known.rows.reference if row[0] == node.param}
            return any(
                other.stored.type == link.type
                and (other.stored.type, other.stored.id) in targets
                and self.holds(link.node, other)
                for other in self.all
                for link in node.links
            )
        if isinstance(node, q.Reverse):
            return any(
                other.stored.type == node.type
                and any(row[:3] == (node.param, known.stored.type, known.stored.id) for row in other.rows.reference)
                and self.holds(node.node, other)
                for other in self.all
            )
        if isinstance(node, q.Compartment):
            return any(
                f"{known.stored.type}.{row[0]}" in node.params and row[1] == node.type and row[2] in node.ids
                for row in known.rows.reference
            )
        if isinstance(node, q.AnyOf):
            return any(self.holds(one, known) for one in node.nodes)
        if node.type == "composite" and node.modifier is None:
            return any(composed(value, node.param, known) for value in node.values)
        if node.modifier == "missing":
            missing = node.param not in ("_id", "_lastUpdated") and not rows_of(node, known)
            return missing == any(isinstance(v, q.MissingValue) and v.missing for v in node.values)
        met = any(meets(value, node.modifier, row) for value in node.values for row in rows_of(node, known))
        return not met if node.modifier in ("not", "not-in") else met


def rows_of(node: q.Criterion, known: Known) -> list[tuple[Any, ...]]:
    if node.param == "_id":
        return [("", known.stored.id)]
    if node.param == "_lastUpdated":
        return [(known.stored.updated, known.stored.updated + 1)]
    code = node.param + (":of-type" if node.modifier == "of-type" else "")
    return [row[1:] for row in getattr(known.rows, node.type) if row[0] == code]


def composed(value: q.Value, param: str, known: Known) -> bool:
    """Whether one element meets every part."""
    assert isinstance(value, q.CompositeValue)
    rows = [row for row in known.rows.composite if row[0] == param]
    return any(
        all(
            any(meets(part, None, as_single(part, row[3:])) for row in rows if row[1:3] == (element, component))
            for component, part in enumerate(value.parts)
        )
        for element in {row[1] for row in rows}
    )


def as_single(part: q.SingleValue, row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A component's row as one of its own search type."""
    system, code, low, high, text = row
    match part:
        case q.TokenValue():
            return system, code, ""
        case q.StringValue():
            return text, text
        case q.QuantityValue():
            return low, high, system, code, text
    return low, high


def meets(value: q.Value, modifier: str | None, row: tuple[Any, ...]) -> bool:
    match value:
        case q.TokenValue():
            system, code = row[4:6] if modifier == "identifier" else row[:2]
            return (value.system is None or value.system == system) and (value.code is None or value.code == code)
        case q.ReferenceValue():
            type_name, id_, url, version = row[:4]
            if value.version is not None and value.version != version:
                return False
            if value.url is not None:
                return bool(value.url == url)
            return value.id == id_ and value.type in (None, type_name)
        case q.DateValue():
            return in_range(value.prefix, row[0], row[1], value.low, value.high)
        case q.StringValue():
            if modifier == "text":
                return bool(row[2]) and row[2].startswith(value.folded)
            folded, exact = row
            if modifier == "exact":
                return bool(value.exact[:MAX_INDEXED] == exact)
            return value.folded in folded if modifier == "contains" else folded.startswith(value.folded)
        case q.NumberValue():
            return near(value, row[0], row[1])
        case q.QuantityValue():
            low, high, system, code, unit = row
            if value.system is not None and value.system != system:
                return False
            names = (code,) if value.system else (code, unit)
            return near(value.number, low, high) and (value.code is None or value.code in names)
        case q.UriValue():
            one, other = value.uri.rstrip("/"), row[0].rstrip("/")
            if modifier == "below":
                return bool(one == other or row[0].startswith(one + "/"))
            if modifier == "above":
                return bool(row[0] in (other, other + "/") and (one + "/").startswith(other + "/") and "://" in other)
            return bool(value.uri == row[0])
    raise AssertionError(value)


def in_range(prefix: str, low: int, high: int, first: int, last: int) -> bool:
    inside = low >= first and high <= last
    return {
        "eq": inside,
        "ne": not inside,
        "gt": high > last,
        "ge": high > last or inside,
        "lt": low < first,
        "le": low < first or inside,
        "sa": low >= last,
        "eb": high <= first,
        "ap": low < last and high > first,
    }[prefix]


def near(value: q.NumberValue, low: float, high: float) -> bool:
    inside = low >= value.low and high < value.high
    return {
        "eq": inside,
        "ne": not inside,
        "gt": high > value.value,
        "ge": high >= value.value,
        "lt": low < value.value,
        "le": low <= value.value,
        "sa": low > value.value,
        "eb": high < value.value,
        "ap": low <= value.high and high >= value.low,
    }[value.prefix]


_SORTED_BY = {"token": 1, "reference": 1, "date": 0, "string": 0, "number": 0, "quantity": 0, "uri": 0}


def sort_value(sort: q.Sort, known: Known) -> Any:
    """What counts of a resource for one key; None where it has nothing."""
    if sort.param in ("_id", "_lastUpdated"):
        return known.stored.id if sort.param == "_id" else known.stored.updated
    place = _SORTED_BY[sort.type]
    values = [row[1:][place] for row in getattr(known.rows, sort.type) if row[0] == sort.param]
    values = [fit(value) if isinstance(value, str) and sort.type != "string" else value for value in values]
    values = [value for value in values if value != ""]
    return (max if sort.descending else min)(values, default=None)


def compare(sorts: Sequence[q.Sort], one: Known, other: Known) -> int:
    for sort in sorts:
        a, b = sort_value(sort, one), sort_value(sort, other)
        if a == b:
            continue
        if a is None or b is None:
            return 1 if a is None else -1
        return -1 if (a < b) is not sort.descending else 1
    return one.stored.row - other.stored.row


# ------------------------------------------------------------------------------------------------ what is searched

NAMES = [
        "Müller", "MULLER", "muller-lang", "Åsa", "O'Neil", "50%", "5", "a_b", "axb", "_", "%", "😀", "z😀b", 'q"q',
        "\\", "a,b", "a|b", "a$b", "Straße", "STRASSE", "ﬀ", "İ", "ı", "e\u0301", "é", "x" * 199 + "yz",
        "x" * 199 + "y", "x" * 200, "'; DROP TABLE resources; --", "Ω",
        "中文", "a  b", "a b", "\u00a0a", "~", "\uffff", "\U0010fffe",
    ]  # fmt: skip
TEXTS = st.sampled_from(NAMES)
SYSTEMS = st.sampled_from(["", "urn:a", "urn:A", "http://a/" + "s" * 500, "http://a/" + "s" * 500 + "t", "a|b"])
CODES = st.sampled_from(["1", "2", "a", "A", "é", "%", "_", "c" * 700, "c" * 700 + "d", "a,b", "10 % 'x'"])
SOME_DATES = ["1980", "1980-02", "1980-02-29", "1980-03-01", "2025-12-31", "2026", "2026-01-01", "9999", "0001-01-01"]
DATES = st.sampled_from(SOME_DATES)
SOME_MOMENTS = [
        "1980", "1980-02-29", "1980-02-29T10:00:00Z", "1980-02-29T23:30:00-01:00", "1980-03-01T00:00:00.000Z",
        "1980-02-29T10:00:00.5Z", "2026-01-01T00:00:00Z", "1980-02-29T12:00:00+02:00", "2025-06",
    ]  # fmt: skip
MOMENTS = st.sampled_from(SOME_MOMENTS)
SOME_NUMBERS = [0, 1, 1.0, 5.4, 5.35, 5.45, 5.449999, 100, 99.5, 100.5, -3, 1e-9, 1e300, 12345678901234567]
NUMBERS = st.sampled_from(SOME_NUMBERS)
PEOPLE = [f"p{n}" for n in range(5)]
ORGANIZATIONS = st.sampled_from(
    [
        "Organization/o1", f"{BASE}/Organization/o1", "http://else/Organization/o1", "urn:uuid:1", "Organization/o2",
        "Organization/o1/_history/2", "http://else/" + "u" * 600, "http://else/" + "u" * 600 + "v",
    ]
)  # fmt: skip


def members(**strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[Resource]:
    """An object with any of the members."""
    return st.fixed_dictionaries({}, optional=strategies)


TYPES = st.builds(
    lambda codings, text: {"coding": codings, "text": text},
    st.lists(members(system=SYSTEMS, code=CODES), max_size=2),
    TEXTS,
)
IDENTIFIERS = st.lists(members(system=SYSTEMS, value=CODES, type=TYPES), max_size=2)
CONCEPTS = members(coding=st.lists(members(system=SYSTEMS, code=CODES, display=TEXTS), max_size=2), text=TEXTS)
SOME_URLS = [
    "http://a/b/c",
    "http://a/b/c/",
    "http://a/b",
    "http://a/bc",
    "http://a",
    "http://a/",
    "http://a/b/c/d|1",
    "urn:oid:1.2",
]
URLS = st.sampled_from(SOME_URLS)
QUANTITIES = members(value=NUMBERS, comparator=st.sampled_from(["<", ">="]), system=SYSTEMS, code=CODES, unit=CODES)
PERIODS = members(start=MOMENTS, end=MOMENTS)
SUBJECTS = st.fixed_dictionaries({"reference": st.sampled_from([f"Patient/{id_}" for id_ in PEOPLE])})


def typed(type_name: str, ids: Sequence[str], **strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[Resource]:
    return st.builds(
        lambda id_, rest: {"resourceType": type_name, "id": id_, **rest}, st.sampled_from(ids), members(**strategies)
    )


RESOURCES = st.lists(
    st.one_of(
        typed(
            "Patient",
            PEOPLE,
            meta=st.builds(lambda p, s: {"profile": p, "source": s}, st.lists(ORGANIZATIONS, max_size=2), URLS),
            name=st.lists(members(family=TEXTS, given=st.lists(TEXTS, max_size=2), text=TEXTS), max_size=2),
            identifier=IDENTIFIERS,
            birthDate=DATES,
            gender=st.sampled_from(["male", "female"]),
            active=st.booleans(),
            managingOrganization=members(reference=ORGANIZATIONS, identifier=members(system=SYSTEMS, value=CODES)),
        ),
        typed(
            "Appointment",
            ["a0", "a1", "a2"],
            status=st.sampled_from(["booked", "noshow"]),
            start=MOMENTS,
            specialty=st.lists(CONCEPTS, max_size=2),
            participant=st.lists(st.builds(lambda a: {"actor": a}, SUBJECTS), max_size=2),
        ),
        typed(
            "Observation",
            ["b0", "b1", "b2", "b3"],
            subject=SUBJECTS,
            code=st.builds(lambda c: {"coding": c}, st.lists(members(system=SYSTEMS, code=CODES), max_size=2)),
            valueQuantity=QUANTITIES,
            valueString=TEXTS,
            valuePeriod=PERIODS,
            component=st.lists(members(code=CONCEPTS, valueQuantity=QUANTITIES), max_size=3),
            effectivePeriod=PERIODS,
        ),
        typed("ChargeItem", ["c0", "c1", "c2"], factorOverride=NUMBERS, subject=SUBJECTS),
    ),
    max_size=14,
    unique_by=lambda r: (r["resourceType"], r["id"]),
)

# ------------------------------------------------------------------------------------------------- what is asked

SOME_PREFIXES = ["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]
PREFIXES = st.sampled_from(SOME_PREFIXES)
ASKED_NUMBERS = ["0", "1", "1.0", "5.4", "5", "100", "1e2", "100.00", "-3", "1e-9", "1e300", "-1e300"]
NUMBER_TEXTS = st.sampled_from(ASKED_NUMBERS)


def either(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """One value or several, of which one must be met."""
    return st.lists(values, min_size=1, max_size=3).map(",".join)


TOKEN_VALUES = either(
    st.one_of(
        CODES.map(escape),
        st.builds(lambda s, c: f"{escape(s)}|{escape(c)}", SYSTEMS, CODES),
        SYSTEMS.filter(bool).map(lambda s: f"{escape(s)}|"),
    )
)
STRING_VALUES = either(st.one_of(TEXTS, st.builds(lambda t, n: t[: n or None], TEXTS, st.integers(0, 3))).map(escape))
DATE_VALUES = either(st.builds(lambda p, d: p + d, PREFIXES, st.one_of(DATES, MOMENTS)))
NUMBER_VALUES = either(st.builds(lambda p, n: p + n, PREFIXES, NUMBER_TEXTS))
QUANTITY_VALUES = either(
    st.builds(
        lambda p, n, s, c: f"{p}{n}" + (f"|{escape(s)}|{escape(c)}" if c else ""),
        PREFIXES,
        NUMBER_TEXTS,
        SYSTEMS,
        st.one_of(st.just(""), CODES),
    )
)
COMPOSITE_VALUES = either(
    st.builds(lambda c, n, p: f"{escape(c)}${p}{n}", CODES, NUMBER_TEXTS, st.sampled_from(["", "gt", "le", "ne"]))
)
MISSING = st.sampled_from(["true", "false"])
ORGANIZATION_VALUES = either(st.one_of(ORGANIZATIONS, st.sampled_from(["o1", "o2", "o9"])))
PATIENT_VALUES = either(st.sampled_from(["p0", "Patient/p1", f"{BASE}/Patient/p2", "http://else/Patient/p3"]))

ASKED: dict[str, dict[str, st.SearchStrategy[str]]] = {
    "Patient": {
        "family": STRING_VALUES,
        "name:contains": STRING_VALUES,
        "name:exact": STRING_VALUES,
        "given:missing": MISSING,
        "identifier": TOKEN_VALUES,
        "identifier:not": TOKEN_VALUES,
        "identifier:missing": MISSING,
        "gender": st.sampled_from(["male", "female,male", "http://hl7.org/fhir/administrative-gender|male", "|male"]),
        "gender:not": st.sampled_from(["male", "female,male"]),
        "gender:in": st.just("http://hl7.org/fhir/ValueSet/administrative-gender"),
        "gender:not-in": st.just("http://hl7.org/fhir/ValueSet/administrative-gender"),
        "identifier:text": STRING_VALUES,
        "identifier:of-type": st.builds(
            lambda s, c, v: "|".join(map(escape, (s, c, v))), SYSTEMS.filter(bool), CODES, CODES
        ),
        "_source": URLS.map(escape),
        "_source:below": URLS.filter(lambda url: "://" in url).map(escape),
        "_source:above": URLS.filter(lambda url: "://" in url).map(escape),
        "active": st.sampled_from(["true", "false"]),
        "birthdate": DATE_VALUES,
        "birthdate:missing": MISSING,
        "organization": ORGANIZATION_VALUES,
        "organization:identifier": TOKEN_VALUES,
        "_profile": ORGANIZATION_VALUES,
        "_id": either(st.sampled_from([*PEOPLE, "p9"])),
        "_id:not": either(st.sampled_from(PEOPLE)),
        "_id:missing": MISSING,
        "_lastUpdated": DATE_VALUES,
        "_lastUpdated:missing": MISSING,
        "_has:Observation:patient:code": TOKEN_VALUES,
        "_has:Observation:subject:value-quantity": QUANTITY_VALUES,
        "_has:Appointment:patient:date": DATE_VALUES,
        "_has:Observation:subject:_id": st.sampled_from(["b0", "b1,b2"]),
        "_has:Observation:subject:code:missing": MISSING,
    },
    "Appointment": {
        "status": st.sampled_from(["booked", "noshow,booked"]),
        "date": DATE_VALUES,
        "patient": PATIENT_VALUES,
        "patient:missing": MISSING,
        "patient.name": STRING_VALUES,
        "patient.birthdate": DATE_VALUES,
        "patient.identifier:not": TOKEN_VALUES,
        "actor:Patient.family:exact": STRING_VALUES,
        "specialty:text": STRING_VALUES,
        "specialty:not": TOKEN_VALUES,
    },
    "Observation": {
        "code": TOKEN_VALUES,
        "code:not": TOKEN_VALUES,
        "value-quantity": QUANTITY_VALUES,
        "value-quantity:missing": MISSING,
        "code-value-quantity": COMPOSITE_VALUES,
        "component-code-value-quantity": COMPOSITE_VALUES,
        "combo-code-value-quantity": COMPOSITE_VALUES,
        "combo-code-value-quantity:missing": MISSING,
        "code-value-string": either(st.builds(lambda c, t: f"{escape(c)}${escape(t)}", CODES, TEXTS)),
        "code-value-date": either(st.builds(lambda c, p, d: f"{escape(c)}${p}{d}", CODES, PREFIXES, DATES)),
        "date": DATE_VALUES,
        "subject": PATIENT_VALUES,
        "subject:Patient": PATIENT_VALUES,
        "patient.identifier": TOKEN_VALUES,
        "patient._has:Appointment:patient:status": st.just("booked"),
        "patient.organization": ORGANIZATION_VALUES,
        "patient._id": st.sampled_from(["p0", "p1,p2"]),
    },
    "ChargeItem": {
        "factor-override": NUMBER_VALUES,
        "factor-override:missing": MISSING,
        "patient.gender": st.just("male"),
    },
}
SORTS = {
    "Patient": ["family", "birthdate", "identifier", "organization", "_id", "_lastUpdated", "gender", "_profile"],
    "Appointment": ["date", "patient", "status", "_lastUpdated"],
    "Observation": ["code", "value-quantity", "date", "subject"],
    "ChargeItem": ["factor-override", "_id"],
}


@st.composite
def asked(draw: st.DrawFn) -> tuple[str, Params]:
    """A type, and parameters for it."""
    type_name = draw(st.sampled_from(list(ASKED)))
    params = draw(
        st.lists(
            st.sampled_from(list(ASKED[type_name])).flatmap(
                lambda name: ASKED[type_name][name].map(lambda value: (name, value))
            ),
            max_size=3,
        )
    )
    sorts = draw(st.lists(st.sampled_from(SORTS[type_name]), max_size=3, unique=True))
    if sorts:
        params.append(("_sort", ",".join(draw(st.sampled_from(["", "-"])) + name for name in sorts)))
    return type_name, params


def parsed(type_name: str, params: Params) -> q.SearchQuery:
    return parse_query(type_name, params, strict=True, base=BASE, now=NOW)


def readable(question: tuple[str, Params]) -> bool:
    """False for such as a string that folds to nothing, or a value over its length."""
    try:
        parsed(*question)
    except Malformed:
        return False
    return True


QUESTIONS = asked().filter(readable)


# --------------------------------------------------------------------------------------------------- the database


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.servers)])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlStore]:
    """One database for all examples; each begins by emptying it."""
    if request.param == "sqlite":
        opened = open_store(f"sqlite:///{tmp_path_factory.mktemp('search')}/search.db")
        yield opened
        opened.close()
        return
    from support.postgres import database

    with database(request.getfixturevalue("postgres_url")) as url:
        opened = open_store(url)
        yield opened
        opened.close()


def empty(store: SqlStore) -> None:
    with writing(store.engine) as connection:
        for table in metadata.sorted_tables:
            connection.execute(delete(table))


def model_of(store: SqlStore, resources: Sequence[Resource]) -> Model:
    """The model of what the store holds of the resources."""
    keyed = {(r["resourceType"], r["id"]): r for r in resources}
    found = store.snapshot(lambda s: s.current(keyed))
    return Model([(stored, keyed[key]) for key, stored in found.items() if not stored.deleted])


def pages(store: SqlStore, query: q.SearchQuery, size: int) -> Iterator[list[str]]:
    """The ids of one page after the other."""
    cursor = None
    while True:
        asked_next = q.SearchQuery(query.type, query.criteria, query.sort, cursor=cursor)
        page = store.snapshot(lambda s, asked=asked_next: s.search(asked, size))  # type: ignore[misc]
        yield [stored.id for stored in page.matches]
        if not page.next:
            return
        assert len(page.matches) == size
        cursor = page.next


SETTINGS = settings(
    max_examples=120,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],  # to explain would take minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@SETTINGS
@given(resources=RESOURCES, queries=st.lists(QUESTIONS, min_size=5, max_size=12), size=st.integers(1, 7))
def test_the_sql_finds_what_the_model_finds(
    store: SqlStore, resources: list[Resource], queries: list[tuple[str, Params]], size: int
) -> None:
    empty(store)
    put(store, resources)
    model = model_of(store, resources)
    for type_name, params in queries:
        query = parsed(type_name, params)
        expected = model.search(query)
        found = list(pages(store, query, size))
        assert [id_ for page in found for id_ in page] == expected, params
        event(f"{min(len(expected), 3)} found")
        assert store.snapshot(lambda s, query=query: s.count(query)) == len(expected)  # type: ignore[misc]


def agree(store: SqlStore, resources: list[Resource], questions: Iterable[tuple[str, str, str]]) -> None:
    """Each question (type, name, value) finds what the model finds."""
    empty(store)
    put(store, resources)
    model = model_of(store, resources)
    for type_name, name, value in questions:
        query = parsed(type_name, [(name, value)])
        assert [id_ for page in pages(store, query, 1000) for id_ in page] == model.search(query), (name, value)


def test_every_prefix_on_every_date(store: SqlStore) -> None:
    dates = [*SOME_DATES, *SOME_MOMENTS]
    spans: list[Resource] = [{"effectiveDateTime": date} for date in dates]
    spans += [{"effectivePeriod": {"start": start, "end": end}} for start in dates[::3] for end in dates[::3]]
    spans += [{"effectivePeriod": {"start": date}} for date in dates] + [{"effectivePeriod": {"end": d}} for d in dates]
    resources = [{"resourceType": "Observation", "id": f"b{n}", **span} for n, span in enumerate(spans)]
    agree(store, resources, (("Observation", "date", f"{p}{date}") for p in SOME_PREFIXES for date in dates))


def test_every_prefix_on_every_number(store: SqlStore) -> None:
    resources = [
        {"resourceType": "ChargeItem", "id": f"c{n}", "factorOverride": number} for n, number in enumerate(SOME_NUMBERS)
    ] + [
        {"resourceType": "Observation", "id": f"b{n}{c}", "valueQuantity": {"value": number, "comparator": c}}
        for n, number in enumerate(SOME_NUMBERS)
        for c in ("", "<", ">=")
    ]
    asked = [f"{prefix}{number}" for prefix in SOME_PREFIXES for number in ASKED_NUMBERS]
    agree(store, resources, (("ChargeItem", "factor-override", value) for value in asked))
    agree(store, resources, (("Observation", "value-quantity", value) for value in asked))


def test_every_name_by_its_beginnings_and_its_parts(store: SqlStore) -> None:
    resources = [{"resourceType": "Patient", "id": f"p{n}", "name": [{"family": name}]} for n, name in enumerate(NAMES)]
    parts = {part for name in NAMES for part in (name, name[:1], name[:2], name[:3], name[1:], name[1:3])}
    questions = [
        ("Patient", f"family{modifier}", escape(part))
        for part in sorted(parts)
        for modifier in ("", ":exact", ":contains")
        if readable(("Patient", [("family", escape(part))]))
    ]
    agree(store, resources, questions)


CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("new"), st.just(""), TEXTS),
        st.tuples(
            st.sampled_from(["touch", "rename", "delete", "revive"]),
            st.sampled_from([f"q{n}" for n in range(9)]),
            TEXTS,
        ),
    ),
    max_size=4,
)


@SETTINGS
@given(
    names=st.lists(TEXTS, min_size=9, max_size=9),
    sort=st.sampled_from(["", "family", "-family", "gender,-family", "_id", "-_id"]),
    size=st.integers(1, 4),
    changes=st.lists(CHANGES, max_size=9),
)
def test_pages_hold_while_rows_come_change_and_go(
    store: SqlStore, names: list[str], sort: str, size: int, changes: list[list[tuple[str, str, str]]]
) -> None:
    """Whoever is there throughout, in one place of the order, is met exactly once; nobody new appears."""
    empty(store)
    people: dict[str, Resource] = {
        f"q{n}": {"resourceType": "Patient", "id": f"q{n}", "gender": "male", "name": [{"family": name}]}
        for n, name in enumerate(names)
    }
    put(store, list(people.values()))
    query = parsed("Patient", [("gender", "male"), *([("_sort", sort)] if sort else [])])
    before = model_of(store, list(people.values())).search(query)
    steady = set(people)
    met: list[str] = []
    turns = iter(changes)
    for number, page in enumerate(pages(store, query, size)):
        met += page
        for count, (what, id_, text) in enumerate(next(turns, [])):
            steady -= {id_} if what != "touch" and ("family" in sort or what != "rename") else set()
            if what == "new":
                fresh = {"resourceType": "Patient", "id": f"new{number}-{count}", "gender": "male"}
                put(store, [{**fresh, "name": [{"family": text}]}])
            elif what == "delete":
                found = store.snapshot(lambda s, id_=id_: s.current([("Patient", id_)]))["Patient", id_]  # type: ignore[misc]
                store.transact(lambda s, found=found: s.write([] if found.deleted else [deletion(found)]))  # type: ignore[misc]
            else:
                name = [{"family": text}] if what == "rename" else people[id_]["name"]
                people[id_] = {**people[id_], "name": name, "birthDate": "1980"}
                put(store, [people[id_]])
    assert [id_ for id_ in met if id_ in steady] == [id_ for id_ in before if id_ in steady]
    assert not any(id_.startswith("new") for id_ in met)
    if "family" not in sort:
        assert len(met) == len(set(met)), "what does not move is not met twice"


@pytest.mark.parametrize("length", [300, 1500, 10_000, 200_000])
def test_values_of_any_length_are_stored_and_found(store: SqlStore, length: int) -> None:
    """Random text, for PostgreSQL compresses what repeats; two that differ at the end only are two."""
    empty(store)
    long = {
        name: "".join(random.Random(f"{name}{length}").choices("abcdefghijklmnopqrstuvwxyzäöü中😀", k=length))
        for name in ("system", "code", "url", "unit", "version", "family", "display")
    }

    def one(id_: str, end: str) -> list[Resource]:
        token = {"system": long["system"] + end, "value": long["code"] + end, "type": {"text": long["display"]}}
        organization = {"reference": f"http://else/{long['url']}{end}", "identifier": token, "type": long["unit"]}
        amount = {"value": 1, "system": long["system"] + end, "code": long["code"] + end, "unit": long["unit"] + end}
        coding = {"system": long["system"], "code": long["code"] + end, "display": long["display"]}
        profile = f"http://else/{long['url']}{end}"
        return [
            {"resourceType": "Patient", "id": id_, "identifier": [token], "managingOrganization": organization,
             "meta": {"profile": [profile], "source": profile}, "name": [{"family": long["family"] + end}]},
            {"resourceType": "Observation", "id": id_, "valueQuantity": amount, "code": {"coding": [coding]}},
            {"resourceType": "Questionnaire", "id": id_, "url": profile},
            {"resourceType": "QuestionnaireResponse", "id": id_, "questionnaire": f"{profile}|{long['version']}{end}"},
        ]  # fmt: skip

    put(store, [*one("a", "x"), *one("b", "y")])
    put(store, [*one("a", "x"), *one("b", "y")])
    system, code, url = f"{long['system']}x", f"{long['code']}x", f"http://else/{long['url']}x"
    around = Reading("", (), True, BASE, UTC, NOW)
    for type_name, criterion in (
        ("Patient", Criterion("identifier", "token", None, (q.TokenValue(system, code),))),
        ("Patient", Criterion("identifier", "token", None, (q.TokenValue(None, code),))),
        ("Patient", Criterion("organization", "reference", None, (q.ReferenceValue(None, None, url),))),
        ("Patient", Criterion("organization", "reference", "identifier", (q.TokenValue(system, code),))),
        ("Patient", Criterion("_source", "uri", None, (q.UriValue(url),))),
        ("Observation", Criterion("code", "token", None, (q.TokenValue(None, code),))),
        (
            "Observation",
            Criterion("value-quantity", "quantity", None, (q.QuantityValue(read_number("1", around), system, code),)),
        ),
        ("Questionnaire", Criterion("url", "uri", None, (q.UriValue(url),))),
        (
            "QuestionnaireResponse",
            Criterion("questionnaire", "reference", None, (q.ReferenceValue(None, None, url, f"{long['version']}x"),)),
        ),
    ):
        query = q.SearchQuery(type_name, (criterion,), (q.Sort(criterion.param, criterion.type, True),))
        assert [id_ for page in pages(store, query, 1) for id_ in page] == ["a"], criterion.param
    for modifier in ("exact", "contains", None):
        value = q.StringValue(fold(long["family"]), long["family"])
        query = q.SearchQuery("Patient", (Criterion("family", "string", modifier, (value,)),))
        assert store.snapshot(lambda s, query=query: s.count(query)) == 2, "a string is told by its beginning"  # type: ignore[misc]


HOSTILE = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@SETTINGS
@given(text=HOSTILE, type_and_name=st.sampled_from([(t, n) for t, names in ASKED.items() for n in names]))
def test_no_text_breaks_a_search(store: SqlStore, text: str, type_and_name: tuple[str, str]) -> None:
    """Any text at all, U+0000 among it, is refused as Malformed or finds nothing; it is never run."""
    type_name, name = type_and_name
    try:
        query = parsed(type_name, [(name, text)])
    except Malformed:
        return
    assert list(pages(store, query, 3)) is not None


@SETTINGS
@given(
    cursor=st.one_of(
        HOSTILE,
        st.lists(
            st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), HOSTILE, st.lists(st.integers())),
            max_size=5,
        ).map(lambda values: base64.urlsafe_b64encode(stdlib_json.dumps(values).encode()).decode()),
    ),
    sort=st.sampled_from([(), (q.Sort("family", "string", False),), (q.Sort("birthdate", "date", True),)]),
)
def test_a_cursor_that_we_did_not_make_is_refused(store: SqlStore, cursor: str, sort: tuple[q.Sort, ...]) -> None:
    """Or leads somewhere within the matches; it is never an error of the database."""
    query = q.SearchQuery("Patient", sort=sort, cursor=cursor)
    try:
        store.snapshot(lambda s: s.search(query, 3))
    except Malformed as error:
        assert error.issues[0].expression == "_cursor"


def test_many_values_are_answered_and_too_many_refused(store: SqlStore) -> None:
    empty(store)
    put(store, [{"resourceType": "Patient", "id": "p", "identifier": [{"system": "u", "value": "1999"}]}])
    values = tuple(q.TokenValue("u", str(n)) for n in range(2000))
    query = q.SearchQuery("Patient", (Criterion("identifier", "token", None, values),))
    assert store.snapshot(lambda s: s.count(query)) == 1
    quantities = tuple(read_quantity(f"ne{n}||x", Reading("", (), True, BASE, UTC, NOW)) for n in range(5000))
    query = q.SearchQuery("Observation", (Criterion("value-quantity", "quantity", None, quantities),))
    assert store.snapshot(lambda s: s.count(query)) == 0
    with pytest.raises(TooCostly):
        store.snapshot(lambda s: s.count(q.SearchQuery("Observation", query.criteria * 2)))


def test_the_last_update_is_a_moment(store: SqlStore) -> None:
    """At the first moment of a month it is after the month before, and not before its own."""
    empty(store)
    moment = date_range("2026-02-01T00:00:00.000Z")
    assert moment
    store.transact(lambda s: s.write([version({"resourceType": "Patient", "id": "p"}, updated=moment[0])]))
    found = {
        value: store.snapshot(lambda s, v=value: s.count(parsed("Patient", [("_lastUpdated", v)])))  # type: ignore[misc]
        for value in ("gt2026-01", "sa2026-01", "le2026-01", "eq2026-02", "ge2026-02", "lt2026-02", "eb2026-02")
    }
    assert found == {
        "gt2026-01": 1, "sa2026-01": 1, "le2026-01": 0, "eq2026-02": 1, "ge2026-02": 1, "lt2026-02": 0, "eb2026-02": 0
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", "a" * 100, "a" * 400, "é" * 200])
def test_what_fits_stays(text: str) -> None:
    assert fit(text) == text


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=101, max_size=500))
def test_what_does_not_fit_keeps_its_beginning(text: str) -> None:
    kept = fit(text)
    assert len(kept.encode()) <= 400
    assert kept == text or (text.startswith(kept[:-64]) and fit(text + "x") != kept)
