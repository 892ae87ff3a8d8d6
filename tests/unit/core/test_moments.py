"""The ends of the calendar: nothing takes place where some zone has no date for it."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from carethread.core.clock import from_micros, instant
from carethread.core.errors import Invalid
from carethread.core.moments import FIRST, LAST, refuse_untold


@pytest.mark.parametrize(
    "text",
    ["9999-12-31T23:00:00-14:00", "9999-12-31T23:00:00Z", "0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00Z"],
)
def test_what_no_answer_could_tell_is_refused_by_its_element(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        refuse_untold({"resourceType": "Slot", "start": "2031-01-01T09:00:00Z", "end": text})
    assert [issue.expression for issue in refused.value.issues] == ["Slot.end"]


@pytest.mark.parametrize("moment", [FIRST, LAST])
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_what_is_taken_has_a_day_before_and_after_in_every_zone(moment: int, zone: str) -> None:
    refuse_untold({"resourceType": "Appointment", "start": instant(moment), "end": instant(moment)})
    there = from_micros(moment).astimezone(ZoneInfo(zone))
    assert there - timedelta(days=1) < there < there + timedelta(days=1)
