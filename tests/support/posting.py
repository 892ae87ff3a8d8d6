"""A page's form as a browser without scripts has it: what it would post, changed as somebody changes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from urllib.parse import urlencode

_LINES = {"textarea"}


class PostedForm(HTMLParser):
    """The fields of the one form of a page, in order, with what stands in them (HTML, section 4.10.21.4)."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.action = ""
        self.pairs: list[tuple[str, str]] = []
        self.buttons: list[str] = []
        self.offered: dict[str, list[str]] = {}
        self.texts: list[str] = []
        self._select = self._area = ""
        self._chosen: str | None = None
        self._text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        name, value = said.get("name", ""), said.get("value", "")
        if tag == "form":
            self.action = said.get("action", "")
        elif tag == "input" and said.get("type") in ("radio", "checkbox"):
            self.offered.setdefault(name, []).append(value)
            if "checked" in said:
                self.pairs.append((name, value))
        elif tag == "input":
            self.pairs.append((name, value))
        elif tag == "select":
            self._select, self._chosen = name, None
        elif tag == "option" and self._select:
            self.offered.setdefault(self._select, []).append(value)
            if self._chosen is None or "selected" in said:
                self._chosen = value
        elif tag == "textarea":
            self._area, self._text = name, []
        elif tag == "button":
            self.buttons.append(value)

    def handle_data(self, data: str) -> None:
        if self._area:
            self._text.append(data)
        elif data.strip():
            self.texts.append(data.strip())

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self.pairs.append((self._select, self._chosen or ""))
            self._select = ""
        elif tag == "textarea":
            text = "".join(self._text).removeprefix("\n").replace("\r\n", "\n").replace("\n", "\r\n")
            self.pairs.append((self._area, text))
            self._area = ""

    def choose(self, name: str, *values: str) -> PostedForm:
        """Have a field say something else, or several things, or nothing."""
        self.pairs = [pair for pair in self.pairs if pair[0] != name] + [(name, value) for value in values]
        return self

    def pressed(self, button: str) -> list[tuple[str, str]]:
        """What is posted when a button is pressed."""
        return [*self.pairs, ("do", button)]

    def body(self, button: str) -> bytes:
        return urlencode(self.pressed(button)).encode()


def named(pairs: Iterable[tuple[str, str]], link: str) -> Iterator[tuple[str, str]]:
    """The fields of a question."""
    return (pair for pair in pairs if pair[0].split(":", 2)[2:] == [link])
