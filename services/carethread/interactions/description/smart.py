"""SMART App Launch's configuration: http://hl7.org/fhir/smart-app-launch/conformance.html.

No authorization server is configured, so the document claims nothing: lists are empty and there is no endpoint. A
client that looks for one finds that there is none, and asks without a token.
"""

from __future__ import annotations

from carethread.core.fhir import json
from carethread.core.ports import Response

_NOTHING = ("capabilities", "grant_types_supported", "code_challenge_methods_supported", "scopes_supported")


def smart_configuration() -> Response:
    """The document; `application/json`, whatever is accepted."""
    return Response(200, {"Content-Type": "application/json"}, json.render({name: [] for name in _NOTHING}))
