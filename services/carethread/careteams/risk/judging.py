"""What a rule says of a person at a moment, and until when that stands. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from carethread.careteams.risk.feedback import rated
from carethread.careteams.risk.people import Fact, Person
from carethread.careteams.risk.rules import STEPS, Rule
from carethread.core.clock import from_micros
from carethread.core.errors import FhirError
from carethread.core.fhir.fhirpath import Budget
from carethread.core.fhir.search.dates import LATEST

_PLACES = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Reason:
    """A fact that a rule rests on, and what it weighs."""

    reference: str
    weight: Decimal


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a rule says: whether it is true, since of which facts, and until when nothing can change by itself.

    `feedback` says whether that is among the facts, though it is no reason that is named, and `rated` which clinicians
    it is about: nobody, where that is not known of all of it. `failure` says why the rule could not be asked.
    """

    fires: bool
    reasons: tuple[Reason, ...] = ()
    rated: tuple[str, ...] = ()
    until: int = LATEST
    failure: str = ""
    feedback: bool = False


def judge(rule: Rule, person: Person, base_url: str = "") -> Outcome:
    """Ask one rule. Never raises for what an expression does."""
    known = {each.name: person.known(each) for each in rule.inputs}
    until = min(each.until for each in known.values())
    try:
        holds = rule.expression.holds(
            person.patient,
            environment={"patient": person.patient, **{name: each.resources for name, each in known.items()}},
            clock=lambda: from_micros(person.now),
            budget=Budget(STEPS),
        )
    except FhirError as error:
        return Outcome(False, until=until, failure=error.issues[0].diagnostics)
    if holds is not True:
        return Outcome(False, until=until)
    reasons: dict[str, Decimal] = {}
    for each in rule.inputs:
        facts = known[each.name].facts
        for fact in (fact for fact in facts if each.weight and not fact.feedback):
            reasons[fact.reference] = reasons.get(fact.reference, Decimal(0)) + each.weight / len(facts)
    about = [_rated(fact, person, base_url) for each in known.values() for fact in each.facts if fact.feedback]
    return Outcome(
        True,
        tuple(Reason(name, weight.quantize(_PLACES, ROUND_HALF_EVEN)) for name, weight in sorted(reasons.items())),
        tuple(sorted(set().union(*about))) if all(about) else (),
        until,
        feedback=bool(about),
    )


def _rated(fact: Fact, person: Person, base_url: str) -> set[str]:
    encounters = (each.resource for each in person.facts.get("Encounter", ()))
    return rated(fact.resource, encounters, base_url)
