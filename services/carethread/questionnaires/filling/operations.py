"""`QuestionnaireResponse/$fill`: the page at a link, and what is posted there.

A link is all that somebody needs, and all that they can have: nothing of a browser is asked or kept, no cookie, so
that no other site can make use of somebody's browser (cross-site request forgery).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from carethread.core.clock import instant, to_micros
from carethread.core.context import Context
from carethread.core.errors import Busy, Gone, Invalid, Issue, Malformed, NotFound, PreconditionFailed, TooLarge
from carethread.core.ports import Request, Resource, Response
from carethread.core.service import Call, Operation, Page, Runtime
from carethread.interactions.operations.parameters import once
from carethread.interactions.rest.exchange import media_type
from carethread.questionnaires.assembling.parts import SUB, has
from carethread.questionnaires.filling.answers import (
    Answers,
    Complete,
    complete,
    cries,
    faults,
    is_raised,
    kept,
    laid,
    lost,
    page_of,
    parts_with,
    posted,
    renumbered,
)
from carethread.questionnaires.filling.asking import asking
from carethread.questionnaires.filling.complaining import complaints
from carethread.questionnaires.filling.drafts import Draft, left, opened, saved, sent
from carethread.questionnaires.filling.helping import helps
from carethread.questionnaires.filling.names import Fields
from carethread.questionnaires.filling.page import ended, moved, shown
from carethread.questionnaires.filling.parts import parts_of
from carethread.questionnaires.filling.reading import asked_for
from carethread.questionnaires.filling.sorry import SORRY, sorry
from carethread.questionnaires.filling.words import chosen
from carethread.questionnaires.programmes.following import note_opened
from carethread.questionnaires.rendering.days import day
from carethread.questionnaires.safety.reaching import Reached, reached

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
    token = once(call, _TOKEN)

    def posting(draft: Draft) -> _Posting:
        browser = request.headers.get("accept-language", "")
        simple, fields = dict(reversed(pairs)), Fields(pairs)
        return _Posting(runtime, context, draft, simple, fields, _said(call, _LANGUAGE), browser)

    try:
        draft = opened(runtime, token, context)
    except Gone:
        before = left(runtime, token) if pairs else None
        if before is None:
            raise
        return posting(before).closed()
    if draft is None:
        raise NotFound("There is no form at this link.")
    if any(has(item.raw, SUB) for item in draft.form.items.values()):
        raise Invalid("The form is in pieces: what is asked is in others.", code="not-supported")
    if draft.is_kept and request.method != "POST":
        note_opened(runtime, draft.response["id"], to_micros(context.clock()))
    return posting(draft).answer() if request.method == "POST" else _shown(posting(draft), call)


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
    return posting.page(answers, part=part, notice=notice if notice in _NOTICES else "", issues=issues)


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
        wish = asked_for(do)
        answers = posted(self.draft, self.fields, wish)
        if self.draft.is_kept and _number(self.simple.get("version", "")) != self.draft.version:
            return self._changed_elsewhere(answers)
        try:
            if do == "send":
                return self._sent(answers)
            if do in ("next", "back", "later") and self.draft.is_kept:
                return self._kept(answers, do)
            return self._stayed(answers, removed=wish is not None and wish.what == "remove")
        except PreconditionFailed:
            return self._changed_elsewhere(answers)
        except Busy:
            return self.page(answers, 503, notice="busy", told="unsaved")
        except (Gone, Invalid) as error:
            return self._refused(answers, 410 if isinstance(error, Gone) else 422)

    def closed(self) -> Response:
        """That the link is over, and where help is for what was posted all the same."""
        return self._refused(posted(self.draft, self.fields), 410)

    def page(
        self, answers: Answers, status: int = 200, *, part: int | None = None, told: Reached = "", **more: Any
    ) -> Response:
        """A part of the form, that which is posted unless another is said; `told` where nobody was reached, more as
        `page_of` takes it."""
        part = self.part if part is None else part
        asks = asking(self.runtime, self.draft.response)
        told = self._reached(answers.response) or told
        return shown(page_of(self.draft, answers, self.language, part, told=told, asking=asks, **more), status)

    def _reached(self, response: Resource) -> Reached:
        """Whether somebody was reached for what is critical in a response, if it is stored."""
        return reached(self.runtime, self.draft.response["id"]) if is_raised(self.draft, response) else ""

    def issues(self, answers: Answers) -> Sequence[Issue]:
        """What is wrong with the answers, if they were to be sent now, each where the page has it."""
        whole = self._complete(answers)
        try:
            return whole.shown(faults(self.draft.form, whole.response, self.context.clock))
        except Invalid as error:
            return whole.shown(error.issues)

    def rested(self) -> Response:
        """That all is saved for later."""
        draft = self.draft
        return ended(
            "saved",
            self.language,
            200,
            until=day(draft.until, self.language) if draft.until else "",
            go_on=f"?{urlencode({_LANGUAGE: self.language})}",
            helps=[] if draft.unwritten else helps(draft.form, draft.response, self.language),
            reached=self._reached(draft.response),
        )

    def _save(self, answers: Answers) -> Answers:
        """Keep the draft; the same answers as they stand in it."""
        self.draft = saved(self.runtime, self.draft, answers.response, self.language, self.context)
        return renumbered(self.draft.form, answers)

    def _stayed(self, answers: Answers, *, removed: bool) -> Response:
        """The same part as it is now. What cannot wait is kept at once, so that somebody is told, and so is it that
        something was taken away, so that it does not come back; the rest is not."""
        draft, before = self.draft, answers
        if draft.is_kept and (removed or cries(draft, answers.response) != cries(draft, draft.response)):
            answers = self._save(answers)
        issues = self.issues(answers) if self.simple.get("checked") else None
        return self.page(answers, issues=issues, moved=answers.numbers != before.numbers)

    def _kept(self, answers: Answers, do: str) -> Response:
        """The answers saved, and on to where the button leads; here first, where something cannot be read."""
        checked = bool(self.simple.get("checked"))
        answers = self._save(answers)
        if answers.wrong and do != "back":
            return self.page(answers, 422, issues=self.issues(answers) if checked else None)
        if do == "later":
            return moved(f"?{urlencode({_NOTICE: 'saved', _LANGUAGE: self.language})}")
        part = self.part + (1 if do == "next" else -1)
        query = {_PART: max(part, 0) + 1, _LANGUAGE: self.language, **({"checked": 1} if checked else {})}
        return moved(f"?{urlencode(query)}")

    def _sent(self, answers: Answers) -> Response:
        draft, issues = self.draft, self.issues(answers)
        if not issues and not answers.wrong:
            whole = self._complete(answers)
            try:
                sent(self.runtime, draft, whole.response, self.language, self.context)
                self.draft = replace(draft, response=whole.response, unwritten=False)
                return self._thanked(answers)
            except Invalid as error:
                issues = whole.shown(error.issues)
        if draft.is_kept:
            answers = self._save(answers)
        nodes = laid(self.draft, answers)
        wrong = complaints(draft.form, nodes, issues, answers.wrong, self.language)
        first = parts_with(draft.form, nodes, wrong)
        part = self.part if self.part in first or not first else first[0]
        return self.page(answers, 422, part=part, issues=issues)

    def _thanked(self, answers: Answers) -> Response:
        """That it was sent; with where help is for what was answered, also for what is not asked any more."""
        return ended(
            "sent",
            self.language,
            200,
            text="sent" if self.draft.is_kept else "sent-unnamed",
            helps=helps(self.draft.form, answers.response, self.language),
            reached=self._reached(self.draft.response),
        )

    def _refused(self, answers: Answers, status: int) -> Response:
        """That nothing is saved; with where help is for what was answered."""
        found = helps(self.draft.form, answers.response, self.language)
        reached = self._reached(answers.response) or "unsaved"
        return ended(SORRY[status], self.language, status, helps=found, reached=reached)

    def _changed_elsewhere(self, answers: Answers) -> Response:
        """What another window has saved, and that this one was not."""
        try:
            draft = opened(self.runtime, self.draft.token, self.context)
        except Gone:
            draft = None
        if draft is None:
            return self._refused(answers, 410)
        self.draft = draft
        return self.page(kept(draft), 409, notice="conflict", lost=lost(draft, answers, self.language))

    def _complete(self, answers: Answers) -> Complete:
        return complete(self.draft.form, answers, instant(to_micros(self.context.clock())))


def _said(call: Call, name: str) -> str:
    return next(iter(call.params.get(name, ())), "")[:40]


def _number(text: str) -> int:
    """A whole number from 0 on; 0 for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


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
