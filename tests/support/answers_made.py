"""Forms and what answers them, rightly and wrongly, made by chance that is the same each time."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from carethread.core.ports import Resource
from support.answers import CORE, SYSTEM, code, ext, unit

CODES = "abc"
VALUES: dict[str, tuple[str, tuple[Any, ...]]] = {
    "boolean": ("valueBoolean", (True, False)),
    "integer": ("valueInteger", (1, 2, 3)),
    "decimal": ("valueDecimal", (1.5, 2.5, 3.25)),
    "date": ("valueDate", ("2026-01-01", "2026-01-02", "2026-03-01")),
    "dateTime": ("valueDateTime", ("2026-01-01T09:00:00Z", "2026-01-02T09:00:00Z", "2026-03-01T09:00:00Z")),
    "time": ("valueTime", ("08:00:00", "12:00:00", "20:00:00")),
    "string": ("valueString", ("one", "two", "three")),
    "text": ("valueString", ("one", "two", "three")),
    "url": ("valueUri", ("urn:example:one", "urn:example:two")),
    "choice": ("valueCoding", tuple(code(each) for each in CODES)),
    "open-choice": ("valueCoding", tuple(code(each) for each in CODES)),
    "quantity": ("valueQuantity", (unit(1, "kg"), unit(2, "kg"), unit(3, "kg"))),
    "reference": ("valueReference", ({"reference": "Patient/a"}, {"reference": "Patient/b"})),
}
"""By type of item the member of an answer, and values for it, in order."""

LIMITS: dict[str, tuple[Resource, ...]] = {
    "string": ({"maxLength": 3}, ext(CORE + "minLength", valueInteger=4), ext(CORE + "regex", valueString="[a-z]{3}")),
    "integer": (ext(CORE + "minValue", valueInteger=2), ext(CORE + "maxValue", valueInteger=2)),
    "decimal": (ext(CORE + "maxDecimalPlaces", valueInteger=1), ext(CORE + "maxValue", valueDecimal=2.5)),
    "date": (ext(CORE + "minValue", valueDate="2026-01-02"), ext(CORE + "maxValue", valueDate="2026-01-02")),
}
_TRIES = 20
"""How often a place for a mutation is looked for; not every form has one."""

_COMPARED = ("=", "!=", ">", "<", ">=", "<=")
_UNASKED = ("text", "url", "open-choice", "reference")
"""What no condition is about: text is as string is, and on a Reference the oracle breaks."""

_ORDERED = ("integer", "decimal", "date", "dateTime", "time", "quantity")


def made(seed: int) -> tuple[Resource, Resource, str]:
    """A Questionnaire, a response to it, and which mutation has been done to that; empty: none."""
    rng = Random(seed)
    questionnaire = _questionnaire(rng, seed)
    given = _response(rng, questionnaire)
    if rng.random() < 0.3:
        return questionnaire, given, ""
    name = rng.choice(list(MUTATIONS))
    mutated = copy.deepcopy(given)
    done = any(MUTATIONS[name](rng, mutated) for _ in range(_TRIES))
    return questionnaire, mutated, name if done else ""


def _questionnaire(rng: Random, seed: int) -> Resource:
    links = (f"i{n}" for n in range(100))
    known: list[Resource] = []
    items = [_item(rng, links, known, 1) for _ in range(rng.randint(1, 4))]
    return {
        "resourceType": "Questionnaire",
        "id": f"made-{seed}",
        "url": f"urn:example:made:{seed}",
        "version": "1",
        "status": "active",
        "item": items,
    }


def _item(rng: Random, links: Iterator[str], known: list[Resource], level: int) -> Resource:
    kind = rng.choice(["group", "group", "display", *VALUES]) if level < 3 else rng.choice(list(VALUES))
    item: Resource = {"linkId": next(links), "text": f"Number {rng.randint(0, 9)}", "type": kind}
    conditions = (
        [_condition(rng, rng.choice(known)) for _ in range(rng.choice([1, 1, 2]))]
        if known and rng.random() < 0.4
        else []
    )
    if conditions:
        item["enableWhen"] = conditions
    if len(conditions) > 1:
        item["enableBehavior"] = rng.choice(["all", "any"])
    if kind == "display":
        return item
    if rng.random() < 0.4:
        item["required"] = True
    if rng.random() < 0.4:
        item["repeats"] = True
    if kind in ("choice", "open-choice"):
        item["answerOption"] = [{"valueCoding": code(each)} for each in CODES[:2]]
    if kind in LIMITS and rng.random() < 0.4:
        limit = rng.choice(LIMITS[kind])
        item |= {"extension": [limit]} if "url" in limit else limit
    if kind == "group" or (level < 3 and rng.random() < 0.2):
        if kind != "group" and kind not in _UNASKED:
            known.append(item)
        item["item"] = [_item(rng, links, known, level + 1) for _ in range(rng.randint(1, 2))]
    elif kind not in _UNASKED:
        known.append(item)
    return item


def _condition(rng: Random, question: Resource) -> Resource:
    kind = question["type"]
    name, values = VALUES[kind]
    if rng.random() < 0.2:
        return {"question": question["linkId"], "operator": "exists", "answerBoolean": rng.random() < 0.7}
    operator = rng.choice(_COMPARED if kind in _ORDERED else _COMPARED[:2])
    return {
        "question": question["linkId"],
        "operator": operator,
        "answer" + name.removeprefix("value"): rng.choice(values),
    }


def _response(rng: Random, questionnaire: Resource) -> Resource:
    return {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": f"{questionnaire['url']}|1",
        "status": "completed",
        "subject": {"reference": "Patient/p"},
        "authored": "2026-01-05",
        "item": _answers(rng, questionnaire["item"]) or [{"linkId": questionnaire["item"][0]["linkId"]}],
    }


def _answers(rng: Random, items: list[Resource]) -> list[Resource]:
    found: list[Resource] = []
    for item in items:
        if rng.random() > 0.85 or item["type"] == "display":
            continue
        times = rng.choice([1, 2]) if item.get("repeats") else 1
        if item["type"] == "group":
            for _ in range(times):
                inner = _answers(rng, item["item"])
                found += [{"linkId": item["linkId"], "text": item["text"], "item": inner}] if inner else []
            continue
        answers = []
        for _ in range(times):
            name, values = VALUES[item["type"]]
            number = 2 if "answerOption" in item else len(values)
            inner = _answers(rng, item.get("item", []))
            answers.append({name: values[rng.randrange(number)], **({"item": inner} if inner else {})})
        found.append({"linkId": item["linkId"], "text": item["text"], "answer": answers})
    return found


def _every(holder: Resource) -> list[tuple[list[Resource], int]]:
    """Each item of a response, by the list that it stands in and its place there."""
    found = []
    for number, item in enumerate(holder.get("item", ())):
        found.append((holder["item"], number))
        found += _every(item)
        for answer in item.get("answer", ()):
            found += _every(answer)
    return found


def _on_item(change: Callable[[Random, list[Resource], int], bool]) -> Callable[[Random, Resource], bool]:
    def mutate(rng: Random, response: Resource) -> bool:
        return change(rng, *rng.choice(_every(response)))

    return mutate


def _on_answer(change: Callable[[Random, list[Resource], int], bool]) -> Callable[[Random, Resource], bool]:
    def mutate(rng: Random, response: Resource) -> bool:
        answers = [
            (items[n]["answer"], k) for items, n in _every(response) for k in range(len(items[n].get("answer", ())))
        ]
        return bool(answers) and change(rng, *rng.choice(answers))

    return mutate


def _drop(rng: Random, items: list[Resource], number: int) -> bool:
    if len(items) < 2:
        return False
    del items[number]
    return True


def _twice(rng: Random, items: list[Resource], number: int) -> bool:
    items.insert(number, copy.deepcopy(items[number]))
    return True


def _swap(rng: Random, items: list[Resource], number: int) -> bool:
    if number == 0 or items[number]["linkId"] == items[number - 1]["linkId"]:
        return False
    items[number - 1], items[number] = items[number], items[number - 1]
    return True


def _unknown(rng: Random, items: list[Resource], number: int) -> bool:
    items[number]["linkId"] = "unknown"
    return True


def _text(rng: Random, items: list[Resource], number: int) -> bool:
    items[number]["text"] = "Something else"
    return True


def _wrap(rng: Random, items: list[Resource], number: int) -> bool:
    if number == 0 or "item" not in items[number - 1]:
        return False
    items[number - 1]["item"].append(items.pop(number))
    return True


def _lift(rng: Random, items: list[Resource], number: int) -> bool:
    if not items[number].get("item"):
        return False
    items.insert(number + 1, items[number]["item"].pop())
    if not items[number]["item"]:
        del items[number]["item"]
    return True


def _other_type(rng: Random, answers: list[Resource], number: int) -> bool:
    inner = {"item": answers[number]["item"]} if "item" in answers[number] else {}
    name, values = VALUES[rng.choice(list(VALUES))]
    answers[number] = {name: values[0], **inner}
    return True


def _other_value(rng: Random, answers: list[Resource], number: int) -> bool:
    name = next(each for each in answers[number] if each.startswith("value"))
    values = next(values for member, values in VALUES.values() if member == name)
    answers[number][name] = rng.choice(values)
    return True


def _other_code(rng: Random, answers: list[Resource], number: int) -> bool:
    if "valueCoding" not in answers[number]:
        return False
    answers[number]["valueCoding"] = rng.choice(
        [code("z"), {"code": "a"}, {"system": SYSTEM}, code("a", "urn:example:x")]
    )
    return True


def _more(rng: Random, answers: list[Resource], number: int) -> bool:
    answers.append(copy.deepcopy(answers[number]))
    return True


def _nothing(rng: Random, items: list[Resource], number: int) -> bool:
    if "answer" not in items[number]:
        return False
    del items[number]["answer"]
    return True


def _draft(rng: Random, response: Resource) -> bool:
    response["status"] = rng.choice(["in-progress", "stopped", "amended", "entered-in-error"])
    return True


MUTATIONS: dict[str, Callable[[Random, Resource], bool]] = {
    "an item less": _on_item(_drop),
    "an item twice": _on_item(_twice),
    "another order": _on_item(_swap),
    "an unknown item": _on_item(_unknown),
    "another text": _on_item(_text),
    "an item within another": _on_item(_wrap),
    "an item outside": _on_item(_lift),
    "an item without answer": _on_item(_nothing),
    "another type": _on_answer(_other_type),
    "another value": _on_answer(_other_value),
    "another code": _on_answer(_other_code),
    "one answer more": _on_answer(_more),
    "another status": _draft,
}
