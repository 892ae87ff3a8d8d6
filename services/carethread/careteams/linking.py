"""The link to a form in a message, by which whoever has it fills the form in: once the message was sent, or is not to
be sent any more, it is cut out, for then nobody has to read it here.

So no version from then on has it, and what is searched or exported does not. Versions of before are not rewritten.
Source: http://hl7.org/fhir/R4/valueset-request-status.html, http://hl7.org/fhir/R4/valueset-event-status.html.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from carethread.core.fhir.elements import keys_at
from carethread.core.ports import Resource
from carethread.core.service import Ruling, Unit

REQUEST = "CommunicationRequest"
_TO_BE_SENT = frozenset({"draft", "active", "on-hold", "preparation", "in-progress"})

_LINK = re.compile(r"(/console/fill/)[\w.~%-]+")
_CUT = r"\1…"


def link_cut(unit: Unit, before: Resource | None, after: Resource | None, id_: str) -> Ruling:
    """The write rule of CommunicationRequest and Communication: without the link, where it is to be sent no more. A
    Communication that is completed cuts it out of the requests that it is based on too."""
    if after is None or after["status"] in _TO_BE_SENT:
        return Ruling()
    if after["resourceType"] != REQUEST and after["status"] == "completed":
        for kind, sent in keys_at(after, "basedOn", unit.base_url):
            found = unit.find((kind, sent)) if kind == REQUEST else None
            made = _without(found) if found else None
            if made:
                unit.update(made)
    return Ruling(resource=_without(after))


def _without(message: Resource) -> Resource | None:
    """A message without its link; None where it has none."""
    if not any(_LINK.search(str(each.get("contentString", ""))) for each in message.get("payload", ())):
        return None
    return {**message, "payload": [_cut(each) for each in message["payload"]]}


def _cut(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: _LINK.sub(_CUT, value) if name == "contentString" else value for name, value in payload.items()}
