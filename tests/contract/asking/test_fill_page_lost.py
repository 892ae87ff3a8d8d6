"""A critical answer on a page that can save nothing any more, on both databases: where help is, and that nobody was
told."""

from __future__ import annotations

from collections.abc import Callable
from html import unescape
from urllib.parse import urlsplit

import pytest
from werkzeug.test import Client

from carethread.core.errors import Busy, Invalid
from carethread.core.ports import Resource
from carethread.questionnaires.filling import drafts, operations
from carethread.questionnaires.filling.words import word
from carethread.questionnaires.safety.telling import CALL
from support.assigning import Asking, id_of
from support.filling import Visitor, client_of

HARM, LITTLE = "/44260-8", "/44250-9"
NOT_AT_ALL, SEVERAL, WORSE = "LA6568-5", "LA6569-3", "LA6571-9"
HELP = 'href="tel:988"'
LOST = {each: f"{word('help-unsaved', each)} {word('help-nobody-call', each)}" for each in ("en", "es")}


class Window:
    """Somebody who has the page of a draft open, and chooses something critical."""

    def __init__(self, practice: Asking, language: str = "en") -> None:
        self.practice, given = practice, practice.give("Patient/ann", "phq-9")
        self.id, self.link = id_of(given), given["link"]
        self.client: Client = client_of(practice.runtimes["questionnaires"], lambda: practice.now)
        self.person = self.another(language)

    def another(self, language: str = "en") -> Visitor:
        return Visitor(self.client, self.link).open(f"?lang={language}")

    @property
    def html(self) -> str:
        return unescape(self.person.html)

    @property
    def draft(self) -> Resource:
        return self.practice.draft(self.id)

    def called(self) -> list[Resource]:
        self.practice.send("questionnaires")
        return self.practice.found(f"Task?code={CALL}&status=requested")


@pytest.fixture
def window(practice: Asking) -> Window:
    return Window(practice)


@pytest.mark.parametrize("language", ["en", "es"])
@pytest.mark.parametrize("button", ["update", "later", "send"])
def test_on_a_page_that_another_window_has_overtaken(practice: Asking, button: str, language: str) -> None:
    window = Window(practice, language)
    window.another().choose(LITTLE, NOT_AT_ALL).press("later")
    kept = window.draft
    assert window.person.choose(HARM, SEVERAL).press(button).status == 409
    assert LOST[language] in window.html and HELP in window.html
    assert window.html.index(LOST[language]) < window.html.index(word("conflict", language))
    assert window.draft == kept and window.called() == []
    assert LOST[language] not in unescape(window.person.choose(HARM, SEVERAL).press("update").html), "now it is kept"
    assert len(window.called()) == 1


def test_what_the_other_window_has_said_too_is_not_lost(window: Window) -> None:
    window.another().choose(HARM, SEVERAL).press("later")
    assert window.person.choose(HARM, SEVERAL).press("later").status == 409
    assert HELP in window.html and LOST["en"] not in window.html and word("help-waiting", "en") in window.html


def test_what_is_worse_than_there_is_lost(window: Window) -> None:
    window.another().choose(HARM, SEVERAL).press("later")
    assert window.person.choose(HARM, WORSE).press("later").status == 409
    alert = window.html.split('<div id="help"')[0]
    assert LOST["en"] in alert and HELP in alert and word("help-waiting", "en") not in alert


def test_without_anything_critical_nothing_is_said_of_it(window: Window) -> None:
    window.another().choose(LITTLE, NOT_AT_ALL).press("later")
    assert window.person.choose(LITTLE, SEVERAL).press("send").status == 409
    assert HELP not in window.html and LOST["en"] not in window.html


def _revoke(window: Window) -> None:
    window.practice.link(window.id)


def _expire(window: Window) -> None:
    window.practice.pass_time(days=15)


def _complete(window: Window) -> None:
    other = window.another()
    for name, offered in other.form.offered.items():
        other.form.choose(name, *(each for each in offered if each.endswith(NOT_AT_ALL)))
    assert other.press("send").status == 200


def _delete(window: Window) -> None:
    window.practice.ask("DELETE", f"QuestionnaireResponse/{window.id}", service="questionnaires")


@pytest.mark.parametrize(
    ("end", "button"), [(_revoke, "update"), (_expire, "later"), (_complete, "send"), (_delete, "update")]
)
def test_on_a_page_whose_link_is_over(window: Window, end: Callable[[Window], None], button: str) -> None:
    end(window)
    assert window.person.choose(HARM, SEVERAL).press(button).status == 410
    assert LOST["en"] in window.html and HELP in window.html and word("over", "en") in window.html
    assert "PHQ" not in window.html and "ann" not in window.html
    assert window.called() == []


def test_in_the_language_of_the_page(practice: Asking) -> None:
    window = Window(practice, "es")
    _revoke(window)
    assert window.person.choose(HARM, SEVERAL).press("send").status == 410
    assert LOST["es"] in window.html and '<html lang="es">' in window.html


def test_a_link_that_is_over_tells_nothing_of_what_was_answered_by_it(window: Window) -> None:
    """Who has it finds help for what they say themselves, whatever stands there."""
    blank = window.another()
    window.person.choose(HARM, SEVERAL).press("later")
    _revoke(window)
    assert blank.choose(LITTLE, SEVERAL).press("send").status == 410
    assert HELP not in blank.html
    assert blank.open().status == 410 and HELP not in blank.html


def test_what_ends_while_it_is_sent(window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
    """The link is looked up, and ends before the transaction that would write."""
    look = drafts.opened

    def looked(*told: object) -> object:
        found = look(*told)  # type: ignore[arg-type]
        _revoke(window)
        return found

    monkeypatch.setattr(operations, "opened", looked)
    assert window.person.choose(HARM, SEVERAL).press("later").status == 410
    assert LOST["en"] in window.html and HELP in window.html
    assert window.called() == []


@pytest.mark.parametrize(("error", "status"), [(Busy("away"), 503), (Invalid("no more"), 422)])
def test_where_it_cannot_be_written(
    window: Window, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(drafts, "_written", fails)
    assert window.person.choose(HARM, SEVERAL).press("update").status == status
    assert LOST["en"] in window.html and HELP in window.html
    assert window.called() == []


def test_where_nothing_can_be_read_the_numbers_for_everybody_are_there(
    window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is known of the form, nor of the language of the page; what was posted may be what cannot wait."""

    def fails(*_: object) -> None:
        raise Busy("away")

    window.person.choose(HARM, SEVERAL)
    monkeypatch.setattr(operations, "opened", fails)
    assert window.person.press("send").status == 503
    assert LOST["en"] in window.html and HELP in window.html and 'href="tel:911"' in window.html
    assert window.person.open().status == 503 and HELP not in window.html, "nothing was posted"


def test_what_is_too_much_is_answered_with_the_numbers_for_everybody(window: Window) -> None:
    for header, language in (("es", "es"), ("vi", "en")):
        answer = window.client.post(urlsplit(window.link).path, data={"a": "x" * 1_100_000},
                                    headers={"Accept-Language": header})  # fmt: skip
        assert answer.status_code == 413
        assert LOST[language] in unescape(answer.text) and HELP in answer.text
