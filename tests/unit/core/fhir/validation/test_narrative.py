"""Narrative: R4's allow-list, well-formedness without any entity of a document's own, content, links."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carethread.core.fhir import xhtml
from carethread.core.fhir.fhirpath import compile
from carethread.core.fhir.validation import validate

OPEN = f'<div xmlns="{xhtml.NAMESPACE}">'


def patient(div: Any, **members: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "text": {"status": "generated", "div": div}, **members}


def errors(resource: dict[str, Any]) -> list[tuple[str, str]]:
    return [(str(i.expression), i.diagnostics) for i in validate(resource) if i.severity == "error"]


RIGHT = [
    "x",
    "a &amp; &lt;b&gt; &#160;",
    '<p style="color: red" class="c">x</p>',
    '<a href="https://example.org" title="t">x</a> <a href="#here">y</a><p id="here">z</p>',
    '<img src="data:image/png;base64,AAAA" alt="a"/>',
    '<table border="1"><caption>c</caption><colgroup><col/></colgroup><tr><td colspan="2">x</td></tr></table>',
    "<ul>\n <li>x</li>\n</ul>",
    "<h1>x</h1><pre>y</pre><blockquote>z</blockquote><b><i><tt>w</tt></i></b><br/>",
    "<!-- remark --><?instruction?>x",
    '<p xml:lang="en" lang="en" dir="ltr">x</p>',
]

WRONG = [
    ("<script>x</script>", "<script>"),
    ('<p onclick="x()">y</p>', "'onclick'"),
    ("<style>p {}</style>x", "<style>"),
    ('<form action="x"><input/></form>', "<form>"),
    ('<iframe src="x">y</iframe>', "<iframe>"),
    ('<object data="x">y</object>', "<object>"),
    ('<link href="x"/>y', "<link>"),
    ("<font>x</font>", "<font>"),
    ("<P>x</P>", "<P>"),
    ('<p data-x="1">y</p>', "'data-x'"),
    ('<a href="javascript:x()">y</a>', "script"),
    ('<a href="JavaScript:x()">y</a>', "script"),
    ('<a href="data:text/html;base64,AAAA">y</a>', "document of its own"),
    ('<a href="blob:x">y</a>', "document of its own"),
    ('<img src="data:text/html,x" alt="x"/>', "document of its own"),
    ('<img src="data:image/svg+xml,x" alt="x"/>', "document of its own"),
    ('<p style="background: URL (javascript:x())">y</p>', "A style"),
    ('<p style="background: url(https://example.org/x)">y</p>', "A style"),
    ('<p style="width: expression(x())">y</p>', "A style"),
    ('<p style="width: expr/**/ession(x())">y</p>', "A style"),
    ('<p style="background: u\\72l(x)">y</p>', "A style"),
    ('<?xml-stylesheet href="x"?>y', "stylesheet"),
    ('<a href=" https://example.org">y</a>', "white space"),
    ('<a href="#nowhere">y</a>', "no id"),
    ('<img src="#nowhere" alt="x"/>', "no id"),
    ("<p>x<p>y</p></p>", "paragraph"),
    ("<ul>x</ul>", "no text"),
    ("<tr><td>x</td></tr>", "<tr>"),
    ('<a href="#">x<a href="#">y</a></a>', "no other link"),
    ("<p>x", "well-formed"),
    ("a & b", "well-formed"),
    ("&nbsp;", "undefined entity"),
    ("<p class=x>y</p>", "well-formed"),
    ('<p xmlns="http://example.org">x</p>', "namespace"),
    ("", "txt-2"),
    (" \n\t", "txt-2"),
    ("<p></p>", "txt-2"),
    ("<!-- x -->", "txt-2"),
]


@pytest.mark.parametrize("content", RIGHT)
def test_what_is_allowed(content):
    div = f"{OPEN}{content}</div>"
    assert errors(patient(div)) == []
    assert xhtml.is_right(div)


@pytest.mark.parametrize(("content", "word"), WRONG)
def test_what_is_not_allowed_is_named(content, word):
    found = errors(patient(f"{OPEN}{content}</div>"))
    assert any(where == "Patient.text.div" and word in text for where, text in found), found


@pytest.mark.parametrize(
    "div",
    [
        "hello",
        "<div>x</div>",
        f'<p xmlns="{xhtml.NAMESPACE}">x</p>',
        f"x{OPEN}y</div>",
        f"{OPEN}x</div>{OPEN}y</div>",
        '<div xmlns="http://www.w3.org/1999/html">x</div>',
        f"{OPEN}\x00</div>",
        f"{OPEN}\ud800</div>",
    ],
)
def test_the_whole_is_one_div_of_xhtml(div):
    assert [where for where, _ in errors(patient(div))] == ["Patient.text.div"]


def test_a_document_type_is_refused_before_it_means_anything():
    bomb = '<!DOCTYPE div [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    (found,) = errors(patient(f"{bomb}{OPEN}&b;</div>"))
    assert found[1] == "txt-1: A narrative has no document type."
    (found,) = errors(patient(f'<!DOCTYPE div SYSTEM "file:///etc/passwd">{OPEN}x</div>'))
    assert found[1] == "txt-1: A narrative has no document type."


@pytest.mark.timeout(10)
def test_hostile_sizes_are_bounded():
    deep = OPEN + "<div>" * 100_000 + "x" + "</div>" * 100_000 + "</div>"
    assert any("nests more than" in text for _, text in errors(patient(deep)))
    wide = OPEN + "".join(f"<x{n}/>" for n in range(10_000)) + "</div>"
    assert len(errors(patient(wide))) == xhtml.MAX_PROBLEMS


@pytest.mark.parametrize("value", [None, 5, True, [], {}, ""])
def test_what_is_no_text_is_one_issue(value):
    assert [where for where, _ in errors(patient(value))] == ["Patient.text.div"]


def test_a_link_may_lead_to_what_is_contained():
    contained = [{"resourceType": "Organization", "id": "o", "name": "x"}]
    assert errors(patient(f'{OPEN}<a href="#o">x</a></div>', contained=contained)) == []


def test_html_checks_in_an_expression():
    assert compile("text.div.htmlChecks()").evaluate(patient(f"{OPEN}x</div>")) == [True]
    assert compile("text.div.htmlChecks()").evaluate(patient(f"{OPEN}<script/></div>")) == [False]
    assert compile("text.div.htmlChecks()").evaluate({"resourceType": "Patient"}) == []


@given(st.text(alphabet="<>/&;=\"' adivxhref#!-[]", max_size=60))
def test_no_text_raises(text):
    xhtml.read(text)
    xhtml.read(f"{OPEN}{text}</div>")
