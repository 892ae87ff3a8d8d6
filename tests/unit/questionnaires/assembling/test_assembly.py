"""Forms put together of parts: as published, as a plain recomputation has it, and refused with every place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carethread.core.errors import Invalid
from carethread.core.ports import Resource
from carethread.questionnaires.assembling.assembly import MOST_PARTS, assemble
from carethread.questionnaires.forms.faults import MOST_ITEMS
from support.answers import CORE, SDC, code, ext, item, questionnaire, when


def variable(name: str, expression: str) -> Resource:
    said = {"name": name, "language": "text/fhirpath", "expression": expression}
    return ext(CORE + "variable", valueExpression=said)


def expects(said: str) -> Resource:
    return ext(SDC + "assemble-expectation", valueCode=said)


def relies(name: str) -> Resource:
    return ext(SDC + "assembleContext", valueString=name)


def sub(link: str, canonical: str, **more: Any) -> Resource:
    return item(link, "display", extension=[ext(SDC + "subQuestionnaire", valueCanonical=canonical)], **more)


def part(url: str, *items: Resource, extension: Any = (), **more: Any) -> Resource:
    return questionnaire(*items, url=url, extension=[expects("assemble-child"), *extension], **more)


def known(*parts: Resource) -> Any:
    return {f"{each['url']}|{each['version']}": each for each in parts}.get


def refused(root: Resource, *parts: Resource) -> list[tuple[str, str, str]]:
    with pytest.raises(Invalid) as error:
        assemble(root, known(*parts))
    found = [each for each in error.value.issues if each.severity == "error"]
    return [(each.code, (each.expression or "").removeprefix("Questionnaire."), each.diagnostics) for each in found]


def links(items: list[Resource]) -> list[Any]:
    return [(each["linkId"], links(each["item"])) if "item" in each else each["linkId"] for each in items]


NAME = part(
    "urn:name",
    item("1", enableWhen=[when("2", "exists", answerBoolean=True)]),
    item("2", "choice", answerValueSet="#titles"),
    extension=[relies("linkIdPrefix"), relies("person"), variable("name", "%person.name")],
    contained=[{"resourceType": "ValueSet", "id": "titles", "status": "active"}],
)
CONTACT = part(
    "urn:contact",
    item("1", "group", sub("1.1", "urn:name|1"), extension=[variable("linkIdPrefix", "%linkIdPrefix + 'name.'")]),
    item("2"),
    extension=[relies("person")],
)
WHO = ext(
    SDC + "itemPopulationContext",
    valueExpression={"name": "person", "language": "text/fhirpath", "expression": "%patient.contact"},
)


def test_the_published_example() -> None:
    """http://hl7.org/fhir/uv/sdc/Questionnaire-sdc-modular-root.html, without what is of element definitions."""
    root = questionnaire(
        item("1", "group", sub("1.1", "urn:name|1"), extension=[variable("linkIdPrefix", "'patientname.'")]),
        item("5", "group", sub("5.1", "urn:contact|1"), extension=[WHO, variable("linkIdPrefix", "'patientcontact.'")]),
        extension=[expects("assemble-root"), variable("person", "%patient")],
        id="root",
        meta={"versionId": "3", "tag": [code("kept")]},
    )
    made = assemble(root, known(NAME, CONTACT))
    assert made.issues == []
    form = made.questionnaire
    assert links(form["item"]) == [
        ("1", ["patientname.1", "patientname.2"]),
        ("5", [("patientcontact.1", ["patientcontact.name.1", "patientcontact.name.2"]), "patientcontact.2"]),
    ]
    first = form["item"][0]
    assert [each["valueExpression"]["name"] for each in first["extension"]] == ["linkIdPrefix", "name"]
    assert first["item"][0]["enableWhen"][0]["question"] == "patientname.2"
    assert first["item"][1]["answerValueSet"] == "#patientname.titles"
    assert [each["id"] for each in form["contained"]] == ["patientname.titles", "patientcontact.name.titles"]
    said = [each for each in form["extension"] if each["url"].startswith(SDC)]
    assert [each["valueCanonical"] for each in said] == ["urn:name|1", "urn:contact|1"]
    assert (form["url"], form["version"], form["meta"]) == (root["url"], "1", {"tag": [code("kept")]})
    assert "id" not in form


@pytest.mark.parametrize(
    ("said", "then"),
    [("assemble-root", None), ("assemble-root-or-child", "independent-root-or-child"), ("independent-child", "")],
)
def test_what_is_assembled_expects_nothing_more(said: str, then: str | None) -> None:
    root = questionnaire(item("a"), extension=[expects(said)])
    if then == "":
        assert refused(root)[0][0] == "business-rule"
        return
    made = assemble(root, known()).questionnaire
    assert made.get("extension") == ([expects(then)] if then else None)


def test_what_is_contained_once_is_once_and_what_differs_is_refused() -> None:
    titles = {"resourceType": "ValueSet", "id": "titles", "status": "active"}
    root = questionnaire(sub("x", "urn:a|1"), sub("y", "urn:b|1"), contained=[titles])
    a = part("urn:a", item("a", "choice", answerValueSet="#titles"), contained=[titles])
    b = part("urn:b", item("b", "choice", answerValueSet="#titles"), contained=[titles])
    assert assemble(root, known(a, b)).questionnaire["contained"] == [titles]
    other = {**b, "contained": [titles | {"status": "draft"}]}
    assert [(c, p) for c, p, _ in refused(root, a, other)] == [("duplicate", "item[1]")]


def test_what_parts_say_goes_where_it_belongs() -> None:
    launch = ext(
        SDC + "launchContext", extension=[ext("name", valueCoding=code("patient")), ext("type", valueCode="P")]
    )
    library = ext(CORE + "cqf-library", valueCanonical="urn:library")
    constraint = ext(CORE + "targetConstraint", extension=[ext("key", valueId="one")])
    score = ext(
        "https://carethread.dev/fhir/StructureDefinition/score",
        extension=[ext("total", valueString="t"), ext("item", valueString="a")],
    )
    a = part(
        "urn:a", item("a"), item("t"), extension=[launch, library, constraint, score, ext("urn:other", valueCode="x")]
    )
    root = questionnaire(
        item("g", "group", sub("x", "urn:a|1"), extension=[variable("linkIdPrefix", "'p.'")]), extension=[launch]
    )
    made = assemble(root, known(a)).questionnaire
    top = [each for each in made["extension"] if each["url"] != SDC + "assembledFrom"]
    assert top[:2] == [launch, library]
    assert [each["valueString"] for each in top[2]["extension"]] == ["p.t", "p.a"]
    assert made["item"][0]["extension"][1:] == [constraint]


def test_a_part_of_a_part_of_itself_is_refused() -> None:
    a, b = part("urn:a", sub("x", "urn:b|1")), part("urn:b", item("g", "group", sub("y", "urn:a|1")))
    code_, where, told = refused(questionnaire(sub("z", "urn:a|1")), a, b)[0]
    assert (code_, where) == ("business-rule", "item[0]")
    assert "urn:a -> urn:b -> urn:a" in told
    assert "urn:b|1 at Questionnaire.item[0].item[0]" in told
    own = questionnaire(sub("z", "urn:root|1"), url="urn:root")
    assert "urn:root -> urn:root" in refused(own, own)[0][2]


def test_every_fault_is_told_with_its_place() -> None:
    a = part("urn:a", item("1"), item("2"), extension=[variable("v", "1")])
    found = refused(
        questionnaire(
            item("1"),
            sub("x", "urn:a|1"),
            sub("y", "urn:gone|1"),
            item("g", "group", sub("z", "urn:a|1"), extension=[variable("linkIdPrefix", "'p.'"), variable("v", "2")]),
            item("q", extension=[ext(SDC + "subQuestionnaire", valueCanonical="urn:a|1")]),
        ),
        a,
    )
    assert [(code_, where) for code_, where, _ in found] == [
        ("duplicate", "item[1]"),
        ("not-found", "item[2]"),
        ("duplicate", "item[3].item[0]"),
        ("business-rule", "item[4]"),
    ]
    assert "urn:a|1 at Questionnaire.item[0].linkId" in found[0][2]
    assert "variable 'v'" in found[2][2]


def test_a_fault_of_the_whole_is_told_of_the_part_that_it_is_in() -> None:
    a = part("urn:a", item("1", "group", item("2", enableWhen=[when("9", "exists", answerBoolean=True)])))
    code_, where, told = refused(questionnaire(item("0"), sub("x", "urn:a|1")), a)[0]
    assert (code_, where) == ("not-found", "item[1]")
    assert "urn:a|1 at Questionnaire.item[0].item[0].enableWhen[0].question" in told
    own = questionnaire(sub("x", "urn:a|1"), item("1", enableWhen=[when("9", "exists", answerBoolean=True)]))
    assert refused(own, part("urn:a", item("a")))[0][:2] == ("not-found", "item[1].enableWhen[0].question")


@pytest.mark.parametrize(
    "more",
    [
        {"extension": [expects("assemble-root")]},
        {"extension": [expects("assemble-child"), ext(SDC + "questionnaireAdaptive", valueBoolean=True)]},
        {"extension": [expects("assemble-child"), ext(SDC + "questionnaireAdaptive", valueUrl="http://elsewhere")]},
        {"extension": [expects("assemble-child"), ext(SDC + "observationExtract", valueBoolean=True)]},
        {"extension": [expects("assemble-child"), relies("person")]},
        {"extension": [expects("assemble-child"), variable("linkIdPrefix", "1")]},
        {"language": "es"},
        {"implicitRules": "urn:rules"},
        {"modifierExtension": [{"url": "urn:x"}]},
    ],
)
def test_what_is_no_part_is_refused(more: Resource) -> None:
    found = refused(questionnaire(item("0"), sub("x", "urn:a|1"), language="en"), {**part("urn:a", item("a")), **more})
    assert [where for _, where, _ in found] == ["item[1]"]


def test_what_its_author_should_know() -> None:
    a = questionnaire(item("a", definition="urn:d#x", text=None), url="urn:a", status="draft")
    del a["item"][0]["text"]
    shown = [when("y", "exists", answerBoolean=True)]
    made = assemble(questionnaire(sub("x", "urn:a", enableWhen=shown)), {"urn:a": a}.get)
    assert [(each.severity, each.code) for each in made.issues] == [
        ("warning", "business-rule"),
        ("information", "informational"),
        ("warning", "business-rule"),
        ("warning", "business-rule"),
        ("warning", "not-supported"),
    ]


def test_it_is_bounded() -> None:
    wide = part("urn:wide", *(sub(str(n), "urn:leaf|1") for n in range(MOST_PARTS)))
    assert refused(questionnaire(sub("x", "urn:wide|1")), wide, part("urn:leaf"))[-1][0] == "too-costly"
    big = part("urn:big", *(item(str(n)) for n in range(MOST_ITEMS)))
    assert refused(questionnaire(item("x"), sub("y", "urn:big|1")), big)[-1][:2] == ("too-costly", "item[1]")
    deep = [part(f"urn:{n}", sub("x", f"urn:{n + 1}|1")) for n in range(12)]
    assert refused(questionnaire(sub("x", "urn:0|1")), *deep)[-1][0] == "too-costly"
    nested = item("0")
    for n in range(1, 20):
        nested = item(str(n), "group", nested)
    within = sub("x", "urn:nested|1")
    for n in range(1, 20):
        within = item(f"g{n}", "group", within)
    assert refused(questionnaire(within), part("urn:nested", nested))[-1][0] == "too-costly"


@st.composite
def modular(draw: st.DrawFn) -> tuple[Resource, dict[str, Resource]]:
    """A form of parts of parts, each time under a prefix of its own."""
    count = draw(st.integers(1, 4))
    parts: dict[str, Resource] = {}
    for n in range(count):
        made = _items(draw, [f"urn:{m}|1" for m in range(n)])
        parts[f"urn:{n}|1"] = part(f"urn:{n}", *made)
    return questionnaire(*_items(draw, list(parts))), parts


def _items(draw: st.DrawFn, inner: list[str]) -> list[Resource]:
    made: list[Resource] = []
    for n in range(draw(st.integers(1, 3))):
        is_part: bool = draw(st.booleans())
        if inner and is_part:
            prefix = variable("linkIdPrefix", f"%linkIdPrefix + '{n}.'")
            made.append(item(f"g{n}", "group", sub("s", draw(st.sampled_from(inner))), extension=[prefix]))
        else:
            made.append(item(f"g{n}"))
            if n and made[-2]["type"] != "group":
                made[-1]["enableWhen"] = [when(f"g{n - 1}", "exists", answerBoolean=True)]
    return made


def _plainly(raw: Resource, parts: dict[str, Resource], prefix: str, inner: str) -> list[Resource]:
    """The items, by the rule as it is written."""
    made = []
    for each in raw.get("item", ()):
        one = {**each, "linkId": prefix + each["linkId"]}
        if "enableWhen" in each:
            one["enableWhen"] = [{**w, "question": prefix + w["question"]} for w in each["enableWhen"]]
        if each["type"] == "group":
            under = inner + each["extension"][0]["valueExpression"]["expression"].split("'")[1]
            canonical = each["item"][0]["extension"][0]["valueCanonical"]
            one["item"] = _plainly(parts[canonical], parts, under, under)
        made.append(one)
    return made


@settings(max_examples=100, deadline=None)
@given(modular())
def test_assembling_is_what_it_says(made: tuple[Resource, dict[str, Resource]]) -> None:
    root, parts = made
    assembled = assemble(root, parts.get).questionnaire
    assert assembled["item"] == _plainly(root, parts, "", "")
