"""What pages of ours have in common: templates that escape whatever they are given, and what a browser is told beside
them: run, fetch and frame nothing but what the page's own policy allows, keep nothing, tell no other site.

Source: https://www.w3.org/TR/CSP3/.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


def headers(policy: str, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The headers of a page; `policy` are its sources, such as `style-src 'self'; form-action 'self'`."""
    return {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": f"default-src 'none'; {policy}; base-uri 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "X-Robots-Tag": "noindex, nofollow",
        **(more or {}),
    }


@lru_cache
def templates(package: str, *, trimmed: bool = True) -> Environment:
    """The templates of a package. `trimmed`: a line that has only a tag leaves no line."""
    from jinja2 import Environment, PackageLoader, StrictUndefined  # which would delay every start

    return Environment(
        loader=PackageLoader(package, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=trimmed,
        lstrip_blocks=trimmed,
        auto_reload=False,
    )


def asset(package: str, name: str) -> bytes:
    """A file that pages of a package fetch."""
    return files(package).joinpath("static").joinpath(name).read_bytes()


@lru_cache
def address(package: str, name: str) -> str:
    """The name of such a file with what tells its content, so that a browser may keep it."""
    return f"{name}?v={sha256(asset(package, name)).hexdigest()[:16]}"
