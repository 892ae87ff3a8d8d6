"""What people are told by a page of its own, where what they wanted cannot be done."""

from __future__ import annotations

from collections.abc import Mapping

from carethread.core.ports import Response
from carethread.questionnaires.filling.page import ended
from carethread.questionnaires.filling.words import LANGUAGES, ranked
from carethread.questionnaires.rendering.words import base

SORRY = {
    404: "unknown",
    410: "over",
    413: "too-much",
    422: "unfit",
    400: "unreadable",
    405: "unreadable",
    415: "unreadable",
}
"""By status what is said to people; of all others that it does not work just now."""


def sorry(status: int, headers: Mapping[str, str], accepted: str) -> Response:
    """The page for what cannot be answered, in a language that a browser accepts."""
    more = {name: value for name, value in headers.items() if name in ("Retry-After", "Allow")}
    language = next((each for each in ranked(accepted) if base(each) in LANGUAGES), "en")
    return ended(SORRY.get(status, "trouble"), language, status, headers=more)
