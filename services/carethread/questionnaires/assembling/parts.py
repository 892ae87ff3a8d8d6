"""What a form says of being assembled, and whether it may be part of another.

Source: http://hl7.org/fhir/uv/sdc/modular.html#modular.
"""

from __future__ import annotations

from collections.abc import Iterator

from carethread.core.errors import FhirError, Issue
from carethread.core.fhir.elements import extension
from carethread.core.fhir.fhirpath import Budget, Element, compile
from carethread.core.fhir.validation.report import shown
from carethread.core.ports import Resource
from carethread.questionnaires.expressions.variables import VARIABLE
from carethread.questionnaires.forms.expressions import CONSTRAINTS, CORE, FHIRPATH, SDC

SUB = SDC + "subQuestionnaire"
FROM = SDC + "assembledFrom"
CONTEXT = SDC + "assembleContext"
EXPECTATION = SDC + "assemble-expectation"
LAUNCH = SDC + "launchContext"
LIBRARY = CORE + "cqf-library"
POPULATION = SDC + "itemPopulationContext"
ADAPTIVE = SDC + "questionnaireAdaptive"
PREFIX = "linkIdPrefix"

TO_HOLDER = (VARIABLE, *CONSTRAINTS)
"""Extensions of a part that go to what its items come to stand in."""

_NOT_ON_PARTS = tuple(
    SDC + name
    for name in (
        "definitionExtract",
        "itemExtractionContext",
        "itemPopulationContext",
        "observationExtract",
        "observation-extract-category",
        "observationLinkPeriod",
        "preferredTerminologyServer",
        "templateExtract",
        "templateExtractBundle",
        "templateExtractContext",
    )
)
_STEPS = 10_000
_MOST_PREFIX = 100


def has(element: Resource, url: str) -> bool:
    """Whether an element has an extension of a URL."""
    return any(each.get("url") == url for each in element.get("extension", ()))


def expectation(questionnaire: Resource) -> str:
    """What it expects: `assemble-root`, `independent-child`, …; empty where it does not say."""
    return str(extension(questionnaire, EXPECTATION).get("valueCode", ""))


def wrong_root(root: Resource) -> Iterator[Issue]:
    """Why a form is not one to be assembled."""
    if (said := expectation(root)).endswith("-child") and not said.endswith("-root-or-child"):
        told = f"It is a part of other forms only ({said}); assemble one that has it as subQuestionnaire."
        yield Issue("business-rule", told, "Questionnaire.extension")
    elif has(root, CONTEXT):
        told = (
            "It relies on what a form around it says (assembleContext); assemble one that has it as subQuestionnaire."
        )
        yield Issue("business-rule", told, "Questionnaire.extension")


def wrong_part(part: Resource, root: Resource, names: frozenset[str]) -> Iterator[Issue]:
    """What speaks against a form as a part, without its place; `names` are those that it may rely on."""
    said = expectation(part)
    if said and not said.endswith("-child"):
        yield Issue("business-rule", f"It is no part of other forms ({said}).")
    elif not said:
        yield Issue("business-rule", "It does not say that it may be part of another form.", severity="warning")
    if any(each.get("valueBoolean", True) for each in part.get("extension", ()) if each.get("url") == ADAPTIVE):
        yield Issue("business-rule", "It is adaptive; such a form is answered by itself.")
    if "language" in part and part["language"] != root.get("language"):
        told = (
            f"It is in {shown(part['language'])}, the form around it in {shown(root.get('language', 'no language'))}."
        )
        yield Issue("business-rule", told)
    for name in ("implicitRules", "modifierExtension"):
        if name in part:
            yield Issue("business-rule", f"A part has no {name}.")
    for url in _NOT_ON_PARTS:
        if has(part, url):
            told = f"A part has no {url.removeprefix(SDC)} at its root; put it on a group in it."
            yield Issue("business-rule", told)
    for each in part.get("extension", ()):
        if each.get("url") == CONTEXT and each.get("valueString") not in names:
            name = shown(str(each.get("valueString", "")))
            yield Issue("required", f"It relies on %{name}, which nothing around it gives: add a variable.")
    if root.get("status") == "active" and part.get("status") != "active":
        yield Issue("business-rule", f"It is {shown(part.get('status', ''))}, not active.", severity="warning")


def names_of(element: Resource) -> frozenset[str]:
    """The names that expressions on and within an element may rely on: variables, launch and population contexts, and
    what a part relies on itself."""
    found: set[str] = set()
    for each in element.get("extension", ()):
        match each.get("url"):
            case url if url in (VARIABLE, POPULATION):
                found.add(each.get("valueExpression", {}).get("name", ""))
            case url if url == LAUNCH:
                name = extension(each, "name")
                found.add(name.get("valueCoding", {}).get("code") or name.get("valueId", ""))
            case url if url == CONTEXT:
                found.add(each.get("valueString", ""))
    return frozenset(found - {""})


def prefix_in(element: Resource, around: str) -> tuple[str, str]:
    """The prefix for parts within an element, where that around it is `around`; and what is wrong with it, or nothing.

    It is the variable `linkIdPrefix`, a FHIRPath that comes to a text and may use that around: `%linkIdPrefix + 'a.'`.
    """
    expressions = [
        each.get("valueExpression", {}) for each in element.get("extension", ()) if each.get("url") == VARIABLE
    ]
    said = next((each for each in expressions if each.get("name") == PREFIX), None)
    if said is None:
        return around, ""
    wanted = f"%{PREFIX} is a FHIRPath that comes to a text of at most {_MOST_PREFIX} characters, such as 'a.'"
    if said.get("language") != FHIRPATH:
        return around, f"{wanted}."
    try:
        names = {PREFIX: [around]}
        found = compile(said.get("expression", "")).items(
            Element({}, "Questionnaire"), environment=names, budget=Budget(_STEPS)
        )
    except FhirError as error:
        return around, f"{wanted}: {error.issues[0].diagnostics}"
    value = found[0] if len(found) == 1 else None
    value = value.value if isinstance(value, Element) else value
    if not isinstance(value, str) or not 0 < len(value) <= _MOST_PREFIX:
        return around, f"{wanted}."
    return value, ""


def canonical_of(questionnaire: Resource) -> str:
    """Its url, with its version where it has one."""
    url, version = questionnaire.get("url", ""), questionnaire.get("version")
    return f"{url}|{version}" if version else str(url)


def expected_after(said: Resource) -> Resource | None:
    """An extension of the form once it is assembled: it expects nothing more."""
    code = said.get("valueCode", "")
    if said.get("url") != EXPECTATION or not code.startswith("assemble-"):
        return said
    return None if code == "assemble-root" else said | {"valueCode": code.replace("assemble-", "independent-", 1)}


def is_variable(said: Resource, name: str | None) -> bool:
    """Whether an extension is the variable of a name."""
    return said.get("url") == VARIABLE and said.get("valueExpression", {}).get("name") == name


def is_same(one: Resource, other: Resource) -> bool:
    """Whether two extensions say the same: one library, or a launch context of one name."""
    if one.get("url") != other.get("url"):
        return False
    return one == other or (one["url"] == LAUNCH and names_of({"extension": [one]}) == names_of({"extension": [other]}))
