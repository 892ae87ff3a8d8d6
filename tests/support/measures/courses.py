"""Second computation of remission and response of depression, 12 months after a course began."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta

from support.measures.forms import department_of_visit, visit
from support.measures.plain import (
    NOW,
    SNOMED,
    Practice,
    Resource,
    Unit,
    code_in,
    codings,
    id_of,
    proportion,
    standing,
)
from support.measures.strata import years

ICD = ("F20", "F21", "F22", "F23", "F24", "F25", "F28", "F29", "F30", "F31", "F84", "F603", "Z515")
_OF_SNOMED = ("13746004", "58214004", "69322001", "20010003", "35919005")
NOT_SURE = {"unconfirmed", "differential", "refuted", "entered-in-error"}


def remission(practice: Practice) -> Iterator[Unit]:
    return _courses(practice, lambda first, last: last < 5)


def response(practice: Practice) -> Iterator[Unit]:
    return _courses(practice, lambda first, last: last <= first / 2)


def _courses(practice: Practice, is_better: Callable[[float, float], bool]) -> Iterator[Unit]:
    for person, totals in _totals(practice).items():
        years_seen = set()
        for at, _, total, observation in sorted(totals, key=lambda each: each[:2]):
            if total > 9 and at.year not in years_seen:
                years_seen.add(at.year)
                yield _course(practice, person, at, total, observation, totals, is_better)


Totals = list[tuple[datetime, str, float, Resource]]


def _totals(practice: Practice) -> dict[str, Totals]:
    found: defaultdict[str, Totals] = defaultdict(list)
    for each in practice.of("Observation"):
        person = practice.person(each.get("subject"))
        value = each.get("valueInteger", each.get("valueQuantity", {}).get("value"))
        at = standing(
            each.get("effectiveDateTime")
            or each.get("effectiveInstant")
            or each.get("effectivePeriod", {}).get("start")
            or next(iter(each.get("effectiveTiming", {}).get("event", ())), None)
            or each.get("issued")
        )
        is_one = code_in(each["code"], "http://loinc.org") in ("44261-6", "89204-2")
        if is_one and person and at and value is not None and each["status"] in ("final", "amended", "corrected"):
            found[person].append((at, each["id"], value, each))
    return found


def _course(
    practice: Practice,
    person: str,
    at: datetime,
    first: float,
    observation: Resource,
    totals: Totals,
    is_better: Callable[[float, float], bool],
) -> Unit:
    later = _year_later(at)
    days = [(each, id_, total) for each, id_, total, _ in totals if abs((each.date() - later.date()).days) <= 60]
    last = max(days)[2] if days else None
    over = datetime.combine(later.date(), datetime.min.time(), later.tzinfo) + timedelta(days=61)
    born = practice.get("Patient", person).get("birthDate")
    is_child = born is not None and years(date.fromisoformat(born), at.date()) < 12
    is_open = over > NOW
    response = practice.get(
        "QuestionnaireResponse", id_of((observation.get("derivedFrom") or [{}])[0], "QuestionnaireResponse")
    )
    where = practice.department(observation) or practice.department(response)
    where = where or department_of_visit(practice, visit(practice, observation.get("encounter")))
    is_out = _is_out(practice, person, where, over)
    own = []
    if not is_child and is_open:
        own = ["open"]
    elif not is_child and last is None and not is_out:
        own = ["unmeasured"]
    populations = proportion(
        not is_open, last is not None and is_better(first, last), exclusion=is_out, begin=not is_child, own=own
    )
    return Unit(f"Observation/{observation['id']}", person, later, where, (populations,))


def _year_later(at: datetime) -> datetime:
    try:
        return at.replace(year=at.year + 1)
    except ValueError:
        return at.replace(year=at.year + 1, day=28)


def _is_out(practice: Practice, person: str, department: str | None, over: datetime) -> bool:
    died = practice.died(person, department)
    if died is True or (isinstance(died, datetime) and died < over):
        return True
    return any(
        practice.person(each.get("subject")) == person
        and not {code for _, code in codings(each.get("verificationStatus"))} & NOT_SURE
        and any(_bars(*coding) for coding in codings(each["code"]))
        and (standing(_begun(each) or each.get("recordedDate")) or over) < over
        for each in practice.of("Condition")
    )


def _begun(condition: Resource) -> str | None:
    found: str | None = condition.get("onsetDateTime") or condition.get("onsetPeriod", {}).get("start")
    return found


def _bars(system: str, code: str) -> bool:
    if system == SNOMED:
        return code in _OF_SNOMED
    return "/icd-10" in system and code.replace(".", "").startswith(ICD)
