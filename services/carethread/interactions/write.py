"""How every write happens: commands in, versions with their index rows and events out, in one transaction.

Create, update and delete are commands; a Bundle is many of them. The contended rows are locked first, in key order;
then each command is decided on what stands, its type's rule runs (and may write other resources), and all versions
are stored at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from carethread.core.clock import instant, to_micros
from carethread.core.context import Context
from carethread.core.errors import FhirError, Invalid, Malformed, PreconditionFailed
from carethread.core.events import Event
from carethread.core.fhir import json
from carethread.core.fhir.search import IndexRows, extract
from carethread.core.fhir.validation import validate
from carethread.core.ports import Key, Resource, Session, Stored, Write
from carethread.core.service import Ruling, Runtime
from carethread.interactions.department import department_of

Outcome = Literal["created", "updated", "unchanged", "deleted"]


@dataclass(frozen=True, slots=True)
class Command:
    """One write to be done. `resource` is None for a delete; `if_match` is the version that must be current;

    `only_create` is If-None-Match: *. `fresh` says that the id was made here, so nothing can stand there yet.
    """

    type: str
    id: str
    resource: Resource | None
    if_match: int | None = None
    only_create: bool = False
    fresh: bool = False

    @property
    def key(self) -> Key:
        return self.type, self.id


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a command. `stored` is None for the delete of what was never there."""

    outcome: Outcome
    stored: Stored | None


def check_resource(type_name: str, resource: Resource) -> None:
    """Raise Malformed when the resource is not of the URL's type, Invalid with every issue that the validator finds."""
    found = resource.get("resourceType")
    if found != type_name:
        raise Malformed(
            f"The URL is for {type_name}, the body says "
            + (f"resourceType '{found}'" if isinstance(found, str) else "no resourceType")
            + "; send a resource of the URL's type.",
            code="invalid",
            expression=f"{type_name}.resourceType",
        )
    issues = [issue for issue in validate(resource) if issue.severity in ("error", "fatal")]
    if issues:
        raise Invalid(issues=issues)


def apply(runtime: Runtime, commands: Sequence[Command], context: Context) -> list[Result]:
    """Do all commands in one transaction, or none. Resources must have passed `check_resource`."""

    def work(session: Session) -> list[Result]:
        unit = WriteUnit(runtime, session, context)
        unit.look(commands)
        results = [unit.do(command) for command in commands]
        unit.store()
        return results

    return runtime.store.transact(work)


def apply_each(runtime: Runtime, commands: Sequence[Command], context: Context) -> list[Result | FhirError]:
    """Do each command by itself, all that succeed in one transaction; the others' errors stand in their places."""

    def work(session: Session) -> list[Result | FhirError]:
        unit = WriteUnit(runtime, session, context)
        unit.look(commands)
        results = [unit.attempt(command) for command in commands]
        unit.store()
        return results

    return runtime.store.transact(work)


class WriteUnit:
    """One transaction's writes, staged until `store`; what a type's rule sees as `core.service.Unit`."""

    def __init__(self, runtime: Runtime, session: Session, context: Context) -> None:
        self.session = session
        self.context = context
        self.base_url = runtime.base_url
        self._runtime = runtime
        self._rules = {t.name: t.rule for t in runtime.service.types if t.rule}
        self._now = to_micros(context.clock()) // 1000 * 1000  # an instant on the wire has milliseconds
        self._current: dict[Key, Stored | None] = {}
        self._writes: list[Write] = []
        self._undo: list[tuple[Key, Stored | None]] = []
        self._departments: dict[Key, str] = {}

    def look(self, commands: Sequence[Command]) -> None:
        """Lock and read what the commands are about, in one query."""
        self._load(c.key for c in commands if not c.fresh)
        self._current |= {c.key: None for c in commands if c.fresh}

    def _load(self, keys: Iterable[Key]) -> None:
        missing = [key for key in keys if key not in self._current]
        if missing:
            found = self.session.current(missing, lock=True)
            self._current |= {key: found.get(key) for key in missing}

    def stored(self, key: Key) -> Stored | None:
        """The newest version inside the transaction, a deletion included."""
        self._load([key])
        return self._current[key]

    def department(self, key: Key) -> str:
        """The department of another resource, as it stands in this service's store; empty when it is not known."""
        staged = self._current.get(key)
        if staged:
            return staged.department
        if key not in self._departments:
            found = self.session.current([key]).get(key)
            self._departments[key] = found.department if found else ""
        return self._departments[key]

    def find(self, key: Key) -> Resource | None:
        stored = self.stored(key)
        return json.parse(stored.body) if stored and not stored.deleted else None

    def update(self, resource: Resource) -> None:
        self.do(Command(resource["resourceType"], resource["id"], resource), ruled=False)

    def attempt(self, command: Command) -> Result | FhirError:
        """Do one command; when it fails, nothing of it stays and its error is returned."""
        staged = len(self._writes)
        try:
            if command.type not in self._rules:
                return self.do(command)
            with self.session.savepoint():
                return self.do(command)
        except FhirError as error:
            for key, stood in reversed(self._undo[staged:]):
                self._current[key] = stood
            del self._writes[staged:], self._undo[staged:]
            return error

    def do(self, command: Command, *, ruled: bool = True) -> Result:
        """Decide one command on what stands and stage its version."""
        current = self.stored(command.key)
        _check_preconditions(command, current)
        if command.resource is None:
            if current is None or current.deleted:
                return Result("deleted", current)
            return self._stage(command, current, "deleted", ruled=ruled)
        if current is None or current.deleted:
            return self._stage(command, current, "created", ruled=ruled)
        return self._stage(command, current, "updated", ruled=ruled)

    def _stage(self, command: Command, current: Stored | None, outcome: Outcome, *, ruled: bool) -> Result:
        rule = self._rules.get(command.type) if ruled else None
        living = current is not None and not current.deleted
        if not rule and self._stands(command.resource, current):
            return Result("unchanged", current)
        before: Resource | None = json.parse(current.body) if living and current else None
        resource = command.resource
        ruling = rule(self, before, resource, command.id) if rule else Ruling()
        resource, verb = ruling.resource or resource, ruling.verb or outcome
        if rule and self._stands(resource, current):
            return Result("unchanged", current)
        version = current.version + 1 if current else 1
        updated = max(self._now, current.updated) if current else self._now
        index = extract(resource, base=self._runtime.base_url) if resource else None
        stored = Stored(
            type=command.type,
            id=command.id,
            version=version,
            updated=updated,
            deleted=resource is None,
            body=b"" if resource is None else json.render(stamped(resource, command.id, version, updated)),
            method="DELETE" if resource is None else "POST" if command.fresh else "PUT",
            key=current.key if current else partition_key(command.key, index),
            department=(resource and department_of(resource, self.department, self.base_url))
            or (current.department if current else ""),
            row=current.row if current else 0,
        )
        self._writes.append(Write(stored, index, self._event(stored, verb, before, resource)))
        self._undo.append((command.key, current))
        self._current[command.key] = stored
        return Result(outcome, stored)

    def _stands(self, resource: Resource | None, current: Stored | None) -> bool:
        """Whether history told again says what is there already; a client's own update always makes a version."""
        if not self.context.backfill or resource is None or current is None or current.deleted:
            return False
        return json.render(stamped(resource, current.id, current.version, current.updated)) == current.body

    def _event(self, stored: Stored, verb: str, before: Resource | None, after: Resource | None) -> Event:
        profiles = (after or before or {}).get("meta", {}).get("profile") or ()
        old, new = (before, after) if before and after else ({}, {})
        return Event(
            id=self.context.new_id(),
            service=self._runtime.service.name,
            verb=verb,
            resource_type=stored.type,
            resource_id=stored.id,
            version=stored.version,
            time=stored.updated,
            key=stored.key,
            data=b"",  # the relay reads the stored version
            dataschema=profiles[0] if profiles else f"http://hl7.org/fhir/StructureDefinition/{stored.type}",
            department=stored.department,
            backfill=self.context.backfill,
            changed=tuple(sorted(n for n in old.keys() | new.keys() if n != "meta" and old.get(n) != new.get(n))),
            previous_status=status if isinstance(status := old.get("status"), str) else "",
            traceparent=self.context.traceparent[:64],
        )

    def store(self) -> None:
        """Write what was staged."""
        self.session.write(self._writes)


def _check_preconditions(command: Command, current: Stored | None) -> None:
    living = current is not None and not current.deleted
    where = f"{command.type}/{command.id}"
    if command.only_create and living:
        raise PreconditionFailed(f"{where} is already there, and If-None-Match: * allows only its creation.")
    if command.if_match is None:
        return
    if current is None or current.deleted:
        raise PreconditionFailed(f"{where} is not there, so If-Match cannot hold.")
    if current.version != command.if_match:
        raise PreconditionFailed(
            f"{where} is at version {current.version}, not {command.if_match}; read it again and repeat the change.",
            expression=f"{command.type}.meta.versionId",
        )


def stamped(resource: Resource, id_: str, version: int, updated: int) -> Resource:
    """The resource with its id, versionId and lastUpdated, every other member where the caller put it."""
    meta = {**resource.get("meta", {}), "versionId": str(version), "lastUpdated": instant(updated)}
    out: Resource = {}
    for name, value in resource.items():
        out[name] = value
        if name == "resourceType" and "id" not in resource:
            out["id"] = id_
        if "meta" not in resource and name == ("id" if "id" in resource else "resourceType"):
            out["meta"] = meta
    out["id"] = id_
    out["meta"] = meta
    return out


def partition_key(key: Key, index: IndexRows | None) -> str:
    """What keeps order: the one patient whom the resource is about, else the resource itself.

    A group visit has many patients and is keyed by its Appointment.
    """
    own = f"{key[0]}/{key[1]}"
    if index is None or key[0] == "Patient":
        return own
    patients = [
        row[2] for row in index.reference if row[0] in ("patient", "subject") and row[1] == "Patient" and row[2]
    ]
    first = dict.fromkeys(patients)
    if not first or (key[0] == "Appointment" and len(first) > 1):
        return own
    return f"Patient/{next(iter(first))}"
