"""What people are told by a page of its own, where what they wanted cannot be done.

Of what was posted nothing is known here, neither the form nor what was chosen; it may have been what cannot wait. So
where help is for everybody is said without being asked, by words that need no database.
"""

from __future__ import annotations

from collections.abc import Mapping

from carethread.core.ports import Response
from carethread.questionnaires.filling.helping import Help, pieces
from carethread.questionnaires.filling.page import ended
from carethread.questionnaires.filling.words import LANGUAGES, ranked, word
from carethread.questionnaires.rendering.words import Words, base
from carethread.questionnaires.safety.reaching import Reached

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


def sorry(status: int, headers: Mapping[str, str], accepted: str, posted: bool) -> Response:
    """The page for what cannot be answered, in a language that a browser accepts; where help is, if something was
    posted."""
    more = {name: value for name, value in headers.items() if name in ("Retry-After", "Allow")}
    language = next((each for each in ranked(accepted) if base(each) in LANGUAGES), "en")
    general = word("help-general", language)
    helps = [Help("general", Words(general, language), pieces(general), frozenset())] if posted else []
    reached: Reached = "unsaved" if posted else ""
    return ended(SORRY.get(status, "trouble"), language, status, headers=more, helps=helps, reached=reached)
