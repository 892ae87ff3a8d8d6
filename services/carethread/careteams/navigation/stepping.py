"""`Patient/[id]/$step-down`: somebody decides that a person needs no navigator any more, and says why.

It is a person's decision: a risk that is not high any more asks for one (a Task `step-down-review`), and one that is
still high does not hinder it; whoever steps down is flagged again once a risk comes to be high anew. Who decided and
why is a note of the Task by which the navigator was assigned, and a Provenance of the Flag.
"""

from __future__ import annotations

from uuid import NAMESPACE_URL, uuid5

from carethread.careteams.knowing import refuse_unknown_people
from carethread.careteams.navigation.asking import reference, text
from carethread.careteams.navigation.finding import standing
from carethread.careteams.navigation.stopping import Stopped, is_navigated, stop
from carethread.careteams.navigation.terms import SETTLED
from carethread.careteams.navigation.turn import Turn, begin
from carethread.careteams.teams.people import person
from carethread.core.context import Context, authorize
from carethread.core.errors import Conflict
from carethread.core.ports import Resource, Session
from carethread.core.service import Call, Runtime
from carethread.interactions.operations.parameters import refuse_unknown
from carethread.interactions.requesting import request

PARAMETERS = ("reason", "by")
_LONGEST = 1000
_DECIDERS = ("Practitioner", "PractitionerRole")


def step_down(runtime: Runtime, call: Call, context: Context) -> Resource:
    """Parameters: flag, navigator (where there was one), seated: how many who waited have a navigator now.

    Raises Malformed for the parameters, Invalid for who is not known, Conflict where the person is not navigated.
    """
    authorize("update", "Flag", context)
    refuse_unknown(call, "$step-down", PARAMETERS)
    reason = text(call, "reason", _LONGEST, needed=True)
    by = reference(call, "by", _DECIDERS, runtime.base_url, needed=True)
    refuse_unknown_people(runtime, [(by, "by")], context)

    def work(session: Session) -> Resource:
        turn = begin(runtime, session, context)
        patient = person(session, f"Patient/{call.id}", turn.base_url)
        if not is_navigated(turn, patient):
            raise Conflict(f"{patient} has no active Flag of ours for a high risk.", expression="Patient")
        for id_, said in standing(session, patient, turn.now, turn.base_url).items():
            session.claim(SETTLED, f"RiskAssessment/{id_}|{said}", patient)
        stopped = stop(turn, patient, reason, by)
        if stopped.flag:
            request(session, _provenance(turn, stopped.flag, reason, by), context, new=True)
        return _told(stopped)

    return runtime.store.transact(work)


def _told(stopped: Stopped) -> Resource:
    parts: list[Resource] = [
        {"name": name, "valueReference": {"reference": value}}
        for name, value in (("flag", stopped.flag), ("navigator", stopped.navigator))
        if value
    ]
    return {
        "resourceType": "Parameters",
        "parameter": [*parts, {"name": "seated", "valueUnsignedInt": stopped.seated}],
    }


def _provenance(turn: Turn, flag: str, reason: str, by: str) -> Resource:
    agents = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
    stored = turn.session.current([("Flag", flag.removeprefix("Flag/"))])["Flag", flag.removeprefix("Flag/")]
    version = f"{flag}/_history/{stored.version}"
    return {
        "resourceType": "Provenance",
        "id": str(uuid5(NAMESPACE_URL, f"https://carethread.dev/fhir/step-down/{version}")),
        "target": [{"reference": version}],
        "recorded": turn.said,
        "reason": [{"text": reason}],
        "agent": [{"type": {"coding": [{"system": agents, "code": "performer"}]}, "who": {"reference": by}}],
    }
