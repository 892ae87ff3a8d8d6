"""What may be written of Measures and Libraries, by every way that writes; on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from carethread.adapters.analytics.duck import DuckAnalytics
from carethread.adapters.sql.store.store import SqlStore
from carethread.core.errors import Busy
from carethread.core.fhir import json
from carethread.core.ports import Request, Response
from carethread.interactions.rest.handling import handle
from carethread.metrics.measures.definition import NAMELESS
from support.facts import Filled, facts_of
from support.measuring import MARCH, Metrics, Resource, body, counts, metrics, own_measure, said, visit

SQL = """
SELECT 'Appointment/' || id AS resource, patient_id AS subject, start_at AS "at", department_id AS department,
  TRUE AS denominator, status = 'noshow' AS numerator
FROM appointments WHERE start_at >= $start AND start_at < $end
"""
SHARE = ["denominator", "numerator"]
NAMED = "staff-burnout-share"


@pytest.fixture
def asked(store: SqlStore) -> Metrics:
    made = metrics(store)
    made.facts.tell(visit("missed", "noshow"), visit("came", "fulfilled", "q"))
    return made


def send(metrics: Metrics, method: str, path: str, content: Any) -> Response:
    media = "application/json-patch+json" if method == "PATCH" else "application/fhir+json"
    return handle(
        metrics.runtime, Request(method, path, (), {"content-type": media}, json.render(content)), metrics.context
    )


def put(metrics: Metrics, resource: Resource) -> Response:
    return send(metrics, "PUT", f"{resource['resourceType']}/{resource['id']}", resource)


def together(metrics: Metrics, *resources: Resource, kind: str = "transaction") -> Response:
    entry = [
        {"resource": each, "request": {"method": "PUT", "url": f"{each['resourceType']}/{each['id']}"}}
        for each in resources
    ]
    return send(metrics, "POST", "", {"resourceType": "Bundle", "type": kind, "entry": entry})


def there(metrics: Metrics, *paths: str) -> list[int]:
    return [metrics.ask(each).status for each in paths]


@pytest.mark.parametrize(
    ("lacks", "told"),
    [
        ((', start_at AS "at"', ""), "has no column at;"),
        (('AS "at"', 'AS "at", 1 AS Stratum_0'), "column stratum_0 has a name that is given to strata"),
        (("department_id AS department,", ""), "has no column department;"),
        (('start_at AS "at"', 'CAST(start_at AS DATE) AS "at"'), "The column at is DATE; it is a TIMESTAMP"),
        (("patient_id AS subject", "1 AS subject"), "The column subject is INTEGER; it is a VARCHAR"),
        (("status = 'noshow' AS", "1 AS"), "The column numerator is INTEGER"),
        (("FROM appointments", "FROM nowhere"), "nowhere does not exist"),
    ],
)
def test_a_measure_that_could_not_be_counted_is_not_stored(asked: Metrics, lacks: tuple[str, str], told: str) -> None:
    measure, library = own_measure(SQL.replace(*lacks), SHARE)
    for order in ((measure, library), (library, measure)):
        refused = together(asked, *order)
        place = order.index(measure)
        assert said(refused) == (422, "invalid", f"Bundle.entry[{place}].resource.library")
        assert told in body(refused)["issue"][0]["diagnostics"]
        assert there(asked, "Measure/own", "Library/own") == [404, 404], "all or nothing"
    assert put(asked, library).status == 201, "by itself it is one SELECT"
    for refused in (put(asked, measure), send(asked, "POST", "Measure", measure)):
        assert said(refused) == (422, "invalid", "Measure.library")
        assert told in body(refused)["issue"][0]["diagnostics"]
    done = together(asked, measure, kind="batch")
    assert body(done)["entry"][0]["response"]["status"].startswith("422")
    assert there(asked, "Measure/own") == [404]


def test_a_measure_that_can_be_counted_is_stored_by_every_way(asked: Metrics) -> None:
    assert together(asked, *own_measure(SQL, SHARE)).status == 200
    assert counts(body(asked.rate(measure="own"))["group"][0]) == {"denominator": 2, "numerator": 1}
    wrong = [{"op": "replace", "path": "/group/0/population/1/criteria/expression", "value": "nothing"}]
    refused = send(asked, "PATCH", "Measure/own", wrong)
    assert said(refused) == (422, "invalid", "Measure.library")
    assert "no column nothing" in body(refused)["issue"][0]["diagnostics"]
    elsewhere = {**own_measure(SQL, SHARE)[0], "id": "other", "library": ["https://example.org/Library/elsewhere"]}
    assert put(asked, elsewhere).status == 201, "what is not counted here is kept"


def test_what_is_not_known_yet_is_no_reason_to_refuse(asked: Metrics, tmp_path: Path) -> None:
    early = replace(asked, runtime=replace(asked.runtime, analytics=DuckAnalytics(tmp_path)))
    measure, library = own_measure(SQL.replace("status = 'noshow' AS", "1 AS"), SHARE)
    assert [put(early, each).status for each in (library, measure)] == [201, 201], "there are no facts"
    assert said(asked.rate(measure="own"))[:2] == (422, "invalid")
    history = replace(asked, context=replace(asked.context, backfill=True))
    assert put(history, {**measure, "id": "past", "url": "https://example.org/Measure/past"}).status == 201


def test_sql_that_is_not_one_select_is_refused_in_a_bundle_too(asked: Metrics) -> None:
    _, library = own_measure("DELETE FROM appointments", SHARE)
    assert said(together(asked, library)) == (422, "invalid", "Bundle.entry[0].resource.content[0].data")
    done = body(together(asked, library, kind="batch"))
    assert done["entry"][0]["response"]["status"].startswith("422")
    assert there(asked, "Library/own") == [404]


def test_no_engine_is_asked_while_others_wait_for_the_store(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    made, writing, busy = metrics(store), [False], [False]
    made.facts.tell(visit("missed", "noshow"))
    transact, check_sql = store.transact, made.facts.check

    def transacted(work: Any) -> Any:
        writing[0] = True
        try:
            return transact(work)
        finally:
            writing[0] = False

    def refuse() -> None:
        assert not writing[0], "an engine may take long"
        if busy[0]:
            raise Busy("All turns are taken.")

    class Slow(Filled):
        def columns(self, *asked: Any) -> Any:
            refuse()
            return super().columns(*asked)

    @contextmanager
    def look(*, leisure: bool = False) -> Iterator[Filled]:
        with facts_of(made.facts.resources.values()) as facts:
            monkeypatch.setattr(facts, "__class__", Slow)
            yield facts

    def check(sql: str) -> None:
        refuse()
        check_sql(sql)

    monkeypatch.setattr(store, "transact", transacted)
    monkeypatch.setattr(made.facts, "look", look)
    monkeypatch.setattr(made.facts, "check", check)

    def own(name: str, sql: str = SQL) -> list[Resource]:
        return own_measure(f"{sql} -- {name} {id(made)}", SHARE, name)

    wrong = SQL.replace("status = 'noshow' AS", "1 AS")
    assert said(together(made, *own("a", wrong))) == (422, "invalid", "Bundle.entry[0].resource.library")
    assert together(made, *own("a")).status == 200
    for path, method in (("Measure/b", "PUT"), ("Library/b", "PUT")):
        assert send(made, method, path, {**own("b")[path == "Library/b"]}).status == 201
    done = body(together(made, *own("c", wrong), *own("d", "DROP TABLE x"), kind="batch"))
    assert [each["response"]["status"][:3] for each in done["entry"]] == ["201", "201", "201", "422"]
    content = own("e")[1]["content"]
    change = [{"op": "replace", "path": "/content/0/data", "value": content[0]["data"]}]
    version = [{"op": "add", "path": "/version", "value": "2"}]
    assert send(made, "PATCH", "Library/a", [*change, *version]).status == 200
    assert said(send(made, "PATCH", "Library/nowhere", change))[0] == 404
    sql = own("h")[1]["content"]
    named = [{"op": "replace", "path": "/content", "value": sql}, {"op": "replace", "path": "/version", "value": "2.1"}]
    criteria = ("url", "https://example.org/Library/a")
    media = {"content-type": "application/json-patch+json"}
    by_url = Request("PATCH", "Library", (criteria,), media, json.render(named))
    assert handle(made.runtime, by_url, made.context).status == 200
    nameless, library = own("i")
    del nameless["url"], nameless["id"]
    assert put(made, library).status == 201
    assert send(made, "POST", "Measure", nameless).status == 201
    busy[0] = True
    (measure, library), content = own("f"), own("g")[1]["content"]
    assert put(made, library).status == 503, "whether it is one SELECT is not known"
    assert together(made, measure, library).status == 503
    change[0]["value"] = content[0]["data"]
    version[0]["value"] = "3"
    assert send(made, "PATCH", "Library/a", [*change, *version]).status == 503
    busy[0] = False
    assert put(made, library).status == 201
    busy[0] = True
    assert together(made, measure, library).status == 200, "$evaluate-measure says what is wrong with it"


def test_what_has_counted_is_not_changed_under_its_version(asked: Metrics) -> None:
    _, library = own_measure(SQL, SHARE)
    _, other = own_measure(SQL.replace("noshow", "fulfilled"), SHARE)
    for version in ({}, {"version": "1"}):
        first = {**library, **version}
        assert put(asked, first).status < 300
        assert put(asked, {**first, "title": "The same"}).status == 200
        later = {**other, **version}
        for refused in (
            put(asked, later),
            put(asked, {**later, "id": "another"}),
            send(asked, "POST", "Library", later),
            send(asked, "PATCH", "Library/own", [{"op": "replace", "path": "/content", "value": later["content"]}]),
        ):
            assert said(refused) == (422, "business-rule", "Library.version")
            assert "give a new version" in body(refused)["issue"][0]["diagnostics"]
    twice = together(asked, *({**each, "id": f"new-{i}", "version": "3"} for i, each in enumerate((library, other))))
    assert said(twice) == (422, "business-rule", "Bundle.entry[0].resource.version")
    assert put(asked, {**other, "id": "own-2", "version": "2"}).status == 201


def test_sql_that_comes_along_is_changed_by_a_release_only(asked: Metrics) -> None:
    library = body(asked.ask("Library/no-show-rate"))
    assert put(asked, library).status == 200
    refused = put(asked, {**library, "content": own_measure(SQL, SHARE)[1]["content"]})
    assert said(refused) == (422, "business-rule", "Library.version")


def test_a_promise_is_not_taken_back(asked: Metrics) -> None:
    measure = body(asked.ask(f"Measure/{NAMED}"))
    bare = {name: value for name, value in measure.items() if name != "extension"}
    for refused in (
        put(asked, bare),
        put(asked, {**measure, "extension": [{"url": NAMELESS, "valueBoolean": False}]}),
        put(asked, {**bare, "id": "another", "version": "99"}),
        send(asked, "PATCH", f"Measure/{NAMED}", [{"op": "remove", "path": "/extension"}]),
    ):
        assert said(refused) == (422, "business-rule", "Measure.extension")
    assert said(together(asked, bare)) == (422, "business-rule", "Bundle.entry[0].resource.extension")
    own, library = own_measure(SQL, SHARE, extension=[{"url": NAMELESS, "valueBoolean": True}])
    assert together(asked, own, library).status == 200
    del own["extension"]
    assert said(put(asked, own)) == (422, "business-rule", "Measure.extension")
    assert asked.ask("Measure/own", "DELETE").status in (200, 204)
    assert said(put(asked, own)) == (422, "business-rule", "Measure.extension"), "its versions are known"
    assert asked.ask(f"Measure/{NAMED}", "DELETE").status in (200, 204)
    assert said(put(asked, bare)) == (422, "business-rule", "Measure.extension"), "its url is known"


def test_what_is_counted_by_sql_of_those_without_a_name_is_masked(asked: Metrics) -> None:
    measure = body(asked.ask(f"Measure/{NAMED}"))
    own = {name: value for name, value in measure.items() if name not in ("extension", "meta")}
    assert put(asked, {**own, "id": "own", "url": "https://example.org/Measure/own"}).status == 201
    refused = asked.ask("Measure/own/$evaluate-measure", **{**MARCH, "periodEnd": "2029-03-15"})
    assert said(refused) == (403, "suppressed", "periodEnd"), "though few are told of others"
