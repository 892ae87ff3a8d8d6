"""`QuestionnaireResponse/$fill`: the page at a link, and what is posted there.

A link is all that somebody needs, and all that they can have: nothing of a browser is asked or kept, no cookie, so
that no other site can make use of somebody's browser (cross-site request forgery).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode

from carethread.core.clock import from_micros, instant, to_micros
from carethread.core.context import Context
from carethread.core.errors import Busy, Invalid, Issue, Malformed, NotFound, PreconditionFailed, TooLarge
from carethread.core.ports import Request, Response
from carethread.core.service import Call, Operation, Page, Runtime
from carethread.interactions.operations.parameters import once
from carethread.interactions.rest.exchange import media_type
from carethread.questionnaires.assembling.parts import SUB, has
from carethread.questionnaires.filling.answers import (
    Answers,
    complete,
    cries,
    faults,
    kept,
    laid,
    page_of,
    parts_with,
    posted,
)
from carethread.questionnaires.filling.complaining import complaints
from carethread.questionnaires.filling.drafts import Draft, opened, saved, sent
from carethread.questionnaires.filling.helping import helps
from carethread.questionnaires.filling.names import Fields
from carethread.questionnaires.filling.page import ended, moved, shown
from carethread.questionnaires.filling.parts import parts_of
from carethread.questionnaires.filling.reading import asked_for
from carethread.questionnaires.filling.words import LANGUAGES, chosen, day, ranked
from carethread.questionnaires.programmes.following import note_opened
from carethread.questionnaires.rendering.words import base

_TOKEN, _LANGUAGE, _PART, _NOTICE = "token", "lang", "part", "notice"
_FORM = "application/x-www-form-urlencoded"
_MOST_BYTES = 1024 * 1024
_MOST_FIELDS = 20_000
_NOTICES = ("conflict", "saved")


def fill(runtime: Runtime, call: Call, context: Context) -> Response:
    """The page. Raises NotFound for a link that leads nowhere, Gone for one that is over, Invalid for a form that
    cannot be shown, Malformed, NotSupported and TooLarge for what is posted, Busy: `sorry` says these to people."""
    request = call.request
    pairs = _posted(request) if request.method == "POST" else []
    draft = opened(runtime, once(call, _TOKEN), context)
    if draft is None:
        raise NotFound("There is no form at this link.")
    if any(has(item.raw, SUB) for item in draft.form.items.values()):
        raise Invalid("The form is in pieces: what is asked is in others.", code="not-supported")
    if draft.is_kept and request.method != "POST":
        note_opened(runtime, draft.response["id"], to_micros(context.clock()))
    browser = request.headers.get("accept-language", "")
    posting = _Posting(runtime, context, draft, dict(reversed(pairs)), Fields(pairs), _said(call, _LANGUAGE), browser)
    return posting.answer() if request.method == "POST" else _shown(posting, call)


def _posted(request: Request) -> list[tuple[str, str]]:
    """The fields of the form that was posted."""
    media_type(request, [_FORM])
    if len(request.body) > _MOST_BYTES:
        raise TooLarge(f"A form that is posted has at most {_MOST_BYTES} bytes.")
    try:
        return parse_qsl(request.body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)
    except UnicodeDecodeError:
        raise Malformed("The form is not UTF-8.") from None
    except ValueError:
        raise TooLarge(f"A form that is posted has at most {_MOST_FIELDS} fields.") from None


def _shown(posting: _Posting, call: Call) -> Response:
    """The page as it is opened."""
    notice = _said(call, _NOTICE)
    if notice == "saved":
        return posting.rested()
    part = _number(_said(call, _PART)) - 1
    answers = kept(posting.draft)
    issues = posting.issues(answers) if _said(call, "checked") else None
    page = page_of(
        posting.draft, answers, posting.language, part, notice=notice if notice in _NOTICES else "", issues=issues
    )
    return shown(page)


@dataclass(slots=True)
class _Posting:
    """One request about a draft: the simple fields that were posted, and those of questions."""

    runtime: Runtime
    context: Context
    draft: Draft
    simple: Mapping[str, str]
    fields: Fields
    wanted: str
    browser: str
    language: str = field(init=False)

    def __post_init__(self) -> None:
        asked = self.simple.get(_LANGUAGE, "") or self.wanted
        self.language = chosen(self.draft.form, asked, self.draft.language, accepted=self.browser)

    @property
    def part(self) -> int:
        return min(_number(self.simple.get(_PART, "")), len(parts_of(self.draft.form)) - 1)

    def answer(self) -> Response:
        """What comes of pressing a button, or of changing an answer."""
        do = self.simple.get("do", "")
        if self.draft.is_kept and _number(self.simple.get("version", "")) != self.draft.version:
            return self._changed_elsewhere()
        answers = posted(self.draft, self.fields, asked_for(do))
        try:
            if do == "send":
                return self._sent(answers)
            if do in ("next", "back", "later") and self.draft.is_kept:
                return self._kept(answers, do)
            return self._stayed(answers)
        except PreconditionFailed:
            return self._changed_elsewhere()
        except Busy:
            page = page_of(self.draft, answers, self.language, self.part, notice="busy")
            return shown(page, 503)

    def issues(self, answers: Answers) -> Sequence[Issue]:
        """What is wrong with the answers, if they were to be sent now."""
        try:
            return faults(self.draft.form, self._complete(answers), self.context.clock)
        except Invalid as error:
            return error.issues

    def rested(self) -> Response:
        """That all is saved for later."""
        until = from_micros(self.draft.expires).astimezone(self.draft.zone) if self.draft.expires else None
        go_on = f"?{urlencode({_LANGUAGE: self.language})}"
        found = [] if self.draft.unwritten else helps(self.draft.form, self.draft.response, self.language)
        return ended(
            "saved",
            self.language,
            200,
            until=day(until, self.language) if until else "",
            go_on=go_on,
            helps=found,
        )

    def _stayed(self, answers: Answers) -> Response:
        """The same part as it is now. What cannot wait is kept at once, so that somebody is told; the rest is not."""
        draft = self.draft
        if draft.is_kept and cries(draft, answers.response) != cries(draft, draft.response):
            self.draft = saved(self.runtime, draft, answers.response, self.language, self.context)
        issues = self.issues(answers) if self.simple.get("checked") else None
        page = page_of(self.draft, answers, self.language, self.part, issues=issues)
        return shown(page)

    def _kept(self, answers: Answers, do: str) -> Response:
        """The answers saved, and on to where the button leads; here first, where something cannot be read."""
        checked = bool(self.simple.get("checked"))
        self.draft = saved(self.runtime, self.draft, answers.response, self.language, self.context)
        if answers.wrong and do != "back":
            page = page_of(
                self.draft, answers, self.language, self.part, issues=self.issues(answers) if checked else None
            )
            return shown(page, 422)
        if do == "later":
            return moved(f"?{urlencode({_NOTICE: 'saved', _LANGUAGE: self.language})}")
        part = self.part + (1 if do == "next" else -1)
        query = {_PART: max(part, 0) + 1, _LANGUAGE: self.language, **({"checked": 1} if checked else {})}
        return moved(f"?{urlencode(query)}")

    def _sent(self, answers: Answers) -> Response:
        issues = self.issues(answers)
        if not issues and not answers.wrong:
            try:
                sent(self.runtime, self.draft, self._complete(answers), self.language, self.context)
                found = helps(self.draft.form, answers.response, self.language)
                text = "sent" if self.draft.is_kept else "sent-unnamed"
                return ended("sent", self.language, 200, text=text, helps=found)
            except Invalid as error:
                issues = list(error.issues)
        if self.draft.is_kept:
            self.draft = saved(self.runtime, self.draft, answers.response, self.language, self.context)
        nodes = laid(self.draft, answers)
        wrong = complaints(self.draft.form, nodes, issues, answers.wrong, self.language)
        first = parts_with(self.draft.form, nodes, wrong)
        part = self.part if self.part in first or not first else first[0]
        page = page_of(self.draft, answers, self.language, part, issues=issues)
        return shown(page, 422)

    def _changed_elsewhere(self) -> Response:
        """What another window has saved, and that this one was not."""
        draft = opened(self.runtime, self.draft.token, self.context)
        if draft is None:
            raise NotFound("There is no form at this link.")
        page = page_of(draft, kept(draft), self.language, self.part, notice="conflict")
        return shown(page, 409)

    def _complete(self, answers: Answers) -> dict[str, object]:
        return complete(self.draft.form, answers, instant(to_micros(self.context.clock())))


def _said(call: Call, name: str) -> str:
    return next(iter(call.params.get(name, ())), "")[:40]


def _number(text: str) -> int:
    """A whole number from 0 on; 0 for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


_SORRY = {
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
    return ended(_SORRY.get(status, "trouble"), language, status, headers=more)


PAGES = (Page("console/fill/<token>", "QuestionnaireResponse/$fill", ("GET", "POST"), sorry),)

OPERATIONS = (
    Operation(
        name="fill",
        type="QuestionnaireResponse",
        levels=("type",),
        definition="https://carethread.dev/fhir/OperationDefinition/QuestionnaireResponse-fill",
        handler=fill,
        takes_form=True,
        parameters=(_TOKEN, _LANGUAGE, _PART, _NOTICE, "checked"),
    ),
)
