"""The operations of programmes, as data."""

from __future__ import annotations

from carethread.core.service import Operation
from carethread.questionnaires.programmes.reporting import PARAMETERS, response_rates
from carethread.questionnaires.programmes.trying import PARAMETERS as TRYING
from carethread.questionnaires.programmes.trying import try_programme

_DEFINITION = "https://carethread.dev/fhir/OperationDefinition/Questionnaire-"

OPERATIONS = (
    Operation(
        "response-rates", "Questionnaire", ("type",), _DEFINITION + "response-rates", response_rates,
        parameters=PARAMETERS,
    ),
    Operation(
        "try-programme", "Questionnaire", ("type",), _DEFINITION + "try-programme", try_programme, parameters=TRYING,
    ),
)  # fmt: skip
