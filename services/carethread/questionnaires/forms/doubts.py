"""What is allowed in a form and most likely not meant: told when it is judged (`$validate`), each with its place and
what to do. Nothing is refused for it. Pure.

Source: http://hl7.org/fhir/uv/sdc/behavior.html, http://hl7.org/fhir/R4/questionnaire.html,
http://hl7.org/fhir/R4/fhirpath.html#polymorphism.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Any

from carethread.core.errors import Issue
from carethread.core.fhir.elements import extension
from carethread.core.fhir.fhirpath.functions.weights import weight_of
from carethread.core.fhir.validation.report import shown
from carethread.questionnaires.answering.choosing import choice_of, kinds_of
from carethread.questionnaires.extracting.marks import OBSERVATION
from carethread.questionnaires.forms.answerable import ANSWERS
from carethread.questionnaires.forms.expressions import FHIRPATH, QUERY, SDC, expressions_of
from carethread.questionnaires.forms.form import Condition, Form, Item, Option
from carethread.questionnaires.rendering.titles import PEOPLE_TITLE
from carethread.questionnaires.rendering.words import TRANSLATION, base
from carethread.questionnaires.safety.marking import marks_of
from carethread.questionnaires.scoring.anonymous import is_anonymous
from carethread.questionnaires.scoring.calculating import CALCULATED
from carethread.questionnaires.scoring.scores import Score, decimal_of, scores_of

_MOST = 200
_FOUND = tuple(SDC + name for name in ("answerExpression", "candidateExpression", "answerOptionsToggleExpression"))
_GIVEN = tuple(SDC + name for name in ("initialExpression", "calculatedExpression", "observationLinkPeriod"))
_WEIGHING = ("weight(", "ordinal(")
_KINDS = {kind[0].upper() + kind[1:] for kinds in ANSWERS.values() for kind in kinds}
_TYPED = re.compile(rf"(?<!%)\bvalue(?:{'|'.join(sorted(_KINDS))})\b")
"""The name that JSON gives a value of one type; FHIRPath calls it `value`."""

_SAME = {"integer": "decimal", "date": "dateTime"}
"""Types that are compared as another."""

Told = Iterator[tuple[str, str]]
"""What is told, and where."""


def doubts_of(form: Form) -> list[Issue]:
    """The warnings, in order of what they are about."""
    found = [each for check in _OF_FORMS for each in check(form)]
    found += [each for item in form.items.values() for check in _OF_ITEMS for each in check(form, item)]
    return [Issue("informational", told, where, "warning") for told, where in found[:_MOST]]


def _scores(form: Form) -> Told:
    """A score that cannot be what is meant by it."""
    for score in scores_of(form):
        where, name = score.total.path, shown(score.total.link_id)
        said = score.total.extension(CALCULATED).get("valueExpression", {}).get("expression", "")
        if not said:
            yield f"Nobody works out the score in '{name}': give it a calculatedExpression.", where
        if score.minimum > len(score.items):
            yield (
                f"The score in '{name}' needs {score.minimum} answers of {len(score.items)}, so it has no value.",
                where,
            )
        in_order = sorted(score.bands, key=lambda band: band.low)
        if any(band.low > band.high for band in in_order) or any(a.high >= b.low for a, b in pairwise(in_order)):
            yield f"Bands of the score in '{name}' overlap, or end before they begin: the first of them counts.", where
        if any(function in said for function in _WEIGHING):
            yield from _weightless(form, score)


def _weightless(form: Form, score: Score) -> Told:
    for link in score.items:
        item = form.items.get(link)
        missing = [option for option in item.options if _weight(option) is None] if item else []
        if item and item.type in ("choice", "open-choice") and missing:
            told = "An option without a weight (ordinalValue) counts for nothing in the score"
            yield f"{told}: {len(missing)} of '{shown(link)}' have none.", f"{item.path}.answerOption"


def _alike(form: Form) -> Told:
    """What cannot be told apart by who answers."""
    prefixes: dict[str, str] = {}
    texts: dict[tuple[str, str], str] = {}
    for item in form.items.values():
        prefix, group = item.raw.get("prefix", ""), item.parent.link_id if item.parent else ""
        if prefix and prefix in prefixes:
            yield f"'{shown(prefix)}' stands before {prefixes[prefix]} already.", f"{item.path}.prefix"
        prefixes.setdefault(prefix, item.path)
        if item.type == "display" or item.hidden or not item.text:
            continue
        if (group, item.text) in texts:
            yield f"It asks the same as {texts[group, item.text]}, beside it.", f"{item.path}.text"
        texts.setdefault((group, item.text), item.path)


def _typed(form: Form) -> Told:
    """Expressions that ask for a value by a name that nothing has in FHIRPath, so that they find nothing."""
    for raw, path in [(form.raw, "Questionnaire"), *((item.raw, item.path) for item in form.items.values())]:
        for each in expressions_of(raw, path):
            if each.language in (FHIRPATH, QUERY) and (found := _TYPED.search(each.text)):
                yield f"'{found[0]}' finds nothing: in FHIRPath a value of any type is 'value'.", each.path


def _titles(form: Form) -> Told:
    if not form.title:
        yield "Without a title nobody finds it, and its page has no heading.", "Questionnaire"


def _languages(form: Form) -> Told:
    """What a form that speaks several languages says in only some of them."""
    said: Mapping[str, set[str]] = {item.path: _spoken(item.raw, "text") for item in form.items.values() if item.text}
    for language in sorted(set().union(*said.values())):
        if form.title and language not in _spoken(form.raw, "title"):
            yield f"Its title is not translated to {language}, and questions are.", "Questionnaire.title"
        people = extension(form.raw, PEOPLE_TITLE)
        if people and language not in _spoken(people, "valueString"):
            yield f"Its title for people is not translated to {language}, and questions are.", "Questionnaire.extension"
        missing = [path for path, spoken in said.items() if language not in spoken]
        if missing:
            yield f"{len(missing)} texts are not translated to {language}; this is the first.", f"{missing[0]}.text"


def _spoken(element: Mapping[str, Any], name: str) -> set[str]:
    found = element.get(f"_{name}", {}).get("extension", ())
    codes = (extension(each, "lang").get("valueCode", "") for each in found if each.get("url") == TRANSLATION)
    return {base(str(code)) for code in codes} - {""}


def _unasked(form: Form, item: Item) -> Told:
    """An item that nobody can answer, or would know how to."""
    if not item.text and item.type not in ("group", "display") and not item.hidden:
        yield "The question has no text: whoever answers does not see what is asked.", f"{item.path}.text"
    if item.type == "choice" and not (item.options or item.value_set or any(map(item.extension, _FOUND))):
        yield "There is nothing to choose: give answerOption or answerValueSet.", item.path
    given = item.raw.get("initial") or any(option.raw.get("initialSelected") for option in item.options)
    established = given or any(map(item.extension, _GIVEN))
    if item.required and (item.read_only or item.hidden) and item.type != "group" and not established:
        told = "It is required and nobody can write it: the form cannot be completed unless something fills it in."
        yield told, item.path


def _conditions(form: Form, item: Item) -> Told:
    """Conditions that are surprising, or never true."""
    for number, condition in enumerate(item.enable_when):
        source, where = form.items[condition.question], f"{item.path}.enableWhen[{number}]"
        if source.place > item.place:
            told = f"It depends on '{shown(condition.question)}', which is asked further down: it appears above."
            yield told, f"{where}.question"
        if condition.operator != "exists" and not _can_be(form, source, condition):
            yield f"'{shown(condition.question)}' is never answered so.", f"{where}.answer"


def _can_be(form: Form, source: Item, condition: Condition) -> bool:
    if _family(condition.kind) not in map(_family, kinds_of(source)):
        return False
    choice = choice_of(source, form) if source.options and condition.operator == "=" else None
    return choice is None or choice.accepts(condition.kind, condition.answer)


def _family(kind: str) -> str:
    return _SAME.get(kind, kind)


def _critical(form: Form, item: Item) -> Told:
    """Answers that are meant to call somebody, and do not."""
    own = marks_of(item.raw)
    if is_anonymous(form) and (own or any(marks_of(option.raw) for option in item.options)):
        yield "The form is answered without a name: nobody is called for a critical answer.", item.path
    weights = [weight for option in item.options if (weight := _weight(option)) is not None]
    for mark in own:
        least = decimal_of(extension(mark, "from").get("valueDecimal"))
        if weights and least is not None and max(weights) < least:
            yield f"No option weighs {least}, so no answer is critical.", f"{item.path}.extension"


def _extracted(form: Form, item: Item) -> Told:
    if item.extension(OBSERVATION).get("valueBoolean") and not item.codes and item.type not in ("group", "display"):
        yield "It becomes no Observation: it has no code.", f"{item.path}.code"


def _weight(option: Option) -> Decimal | None:
    own = weight_of(option.raw)
    return own if own is not None or option.kind != "Coding" else weight_of(option.value)


_OF_FORMS: tuple[Callable[[Form], Told], ...] = (_titles, _languages, _scores, _alike, _typed)
_OF_ITEMS: tuple[Callable[[Form, Item], Told], ...] = (_unasked, _conditions, _critical, _extracted)
