"""A part under a prefix: its linkIds, the conditions on them, the ids of what it contains, and references to that.

Source: http://hl7.org/fhir/uv/sdc/modular.html#modular, linkIdPrefix.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from carethread.core.ports import Resource
from carethread.questionnaires.forms.containing import REFERRING
from carethread.questionnaires.scoring.scores import SCORE


def item(raw: Resource, prefix: str, contained: Set[str]) -> Resource:
    """An item, without those in it."""
    own = {name: value for name, value in raw.items() if name != "item"}
    if not prefix:
        return own
    made: Resource = referring(own, prefix, contained)
    made["linkId"] = prefix + raw["linkId"]
    if "enableWhen" in made:
        made["enableWhen"] = [each | {"question": prefix + each["question"]} for each in made["enableWhen"]]
    return made


def resource(contained: Resource, prefix: str, all_: Set[str]) -> Resource:
    """What a part contains."""
    return referring(contained, prefix, all_) | {"id": prefix + contained["id"]} if prefix else contained


def referring(value: Any, prefix: str, contained: Set[str]) -> Any:
    """A JSON value whose references to these contained ids have the prefix; as deep as JSON may be."""
    if isinstance(value, list):
        return [referring(each, prefix, contained) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: f"#{prefix}{each[1:]}"
        if name in REFERRING and isinstance(each, str) and each[:1] == "#" and each[1:] in contained
        else referring(each, prefix, contained)
        for name, each in value.items()
    }


def score(said: Resource, prefix: str) -> Resource:
    """What a part says of a score of its own: it names items."""
    assert said["url"] == SCORE
    parts = [
        each | {"valueString": prefix + each["valueString"]}
        if each.get("url") in ("total", "item") and "valueString" in each
        else each
        for each in said.get("extension", ())
    ]
    return said | {"extension": parts}
