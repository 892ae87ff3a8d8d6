"""A response has the security labels that its form gives it, whoever has sent it and whatever its status.

What an EHR sends is kept as sent otherwise; a server adds labels by its own policy, and a client that leaves them out
does not take them away (http://hl7.org/fhir/R4/resource.html#security-labels).
"""

from __future__ import annotations

from carethread.core.ports import Resource, Session
from carethread.questionnaires.answering.stored import form_of
from carethread.questionnaires.forms.labels import labelled, labels_of


def response_labelled(session: Session, response: Resource) -> Resource:
    """The response with the labels of its form; the same where there are none, or the form is not here."""
    form = form_of(session, response)
    return labelled(response, labels_of(form, response)) if form else response
