"""What is counted of the measures of care, as a whole and by each stratum: the units of their second computations."""

from __future__ import annotations

from datetime import date
from itertools import chain
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.measures import (
    care_made,
    care_team_accountability,
    hand_off_closure,
    needs_made,
    notification_delivery,
    plan_adherence,
    risk_to_first_contact,
    social_need_help,
    social_need_screening,
    treatment_adherence,
)
from support.measures.comparing import counts_agree
from support.measures.plain import Practice
from support.measures.surrounding import surroundings

FIRST, LAST = date(2029, 11, 1), date(2030, 4, 30)


def several(made: Any, prefix: str, most: int) -> st.SearchStrategy[list[Any]]:
    return st.tuples(*(made(f"{prefix}{number}") for number in range(most))).map(list)


practices = st.tuples(
    surroundings(),
    several(care_made.hand_offs, "h", 5),
    several(care_made.plans, "p", 2),
    several(care_made.teams, "t", 2),
    several(care_made.flags, "f", 4),
    several(care_made.contacts, "c", 4),
    several(care_made.messages, "m", 5),
    several(care_made.outcomes, "o", 5),
    several(needs_made.visits, "v", 3),
    several(lambda id_: needs_made.dispenses(id_, FIRST), "d", 6),
    several(needs_made.screenings, "s", 2).map(lambda found: list(chain.from_iterable(found))),
    several(needs_made.needs, "n", 3).map(lambda found: list(chain.from_iterable(found))),
).map(lambda found: list(chain.from_iterable(found)))

MEASURES: dict[str, Any] = {
    "care-team-accountability": care_team_accountability.units,
    "hand-off-closure": hand_off_closure.units,
    "notification-delivery": notification_delivery.units,
    "plan-adherence": plan_adherence.units,
    "risk-to-first-contact": risk_to_first_contact.units,
    "social-need-help": social_need_help.units,
    "social-need-screening": social_need_screening.units,
    "treatment-adherence": lambda practice: treatment_adherence.units(practice, FIRST, LAST),
}


@settings(max_examples=4, deadline=None)
@given(practices)
@pytest.mark.parametrize("name", MEASURES)
def test_counts_are_those_of_the_units(name, resources):
    counts_agree(name, resources, FIRST, LAST, MEASURES[name](Practice(resources)))
