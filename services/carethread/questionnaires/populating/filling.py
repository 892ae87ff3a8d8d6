"""A draft of a response, filled in as the form says and as is known. Pure but for what it asks through `query`.

Of each question the first that gives an answer counts: its initialExpression; an Observation; an earlier answer; its
initial values. Expressions are asked in document order, each sees what was filled in before; a group that repeats is
there once for each element of its itemPopulationContext. What does not succeed leaves its question empty, and is told.
What is not enabled is not asked yet, so it is left out.

Source: http://hl7.org/fhir/uv/sdc/populate.html.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from carethread.core.errors import FhirError, Invalid, Issue, TooCostly
from carethread.core.fhir.elements import extension
from carethread.core.fhir.fhirpath import Element
from carethread.core.fhir.fhirpath.element import Items, resource_element
from carethread.core.ports import Resource
from carethread.questionnaires.answering.judging import disabled
from carethread.questionnaires.answering.plans import Plan, plans_of
from carethread.questionnaires.expressions.answers import answers_of
from carethread.questionnaires.expressions.surroundings import Ask, Spot, Surroundings
from carethread.questionnaires.forms.expressions import FHIRPATH, QUERY, SDC
from carethread.questionnaires.forms.form import Form, Item
from carethread.questionnaires.forms.values import typed_value
from carethread.questionnaires.populating.fitting import Unfit, answer_of, choosable, coded, refuse_unfit
from carethread.questionnaires.populating.known import Knowledge, Known
from carethread.questionnaires.populating.marks import EXPRESSION, INITIAL, OBSERVATION, RESPONSE, marked

INITIAL_EXPRESSION, CONTEXT = SDC + "initialExpression", SDC + "itemPopulationContext"
SOURCES = SDC + "sourceQueries"

MOST_TIMES = 200
"""How often a group may be there, and how many answers a question may have."""

GIVEN = "sourceQueries"
"""By which name the answers to the source queries are given."""

MOST_ITEMS = 5_000
MOST_SOURCES = 20


@dataclass(frozen=True, slots=True)
class Sources:
    """From what a form is filled in: resources by the names of its launch context, what answers queries, what
    Observations and earlier responses say, and what is given in place of variables and of source queries."""

    launch: Mapping[str, Any] = field(default_factory=dict)
    query: Ask | None = None
    observed: Knowledge = field(default_factory=dict)
    earlier: Knowledge = field(default_factory=dict)
    variables: Mapping[str, Items] = field(default_factory=dict)


def fill(form: Form, head: Resource, sources: Sources, clock: Callable[[], datetime]) -> tuple[Resource, list[Issue]]:
    """The draft that `head` begins, without items, with what could be filled in; and what could not be, and why.

    Raises Invalid for variables of a form that cannot be told apart, and TooCostly for a response that gets too large.
    """
    filling = _Filling(form, dict(head), sources, clock)
    filling.run()
    return _enabled(form, filling.response), filling.issues


class _Filling:
    """One response while it is made."""

    def __init__(self, form: Form, response: Resource, sources: Sources, clock: Callable[[], datetime]) -> None:
        self.response, self.issues = response, list[Issue]()
        self._form, self._sources, self._plans = form, sources, plans_of(form).items
        self._launch = dict(sources.launch)
        self._around = Surroundings(form, response, self._launch, sources.query, clock=clock)
        self._made = 0

    def run(self) -> None:
        root = Spot(None, self.response, named=self._sources.variables)
        answered = self._sources.variables.get(GIVEN, ())
        for number, reference in enumerate(_source_queries(self._form)):
            if number < len(answered):
                self._launch[reference[1:]] = [answered[number]]
            else:
                self._ask_sources(reference, root)
        named = self._contexts(self._form.raw, root, "The form", "Questionnaire", several=False)
        self._launch.update(named[0] if named else {})
        self._below(self._form.roots, root, self.response)

    def _ask_sources(self, reference: str, root: Spot) -> None:
        """Ask the queries of a contained batch, and have expressions see the answer by the batch's id."""
        inside = self._form.raw.get("contained", ())
        batch = next((each for each in inside if f"#{each.get('id')}" == reference), None)
        entries = batch.get("entry", ()) if batch and batch["resourceType"] == "Bundle" else ()
        answers: list[Resource] = []
        for number, entry in enumerate(entries):
            where = f"Questionnaire.contained.where(id = '{reference[1:]}').entry[{number}]"
            request = entry.get("request", {})
            if number >= MOST_SOURCES or request.get("method") != "GET":
                told = f"A source query is a GET, and there are {MOST_SOURCES} at most; it is not asked."
                self.issues.append(Issue("not-supported", told, where, "warning"))
                answers.append({})
                continue
            try:
                found = self._around.items(request.get("url", ""), root, QUERY)
            except FhirError as error:
                one = error.issues[0]
                self.issues.append(Issue(one.code, f"A source query fails: {one.diagnostics}", where))
                found = []
            answers.append({"resource": found[0].value} if found else {})
        made = {"resourceType": "Bundle", "type": "batch-response", "entry": answers}
        self._launch[reference[1:]] = [resource_element(made)]

    def _below(self, items: Sequence[Item], spot: Spot, holder: Resource) -> None:
        """Fill in what stands in the response, a group or an answer; as deep as the form at most."""
        made: list[Resource] = holder.setdefault("item", [])
        for item in items:
            if item.type == "group":
                for named in self._times(item, spot):
                    given = self._new(item)
                    made.append(given)
                    self._below(item.children, spot.inside(item, given, named), given)
                    if "item" not in given:
                        made.pop()
            elif item.type not in ("display", "question"):
                given = self._new(item)
                if answers := self._answers(item, spot.inside(item, given)):
                    given["answer"] = answers
                    made.append(given)
                    for answer in answers if item.children else ():
                        self._below(item.children, spot.inside(item, given), answer)
        if not made:
            del holder["item"]

    def _new(self, item: Item) -> Resource:
        self._made += 1
        if self._made > MOST_ITEMS:
            raise TooCostly(f"A form is filled in with {MOST_ITEMS} items at most.", expression=item.path)
        return {"linkId": item.link_id, "text": item.text} if item.text else {"linkId": item.link_id}

    def _times(self, item: Item, spot: Spot) -> Sequence[Mapping[str, Items]]:
        """How often a group is there: with which further names each time."""
        return self._contexts(item.raw, spot.inside(item), f"'{item.link_id}'", item.path, several=item.repeats)

    def _contexts(
        self, raw: Resource, spot: Spot, what: str, path: str, *, several: bool
    ) -> Sequence[Mapping[str, Items]]:
        said = extension(raw, CONTEXT).get("valueExpression")
        if said is None:
            return [{}]
        try:
            found = self._around.items(said.get("expression", ""), spot, said.get("language", ""))
            if said.get("language") == QUERY:
                found = [each for bundle in found for each in _resources(bundle.value)]
            if len(found) > (MOST_TIMES if several else 1):
                raise Invalid(f"It gives {len(found)}, and is there {MOST_TIMES if several else 1} times at most.")
        except FhirError as error:
            self._failed(f"{what} is not filled in", path, error)
            return [] if spot.item else [{}]
        name = said.get("name", "")
        if not several and not found:
            return [{name: []}]
        return [{name: [each]} for each in found]

    def _answers(self, item: Item, spot: Spot) -> list[Resource]:
        return (
            self._by_expression(item, spot)
            or self._by_known(item, self._sources.observed.get(item), OBSERVATION)
            or self._by_known(item, self._sources.earlier.get(item), RESPONSE)
            or [marked(each, INITIAL) for each in _initial(item)]
        )

    def _by_expression(self, item: Item, spot: Spot) -> list[Resource]:
        said = extension(item.raw, INITIAL_EXPRESSION).get("valueExpression")
        if said is None:
            return []
        plan, language = self._plans[item.link_id], said.get("language", "")
        try:
            if language not in (FHIRPATH, QUERY):
                raise Invalid(f"Expressions are in {FHIRPATH}, or {QUERY}.", code="not-supported")
            found = self._around.items(said.get("expression", ""), spot, language)
            answers = answers_of(item, _chosen(plan, found, self._form))
            self._refuse(plan, answers)
        except FhirError as error:
            self._failed(f"'{item.link_id}' is not filled in by its expression", item.path, error)
            return []
        except Unfit as unfit:
            self._unfit(item, unfit)
            return []
        return [marked(each, EXPRESSION) for each in answers]

    def _refuse(self, plan: Plan, answers: Sequence[Resource]) -> None:
        most = MOST_TIMES if plan.most is None else plan.most
        if len(answers) > most:
            raise Unfit(f"{len(answers)} answers are known, and it takes {most} at most")
        for answer in answers:
            refuse_unfit(plan, answer, self.response)

    def _by_known(self, item: Item, known: Known | None, by: str) -> list[Resource]:
        if known is None:
            return []
        plan = self._plans[item.link_id]
        try:
            answers = [answer_of(plan, kind, value, self.response) for kind, value in known.values]
            self._refuse(plan, answers)
        except Unfit as unfit:
            self._unfit(item, unfit, known.source)
            return []
        return [marked(each, by, known.source) for each in answers]

    def _failed(self, what: str, path: str, error: FhirError) -> None:
        one = error.issues[0]
        self.issues.append(Issue(one.code, f"{what}: {one.diagnostics}", path))

    def _unfit(self, item: Item, unfit: Unfit, source: str = "") -> None:
        of = f" ({source})" if source else ""
        told = f"'{item.link_id}' is not filled in{of}: {unfit}."
        self.issues.append(Issue("value", told, item.path, "warning"))


def _source_queries(form: Form) -> list[str]:
    """The references to contained batches, in order."""
    said = [each for each in form.raw.get("extension", ()) if each.get("url") == SOURCES]
    found = [each.get("valueReference", {}).get("reference", "") for each in said]
    return [each for each in dict.fromkeys(found) if each.startswith("#")]


def _resources(bundle: Resource) -> Items:
    if bundle.get("resourceType") != "Bundle":
        return [resource_element(bundle)]
    return [resource_element(entry["resource"]) for entry in bundle.get("entry", ())]


def _chosen(plan: Plan, found: Items, form: Form) -> Items:
    """Of codes that mean the same, those that a choice takes: a CodeableConcept is as many as it has codings, and a
    bare code is the one that can be chosen."""
    if plan.item.type not in ("choice", "open-choice"):
        return found
    codings: Items = []
    for each in found:
        value = each.value if isinstance(each, Element) else None
        if isinstance(value, dict) and "coding" in value and "code" not in value:
            codings += [Element(one, "Coding") for one in choosable(plan, value["coding"])[:1]]
        elif isinstance(text := each.value if isinstance(each, Element) else each, str):
            coding = coded(plan, text, form)
            codings.append(Element(coding, "Coding") if coding else each)
        else:
            codings.append(each)
    if len(codings) > 1 and not plan.item.repeats and all(_is_coding(each) for each in codings):
        return [Element(one, "Coding") for one in choosable(plan, [each.value for each in codings])[:1]] or codings
    return codings


def _is_coding(each: Any) -> bool:
    return isinstance(each, Element) and isinstance(each.value, dict) and "code" in each.value


def _initial(item: Item) -> list[Resource]:
    """The values that a form begins with."""
    said = [typed_value(each) for each in item.raw.get("initial", ())]
    said += [(option.kind, option.value) for option in item.options if option.raw.get("initialSelected")]
    return [{f"value{kind[0].upper()}{kind[1:]}": value} for kind, value in said if kind]


def _enabled(form: Form, response: Resource) -> Resource:
    """The response without what is not enabled."""
    if not plans_of(form).conditional:
        return response
    off = disabled(form, response)
    return _without(response, "QuestionnaireResponse", off) if off else response


def _without(holder: Resource, path: str, off: Collection[tuple[str, str]]) -> Resource:
    """What holds items, without those that are off, and without groups that are empty then."""
    made = {name: value for name, value in holder.items() if name != "item"}
    items = []
    for number, each in enumerate(holder.get("item", ())):
        if (path, each["linkId"]) not in off:
            inner = f"{path}.item[{number}]"
            if "answer" in each:
                answers = [_without(one, f"{inner}.answer[{n}]", off) for n, one in enumerate(each["answer"])]
                items.append({**each, "answer": answers})
            elif "item" in (left := _without(each, inner, off)):
                items.append(left)
    return {**made, "item": items} if items else made
