"""An outline written down: as HTML that holds nothing but text, and as plain text. Pure.

All text is escaped, and every element is of those that a narrative may have
(http://hl7.org/fhir/R4/narrative.html#xhtml), so there is no script, no link and nothing that is fetched. Groups are
headings, questions and answers a description list, and whatever is in another language than the page says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import escape

from carethread.core.fhir.xhtml import NAMESPACE
from carethread.questionnaires.rendering.outline import Block, Outline, Said
from carethread.questionnaires.rendering.words import Words, base, label

_UNSEEN = re.compile(r"[^\t\n\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What XML does not hold, what a terminal obeys, and what turns the direction of text round, also behind it."""

_LINES = re.compile(r"\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_LANGUAGE = re.compile(r"[A-Za-z0-9-]{1,35}")
_DEEPEST = 6

_STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:45rem;margin:2rem auto;padding:0 1rem;"
    "overflow-wrap:anywhere}"
    "dt{font-weight:600;margin-top:.75rem}dd{margin-left:1rem}"
)


def page(outline: Outline) -> str:
    """A whole HTML document."""
    title = _escaped(outline.title.text)
    return (
        f'<!DOCTYPE html>\n<html{_lang(outline.language, "")}>\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n{narrative(outline)}</main>\n"
        "</body>\n</html>\n"
    )


def narrative(outline: Outline) -> str:
    """The same as XHTML in one `div`, as a resource's text or a document's section has it."""
    return "".join(_div(outline))


def _div(outline: Outline) -> Iterator[str]:
    page = outline.language
    yield f'<div xmlns="{NAMESPACE}"{_lang(page, "", xml=True)}>\n'
    yield f"<h1{_lang(outline.title.language, page)}>{_escaped(outline.title.text)}</h1>\n"
    for note in outline.notes:
        yield f"<p><strong{_lang(note.language, page)}>{_escaped(note.text)}</strong></p>\n"
    if outline.facts:
        yield "<dl>\n"
        for name, value in outline.facts:
            yield f"<dt{_lang(name.language, page)}>{_escaped(name.text)}</dt>\n{_dd(value, page)}</dd>\n"
        yield "</dl>\n"
    yield from _blocks(outline.blocks, page, 2)
    yield "</div>\n"


def _blocks(blocks: Iterable[Block], page: str, level: int) -> Iterator[str]:
    """Blocks under a heading of the level before; questions that follow each other are one list."""
    listing = False
    for block in blocks:
        if listing is not (block.kind == "question"):
            listing = not listing
            yield "<dl>\n" if listing else "</dl>\n"
        if block.kind == "question":
            yield from _question(block, page, level)
        elif block.kind == "note":
            yield f"<p{_lang(block.text.language, page)}>{_broken(block.text.text)}</p>\n"
        else:
            if block.text.text:
                yield f"<h{level}{_lang(block.text.language, page)}>{_escaped(block.text.text)}</h{level}>\n"
            yield f"<div>\n{''.join(_blocks(block.within, page, min(level + 1, _DEEPEST)))}</div>\n"
    if listing:
        yield "</dl>\n"


def _question(block: Block, page: str, level: int) -> Iterator[str]:
    yield f"<dt{_lang(block.text.language, page)}>{_broken(block.text.text)}</dt>\n"
    for each in block.said or (Said(label("unanswered", page)),):
        yield _dd(each.words, page)
        if each.within:
            yield f"\n<div>\n{''.join(_blocks(each.within, page, level))}</div>\n"
        yield "</dd>\n"
    if block.meaning:
        yield f"{_dd(block.meaning, page)}</dd>\n"


def _dd(words: Words, page: str) -> str:
    """An answer, which may run in another direction than the page; not closed yet."""
    return f'<dd dir="auto"{_lang(words.language, page)}>{_broken(words.text)}'


def _lang(language: str, around: str, *, xml: bool = False) -> str:
    """The attribute of a language, where it is known and another than that around; a region of it is not."""
    if not _LANGUAGE.fullmatch(language) or base(language) == base(around):
        return ""
    return f' lang="{language}"' + (f' xml:lang="{language}"' if xml else "")


def _clean(text: str) -> str:
    return _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", _LINES.sub("\n", text))


def _escaped(text: str) -> str:
    return escape(_clean(text).replace("\n", " "), quote=True)


def _broken(text: str) -> str:
    """Text whose lines stay lines."""
    return escape(_clean(text), quote=True).replace("\n", "<br/>")


def text(outline: Outline) -> str:
    """The same as plain text, indented by what stands in what; each line of an answer is, so none can pass for more."""
    return "\n".join(_lines(outline)) + "\n"


def _lines(outline: Outline) -> Iterator[str]:
    title = _clean(outline.title.text).replace("\n", " ")
    yield title
    yield "=" * max(len(title), 1)
    for note in outline.notes:
        yield f"** {note.text} **"
    for name, value in outline.facts:
        yield from _hung(f"{name.text}: ", value.text, "")
    yield ""
    yield from _texts(outline.blocks, outline.language, "")


def _texts(blocks: Iterable[Block], language: str, indent: str) -> Iterator[str]:
    for block in blocks:
        if block.kind == "group":
            if block.text.text:
                yield from _hung("# ", block.text.text, indent)
            yield from _texts(block.within, language, indent + "  ")
            continue
        yield from _hung("", block.text.text, indent)
        if block.kind == "note":
            continue
        for each in block.said or (Said(label("unanswered", language)),):
            yield from _hung("- ", each.words.text, indent + "  ")
            yield from _texts(each.within, language, indent + "    ")
        if block.meaning:
            yield from _hung("= ", block.meaning.text, indent + "  ")


def _hung(mark: str, text: str, indent: str) -> Iterator[str]:
    """A text behind its mark, further lines below its first."""
    first, *more = _clean(text).split("\n")
    yield f"{indent}{mark}{first}".rstrip()
    for line in more:
        yield f"{indent}{' ' * len(mark)}{'' if mark else '  '}{line}".rstrip()
