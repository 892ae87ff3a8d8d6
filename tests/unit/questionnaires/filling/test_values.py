"""What people write, as FHIR has it, and the other way round."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from carethread.core.fhir import json
from carethread.questionnaires.filling.choices import choice
from carethread.questionnaires.filling.values import PARTS, Unreadable, read, written

UTC, NEW_YORK = ZoneInfo("UTC"), ZoneInfo("America/New_York")
KG = choice("Coding", {"system": "http://unitsofmeasure.org", "code": "kg"}, {})


def said(kind: str, *texts: str, zone: ZoneInfo = UTC, units: tuple[Any, ...] = ()) -> Any:
    fields = dict(zip(PARTS[kind], [*texts, "", "", ""], strict=False))
    found = read(kind, fields, zone, units)
    return found and (found[0], json.render(found[1]).decode() if isinstance(found[1], dict | float) else found[1])


@pytest.mark.parametrize(
    ("kind", "texts", "value"),
    [
        ("string", ["  two  words "], ("string", "two  words")),
        ("string", [" \r\n "], None),
        ("string", ["a\x00b\x07c"], ("string", "abc")),
        ("text", ["one\r\ntwo\rthree\n"], ("string", "one\ntwo\nthree")),
        ("url", ["https://example.org/?a=b"], ("uri", "https://example.org/?a=b")),
        ("integer", ["+007"], ("integer", 7)),
        ("integer", ["-3"], ("integer", -3)),
        ("decimal", ["1.50"], ("decimal", "1.50")),
        ("decimal", ["7,5"], ("decimal", "7.5")),
        ("decimal", ["-0"], ("decimal", "-0")),
        ("decimal", ["٣,٥"], ("decimal", "3.5")),
        ("date", ["1980", "3", "7"], ("date", "1980-03-07")),
        ("date", ["1980", "12"], ("date", "1980-12")),
        ("date", ["1980"], ("date", "1980")),
        ("date", [""], None),
        ("time", ["9:05"], ("time", "09:05:00")),
        ("time", ["2:30 pm"], ("time", "14:30:00")),
        ("time", ["12 a.m."], ("time", "00:00:00")),
        ("time", ["12:00 PM"], ("time", "12:00:00")),
        ("dateTime", ["2026", "7", "1", "9:00"], ("dateTime", "2026-07-01T09:00:00-04:00")),
        ("dateTime", ["2026", "7"], ("dateTime", "2026-07")),
        ("quantity", ["70,5"], ("Quantity", '{"value":70.5}')),
        ("choice", ["my words"], ("Coding", '{"display":"my words"}')),
        ("open-choice", ["my words"], ("string", "my words")),
    ],
)
def test_it_is_read(kind: str, texts: list[str], value: object) -> None:
    assert said(kind, *texts, zone=NEW_YORK) == value


@pytest.mark.parametrize(
    ("kind", "texts", "code"),
    [
        ("integer", ["a few"], "integer"),
        ("integer", ["1.5"], "integer"),
        ("integer", ["3000000000"], "integer"),
        ("integer", ["1" * 5000], "integer"),
        ("decimal", ["1.2.3"], "decimal"),
        ("decimal", ["1e9"], "decimal"),
        ("decimal", ["١٢x"], "decimal"),
        ("url", ["no spaces, please"], "url"),
        ("date", ["1980", "2", "30"], "date"),
        ("date", ["80", "2", "3"], "date"),
        ("date", ["", "2", "3"], "date"),
        ("date", ["1980", "", "3"], "date"),
        ("date", ["0000", "1", "1"], "date"),
        ("time", ["25:00"], "time"),
        ("time", ["13 pm"], "time"),
        ("time", ["9"], "time"),
        ("time", ["٩:٠٠"], "time"),
        ("dateTime", ["1980", "2", "", "9:00"], "date"),
        ("dateTime", ["9999", "12", "31", "23:59:61"], "time"),
        ("quantity", ["heavy"], "decimal"),
    ],
)
def test_it_cannot_be_read(kind: str, texts: list[str], code: str) -> None:
    with pytest.raises(Unreadable) as error:
        said(kind, *texts)
    assert error.value.code == code


def test_a_unit_is_the_one_of_the_form_where_it_has_one() -> None:
    assert said("quantity", "3", units=(KG,))[1] == (
        '{"value":3,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}'
    )
    assert said("quantity", "3", "stone", units=(KG,))[1] == '{"value":3,"unit":"stone"}'


def test_a_moment_is_told_in_the_zone_of_the_person() -> None:
    told = written("dateTime", {"valueDateTime": "2026-07-01T02:00:00Z"}, NEW_YORK)
    assert told == {"y": "2026", "m": "06", "d": "30", "t": "22:00"}
    assert written("dateTime", {"valueDateTime": "2026-07-01"}, NEW_YORK) == {
        "y": "2026",
        "m": "07",
        "d": "01",
        "t": "",
    }


def test_what_has_no_place_in_the_fields_is_told_so() -> None:
    assert written("integer", {"valueString": "x"}, UTC) is None
    assert written("quantity", {"valueQuantity": {"unit": "kg"}}, UTC) is None
    assert written("attachment", {"valueAttachment": {}}, UTC) is None
