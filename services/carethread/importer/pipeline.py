"""One file after another: read once to learn what its references mean, then again to send it.

Nothing of a document that breaks off is sent. A file's entries are all answered before the next file begins, so what a
later file refers to is on the server.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from carethread.core.errors import FhirError, Issue
from carethread.importer import files
from carethread.importer.client import Answer, Client
from carethread.importer.identity import Target, identify
from carethread.importer.index import Index
from carethread.importer.journal import Journal, Ranges
from carethread.importer.reader import End, Entry, Failed, Item, Unusable, read
from carethread.importer.references import Rewriter, conditions
from carethread.importer.report import Place, Report, issues_of
from carethread.importer.resolve import Resolver
from carethread.importer.sending import Chunk, Sender, Sent, put_entry

DEFAULT_OWNER = "records"


class Importer:
    """Imports files into one server."""

    def __init__(self, client: Client, owners: Mapping[str, str], journal: Journal, report: Report) -> None:
        """`owners`: the service that owns each type; a type that is not named goes to DEFAULT_OWNER."""
        self.client = client
        self.owners = owners
        self.journal = journal
        self.report = report
        self.resolver = Resolver(client.search)

    def add(self, path: Path, *, again: bool = False) -> None:
        """Import one file, unless the journal says that it was. Raises Away."""
        self.report.begin(path)
        try:
            digest = files.digest(path)
        except OSError as error:
            issue = Issue("exception", f"The file cannot be read: {error.strerror}.", severity="fatal")
            self.report.refuse(Place(path, None, 0), issues_of([issue]))
            self.report.end(path, "incomplete")
            return
        number = self.journal.open_file(path, digest, again=again)
        if number is None:
            self.report.advance(2 * path.stat().st_size)
            self.report.end(path, "skipped")
            return
        began = time.monotonic()
        before = self.report.counts.total()
        index = Index()
        try:
            file = _File(path, number, index, self)
            file.learn()
            file.send()
        finally:
            index.close()
        if file.whole:
            self.journal.complete(number)
        resources = self.report.counts.total() - before
        self.report.end(path, "imported" if file.whole else "incomplete", resources, time.monotonic() - began)


class _File:
    """One file on its way; `whole` until something of it is refused or unresolved."""

    def __init__(self, path: Path, number: int, index: Index, importer: Importer) -> None:
        self.whole = True
        self._path = path
        self._number = number
        self._index = index
        self._importer = importer
        self._report = importer.report
        self._lines = files.is_lines(path)
        self._failed: set[int] = set()
        self._histories: set[int] = set()
        self._notes: dict[int, str] = {}
        self._acknowledged: dict[str, Ranges] = {}

    def learn(self) -> None:
        """The first reading: fullUrls, identifiers and criteria; what breaks off is reported."""
        for item in read(files.pieces(self._path, self._report.advance), lines=self._lines):
            if isinstance(item, Entry):
                self._learn_entry(item)
            elif isinstance(item, End) and item.bundle_type == "history":
                self._histories.add(item.document)
            elif isinstance(item, Failed):
                self._failed.add(item.document)
                self._refuse(item, [Issue("structure", item.why, severity="fatal")])
        self._notes = self._importer.resolver.resolve(self._index)

    def send(self) -> None:
        """The second reading: every entry, with its references moved, to its owner."""
        with Sender(self._importer.client.put_all, self._answered) as sender:
            for item in read(files.pieces(self._path, self._report.advance), lines=self._lines):
                if item.document in self._failed:
                    continue
                if isinstance(item, Unusable):
                    self._refuse(item, item.issues)
                elif isinstance(item, Entry):
                    self._send_entry(item, sender)
            sender.finish()

    def _learn_entry(self, item: Entry) -> None:
        try:
            target = identify(item.value)
        except FhirError:
            return  # the second reading refuses it with the reason
        if target is None:
            return
        resource = item.value["resource"]
        self._index.add(item.document, item.number, _full_url(item, target), target)
        if "identifier" in resource:
            self._index.add_identifiers(item.number, target, resource["identifier"])
        self._index.add_criteria(conditions(resource))

    def _send_entry(self, item: Entry, sender: Sender) -> None:
        try:
            target = identify(item.value)
        except FhirError as error:
            self._refuse(item, error.issues)
            return
        if target is None or self._is_older_version(item, target):
            return
        url = self._index.actual(target.url)
        if url != target.url and not target.overwrite:
            self._report.count(target.type_name, "exists")
            return
        owner = self._importer.owners.get(target.type_name, DEFAULT_OWNER)
        if owner not in self._acknowledged:
            self._acknowledged[owner] = self._importer.journal.acknowledged(self._number, owner)
        if item.number in self._acknowledged[owner]:
            self._report.count(target.type_name, "earlier")
            return
        resource = item.value["resource"]
        warnings = Rewriter(partial(self._index.meaning, item.document), self._index.criterion).rewrite(resource)
        if item.number in self._notes:
            warnings.append(Issue("multiple-matches", self._notes[item.number], severity="warning"))
        place = Place(self._path, item.document if self._lines else None, item.number, url)
        sender.add(owner, Sent(place, warnings), put_entry(url, _named(resource, url.partition("/")[2])))

    def _is_older_version(self, item: Entry, target: Target) -> bool:
        # A history's newest version comes first; only that one is imported.
        if item.document not in self._histories:
            return False
        return self._index.first(item.document, _full_url(item, target)) != item.number

    def _answered(self, chunk: Chunk, answers: Sequence[Answer]) -> None:
        whole = True
        for (place, warnings), answer in zip(chunk.sent, answers, strict=True):
            outcome = _outcome(answer)
            if outcome:
                self._report.count(place.type_name, outcome)
            else:
                self._report.refuse(place, answer.issues, answer.status)
            if outcome and warnings:
                self._report.warn(place, issues_of(warnings))
            if not outcome or warnings:
                whole = False
        if whole:
            first, last = chunk.sent[0].place.entry, chunk.sent[-1].place.entry
            self._importer.journal.acknowledge(self._number, chunk.owner, first, last)
        self.whole = self.whole and whole

    def _refuse(self, item: Item, issues: Sequence[Issue]) -> None:
        self.whole = False
        number = item.number if isinstance(item, Entry | Unusable) else 0
        self._report.refuse(Place(self._path, item.document if self._lines else None, number), issues_of(issues))


def _outcome(answer: Answer) -> str | None:
    """The outcome that a response's status line tells; None for a refusal."""
    if answer.code == 201:
        return "created"
    if answer.code == 200:
        return "unchanged" if "unchanged" in answer.status.lower() else "updated"
    return None


def _full_url(item: Entry, target: Target) -> str:
    full_url = item.value.get("fullUrl")
    return full_url if isinstance(full_url, str) else target.url


def _named(resource: dict[str, Any], wanted: str) -> dict[str, Any]:
    """The resource with the id that it is stored under, in its place or after resourceType."""
    if "id" in resource:
        resource["id"] = wanted
        return resource
    return {"resourceType": resource["resourceType"], "id": wanted, **resource}
