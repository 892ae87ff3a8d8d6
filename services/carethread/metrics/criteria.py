"""What a population's criteria ask for: a search whose values may have FHIRPath in double braces, such as
`Appointment?status=booked&date=lt{{now()}}`.

Source: http://hl7.org/fhir/fhir-xquery.html. There is nothing to look at: an expression speaks of the time only.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from carethread.core.clock import Clock
from carethread.core.errors import Malformed
from carethread.core.fhir.fhirpath import Budget, FhirPathError, compile

LANGUAGE = "application/x-fhir-query"

_EMBEDDED = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_BUDGET = 1_000


def searched(expression: str, clock: Clock) -> tuple[str, list[tuple[str, str]]]:
    """The type that is searched, and the parameters. Raises Malformed for an expression that is not one value."""
    type_name, _, query = expression.partition("?")
    return type_name, [(name, _EMBEDDED.sub(lambda found: _value(found[1], clock), v)) for name, v in parse_qsl(query)]


def _value(text: str, clock: Clock) -> str:
    try:
        found = compile(text).evaluate({}, clock=clock, budget=Budget(_BUDGET))
    except FhirPathError as error:
        raise Malformed(f"what is in braces is FHIRPath: {error.issues[0].diagnostics}") from None
    if len(found) != 1:
        raise Malformed(f"what is in braces is one value, not {len(found)}")
    return str(found[0])
