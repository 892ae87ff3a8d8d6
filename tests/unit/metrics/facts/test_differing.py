"""When what differs is: of plans that do not say when they begin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

import pytest

from carethread.core.facts.manifest import Manifest, Published
from carethread.core.facts.relation import KEY
from carethread.core.ports.analytics import Shelf
from carethread.metrics.facts.differing import Changes, Differing
from carethread.metrics.facts.shipped import shipped

JANUARY, LATER = datetime.fromisoformat("2029-01-10"), datetime.fromisoformat("2030-03-01")

Tables = Mapping[str, Sequence[Mapping[str, Any]]]


class Plans:
    """A shelf with the rows of one CarePlan, before and after."""

    def __init__(self, **states: Tables) -> None:
        self._states = states

    def published(self, state: str) -> dict[str, Published]:
        (plans,) = (subject for subject in shipped() if subject.type == "CarePlan")
        return {each.name: Published(f"{state} {each.name}", each.columns) for each in plans.relations}

    def manifest(self) -> Manifest:
        return Manifest(1, 1, tables=self.published("after"))

    def rows(self, table: Published, ids: Sequence[str]) -> list[tuple[Any, ...]]:
        state, _, name = table.view.partition(" ")
        rows = [{KEY: "plan", **row} for row in self._states[state].get(name, ())]
        return [tuple(row.get(column) for column, _ in table.columns) for row in rows]


def found(before: Tables, after: Tables) -> dict[str, datetime]:
    shelf = Plans(before=before, after=after)
    differing = Differing(cast(Shelf, shelf), shipped())
    changes = Changes()
    changes.ids["CarePlan"].add("plan")
    differing.published(shelf.published("before"), changes)
    return differing.found()


@pytest.mark.parametrize(
    ("plan", "activity", "day"),
    [
        ({"created_at": JANUARY}, {}, JANUARY),
        ({"start_at": JANUARY, "created_at": LATER}, {"plan_start_at": JANUARY}, JANUARY),
        ({"created_at": LATER}, {"scheduled_end_at": JANUARY}, JANUARY),
        ({"created_at": JANUARY}, {"bounds_start_at": LATER}, LATER),
    ],
    ids=["of when the plan was made", "of the plan's start", "by when it is to be done", "of its own start"],
)
def test_an_activity_without_a_start_is_of_when_its_plan_began(
    plan: Mapping[str, Any], activity: Mapping[str, Any], day: datetime
) -> None:
    plans = [{**plan, "last_updated_at": LATER}]
    before, after = ({"status": status, "last_updated_at": LATER, **activity} for status in ("stopped", "in-progress"))
    stood, stands = ({"care_plans": plans, "plan_activities": [each]} for each in (before, after))
    assert found(stood, stands) == {"plan_activities": day}
