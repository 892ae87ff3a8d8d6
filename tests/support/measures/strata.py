"""The standard stratifiers counted a second time: what a person is at the end of the last day of a period."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from support.measures.plain import GRAVITY, Practice, code_in, codings, moment, standing

_BANDS = ((18, "0-17"), (40, "18-39"), (65, "40-64"), (80, "65-79"))


def years(born: date, day: date) -> int:
    """How many birthdays somebody has had; that of 29 February is 1 March where there is none."""
    found = 0
    while _birthday(born, found + 1) <= day:
        found += 1
    return found if born <= day else -1


def _birthday(born: date, number: int) -> date:
    try:
        return born.replace(year=born.year + number)
    except ValueError:
        return date(born.year + number, 3, 1)


def age(practice: Practice, person: str | None, last: date) -> str:
    """The band of the age on the last day, or on the day of the death."""
    born = practice.get("Patient", person).get("birthDate")
    if not born:
        return ""
    died = practice.died(person)
    day = min(last, died.date()) if isinstance(died, datetime) else last
    found = years(date.fromisoformat((born + "-01-01"[len(born) - 4 :])[:10]), day)
    return "" if found < 0 else next((band for limit, band in _BANDS if found < limit), "80+")


def sex(practice: Practice, person: str | None, _last: date) -> str:
    found = str(practice.get("Patient", person).get("gender", ""))
    return "" if found == "unknown" else found


def language(practice: Practice, person: str | None, _last: date) -> str:
    """What is preferred, else what is told first; without the region."""
    spoken = practice.get("Patient", person).get("communication", [])
    for wanted in ([each for each in spoken if each.get("preferred")], spoken):
        for each in wanted:
            for coding in each.get("language", {}).get("coding", ())[:1]:
                if "code" in coding:
                    return str(coding["code"]).lower().partition("-")[0]
    return ""


def insurance(practice: Practice, person: str | None, last: date) -> str:
    """The kind of the first coverage that holds on the last day."""
    held = []
    for each in practice.of("Coverage"):
        period = each.get("period", {})
        start, end = moment(period.get("start")), moment(period.get("end"), last=True)
        holds = (start is None or start.date() <= last) and (end is None or end > datetime.combine(last, time(), UTC))
        if practice.person(each.get("beneficiary")) == person and each.get("status") == "active" and holds:
            codings = each.get("type", {}).get("coding", [{}])
            kind = codings[0].get("code") or each.get("type", {}).get("text") or ""
            held.append((each.get("order", 1000), each["id"], kind))
    return str(min(held)[2]) if held else ""


def social_need(practice: Practice, person: str | None, last: date) -> str:
    """Whether a need was confirmed, and not over when the last day was."""
    if not practice.get("Patient", person):
        return ""
    return "yes" if any(_needs(practice, each, person, last) for each in practice.of("Condition")) else "no"


def _needs(practice: Practice, condition: Mapping[str, object], person: str | None, last: date) -> bool:
    need: Mapping[str, dict[str, object]] = condition  # type: ignore[assignment]
    if practice.person(need.get("subject")) != person:
        return False
    if not any(code_in(each, GRAVITY) for each in condition.get("category", ())):  # type: ignore[attr-defined]
        return False
    if is_other(condition, "verificationStatus", "confirmed"):
        return False
    spans: list[dict[str, object]] = [need.get(name, {}) for name in ("onsetPeriod", "abatementPeriod")]
    dates = (condition.get("onsetDateTime"), spans[0].get("start"), condition.get("recordedDate"))
    begun = next((found for each in dates if (found := standing(each))), None)  # type: ignore[arg-type]
    if begun is None or begun.date() > last:
        return False
    ended = moment(condition.get("abatementDateTime") or spans[1].get("end"), last=True)  # type: ignore[arg-type]
    if ended is not None:
        return ended > datetime.combine(last + timedelta(days=1), time(), UTC)
    return not is_other(condition, "clinicalStatus", "active", "recurrence", "relapse")


_STATUSES = {
    "clinicalStatus": {"active", "recurrence", "relapse", "inactive", "remission", "resolved"},
    "verificationStatus": {
        "unconfirmed", "provisional", "differential", "confirmed", "refuted", "entered-in-error",
    },
}  # fmt: skip


def is_other(condition: Mapping[str, Any], name: str, *wanted: str) -> bool:
    """Whether a status of a Condition is told, and is another one; codes of the house beside it say nothing."""
    codes = [code for _, code in codings(condition.get(name)) if code in _STATUSES[name]]
    return bool(codes) and codes[0] not in wanted


STRATA: Mapping[str, Callable[[Practice, str | None, date], str]] = {
    "age": age, "sex": sex, "language": language, "insurance": insurance, "social_need": social_need,
}  # fmt: skip
"""By the column of the stratifier; what is not known is empty."""
