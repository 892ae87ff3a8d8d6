from __future__ import annotations

import pytest

from carethread.core.errors import Malformed
from carethread.core.fhir.search import parse_query
from carethread.interactions.searching.answerable import answerable
from carethread.metrics import SERVICE as METRICS
from carethread.scheduling import SERVICE


def asked(*params: tuple[str, str], strict: bool = False):
    return answerable(SERVICE, parse_query("Appointment", params), strict=strict)


def test_a_chain_into_a_mirror_is_answered():
    assert asked(("patient.name", "x")).used == (("patient.name", "x"),)


@pytest.mark.parametrize("name", ["reason-reference:Condition.code", "_has:Encounter:appointment:status"])
def test_a_chain_that_leads_beyond_is_refused(name):
    with pytest.raises(Malformed, match="scheduling has no copy of"):
        asked((name, "x"))


@pytest.mark.parametrize(
    "pair",
    [
        ("_revinclude", "Encounter:appointment"),
        ("_revinclude:iterate", "Task:focus"),
    ],
)
def test_what_is_not_supported_is_refused_when_strict_and_else_left_out_of_the_self_link(pair):
    with pytest.raises(Malformed, match=r"scheduling has no (Encounter|Task)"):
        asked(pair, strict=True)
    query = asked(pair, ("status", "booked"))
    assert query.used == (("status", "booked"),)
    assert query.ignored == (pair[0],)
    assert query.revincludes == ()


def test_what_is_supported_stays():
    pairs = (
        ("_summary", "true"),
        ("_include:iterate", "Appointment:patient"),
        ("_revinclude", "AppointmentResponse:appointment"),
        ("_revinclude", "*"),
        ("_total", "none"),
    )
    assert asked(*pairs, strict=True).used == pairs


def test_a_chain_into_a_copy_that_lacks_parameters_is_refused():
    query = parse_query("MeasureReport", [("evaluated-resource:Appointment.status", "noshow")])
    with pytest.raises(Malformed, match="metrics has no copy of Appointment"):
        answerable(METRICS, query, strict=False)
