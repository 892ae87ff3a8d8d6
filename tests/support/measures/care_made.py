"""Generated hand-offs, plans, flags, contacts, messages and teams."""

from __future__ import annotations

from hypothesis import strategies as st

from support.measures.plain import CODES, NOW, OURS
from support.measures.surrounding import (
    PEOPLE,
    Made,
    days,
    department,
    departments,
    having,
    house_first,
    later,
    maybe,
    moments,
    over,
    owners,
    people,
    seen,
    whom,
    written,
)
from support.viewing import coded, told


@st.composite
def hand_offs(draw: st.DrawFn, id_: str) -> Made:
    offered = draw(days(maybe(moments())))
    base = offered or written(NOW)
    status = draw(st.sampled_from((
        "draft", "requested", "received", "accepted", "in-progress", "rejected", "cancelled", "cancelled", "completed",
        "completed", "failed", "failed", "entered-in-error",
    )))  # fmt: skip
    marks = draw(st.sampled_from(([], ["escalated"], ["expired", "overdue"], ["expired"], ["overdue"])))
    answered = {"accepted", "in-progress", "completed", "failed", "cancelled"} - (
        {status} if "expired" in marks else set()
    )
    due, result = draw(days(later(base))), draw(later(base))
    return having(
        resourceType="Task",
        id=id_,
        status=status,
        extension=department(draw(departments)) + ([told("result-by", valueInstant=result)] if result else []),
        code=coded(CODES + draw(st.sampled_from(("hand-off-kind",) * 7 + ("careteam-task",))), "care"),
        **{"for": whom(draw(people))},
        owner=draw(owners),
        authoredOn=offered,
        businessStatus={"coding": [{"system": CODES + "hand-off-status", "code": each} for each in marks]},
        restriction=having(period=having(start=offered, end=due)),
        executionPeriod=having(
            start=draw(days(later(base, least=-1))) if status in answered and draw(st.integers(0, 4)) else None,
            end=draw(days(later(base))) if status not in ("requested", "accepted") else None,
        ),
    )


@st.composite
def plans(draw: st.DrawFn, id_: str) -> Made:
    start = draw(st.sampled_from((
        None, "2030-01-31", "2030-02-04T12:30:00.000Z", "2030-02-04T02:30:00.000Z", "2030-03-01", "2027-02-28",
    )))  # fmt: skip
    return having(
        resourceType="CarePlan",
        id=id_,
        status=draw(st.sampled_from(("active",) * 6 + ("completed", "revoked", "entered-in-error"))),
        intent="plan",
        extension=department(draw(departments)),
        subject=whom(draw(people)),
        period=having(
            start=start,
            end=draw(st.sampled_from((None, None, "2030-03-10", "2030-03", "2030", "2030-03-12T00:00:00.000Z"))),
        ),
        created=draw(st.sampled_from((None, "2030-02-01"))),
        careTeam=draw(st.sampled_from((None, [{"reference": "CareTeam/ours"}]))),
        activity=draw(st.lists(_activities(), min_size=2, max_size=4)),
    )


@st.composite
def _activities(draw: st.DrawFn) -> Made:
    if draw(st.integers(0, 3)) == 0:
        end = draw(
            st.sampled_from((None, "2030-02-28", "2030-02", "2030-03-05", "2030-03-31", "2030-03-05T00:00:00.000Z"))
        )
        when = {"scheduledPeriod": having(start="2030-01-01", end=end)}
    else:
        days = draw(st.sampled_from(([], [], [], ["mon", "thu"], ["mon", "thu"], ["mon"])))
        repeat = having(
            frequency=draw(st.sampled_from((None, 1, 2, 3))),
            period=draw(st.sampled_from((1,) * 8 + (None, None, 2, 0.5, 36, 1000000))),
            periodUnit=draw(st.sampled_from((None, "h", "d", "d", "wk", "wk", "wk", "mo", "mo", "a", "min"))),
            count=draw(st.sampled_from((None, None, None, 5, 13))),
            dayOfWeek=days,
            boundsPeriod=having(
                start=draw(st.sampled_from((None, None, "2030-02-15", "2029-12-31T08:00:00.000Z"))),
                end=draw(st.sampled_from((None, None, "2030-03-14", "2030-03", "2029", "2030-03-14T08:00:00.000Z"))),
            ),
        )
        if repeat.get("periodUnit") == "h":
            repeat["period"] = max(24, repeat.get("period", 24))
        when = {"scheduledTiming": having(repeat=repeat)}
    detail = having(
        status=draw(st.sampled_from((None, *["in-progress"] * 5, "completed", "on-hold", "cancelled"))),
        doNotPerform=draw(st.sampled_from((None, None, None, None, False, False, True))),
        **when,
    )
    return having(detail=detail or {"status": "scheduled"}, progress=draw(st.lists(_notes(), max_size=6)))


@st.composite
def _notes(draw: st.DrawFn) -> Made:
    at = draw(maybe(st.one_of(moments(), st.integers(1, 18).map(lambda day: f"2030-03-{day:02}"))))
    return {
        **having(time=at),
        "text": "As agreed.",
        "extension": [{"url": OURS + "progress-done", "valueBoolean": draw(st.sampled_from((True, True, False)))}],
    }


@st.composite
def flags(draw: st.DrawFn, id_: str) -> Made:
    start = draw(days(maybe(moments())))
    author = draw(departments)
    status = draw(st.sampled_from(("active", "active", "inactive", "entered-in-error")))
    return having(
        resourceType="Flag",
        id=id_,
        extension=department(draw(departments)),
        status=status,
        code=house_first(
            CODES + "flag-kind", draw(st.sampled_from(("high-risk", "high-risk", "high-risk", "workload")))
        ),
        subject=whom(draw(seen)),
        author={"reference": f"Organization/{author}"} if author else {"reference": "Practitioner/doctor"},
        period=having(start=start, end=draw(over(start)) if start and status == "inactive" else None),
    )


@st.composite
def contacts(draw: st.DrawFn, id_: str) -> Made:
    return having(
        resourceType="Task",
        id=id_,
        status=draw(st.sampled_from(("completed", "completed", "completed", "requested"))),
        code=coded(
            CODES + "careteam-task", draw(st.sampled_from(("outreach", "outreach", "outreach", "outreach-failed")))
        ),
        **{"for": whom(draw(seen))},
        owner=draw(owners),
        businessStatus=house_first(
            CODES + "outreach-outcome", draw(st.sampled_from(("reached", "reached", "not-reached", "declined")))
        ),
        executionPeriod=having(end=draw(days(maybe(moments())))),
    )


@st.composite
def messages(draw: st.DrawFn, id_: str) -> Made:
    patient = draw(st.sampled_from((None, *PEOPLE)))
    at = draw(days(moments()))
    recipient = draw(st.sampled_from(("Patient/ann", "Patient/bob-too", "Practitioner/doctor")))
    return having(
        resourceType="CommunicationRequest",
        id=id_,
        status=draw(st.sampled_from((
            "draft", "active", "active", "completed", "completed", "revoked", "on-hold", "entered-in-error", "unknown",
        ))),
        extension=department(draw(departments)),
        subject=whom(patient),
        about=draw(st.sampled_from((None, [{"reference": "Appointment/visit"}], [{"reference": "Appointment/gone"}]))),
        **draw(st.sampled_from(({"occurrenceDateTime": at}, {"occurrencePeriod": having(start=at)}, {}))),
        authoredOn=draw(days(maybe(moments()))),
        recipient=[{"reference": recipient}],
    )  # fmt: skip


@st.composite
def outcomes(draw: st.DrawFn, id_: str) -> Made:
    """What became of a message, or of something else."""
    about = st.sampled_from((*(f"CommunicationRequest/m{number}" for number in range(5)), "Task/h1"))
    return having(
        resourceType="Communication",
        id=id_,
        status=draw(st.sampled_from(("completed", "not-done", "stopped", "preparation", "entered-in-error"))),
        basedOn=[{"reference": each} for each in draw(st.lists(about, max_size=2, unique=True))] or None,
        recipient=[{"reference": "Patient/ann"}],
    )


@st.composite
def teams(draw: st.DrawFn, id_: str) -> Made:
    ends = st.sampled_from((
        None, None, "2030-03-16", "2030-03-17", "2030-03-18", "2030-03-17T12:00:00.000Z", "2030", "2030-02", "2029",
    ))  # fmt: skip
    starts = st.sampled_from((None, None, "2030-01-01", "2030-03-17T18:00:00.000Z"))
    members = st.builds(
        lambda role, member, start, end, until: having(
            role=[coded(CODES + "care-team-role", role)],
            member=member,
            period=having(start=start, end=end),
            extension=[told("accountable-until", valueDateTime=until)] if until else None,
        ),
        st.sampled_from(("accountable", "accountable", "coordinator")),
        st.sampled_from((
            {"reference": "PractitionerRole/nurse"}, {"reference": "Practitioner/doctor"},
            {"reference": "PractitionerRole/left"}, {"reference": "PractitionerRole/over"},
            {"reference": "PractitionerRole/later"}, {"reference": "PractitionerRole/unknown"},
            {"reference": "Organization/york"},
        )),
        starts,
        ends,
        ends,
    )  # fmt: skip
    return having(
        resourceType="CareTeam",
        id=id_,
        status=draw(st.sampled_from(("active", "active", "active", "inactive"))),
        subject=whom(draw(people)),
        period=having(start=draw(starts), end=draw(ends)),
        managingOrganization=[{"reference": "Organization/york"}],
        participant=draw(st.lists(members, max_size=2)),
    )
