"""How text is made comparable: case, accents and white space do not matter to a search.

Source: http://hl7.org/fhir/R4/search.html#string.
"""

from __future__ import annotations

import unicodedata

MAX_INDEXED = 200
"""Characters of a string that the index keeps."""


def fold(text: str) -> str:
    """Without accents, in one case, with single spaces, clipped to what the index keeps."""
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text.casefold())
        text = "".join(sign for sign in decomposed if not unicodedata.combining(sign)).casefold()
    return " ".join(text.lower().split())[:MAX_INDEXED]
