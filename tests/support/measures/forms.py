"""Second computations of what people and staff answer: satisfaction, net promoter, trust, shared decisions, burnout."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from support.measures.plain import Practice, Resource, Unit, id_of, observed, proportion, standing

FORM = "https://carethread.dev/fhir/Questionnaire/"
TRUST = {"strongly-agree": 5, "agree": 4, "neither": 3, "disagree": 2, "strongly-disagree": 1}
FOUR = ("listened", "explained", "respected", "time")
WORN_OUT = ("wearing", "worn-out", "cannot-go-on")


def said(response: Resource) -> datetime:
    """When it was given."""
    at = standing(response.get("authored") or response["meta"]["lastUpdated"])
    assert at is not None
    return at


def visit(practice: Practice, reference: Resource | None) -> Resource:
    """The Encounter, where it was no error."""
    found = practice.get("Encounter", id_of(reference, "Encounter"))
    return {} if found.get("status") == "entered-in-error" else found


def department_of_visit(practice: Practice, encounter: Resource) -> str | None:
    """The department that it names, that answers for it, that of the role of who saw the person, or of the place."""
    roles = [each["individual"] for each in encounter.get("participant", ())]
    roles = [each for each in roles if each["reference"].startswith("PractitionerRole/")][:1]
    places = [practice.get("Location", id_of(each["location"], "Location")) for each in encounter.get("location", ())]
    owners = [place.get("managingOrganization") for place in places[:1]]
    return practice.department(encounter, encounter.get("serviceProvider"), *roles, *owners)


def department(practice: Practice, response: Resource) -> str | None:
    """Whose a response is: what it says, whom it is about, where it was, who has written it."""
    return (
        practice.department(response, response.get("subject"))
        or department_of_visit(practice, visit(practice, response.get("encounter")))
        or practice.department({}, response.get("author"))
    )


def answers(response: Resource) -> dict[str, Any]:
    """What was answered first to each question, a code or a number."""
    found: dict[str, Any] = {}
    for item in response.get("item", ()):
        for answer in item.get("answer", ())[:1]:
            found[item["linkId"]] = answer.get("valueCoding", {}).get("code", answer.get("valueInteger"))
    return found


def _whole(practice: Practice, form: str) -> Iterator[tuple[Resource, dict[str, Any]]]:
    for each in practice.of("QuestionnaireResponse"):
        url = each.get("questionnaire", "").partition("|")[0]
        if url == FORM + form and each["status"] in ("completed", "amended"):
            yield each, answers(each)


def _on_scale(number: int | None, most: int) -> int | None:
    return number if number in range(most + 1) else None


def unit(practice: Practice, response: Resource, *groups: tuple[frozenset[str], float | None]) -> Unit:
    """A response as a unit."""
    name = f"QuestionnaireResponse/{response['id']}"
    person = practice.person(response.get("subject"))
    return Unit(name, person, said(response), department(practice, response), groups)


def satisfaction(practice: Practice) -> Iterator[Unit]:
    for response, given in _whole(practice, "visit-experience"):
        overall = _on_scale(given.get("overall"), 10)
        single = [proportion(q in given, given.get(q) == "fully") for q in FOUR]
        top = sum(given[q] == "fully" for q in FOUR) / 4 if all(q in given for q in FOUR) else None
        whole = proportion(overall is not None, overall is not None and overall >= 9)
        yield unit(practice, response, whole, *single, observed(top))


def net_promoter(practice: Practice) -> Iterator[Unit]:
    for response, given in _whole(practice, "visit-experience"):
        likely = _on_scale(given.get("recommend"), 10)
        if likely is None:
            yield unit(practice, response, observed(None))
        elif likely > 8:
            yield unit(practice, response, observed(100, ["promoters"]))
        elif likely < 7:
            yield unit(practice, response, observed(-100, ["detractors"]))
        else:
            yield unit(practice, response, observed(0, ["passives"]))


def trust(practice: Practice) -> Iterator[Unit]:
    for response, given in _whole(practice, "trust"):
        weights = [TRUST[given[q]] for q in ("empathy", "communication", "transparency", "honesty") if q in given]
        yield unit(practice, response, observed(sum(weights) if len(weights) == 4 else None))


def shared_decisions(practice: Practice) -> Iterator[Unit]:
    for response, given in _whole(practice, "collaborate"):
        three = [_on_scale(given.get(q), 9) for q in ("understand", "listen", "include")]
        yield unit(practice, response, proportion(None not in three, three == [9, 9, 9]))


def burnout(practice: Practice) -> Iterator[Unit]:
    for response, given in _whole(practice, "staff-pulse"):
        yield unit(practice, response, proportion("worn" in given, given.get("worn") in WORN_OUT))
