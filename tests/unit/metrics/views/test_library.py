"""The shipped views: they can be read, say what they are, and tell over plain JSON what they tell by FHIRPath."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from runpy import run_path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carethread.core.errors import Invalid
from carethread.metrics.views.library import definitions, library, views
from carethread.metrics.views.view import View
from support.viewing import agreed, made, outcome, synthea

ROOT = Path(__file__).resolve().parents[4]
SCRIPT = ROOT / "tools" / "generate_views_page.py"
PAGE = run_path(str(SCRIPT))
OFFICIAL = ROOT.parent / "shared" / "official" / "sql-on-fhir-v2"

OF_TYPE: dict[str, list[View]] = {}
for each in library().values():
    OF_TYPE.setdefault(each.type, []).append(each)

RESOURCES = [resource for resource in made() if resource["resourceType"] in OF_TYPE]


def test_each_is_read_and_written_out():
    assert len(library()) > 30
    assert [view.name for view in library().values() if view.quick is None] == []


ENDS = {"answer_by_at", "begun_by_at", "due_at"}
"""Times that may be meant as an end, whatever they are called."""


@pytest.mark.parametrize("definition", definitions(), ids=lambda definition: definition["name"])
def test_each_says_what_it_is(definition):
    file = ROOT / "fhir_profiles" / "views" / f"{definition['name']}.json"
    assert orjson.loads(file.read_bytes()) == definition
    assert definition["url"] == f"https://carethread.dev/fhir/ViewDefinition/{definition['name'].replace('_', '-')}"
    assert definition["title"]
    assert definition["description"].endswith(".")
    every = list(PAGE["columns"](definition))
    assert every[0]["name"] == "id"
    for column in every:
        assert re.fullmatch("[a-z][a-z0-9_]*", column["name"])
        assert column["description"].endswith(".")
        assert column["type"]
        tags = {tag["value"] for tag in column.get("tag", ())}
        moment = column["name"] == "at" or column["name"].endswith("_at")
        if moment and column["name"] != "begun_by_at" and not column["name"].endswith("until_at"):
            tags -= {"day"}
        ends = {"end"} if column["name"].endswith("until_at") or (tags >= {"end"} and column["name"] in ENDS) else set()
        assert tags == ({"TIMESTAMP"} | ends if moment else {"DATE"} if column["name"].endswith("_date") else set())


def test_a_department_is_looked_for_where_it_can_be_written():
    file = ROOT / "fhir_profiles" / "StructureDefinition" / "department.json"
    allowed = {each["expression"] for each in orjson.loads(file.read_bytes())["context"]}
    asked = {
        each["resource"]: column["name"]
        for each in definitions()
        for column in PAGE["columns"](each)
        if column["path"].startswith("extension('https://carethread.dev/fhir/StructureDefinition/department')")
    }
    assert len(asked) > 10
    assert asked.keys() <= allowed


def test_the_page_is_up_to_date():
    done = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.skipif(not OFFICIAL.exists(), reason="the official tests are not beside the project")
def test_the_page_declares_what_the_official_tests_find():
    assert PAGE["declared"]().rstrip() == PAGE["features"](OFFICIAL).rstrip()


def _definition(**more: Any) -> dict[str, Any]:
    column = {"name": "x", "path": "status", "type": "code"}
    return {"name": "visits", "resource": "Appointment", "select": [{"column": [column | more]}]}


@pytest.mark.parametrize(
    ("definition", "place", "told"),
    [
        (_definition(path="participant.actr"), "select[0].column[0].path", "participant.actr: Appointment.participant"),
        (_definition(path="start.("), "select[0].column[0].path", "start.("),
        (_definition(path="start.launch()"), "select[0].column[0].path", "launch"),
        (_definition(path="now()"), "select[0].column[0].path", "now()"),
        (_definition(type="dateTme"), "select[0].column[0].type", "dateTme"),
        (_definition(type="Period"), "select[0].column[0].type", "Period"),
        (_definition() | {"select": _definition()["select"] * 2}, "select", "two columns x"),
        (_definition() | {"where": [{"path": "stattus = 'x'"}]}, "where[0].path", "stattus"),
        (_definition() | {"resource": "Appointmnt"}, "resource", "resource is"),
    ],
)
def test_a_fault_is_told_with_the_view_its_place_and_the_path(definition, place, told):
    with pytest.raises(Invalid) as caught:
        views([definition])
    found = [(issue.expression, issue.diagnostics) for issue in caught.value.issues]
    assert any(f"ViewDefinition.{place}" == where and told in text for where, text in found), found
    assert all(text.startswith("View visits: ") for _, text in found)


def test_two_views_of_one_name_are_a_fault():
    with pytest.raises(Invalid, match="two views visits"):
        views([_definition(), _definition()])


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: str(resource["resourceType"]))
def test_on_the_examples_of_profiles_plain_json_tells(resource):
    masked = '"_count":' in json.dumps(resource)  # an element without a value is left to FHIRPath
    for view in OF_TYPE[resource["resourceType"]]:
        assert agreed(view, resource) or masked


def test_on_generated_people_plain_json_tells():
    found = 0
    for resource in synthea(2):
        for view in OF_TYPE.get(resource["resourceType"], ()):
            assert agreed(view, resource)
            found += len(view.rows(resource))
    assert found > 50 or not list(synthea(1))


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where members and items stand."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for name, below in inner for found in ((*path, name), *_places(below, (*path, name)))]


def _changed(value: Any, path: tuple[Any, ...], how: str) -> None:
    *before, last = path
    for step in before:
        value = value[step]
    if how == "gone":
        del value[last]
    elif how == "twice" and isinstance(value[last], list):
        value[last] = value[last] * 2
    elif how == "extended" and isinstance(value, dict) and not isinstance(value[last], dict | list):
        value[f"_{last}"] = {"extension": [{"url": "urn:x", "valueCode": "x"}]}
    elif how == "partly" and isinstance(value[last], str):
        value[last] = value[last][:7]
    elif how == "misshaped" and isinstance(value[last], dict | list) and value[last]:
        value[last] = [value[last]] if isinstance(value[last], dict) else value[last][0]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(RESOURCES),
    st.lists(
        st.tuples(st.integers(0, 10_000), st.sampled_from(["gone", "twice", "extended", "partly", "misshaped"])),
        min_size=1,
        max_size=4,
    ),
)
def test_whatever_a_resource_lacks_or_has_twice_the_rows_are_those_of_fhirpath(resource, changes):
    changed = orjson.loads(orjson.dumps(resource))
    for number, how in changes:
        places = [path for path in _places(changed) if path != ("resourceType",) and "_" not in "".join(map(str, path))]
        if places:
            _changed(changed, places[number % len(places)], how)
    for view in OF_TYPE[resource["resourceType"]]:
        assert outcome(view, changed) == outcome(replace(view, quick=None), changed), view.name


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(RESOURCES), st.lists(st.integers(0, 10_000), min_size=1, max_size=3))
def test_what_repeats_is_no_error(resource, numbers):
    changed = orjson.loads(orjson.dumps(resource))
    for number in numbers:
        places = _places(changed)
        _changed(changed, places[number % len(places)], "twice")
    for view in OF_TYPE[resource["resourceType"]]:
        assert isinstance(outcome(view, changed), list)
