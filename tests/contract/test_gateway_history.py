"""The history of the whole base URL: pages that join, newest first, whatever service an entry is of."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from carethread.core.fhir import json
from support.owners import Practice, practice

SCHEDULE = {"resourceType": "Schedule", "actor": [{"reference": "Location/l"}]}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Practice]:
    with practice(tmp_path) as made:
        yield made


def write(served: Practice, number: int) -> str:
    """The reference of what the number writes: three types of two services."""
    id_ = f"n{number}"
    kind = ("Patient", "Schedule", "Organization")[number % 3]
    body: dict[str, Any] = {"resourceType": kind, "id": id_}
    if kind == "Schedule":
        body = {**SCHEDULE, "id": id_}
    if kind == "Organization":
        body["name"] = "A ward"
    assert served.ask("PUT", f"{kind}/{id_}", body).status == 201
    return f"{kind}/{id_}"


def following(page: Any) -> str | None:
    url = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
    if not url:
        return None
    return "_history?" + "&".join(f"{name}={value}" for name, value in parse_qsl(urlsplit(url).query))


@pytest.mark.parametrize("size", [1, 2, 3, 50])
def test_pages_join_while_others_write(served: Practice, size: int) -> None:
    written = [write(served, number) for number in range(9)]
    path: str | None = f"_history?_count={size}"
    seen, settled, times = [], set(), []
    while path:
        page = served.read(path)
        assert page["type"] == "history"
        settled.add(page["meta"]["lastUpdated"])
        assert len(page["entry"]) <= size
        seen += [entry["fullUrl"].split("/fhir/")[1] for entry in page["entry"]]
        times += [entry["response"]["lastModified"] for entry in page["entry"]]
        write(served, 100 + len(seen))
        path = following(page)
    assert sorted(seen) == sorted(written)
    assert times == sorted(times, reverse=True)
    assert len(settled) == 1


def test_who_reads_on_sees_what_came_since(served: Practice) -> None:
    write(served, 0)
    first = served.read("_history")
    later = {write(served, number) for number in (1, 2)}
    second = served.read(f"_history?_since={first['meta']['lastUpdated']}")
    assert later <= {entry["fullUrl"].split("/fhir/")[1] for entry in second["entry"]}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("_cursor=x", 400),
        ("_cursor=W10", 400),
        ("_cursor=WyJ4IixbXV0", 400),
        ("_cursor=WyIyMDI2IixbWyJub2JvZHkiLCJ4IiwwXV1d", 400),
        ("_cursor=WyIyMDI2IixbWyJyZWNvcmRzIiwieCIsMF1dXQ", 400),
        ("_cursor=WyIyMDI2IixbWyJyZWNvcmRzIiwieCIsLTFdXV0", 400),
        ("_since=yesterday", 400),
        ("_count=x", 400),
        ("_count=0", 200),
    ],
)
def test_what_cannot_be_asked(served: Practice, query: str, status: int) -> None:
    write(served, 0)
    answer = served.ask("GET", f"_history?{query}")
    assert answer.status == status
    assert "entry" not in json.parse(answer.body)
    assert served.ask("POST", "_history", {}).status == 405
