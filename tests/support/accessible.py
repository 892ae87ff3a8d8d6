"""What a page is to who cannot see it, or not well, or holds a telephone: read from the browser itself.

Source: https://www.w3.org/TR/WCAG22/. The tree is the one that screen readers are given (Chrome DevTools Protocol,
`Accessibility.getFullAXTree`).
"""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

NAMED = frozenset(
    {"button", "checkbox", "combobox", "group", "heading", "link", "option", "progressbar", "radio", "radiogroup",
     "region", "textbox"}
)  # fmt: skip
"""Roles of what nobody can use, or find, without a name (4.1.2)."""

_CONTRAST = """() => {
  const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, n) => sum + v * [.2126, .7152, .0722][n], 0);
  const ground = (node) => {
    for (; node; node = node.parentElement) {
      const [r, g, b, a] = parse(getComputedStyle(node).backgroundColor);
      if (a === undefined || a > 0) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode, around = text.parentElement;
    if (!text.data.trim() || !around.checkVisibility()) continue;
    if (around.closest("script, style, noscript, .hidden, .first, .skip")) continue;
    const [one, two] = [light(parse(getComputedStyle(around).color)), light(ground(around))];
    const ratio = (Math.max(one, two) + .05) / (Math.min(one, two) + .05);
    if (ratio < 4.5) found.push(`${ratio.toFixed(2)} ${text.data.trim().slice(0, 40)}`);
  }
  return found;
}"""

_SMALL = """() => [...document.querySelectorAll("button, select, textarea, input:not([type=hidden]), a, label")]
  .filter((each) => each.checkVisibility() && !each.closest(".hidden, .first, .skip"))
  .filter((each) => !(each.matches("label") && !each.closest(".option")))
  .filter((each) => !(each.matches("a") && getComputedStyle(each).display === "inline"))
  .map((each) => each.matches(".option input") ? each.nextElementSibling : each)
  .map((each) => [each.getBoundingClientRect(), each])
  .filter(([box]) => box.width < 43.9 || box.height < 43.9)
  .map(([box, each]) => `${each.outerHTML.slice(0, 60)} ${box.width}x${box.height}`)"""


def tree(page: Page) -> list[dict[str, Any]]:
    """What a screen reader is given: role, name and description of each thing, in order."""
    session = page.context.new_cdp_session(page)
    session.send("Accessibility.enable")
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    session.detach()
    return [
        {
            "role": node.get("role", {}).get("value", ""),
            "name": node.get("name", {}).get("value", "").strip(),
            "description": node.get("description", {}).get("value", ""),
            **{each["name"]: each["value"].get("value") for each in node.get("properties", ())},
        }
        for node in nodes
        if not node.get("ignored")
    ]


def unnamed(page: Page) -> list[str]:
    """The controls, groups and headings that have no name."""
    return [each["role"] for each in tree(page) if each["role"] in NAMED and not each["name"]]


def headings(page: Page) -> list[int]:
    """The levels of the headings, in order."""
    return [int(each["level"]) for each in tree(page) if each["role"] == "heading"]


def is_in_order(levels: list[int]) -> bool:
    """Whether headings begin with the first level, which is there once, and never leave one out on the way down."""
    return levels.count(1) == 1 and all(
        after <= before + 1 for before, after in zip([0, *levels], levels, strict=False)
    )


def faint(page: Page) -> list[str]:
    """The texts with less contrast than 4.5:1 (1.4.3)."""
    found: list[str] = page.evaluate(_CONTRAST)
    return found


def small(page: Page) -> list[str]:
    """What is to be touched and is smaller than 44 by 44 pixels (2.5.5); links within a text may be."""
    found: list[str] = page.evaluate(_SMALL)
    return found


def scrolls_sideways(page: Page) -> bool:
    """Whether the page is wider than the screen (1.4.10)."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))
