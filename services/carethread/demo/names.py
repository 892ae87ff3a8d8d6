"""Names nobody bears: a plant, stone or colour before a family name that says what it is.

Telephone numbers are from the range kept for fiction (555-0100 to 555-0199), mail addresses from example.org
(RFC 2606).
"""

from __future__ import annotations

GIVEN = (
    "Alder", "Amber", "Aspen", "Aster", "Basil", "Birch", "Bracken", "Briar", "Calla", "Cedar", "Cicely", "Clover",
    "Cobalt", "Coral", "Dahlia", "Elder", "Fennel", "Fern", "Flint", "Garnet", "Hazel", "Indigo", "Iris", "Jasper",
    "Juniper", "Larch", "Laurel", "Linden", "Mallow", "Maple", "Marigold", "Onyx", "Opal", "Poppy", "Quartz", "Rowan",
    "Saffron", "Sorrel", "Tansy", "Yarrow",
)  # fmt: skip

FAMILY_STARTS = ("Demo", "Sample", "Mock", "Trial", "Fable", "Story")
FAMILY_ENDS = ("brook", "field", "ridge", "wood", "well", "stone", "bridge", "dale", "ford", "gate", "mere", "worth")

STREETS = ("Sample Street", "Fable Lane", "Mock Avenue", "Story Square", "Trial Road", "Demo Drive")
TOWN = "Demotown"

LANGUAGES: tuple[tuple[str, str, float, float], ...] = (
    ("en-US", "English (United States)", 0.62, 0.0),
    ("es", "Spanish", 0.19, 0.45),
    ("zh-CN", "Chinese (China)", 0.05, 0.6),
    ("ar", "Arabic", 0.04, 0.6),
    ("ru", "Russian", 0.03, 0.5),
    ("pt-BR", "Portuguese (Brazil)", 0.03, 0.4),
    ("ko", "Korean", 0.02, 0.6),
    ("hi", "Hindi", 0.02, 0.2),
)
"""BCP 47 code, display, share of patients, share of those who need an interpreter."""


def family(number: int) -> str:
    """The family name of the person with this number; 72 in turn, relatives share one."""
    return FAMILY_STARTS[number % len(FAMILY_STARTS)] + FAMILY_ENDS[number // len(FAMILY_STARTS) % len(FAMILY_ENDS)]


def phone(number: int) -> str:
    """A telephone number from the range kept for fiction."""
    return f"+1-{(212, 312, 303, 602, 213)[number // 100 % 5]}-555-01{number % 100:02d}"
