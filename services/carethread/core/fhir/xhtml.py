"""Narrative XHTML against R4's allow-list: http://hl7.org/fhir/R4/narrative.html#xhtml

`problems` reads a `div` with expat, which is given no document type and so expands no entity but XML's own five. The
elements are those of HTML 4.0's chapters 7 to 11 (without 9.4) and 15, and `a` and `img`; no script, form, object or
event handler.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.parsers import expat

NAMESPACE = "http://www.w3.org/1999/xhtml"
MAX_PROBLEMS = 20
MAX_DEPTH = 500
"""Elements within elements; no narrative has as many."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_SPACE = " \t\r\n"
_XML = "http://www.w3.org/XML/1998/namespace "

ELEMENTS = _words(
    "p br div h1 h2 h3 h4 h5 h6 a span b em i strong small big tt dfn q var abbr acronym cite blockquote hr address "
    "bdo kbd sub sup ul ol li dl dt dd pre table caption colgroup col thead tr tfoot tbody th td code samp img map "
    "area"
)

_EVERYWHERE = _words(
    "title style class id lang dir accesskey tabindex span width align valign char charoff abbr axis headers scope "
    "rowspan colspan"
) | {_XML + "lang", _XML + "space"}

_OWN: Mapping[str, frozenset[str]] = {
    "a": _words("href name charset type hreflang rel rev shape coords"),
    "img": _words("src border alt longdesc height usemap ismap"),
    "blockquote": frozenset({"cite"}),
    "q": frozenset({"cite"}),
    "map": frozenset({"name"}),
    "area": _words("shape coords href nohref alt"),
    "table": _words("summary border frame rules cellspacing cellpadding"),
    "pre": frozenset({"space"}),
    "td": frozenset({"nowrap"}),
}

_INLINE = _words(
    "a span b em i strong small big tt dfn q var abbr acronym cite bdo kbd sub sup code samp img map area br"
)
_PARENTS: Mapping[str, frozenset[str]] = {
    "li": frozenset({"ul", "ol"}),
    "dt": frozenset({"dl"}),
    "dd": frozenset({"dl"}),
    "tr": frozenset({"table", "thead", "tfoot", "tbody"}),
    "td": frozenset({"tr"}),
    "th": frozenset({"tr"}),
    "thead": frozenset({"table"}),
    "tfoot": frozenset({"table"}),
    "tbody": frozenset({"table"}),
    "caption": frozenset({"table"}),
    "colgroup": frozenset({"table"}),
    "col": frozenset({"table", "colgroup"}),
}
"""Elements that stand in certain others only."""

_NO_TEXT = _words("ul ol dl table thead tfoot tbody tr colgroup")
_ACTIVE = re.compile(r"(?:javascript|vbscript|blob|data(?!:image/(?:png|jpeg|gif|webp|bmp)[;,])):", re.IGNORECASE)
"""URLs that run in a browser as a document of their own; of `data:`, pixels do not."""

_LINKS = _words("href src cite longdesc usemap")
_IN_STYLE = re.compile(r"url\s*\(|expression\s*\(|@import|-moz-binding|(?<![\w-])behavior\s*:|\\|/\*", re.IGNORECASE)
"""What fetches or runs from a style, and the escape and comment that would hide it."""


class _Stop(Exception):
    """No more is read."""


class _Reader:
    """What one pass over a narrative has met: the problems, whether there is content, and links within the text."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.has_content = False
        self.links: set[str] = set()
        self.targets: set[str] = set()
        self._open: list[str] = []
        self._in_cdata = False

    def problem(self, text: str) -> None:
        if text not in self.problems:
            self.problems.append(text)
        if len(self.problems) >= MAX_PROBLEMS:
            raise _Stop

    def start(self, qualified: str, attributes: dict[str, str]) -> None:
        namespace, _, name = qualified.rpartition(" ")
        parent = self._open[-1] if self._open else ""
        self._open.append(name)
        if len(self._open) > MAX_DEPTH:
            self.problem(f"The narrative nests more than {MAX_DEPTH} elements.")
            raise _Stop
        if namespace != NAMESPACE:
            self.problem(f'Every element must be in the namespace {NAMESPACE}: <div xmlns="{NAMESPACE}">.')
        if not parent and name != "div":
            self.problem("The narrative must be one <div> element.")
        if name not in ELEMENTS:
            self.problem(f"The element <{_shown(name)}> is not allowed in a narrative.")
        elif parent:
            self._place(name, parent)
        if attributes:
            self._attributes(name, attributes)
        if name == "img":
            self.has_content = True

    def _place(self, name: str, parent: str) -> None:
        if name in _PARENTS and parent not in _PARENTS[name]:
            self.problem(f"The element <{name}> does not stand in <{parent}>.")
        elif parent == "p" and name not in _INLINE:
            self.problem(f"The element <{name}> does not stand in a paragraph.")
        elif name == "a" and "a" in self._open[:-1]:
            self.problem("A link holds no other link.")

    def _attributes(self, name: str, attributes: dict[str, str]) -> None:
        own = _OWN.get(name, frozenset())
        for attribute, value in attributes.items():
            if attribute not in _EVERYWHERE and attribute not in own:
                shown = _shown(attribute.rpartition(" ")[2])
                self.problem(f"The attribute '{shown}' is not allowed on <{_shown(name)}>.")
                continue
            if attribute in _LINKS and _ACTIVE.match("".join(c for c in value if c > " ")):
                self.problem(f"The attribute '{attribute}' must not lead to a script or a document of its own.")
            if attribute == "style" and _IN_STYLE.search(value):
                self.problem("A style fetches nothing and runs nothing: no url(), expression(), escapes or comments.")
            if attribute == "id" or (attribute == "name" and name == "a"):
                self.targets.add(value)
            elif attribute == "href" and name == "a":
                self._link(value)
            elif attribute == "src" and value[:1] == "#":
                self.links.add(value[1:])

    def _link(self, value: str) -> None:
        if not value or any(c.isspace() for c in value):
            self.problem("The href of a link must be a URL without white space.")
        elif value[0] == "#" and len(value) > 1:
            self.links.add(value[1:])

    def end(self, _: str) -> None:
        self._open.pop()

    def text(self, data: str) -> None:
        if not self._in_cdata and data.strip(_SPACE):
            self.has_content = True
            if self._open[-1] in _NO_TEXT:
                self.problem(f"The element <{self._open[-1]}> holds no text of its own.")

    def cdata(self, inside: bool) -> None:
        self._in_cdata = inside

    def instruction(self, target: str, _: str) -> None:
        if target.lower() == "xml-stylesheet":
            self.problem("A narrative refers to no stylesheet.")

    def document_type(self, *_: object) -> None:
        self.problem("A narrative has no document type.")
        raise _Stop


def read(div: str) -> _Reader:
    """Everything about a narrative; its `problems` are empty where it is right."""
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.ProcessingInstructionHandler = reader.instruction
    parser.StartDoctypeDeclHandler = reader.document_type
    parser.StartCdataSectionHandler = lambda: reader.cdata(True)
    parser.EndCdataSectionHandler = lambda: reader.cdata(False)
    parser.buffer_text = True
    try:
        parser.Parse(div.strip(_SPACE), True)
    except expat.ExpatError as error:
        reason = expat.ErrorString(error.code) or "cannot be read"
        reader.problems.append(f"The narrative is not well-formed XHTML: {reason} at column {error.offset + 1}.")
    except UnicodeEncodeError:
        reader.problems.append("The narrative is not well-formed XHTML: it has half of a character.")
    except _Stop:
        pass
    return reader


def is_right(div: str) -> bool:
    """Whether a narrative is within the allow-list and has content, as FHIR's `htmlChecks()` asks."""
    found = read(div)
    return not found.problems and found.has_content


def _shown(name: str) -> str:
    return name[:40].encode("ascii", "backslashreplace").decode()
