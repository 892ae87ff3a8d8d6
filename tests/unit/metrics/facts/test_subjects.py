"""The subjects of the shipped views: whose they are, and what their tables need."""

from __future__ import annotations

import copy

import pytest

from carethread.composition.parts import owners_of_types
from carethread.core.facts.manifest import GONE, NUMBER
from carethread.core.facts.relation import KEY, sql_type
from carethread.metrics.facts.shipped import shipped
from carethread.metrics.facts.subjects import subjects
from support.facts_made import GUESTS, PEOPLE, SUBJECTS, VISITS


def test_each_type_has_its_owner():
    owners = owners_of_types()
    assert {each.type: each.owner for each in shipped()} == {each.type: owners[each.type] for each in shipped()}


def test_each_table_begins_with_the_id_and_has_a_name_of_its_own():
    relations = [relation for subject in shipped() for relation in subject.relations]
    assert [each.name for each in relations if each.columns[0] != (KEY, "VARCHAR")] == []
    names = [each.name.lower() for each in relations]
    assert len(set(names)) == len(names)
    for each in relations:
        columns = [name.lower() for name, _ in each.columns]
        assert len(set(columns)) == len(columns)
        assert not {NUMBER, GONE} & set(columns)


def test_other_views_have_another_mirror_whose_name_has_room():
    changed = copy.deepcopy(VISITS)
    changed["select"][0]["column"][0]["path"] = "id.first()"
    before, after = SUBJECTS[0], subjects([GUESTS, changed, PEOPLE])[0]
    assert before.mirror != after.mirror
    assert before.mirror == subjects([GUESTS, VISITS])[0].mirror, "whatever the order"
    assert all(len(each.mirror) <= 64 for each in shipped())


@pytest.mark.parametrize(
    ("fhir_type", "tag", "collection", "told"),
    [
        ("code", "", False, "VARCHAR"),
        ("dateTime", "", False, "VARCHAR"),
        ("http://hl7.org/fhir/StructureDefinition/boolean", "", False, "BOOLEAN"),
        ("positiveInt", "", False, "BIGINT"),
        ("decimal", "", False, "DOUBLE"),
        ("instant", "TIMESTAMP", False, "TIMESTAMP"),
        ("date", "date", False, "DATE"),
        ("integer", "CHARACTER VARYING", False, "VARCHAR"),
        ("integer", "", True, "BIGINT[]"),
    ],
)
def test_the_sql_type_of_a_column(fhir_type: str, tag: str, collection: bool, told: str):
    assert sql_type(fhir_type, tag, collection=collection) == told
