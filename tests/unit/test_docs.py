"""The documentation is true where a test can tell: links lead somewhere, named files are there, addresses are ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from carethread.cli import DEFAULT_BASE
from carethread.composition.parts import registry

ROOT = Path(__file__).parents[2]
FOLDERS = ("docs", "deploy", "services", "fhir_profiles", "proto", "tools", "tests")
PAGES = sorted([*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))])
"""Every page of the repository; what tools leave beside them begins with a dot or lies elsewhere."""

SERVER = DEFAULT_BASE.removesuffix("/fhir")

_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_MODULE = re.compile(r"`((?:\w+/)+\w+\.py)`")
_URL = re.compile(r"https?://[^\s'\"`)]+")
_STEP = re.compile(r"^\d\. `([^`]+)`", re.MULTILINE)
_MACHINE_PATH = re.compile(r"(?<![\w.:/])/(?:work|home|root|tmp|Users)/")
_REGISTRY = re.compile(r"https?://[^\s/]*(?:pypi|pythonhosted|registry|index|mirror|artifactory|nexus|goproxy)", re.I)
_PORTS = {"8080", "8090", "8091", "9092", "8099"}
"""Our defaults, Kafka's, and that of the receiver to try webhooks with."""

_LOOPBACK = re.compile(r"(?:127\.0\.0\.1|localhost):(\d+)")


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def curl_lines(page: Path) -> Iterator[str]:
    for block in _FENCE.findall(text(page)):
        yield from (line for line in block.replace("\\\n", " ").splitlines() if line.lstrip().startswith("curl "))


def anchors(page: Path) -> set[str]:
    """The names that headings have as link targets."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", text(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def test_modules_that_are_named_are_there():
    bases = (ROOT, ROOT / "services" / "carethread")
    named = _MODULE.findall(text(ROOT / "docs" / "architecture.md"))
    assert [each for each in named if not any((base / each).exists() for base in bases)] == []


@every_page
def test_relative_links_lead_somewhere(page: Path):
    broken = []
    for link in _LINK.findall(_FENCE.sub("", text(page))):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@every_page
def test_no_page_names_a_machine(page: Path):
    assert _MACHINE_PATH.findall(text(page)) == []
    assert _REGISTRY.findall(text(page)) == []
    assert set(_LOOPBACK.findall(text(page))) <= _PORTS, "ports that are nobody's default"


@every_page
def test_curl_asks_the_documented_server(page: Path):
    wrong = [line for line in curl_lines(page) if not all(url.startswith(f"{SERVER}/") for url in _URL.findall(line))]
    assert wrong == []
    assert all(_URL.search(line) for line in curl_lines(page))


def test_the_six_files_of_a_request_are_there():
    steps = _STEP.findall(text(ROOT / "README.md"))
    assert len(steps) == 6
    assert [step for step in steps if not (ROOT / step).is_file()] == []


def test_the_readme_has_four_examples():
    assert len(list(curl_lines(ROOT / "README.md"))) == 4


@pytest.mark.parametrize("name", [*registry(), "gateway"])
def test_every_service_says_what_it_owns_and_mirrors(name: str):
    page = ROOT / "services" / "carethread" / name / "README.md"
    said = text(page)
    assert all(f"**{word}**" in said.lower() for word in ("owns", "mirrors", "emits", "reacts to")), page
    service = registry().get(name)
    if service and name != "records":  # too many to list: its page leads to resources.py
        assert [kind.name for kind in service.types if kind.name not in said] == []
    assert [mirror.type for mirror in (service.mirrors if service else ()) if mirror.type not in said] == []


def test_every_decision_is_in_the_index():
    folder = ROOT / "docs" / "decisions"
    listed = set(_LINK.findall(text(folder / "README.md")))
    assert {page.name for page in folder.glob("*.md")} - {"README.md"} == listed


def test_every_profile_and_extension_is_in_its_table():
    rows = [line for line in text(ROOT / "docs" / "profiles.md").splitlines() if line.startswith("| `")]
    told = {name for row in rows for name in re.findall(r"`([a-z-]+)`", row.split("|")[1])}
    assert {file.stem for file in (ROOT / "fhir_profiles" / "StructureDefinition").glob("*.json")} == told
