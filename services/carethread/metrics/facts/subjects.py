"""Which facts there are: the views of each type, who owns it, and the tables that they make."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256

import orjson

from carethread.core.facts.relation import Relation, sql_type
from carethread.core.ports import Resource
from carethread.metrics.facts.making import Made, maker
from carethread.metrics.views.library import views
from carethread.metrics.views.view import View

_OWNED = {
    "scheduling": ("Appointment", "AppointmentResponse", "HealthcareService", "Schedule", "Slot"),
    "careteams": (
        "CarePlan", "CareTeam", "Communication", "CommunicationRequest", "Consent", "DetectedIssue", "Flag", "Goal",
        "PlanDefinition", "RiskAssessment", "Task",
    ),
    "questionnaires": ("Questionnaire", "QuestionnaireResponse"),
    "metrics": ("Library", "Measure", "MeasureReport"),
}  # fmt: skip
_OWNERS = {type_name: owner for owner, names in _OWNED.items() for type_name in names}


@dataclass(frozen=True)
class Subject:
    """What facts are made of: a type, its owner, and its ViewDefinitions in the order of their names."""

    type: str
    owner: str
    definitions: tuple[Resource, ...] = field(hash=False)

    @cached_property
    def views(self) -> tuple[View, ...]:
        """Read when they are needed first, for that takes a while. Raises Invalid with every fault."""
        return tuple(views(self.definitions).values())

    @cached_property
    def relations(self) -> tuple[Relation, ...]:
        """The tables of the views."""
        return tuple(map(relation, self.views))

    @cached_property
    def made(self) -> Made:
        """What makes text of a resource."""
        return maker(self.views)

    @cached_property
    def mirror(self) -> str:
        """The name of its mirror, another one when the views are: then all is made anew of what the owner has."""
        text = orjson.dumps(self.definitions, option=orjson.OPT_SORT_KEYS)
        return f"{self.type}:facts:{sha256(text).hexdigest()[:12]}"


def relation(view: View) -> Relation:
    """The table of a view."""
    columns = ((each.name, sql_type(each.type, each.sql_type, collection=each.collection)) for each in view.columns)
    return Relation(view.name, f"{view.url}|{view.version}", tuple(columns))


def subjects(definitions: Sequence[Resource]) -> tuple[Subject, ...]:
    """The subjects of ViewDefinitions, in the order of their types."""
    by_type: dict[str, list[Resource]] = defaultdict(list)
    for definition in sorted(definitions, key=lambda each: str(each["name"])):
        by_type[definition["resource"]].append(definition)
    return tuple(
        Subject(type_name, _OWNERS.get(type_name, "records"), tuple(of_type))
        for type_name, of_type in sorted(by_type.items())
    )
