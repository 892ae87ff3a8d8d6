"""Who does not want to be asked, as a Consent says it."""

from __future__ import annotations

from typing import Any

import pytest

from carethread.core.fhir.search.dates import moment
from carethread.core.ports import Resource
from carethread.questionnaires.programmes.knowing import WISH, denies

NOW = moment("2031-03-03T08:00:00Z")


def consent(kind: str = "deny", **members: Any) -> Resource:
    coding = {"system": WISH[0], "code": WISH[1]}
    period = members.pop("period", None)
    provision = {"type": kind, **({"period": period} if period else {})}
    return {"category": [{"coding": [coding]}], "provision": provision, **members}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (consent(), True),
        (consent("permit"), False),
        ({**consent(), "category": [{"coding": [{"code": WISH[1]}]}]}, False),
        (consent(period={"end": "2031-03-03"}), True),
        (consent(period={"end": "2031-03-02"}), False),
        (consent(period={"start": "2031-03-04"}), False),
        (consent(verification=[{"verified": False}]), False),
        (consent(verification=[{"verified": False}, {"verified": True}]), True),
    ],
)
def test_denied(said: Resource, *, expected: bool) -> None:
    assert denies(said, NOW) is expected
