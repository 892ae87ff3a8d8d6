"""How long the page of a form takes until somebody can use it: headless Chromium on `carethread up`, on one machine.

From the beginning of the navigation until all scripts have run and the page is drawn (`domInteractive` and the first
contentful paint, whichever is later), in a browser that has seen nothing (cold), and in one that has the style sheet
and the script (warm); and from a click until the questions that it brings are there.
"""

from __future__ import annotations

import os
import subprocess
import sys

from playwright.sync_api import Browser, Page

from bench.figures import Figure, percentile
from bench.storing import store
from support import postgres
from support.answers import item, questionnaire, when
from support.browser import chromium
from support.fhir import Fhir
from support.processes import CareThread, carethread

RUNS = 15
_FORMS = "https://carethread.dev/fhir/Questionnaire/"
_MANY = 500
_PHONE = {"width": 360, "height": 640}
_USABLE = """() => new Promise((done) => requestAnimationFrame(() => setTimeout(() => {
  const [load] = performance.getEntriesByType("navigation");
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  done(Math.max(load.domContentLoadedEventEnd, paint ? paint.startTime : 0));
}, 0)))"""


def measure() -> list[Figure]:
    """Open each form RUNS times, cold and warm."""
    database = postgres.start(durable=True)
    env = {**os.environ, "CARETHREAD_DATABASE_URL": database.url}
    try:
        subprocess.run([sys.executable, "-m", "carethread", "migrate"], env=env, check=True, stdout=sys.stderr)
        with carethread("up", env=env) as server, chromium() as browser:
            store(server.fhir, [_many()])
            figures = [_figure(server, browser, form) for form in ("phq-9", "social-needs", "many")]
            return [*figures, _live(server, browser)]
    finally:
        database.stop()


def _figure(server: CareThread, browser: Browser, form: str) -> Figure:
    link = _link(server.fhir, server.url, form)
    cold, warm = [], []
    for _ in range(RUNS):
        with browser.new_context(viewport=_PHONE) as context:  # type: ignore[arg-type]
            page = context.new_page()
            cold.append(_open(page, link))
            warm.append(_open(page, link))
    told = ", ".join(
        f"{name} p50 {percentile(took, 0.5):.0f}, p95 {percentile(took, 0.95):.0f} ms"
        for name, took in (("cold", cold), ("warm", warm))
    )
    asked = f"{_MANY} items" if form == "many" else form
    return Figure(f"the page of a form usable: {asked}", "< 1 s", told, f"{RUNS} runs, headless Chromium, 360x640")


def _open(page: Page, link: str) -> float:
    """Milliseconds until the page can be used."""
    page.goto(link)
    took: float = page.evaluate(_USABLE)
    return took


def _live(server: CareThread, browser: Browser) -> Figure:
    """From a click until the question is there that depends on it, in the form of many items."""
    link, took = _link(server.fhir, server.url, "many"), list[float]()
    with browser.new_context(viewport=_PHONE) as context:  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(link)
        took += [page.evaluate(_CLICK, [run % 2]) for run in range(RUNS * 2)]
    told = f"p50 {percentile(took, 0.5):.0f}, p95 {percentile(took, 0.95):.0f} ms"
    how = f"{_MANY} items; 120 ms of it waits for more clicks"
    return Figure("a question that an answer brings, or takes away", "", told, how)


_CLICK = """([index]) => new Promise((done) => {
  const begun = performance.now();
  const count = () => document.querySelectorAll("#questions .question").length;
  const before = count();
  document.querySelectorAll("#questions input[type=radio]")[index].click();
  const look = () => count() === before ? requestAnimationFrame(look) : done(performance.now() - begun);
  look();
})"""


def _many() -> dict[str, object]:
    """A form of many items, of which one depends on the first."""
    kinds = ("integer", "string", "boolean", "date", "text")
    items = [item("first", "boolean"), item("more", "string", enableWhen=[when("first", "=", answerBoolean=True)])]
    items += [item(f"i{number}", kinds[number % len(kinds)]) for number in range(_MANY - 2)]
    meta = {"profile": ["https://carethread.dev/fhir/StructureDefinition/questionnaire"]}
    return questionnaire(*items, id="many", url=f"{_FORMS}many", title="Many", meta=meta, subjectType=["Patient"])


def _link(fhir: Fhir, base: str, form: str) -> str:
    """A link to a new draft, which nobody else has."""
    who = {"resourceType": "Patient", "active": True}
    made = fhir.post("Patient", who)
    subject = {"reference": f"Patient/{made.json['id']}"}
    parts = [
        {"name": "questionnaire", "valueCanonical": _FORMS + form},
        {"name": "subject", "valueReference": subject},
        {"name": "send", "valueBoolean": False},
    ]
    answer = fhir.post("Questionnaire/$assign", {"resourceType": "Parameters", "parameter": parts})
    link = next(str(each["valueUrl"]) for each in answer.json["parameter"] if each["name"] == "link")
    return base + link[link.index("/console/") :]
