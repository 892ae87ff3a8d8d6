"""The AuditEvent of who gave others the way to something: valid, and as it was told."""

from datetime import UTC, datetime

import pytest

from carethread.core.context import Context, Principal
from carethread.core.fhir.validation import validate
from carethread.interactions.auditing import CREATED, REVOKED, audit


@pytest.mark.parametrize("action", [CREATED, REVOKED])
def test_what_was_done_by_whom_and_about_what(action: str) -> None:
    context = Context(Principal("front desk"), clock=lambda: datetime(2031, 3, 3, 8, tzinfo=UTC))
    made = audit("scheduling", action, "A link was made.", "Practitioner/d1", context)
    assert [each for each in validate(made) if each.severity == "error"] == []
    assert (made["action"], made["recorded"]) == (action, "2031-03-03T08:00:00.000Z")
    assert made["agent"][0]["who"] == {"display": "front desk"}
    assert made["source"]["observer"] == {"display": "scheduling"}
    assert made["entity"] == [{"what": {"reference": "Practitioner/d1"}}]
