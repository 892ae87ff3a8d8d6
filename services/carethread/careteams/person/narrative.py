"""Summaries as XHTML: http://hl7.org/fhir/R4/narrative.html. Pure.

The page about a person is plain and short enough to be printed on one sheet.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from carethread.core.ports import Resource

_NAMESPACE = "http://www.w3.org/1999/xhtml"
NOTHING = "Nothing is told here."

_STYLE = (
    "@page{size:A4;margin:12mm}body{font:10.5pt/1.3 sans-serif;margin:12mm auto;max-width:180mm}"
    "h1{font-size:15pt;margin:0 0 2mm}h2{font-size:11.5pt;margin:3mm 0 1mm}"
    "ul{margin:0;padding-left:5mm}p{margin:0 0 1mm}"
)


@dataclass(frozen=True, slots=True)
class Told:
    """A section in words: its lines, and how many more there would be."""

    title: str
    lines: Sequence[str]
    more: int = 0


def narrative(told: Told) -> Resource:
    """The Narrative of a section."""
    return _narrative(_lines(told))


def whole(title: str, name: str, parts: Sequence[Told]) -> Resource:
    """The Narrative of a page with all sections."""
    return _narrative(_page(title, name, parts))


def html(title: str, name: str, parts: Sequence[Told], language: str = "en") -> bytes:
    """A page of its own, to be read and printed in a browser."""
    page = (
        f'<!DOCTYPE html><html lang="{language}"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body>{_page(title, name, parts)}</body></html>"
    )
    return page.encode()


def _page(title: str, name: str, parts: Sequence[Told]) -> str:
    sections = "".join(f"<h2>{escape(each.title)}</h2>{_lines(each)}" for each in parts if each.lines)
    return f"<h1>{escape(f'{title}: {name}' if name else title)}</h1>{sections}"


def _lines(told: Told) -> str:
    if not told.lines:
        return f"<p>{NOTHING}</p>"
    items = "".join(f"<li>{escape(each)}</li>" for each in told.lines)
    return f"<ul>{items}</ul>" + (f"<p>And {told.more} more.</p>" if told.more else "")


def _narrative(inner: str) -> Resource:
    return {"status": "generated", "div": f'<div xmlns="{_NAMESPACE}">{inner}</div>'}
