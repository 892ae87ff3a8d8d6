"""A template applied: which of its actions apply to a person, what each comes to, and when.

Source: http://hl7.org/fhir/R4/plandefinition.html#applying. Nothing is stored here. An action that leads to another
template is a group of that one's actions; a circle of templates, or of actions related to each other, is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from carethread.careteams.plans.making import Activity, Setting, request_of
from carethread.careteams.plans.spans import Span, related_span, timed_span
from carethread.core.clock import instant
from carethread.core.errors import Invalid, TooCostly
from carethread.core.ports import Resource

MOST = 300
"""Actions of a template, those of the templates in it too."""

_DEEPEST = 8

Find = Callable[[str], Resource | None]
"""The ActivityDefinition or PlanDefinition that a canonical names; None where it is not here."""

_NO_DEFINITION = ("Questionnaire", "Measure", "OperationDefinition", "Library")
"""Types that an action may lead to without there being anything to apply: named by the URL, and done by a person."""


@dataclass(slots=True)
class Applied:
    """An action that applies. `request` is what it comes to; None for a group, which has `actions`.

    `prefix` comes before the ids of a template within the template. `nested`: the actions are of such a one, whose
    times have been settled among themselves.
    """

    activity: Activity
    goals: Sequence[str] = ()
    request: Resource | None = None
    actions: list[Applied] = field(default_factory=list)
    nested: bool = False
    prefix: str = ""

    @property
    def id(self) -> str:
        """The id that the action has in the plan; empty where it has none."""
        own = self.activity.action.get("id")
        return f"{self.prefix}{own}" if own else ""

    def leaves(self) -> Iterator[Applied]:
        """Itself, or the actions of the group that come to something."""
        if self.request is not None:
            yield self
        for action in self.actions:
            yield from action.leaves()


@dataclass(slots=True)
class Plan:
    """What a template comes to: the goals by the key that actions name them by, and the actions in order."""

    definition: Resource
    canonical: str
    goals: dict[str, Resource] = field(default_factory=dict)
    actions: list[Applied] = field(default_factory=list)

    def leaves(self) -> Iterator[Applied]:
        for action in self.actions:
            yield from action.leaves()


def canonical_of(definition: Resource, base_url: str = "") -> str:
    """`url|version`, or where it is on this server."""
    url = definition.get("url") or (f"{base_url}/{definition['resourceType']}/{definition.get('id', '')}")
    return url + (f"|{definition['version']}" if "version" in definition else "")


def apply_template(definition: Resource, canonical: str, setting: Setting, find: Find) -> Plan:
    """What the template comes to. Raises Invalid and TooCostly with the place in it of what is wrong."""
    plan = Plan(definition, canonical)
    walk = _Walk(plan, setting, find)
    plan.actions = walk.template(definition, (canonical.partition("|")[0],), "PlanDefinition")
    for applied in plan.leaves():
        applied.request = request_of(applied.activity, setting)
    return plan


@dataclass(slots=True)
class _Walk:
    plan: Plan
    setting: Setting
    find: Find
    seen: int = 0

    def template(self, definition: Resource, path: tuple[str, ...], place: str) -> list[Applied]:
        """The actions of a template that apply; `path` are the templates that led here."""
        prefix = f"{len(path)}-{self.seen}-" if len(path) > 1 else ""
        for number, goal in enumerate(definition.get("goal", ())):
            self.plan.goals[prefix + goal.get("id", f"#{number}")] = goal
        _refuse_unknown_ids(definition.get("action", ()), place)
        found = self.actions(definition.get("action", ()), path, f"{place}.action", prefix, 0)
        _Times(self.setting, found).settle()
        return found

    def actions(
        self, actions: Sequence[Resource], path: tuple[str, ...], place: str, prefix: str, depth: int
    ) -> list[Applied]:
        if depth + len(path) > _DEEPEST:
            raise TooCostly(f"Actions and templates are {_DEEPEST} deep at most.", expression=place)
        each = (
            self._action(action, path, f"{place}[{number}]", prefix, depth) for number, action in enumerate(actions)
        )
        return [applied for applied in each if applied]

    def _action(self, action: Resource, path: tuple[str, ...], place: str, prefix: str, depth: int) -> Applied | None:
        self.seen += 1
        if self.seen > MOST:
            raise TooCostly(f"A template has {MOST} actions at most.", expression=place)
        if not self._applies(action, place):
            return None
        goals = [prefix + goal for goal in action.get("goalId", ())]
        unknown = next((goal for goal in goals if goal not in self.plan.goals), None)
        if unknown:
            raise Invalid("The template has no goal of this id.", code="not-found", expression=f"{place}.goalId")
        canonical = action.get("definitionCanonical", "")
        definition = self._definition(canonical, place)
        if definition.get("resourceType") == "PlanDefinition":
            url = canonical.partition("|")[0]
            if url in path:
                said = f"The template leads back to itself: {' -> '.join((*path[path.index(url) :], url))}."
                raise Invalid(said, code="business-rule", expression=f"{place}.definitionCanonical")
            inner = self.template(definition, (*path, url), f"{place}.definitionCanonical.resolve()")
            activity = Activity({"title": definition.get("title"), **action}, {}, "", place)
            return Applied(activity, goals, actions=inner, nested=True, prefix=prefix) if inner else None
        activity = self._timed(Activity(action, definition, canonical, place))
        if "action" in action:
            inner = self.actions(action["action"], path, f"{place}.action", prefix, depth + 1)
            return Applied(activity, goals, actions=inner, prefix=prefix) if inner else None
        return Applied(activity, goals, request={}, prefix=prefix)

    def _applies(self, action: Resource, place: str) -> bool:
        for number, condition in enumerate(action.get("condition", ())):
            where = f"{place}.condition[{number}].expression"
            if condition["kind"] != "applicability":
                continue
            if "expression" not in condition:
                raise Invalid("A condition of applicability has an expression.", code="required", expression=where)
            if not self.setting.reckoner.applies(condition["expression"], where):
                return False
        return True

    def _definition(self, canonical: str, place: str) -> Resource:
        """What the canonical leads to; empty where there is nothing to apply."""
        if not canonical or any(f"/{name}/" in canonical for name in _NO_DEFINITION):
            return {}
        found = self.find(canonical)
        if found is None:
            said = "No ActivityDefinition or PlanDefinition that is active or draft has this canonical here."
            raise Invalid(said, code="not-found", expression=f"{place}.definitionCanonical")
        return found

    def _timed(self, activity: Activity) -> Activity:
        """With the time of its own that the action has, else its definition."""
        for source in (activity.action, activity.definition):
            if "timingTiming" in source:
                return replace(activity, timing=_bounded(source["timingTiming"], self.setting.now))
            span = timed_span(source, self.setting.now, self.setting.birth, activity.place)
            if span:
                return replace(activity, span=span)
        return activity


def _refuse_unknown_ids(actions: Sequence[Resource], place: str) -> None:
    """Raise Invalid where an action is related to one that the template has not."""
    ids: set[str] = set()
    related: list[tuple[str, str]] = []
    left = [(action, f"{place}.action[{number}]") for number, action in enumerate(actions)]
    while left:
        action, where = left.pop()
        ids.add(action.get("id", ""))
        for number, each in enumerate(action.get("relatedAction", ())):
            related.append((each["actionId"], f"{where}.relatedAction[{number}].actionId"))
        left += [(inner, f"{where}.action[{number}]") for number, inner in enumerate(action.get("action", ()))]
    for action_id, where in related:
        if action_id not in ids:
            raise Invalid("The template has no action of this id.", code="not-found", expression=where)


def _bounded(timing: Resource, begin: int) -> Resource:
    """A Timing that repeats from the plan's begin on, where it does not say from when; so a length is counted."""
    repeat = timing.get("repeat")
    if repeat is None or "boundsPeriod" in repeat:
        return timing
    kept = {name: value for name, value in repeat.items() if not name.startswith("bounds")}
    end = None
    for member in ("boundsDuration", "boundsRange"):
        if member in repeat:
            source = {member.replace("bounds", "timing"): repeat[member]}
            end = timed_span(source, begin, "", f"Timing.repeat.{member}")
    bounds = {"start": instant(begin), **({"end": instant(end[1])} if end else {})}
    return {**timing, "repeat": {"boundsPeriod": bounds, **kept}}


@dataclass(slots=True)
class _Times:
    """The times that follow from those of other actions of the same template."""

    setting: Setting
    actions: list[Applied]
    by_id: dict[str, Applied] = field(default_factory=dict)
    above: dict[int, Applied] = field(default_factory=dict)
    going: list[int] = field(default_factory=list)
    settled: set[int] = field(default_factory=set)

    def settle(self) -> None:
        self._enter(self.actions, None)
        for applied in self._all(self.actions):
            self._span(applied)

    def _enter(self, actions: Sequence[Applied], above: Applied | None) -> None:
        for applied in actions:
            if "id" in applied.activity.action:
                self.by_id[applied.activity.action["id"]] = applied
            if above:
                self.above[id(applied)] = above
            if not applied.nested:
                self._enter(applied.actions, applied)

    def _all(self, actions: Sequence[Applied]) -> Iterator[Applied]:
        for applied in actions:
            yield applied
            if not applied.nested:
                yield from self._all(applied.actions)

    def _span(self, applied: Applied) -> Span | None:
        """When the action is to happen; None: whenever. Raises Invalid where that depends on itself."""
        if id(applied) in self.settled:
            return applied.activity.span
        if id(applied) in self.going:
            said = "The times of these actions follow from each other in a circle."
            raise Invalid(said, code="business-rule", expression=f"{applied.activity.place}.relatedAction")
        self.going.append(id(applied))
        applied.activity = replace(applied.activity, span=self._found(applied))
        self.going.pop()
        self.settled.add(id(applied))
        return applied.activity.span

    def _found(self, applied: Applied) -> Span | None:
        activity = applied.activity
        if activity.span or activity.timing:
            return activity.span
        for number, related in enumerate(activity.action.get("relatedAction", ())):
            where = f"{activity.place}.relatedAction[{number}]"
            target = self.by_id.get(related["actionId"])
            if target:
                return related_span(self._span(target) or self._begin(), related, where)
        above = self.above.get(id(applied))
        return self._span(above) if above else None

    def _begin(self) -> Span:
        return self.setting.now, self.setting.now
