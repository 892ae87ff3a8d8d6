"""How every write happens: commands in, versions with their index rows and events out, in one transaction.

Create, update and delete are commands; a Bundle is many of them. The contended rows are locked first, in key order;
then each command is decided on what stands, its type's rule runs (and may write other resources), and all versions
are stored at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from carethread.core.clock import to_micros
from carethread.core.context import Context
from carethread.core.errors import FhirError, Gone, Invalid, NotFound, PreconditionFailed, TooLarge
from carethread.core.events import Event
from carethread.core.fhir import json
from carethread.core.fhir.search import extract
from carethread.core.ports import Key, Resource, Session, Stored, Write
from carethread.core.service import Ruling, Runtime
from carethread.interactions.writing.check import check_resource
from carethread.interactions.writing.command import ANY_VERSION, Command, Outcome, Result
from carethread.interactions.writing.conditional import hold, identify
from carethread.interactions.writing.department import department_of
from carethread.interactions.writing.stored import follow
from carethread.interactions.writing.version import STAMP_BYTES, is_version, partition_key, stamped


@dataclass(slots=True)
class _Step:
    """A command on its way: the resource before and after it (None: there is none), and what becomes of it."""

    command: Command
    before: Resource | None
    after: Resource | None
    outcome: Outcome


class WriteUnit:
    """One transaction's writes, staged until `store`; what a type's rule sees as `core.service.Unit`.

    Commands that belong together make at most one version of a resource, however often rules come back to it.
    """

    def __init__(self, runtime: Runtime, session: Session, context: Context, *, trial: bool = False) -> None:
        """A `trial` decides all, and stores nothing."""
        self.session = session
        self._trial = trial
        self.context = context
        self.base_url = runtime.base_url
        self.own = False
        self.if_match: frozenset[int] | None = None
        self._runtime = runtime
        self._unchanging = context.backfill or context.idempotent
        self._types = {t.name: t for t in runtime.service.types if t.rule}
        self._now = to_micros(context.clock()) // 1000 * 1000  # an instant on the wire has milliseconds
        self._current: dict[Key, Stored | None] = {}
        self._writes: list[Write | None] = []
        self._base: dict[Key, Stored | None] = {}
        """What stood before the commands that are being done, of what they have changed."""
        self._places: dict[Key, int] = {}
        """Where in `_writes` their versions are."""
        self._meant: set[Key] = set()
        self._departments: dict[Key, str] = {}
        self.seen: dict[Key, int] = {}
        """All that decisions rest on, but for what was made here, with the version found; 0: it was not there."""

    @property
    def runtime(self) -> Runtime:
        return self._runtime

    @property
    def now(self) -> int:
        return self._now

    def look(self, commands: Sequence[Command]) -> None:
        """Lock and read what the commands are about, in one query; first the criteria that name some of it."""
        if conditions := [c.condition for c in commands if c.condition]:
            hold(self.session, conditions)
        self._load(c.key for c in commands if not (c.fresh or c.condition))
        self._current |= {c.key: None for c in commands if c.fresh}

    def _load(self, keys: Iterable[Key]) -> None:
        missing = [key for key in keys if key not in self._current]
        if missing:
            found = self.session.current(missing, lock=True)
            for key in missing:
                self.seen.setdefault(key, found[key].version if key in found else 0)
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

    def load(self, keys: Iterable[Key]) -> None:
        """Lock several at once, in order, that will be asked for."""
        self._load(sorted(keys))

    def read(self, keys: Iterable[Key]) -> dict[Key, Stored]:
        """Resources as they stand, those unlocked that no decision rests on."""
        keys = set(keys)
        found = {key: stored for key in keys if (stored := self._current.get(key))}
        found |= self.session.current(keys - self._current.keys())
        self._departments |= {key: stored.department for key, stored in found.items()}
        return found

    def find(self, key: Key, *, again: bool = False) -> Resource | None:
        if again and key not in self._base and self._current.get(key, key) is None:
            del self._current[key]
        stored = self.stored(key)
        return json.restore(stored.body) if stored and not stored.deleted else None

    def staged(self, type_name: str) -> set[str]:
        return {write.stored.id for write in self._writes if write and write.stored.type == type_name}

    def update(self, resource: Resource, verb: str = "") -> None:
        command = Command(resource["resourceType"], resource["id"], resource)
        current = self.stored(command.key)
        base = self._base.get(command.key)
        if command.key in self._places and command.key not in self._meant and base and is_version(resource, base):
            self._drop(command.key)
            return
        earlier = self._staged(command.key)
        if earlier and earlier.event:
            self._stage(command, resource, verb or earlier.event.verb, method=earlier.stored.method)
        else:
            self._stage(command, resource, verb or ("created" if current is None or current.deleted else "updated"))

    def remove(self, key: Key) -> None:
        """Delete another resource along with the cause; its type's rule is not asked, as it is not for `update`."""
        current = self.stored(key)
        if current and not current.deleted:
            self._stage(Command(*key, None, verb="DELETE"), None, "deleted")

    def _staged(self, key: Key) -> Write | None:
        return self._writes[self._places[key]] if key in self._places else None

    def _drop(self, key: Key) -> None:
        """There and back again is no change."""
        if key in self._places:
            self._writes[self._places.pop(key)] = None
            self._current[key] = self._base[key]

    def attempt(self, command: Command) -> Result | FhirError:
        """Do one command; when it fails, nothing of it stays and its error is returned."""
        if command.condition:
            self.store()  # what earlier commands made may be meant
        staged = len(self._writes)
        try:
            if command.type not in self._types:
                return self.do(command)
            with self.session.savepoint():
                return self.do(command)
        except FhirError as error:
            self._current |= self._base
            del self._writes[staged:]
            return error

    def do(self, command: Command) -> Result:
        """Decide one command on what stands and stage its version."""
        return self.do_all([command])[0]

    def do_all(
        self,
        commands: Sequence[Command],
        at: Callable[[int], AbstractContextManager[object]] = lambda place: nullcontext(),
    ) -> list[Result]:
        """Decide commands on different resources together, so that their order does not matter to a rule.

        First each gives up what it had, then each takes what it wants, then the rest is settled. `at` surrounds what
        is done for the command at a place.
        """
        self._base, self._places, self._meant = {}, {}, set()
        steps: list[_Step | Result] = []
        for place, command in enumerate(commands):
            with at(place):
                steps.append(self._begun(command))
        for phase in (self._give_up, self._decide, self._settle):
            for place, step in enumerate(steps):
                if isinstance(step, _Step):
                    with at(place):
                        phase(step)
        return [s if isinstance(s, Result) else Result(s.outcome, self._current[s.command.key]) for s in steps]

    def _begun(self, command: Command) -> _Step | Result:
        found = identify(self.session, command)
        if isinstance(found, Result):
            return found
        command = found
        if command.fresh:
            self._current.setdefault(command.key, None)
        self._meant.add(command.key)
        current = self.stored(command.key)
        _check_preconditions(command, current)
        before = json.restore(current.body) if current and not current.deleted else None
        after = patched(command, command.change, current) if command.change else command.resource
        if before is None and after is None:
            return Result("deleted", current)
        return _Step(command, before, after, "deleted" if after is None else "created" if before is None else "updated")

    def _give_up(self, step: _Step) -> None:
        type_ = self._types.get(step.command.type)
        if type_ and type_.gives_up:
            type_.gives_up(self, step.before, step.after, step.command.id)

    def _decide(self, step: _Step) -> None:
        command, type_ = step.command, self._types.get(step.command.type)
        current = self._base.get(command.key, self._current[command.key])
        ruling = Ruling()
        if type_ and type_.rule:
            self.own, self.if_match = command.own, command.if_match
            ruling = type_.rule(self, step.before, step.after, command.id)
            step.after = ruling.resource or step.after
        if step.after and self._unchanging and current and is_version(step.after, current):
            step.outcome = "unchanged"  # history told again, or an echo; a client's own update always makes a version
            self._drop(command.key)
            return
        self._stage(command, step.after, ruling.verb or step.outcome)

    def _settle(self, step: _Step) -> None:
        type_ = self._types.get(step.command.type)
        if type_ and type_.settles:
            type_.settles(self, step.before, step.after, step.command.id)

    def _stage(self, command: Command, resource: Resource | None, verb: str, *, method: str = "") -> None:
        key = command.key
        current = self._base.setdefault(key, self._current[key])
        before: Resource | None = json.restore(current.body) if current and not current.deleted else None
        version = current.version + 1 if current else 1
        updated = max(self._now, current.updated) if current else self._now
        body = b"" if resource is None else json.render(stamped(resource, command.id, version, updated))
        if len(body) > self._runtime.limits.body_bytes + STAMP_BYTES:
            raise TooLarge(f"A resource may have {self._runtime.limits.body_bytes} bytes.", expression=command.type)
        index = extract(resource, base=self._runtime.base_url) if resource else None
        stored = Stored(
            type=command.type,
            id=command.id,
            version=version,
            updated=updated,
            deleted=resource is None,
            body=body,
            method=method or command.verb,
            key=current.key if current else partition_key(key, index),
            department=(resource and department_of(resource, self.department, self.base_url))
            or (current.department if current else ""),
            row=current.row if current else 0,
        )
        write = Write(stored, index, self._event(stored, verb, before, resource))
        if key in self._places:
            self._writes[self._places[key]] = write
        else:
            self._places[key] = len(self._writes)
            self._writes.append(write)
        self._current[key] = stored

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

    def store(self) -> list[Write]:
        """Write what was staged and return it; from then on searches inside the transaction find it."""
        writes = [write for write in self._writes if write]
        if not self._trial:
            self.session.write(writes)
            keys = ((write.stored.type, write.stored.id) for write in writes)
            follow(self._runtime, self.session, keys, self.context)
        for write in writes:
            self._current.pop((write.stored.type, write.stored.id), None)
        self._writes, self._base, self._places = [], {}, {}
        return writes


def _check_preconditions(command: Command, current: Stored | None) -> None:
    living = current is not None and not current.deleted
    where = f"{command.type}/{command.id}"
    if command.only_create and living:
        raise PreconditionFailed(f"{where} is already there, and If-None-Match: * allows only its creation.")
    if command.if_match is None:
        return
    if current is None or current.deleted:
        raise PreconditionFailed(f"{where} is not there, so If-Match cannot hold.")
    _refuse_version(current.type, current.id, current.version, command.if_match)


def refuse_other(resource: Resource, if_match: frozenset[int] | None) -> None:
    """Raise PreconditionFailed where a resource as it stands is at none of the versions; None: at any."""
    _refuse_version(resource["resourceType"], resource["id"], int(resource["meta"]["versionId"]), if_match)


def _refuse_version(type_name: str, id_: str, version: int, if_match: frozenset[int] | None) -> None:
    if if_match is not None and if_match != ANY_VERSION and version not in if_match:
        named = " or ".join(map(str, sorted(if_match))) or "the one that is named"
        raise PreconditionFailed(
            f"{type_name}/{id_} is at version {version}, not {named}; read it again and repeat the change.",
            expression=f"{type_name}.meta.versionId",
        )


def patched(command: Command, change: Callable[[Resource], Resource], current: Stored | None) -> Resource:
    """What the patch makes of what stands, checked as an update is. Raises NotFound, Gone, Malformed, Invalid."""
    if current is None:
        raise NotFound(f"{command.type}/{command.id} is not known here.")
    if current.deleted:
        raise Gone(f"{command.type}/{command.id} is deleted.")
    before = json.parse(current.body)
    resource = change(before)
    if resource.get("id") != command.id:
        raise Invalid("A patch cannot change the id.", code="business-rule", expression=f"{command.type}.id")
    check_resource(command.type, resource)
    return resource
