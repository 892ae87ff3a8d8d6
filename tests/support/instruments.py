"""The forms that CareThread brings along, and short ways to answer them in tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from carethread.core.fhir import json
from carethread.core.ports import Resource
from carethread.core.service import PROFILES
from carethread.questionnaires.forms.form import Form, Item, read
from carethread.questionnaires.scoring.calculating import calculated
from carethread.questionnaires.scoring.scores import results

FOLDER = Path(__file__).parents[2] / "fhir_profiles" / "questionnaires"
NAMES = tuple(sorted(path.stem for path in FOLDER.glob("*.json")))
BASE = "https://carethread.dev/fhir/Questionnaire/"


def shipped(name: str) -> Form:
    """One of them, such as `phq-9`."""
    return read(json.parse_object((FOLDER / f"{name}.json").read_bytes()))


def answering(form: Form, picks: Mapping[str, int | Sequence[int]], **more: Any) -> Resource:
    """A response that chooses of each item, by linkId, the option of that number (or those)."""
    return {
        "resourceType": "QuestionnaireResponse",
        "meta": {"profile": [PROFILES + "questionnaire-response"]},
        "questionnaire": form.canonical,
        "status": "completed",
        "subject": {"reference": "Patient/ann"},
        "authored": "2031-03-03T08:00:00Z",
        "item": _items(form.roots, picks),
        **more,
    }


def _items(items: Sequence[Item], picks: Mapping[str, int | Sequence[int]]) -> list[Resource]:
    made: list[Resource] = []
    for item in items:
        inner = _items(item.children, picks) if item.type == "group" else []
        if inner:
            made.append({"linkId": item.link_id, "item": inner})
        elif item.link_id in picks:
            numbers = picks[item.link_id]
            chosen = [item.options[n] for n in ([numbers] if isinstance(numbers, int) else numbers)]
            made.append({"linkId": item.link_id, "answer": [_answer(each.kind, each.value) for each in chosen]})
    return made


def _answer(kind: str, value: Any) -> Resource:
    coding = {name: value[name] for name in ("system", "code", "display")} if kind == "Coding" else value
    return {f"value{kind[0].upper()}{kind[1:]}": coding}


def scored(form: Form, picks: Mapping[str, int | Sequence[int]]) -> list[tuple[int | None, str]]:
    """The value, a whole number, and the band of each score of such a response, by the whole way."""
    found = results(form, calculated(form, answering(form, picks)))
    return [
        (None, "") if each.value is None else (int(each.value), _band(each.score.band(each.value))) for each in found
    ]


def _band(code: Resource | None) -> str:
    return code["code"] if code else ""
