"""Errors by the names under which something was sent."""

from __future__ import annotations

import pytest

from carethread.core.errors import Conflict, Invalid, Issue
from carethread.interactions.operations.naming import named

NAMES = {"Task.owner": "to", "from": "sender"}


@pytest.mark.parametrize(
    ("said", "where", "told", "there"),
    [
        ("Nobody.", "Task.owner", "Nobody.", "to"),
        ("from is needed.", "from", "sender is needed.", "sender"),
        ("from is given once.", "Parameters.parameter.where(name = 'from')", "sender is given once.", "sender"),
        ("fromage is none.", "from", "fromage is none.", "sender"),
        ("No.", "Task.for", "No.", "Task.for"),
        ("No.", None, "No.", None),
    ],
)
def test_an_issue_names_what_was_sent(said: str, where: str | None, told: str, there: str | None) -> None:
    with pytest.raises(Invalid) as caught, named(NAMES):
        raise Invalid(said, code="value", expression=where)
    assert caught.value.issues == (Issue("value", told, there),)


def test_it_stays_what_it_is() -> None:
    with pytest.raises(Conflict) as caught, named(NAMES):
        raise Conflict("Taken.", expression="Task.owner")
    assert caught.value.issues[0].expression == "to"
