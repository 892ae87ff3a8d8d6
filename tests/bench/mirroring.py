"""A new service copies 1,000,000 Patients from their owner while these go on changing, and is killed half-way."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from bench.figures import Figure, cpu_seconds, proportional_memory
from carethread.core.clock import instant
from carethread.core.fhir import json
from carethread.core.ports import Stored, Write
from support import postgres, run
from support.copies import copy
from support.fhir import Fhir
from support.processes import CareThread, carethread
from support.stores import open_store

PATIENTS = 1_000_000
SEEDED = 5_000
RATE = 20
"""Writes a second at the owner."""

PATIENCE = 600.0
"""Seconds for the mirror to be equal after the last chunk."""

_FIRST = 1_700_000_000_000_000
_STATE = (
    "SELECT count(*), sum(r.version), md5(string_agg(md5(r.id || '|' || r.version || '|' || md5(v.body)), '' "
    "ORDER BY r.id)) FROM {schema}.resources r JOIN {schema}.versions v USING (row, version) "
    "WHERE r.type = 'Patient' AND NOT r.deleted"
)
"""How many live, their versions, and a digest of all that they say."""


@dataclass
class Used:
    """What a stretch of copying took: seconds, CPU seconds of each process, and the most memory in bytes."""

    seconds: float = 0.0
    mirror: float = 0.0
    owner: float = 0.0
    database: float = 0.0
    mirror_bytes: int = 0
    owner_bytes: int = 0


def measure(count: int = PATIENTS) -> list[Figure]:
    """Time, memory and rate of the copying, and whether both are equal at the end."""
    database = postgres.start(durable=True)
    try:
        env = settled(database.url)
        fill(database.url, count)
        with carethread("serve", "records", env=env) as owner:
            env["CARETHREAD_RECORDS_GRPC_TARGET"] = f"127.0.0.1:{owner.grpc_port}"
            with changing(owner.fhir, database.url) as written:
                halves = [stretch(database.url, database.pid, env, owner, share) for share in (0.5, 1.0)]
                began = time.monotonic()
                with carethread("serve", "scheduling", "--role", "worker", env=env, ready=""):
                    written.end()
                    same = equal(database.url)
                    caught_up = time.monotonic() - began
        return told(count, halves, len(written.took), same, caught_up)
    finally:
        database.stop()


def told(count: int, parts: Sequence[Used], written: int, same: bool, caught_up: float) -> list[Figure]:
    """The figures of the stretches together."""
    seconds = sum(part.seconds for part in parts)
    cpu = {name: sum(getattr(part, name) for part in parts) for name in ("mirror", "owner", "database")}
    each = ", ".join(f"{name} {used / count * 1e6:.0f}" for name, used in cpu.items())
    most = [max(getattr(part, name) for part in parts) / 2**20 for name in ("mirror_bytes", "owner_bytes")]
    how = f"gRPC, PostgreSQL, {len(parts) - 1} kill -9; CPU in us each: {each}"
    return [
        Figure(f"{count:,} Patients mirrored", "minutes", f"{seconds:.0f} s", how),
        Figure("rate", "", f"{count / seconds:,.0f}/s", f"while {written} writes went on at {RATE}/s"),
        Figure("memory of the mirror's worker", "constant", f"{most[0]:.0f} MiB", "most PSS of all looks"),
        Figure("memory of the owner", "constant", f"{most[1]:.0f} MiB", "http, rpc and worker together"),
        Figure("equal to the owner", "yes", "yes" if same else "no", f"{caught_up:.0f} s after the last chunk"),
    ]


def stretch(
    url: str, database: int, env: Mapping[str, str], owner: CareThread, share: float, seconds: float = float("inf")
) -> Used:
    """Let the mirror go on to a share of all, or for so long, then kill it."""
    used = Used()
    mirror = CareThread("serve", "scheduling", "--role", "worker", env=env, ready="")
    with closing(psycopg.connect(_address(url), autocommit=True)) as connection:
        (last,) = connection.execute("SELECT max(row) FROM records.resources").fetchone() or (0,)
        began, before = time.monotonic(), (_cpu(owner.pid), _cpu(database))
        mirror.start()
        try:
            while not _is_at(connection, share * last) and time.monotonic() - began < seconds:
                used.mirror_bytes = max(used.mirror_bytes, proportional_memory(mirror.pid))
                used.owner_bytes = max(used.owner_bytes, proportional_memory(owner.pid))
                time.sleep(0.5)
            used.seconds, used.mirror = time.monotonic() - began, _cpu(mirror.pid)
            used.owner, used.database = _cpu(owner.pid) - before[0], _cpu(database) - before[1]
        finally:
            mirror.kill9()
    return used


def _is_at(connection: psycopg.Connection, place: float) -> bool:
    """Whether the mirror of Patients has come so far, or to the end."""
    found = connection.execute("SELECT place FROM scheduling.mirrors WHERE type = 'Patient'").fetchone()
    return found is not None and (found[0] is None or place <= found[0])


def equal(url: str) -> bool:
    """Whether mirror and owner are the same within PATIENCE."""
    deadline = time.monotonic() + PATIENCE
    with closing(psycopg.connect(_address(url), autocommit=True)) as connection:
        while time.monotonic() < deadline:
            states = [connection.execute(_STATE.format(schema=name)).fetchone() for name in ("records", "scheduling")]
            if states[0] == states[1]:
                return True
            time.sleep(1)
    return False


def _address(url: str) -> str:
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _cpu(pid: int) -> float:
    """CPU seconds of a process, of its children, and of those that have ended (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ended = (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return cpu_seconds(pid) + ended + sum(_cpu(int(child)) for child in children)


@dataclass
class Written:
    """Who writes at the owner meanwhile, and how long each write took in seconds."""

    took: list[float] = field(default_factory=list)
    end: Callable[[], None] = lambda: None


@contextmanager
def changing(fhir: Fhir, url: str) -> Iterator[Written]:
    """RATE writes a second at the owner: updates, creates and deletes all over."""
    with closing(psycopg.connect(_address(url), autocommit=True)) as connection:
        some = "SELECT id FROM records.resources WHERE type = 'Patient' AND row %% 97 = %s LIMIT 5000"
        ids = [id_ for (id_,) in connection.execute(some, (1,))]
    stop = threading.Event()
    chance = random.Random(2)
    chance.shuffle(ids)
    written = Written()

    def write() -> None:
        began = time.monotonic()
        while not stop.wait(max(0.0, began + len(written.took) / RATE - time.monotonic())):
            before = time.monotonic()
            what, id_ = chance.random(), chance.choice(ids)
            body = {"resourceType": "Patient", "active": True, "birthDate": f"{chance.randrange(1930, 2020)}-01-01"}
            if what < 0.1:
                status = fhir.delete(f"Patient/{id_}").status
            elif what < 0.3:
                status = fhir.post("Patient", body).status
            else:
                status = fhir.put(f"Patient/{id_}", {**body, "id": id_}).status
            if status >= 300:
                raise AssertionError(f"The owner answers {status}.")
            written.took.append(time.monotonic() - before)

    writer = threading.Thread(target=write)
    writer.start()

    def end() -> None:
        stop.set()
        writer.join()

    written.end = end
    try:
        yield written
    finally:
        end()


def settled(url: str) -> dict[str, str]:
    """The settings of all processes, over databases that are migrated."""
    env = {"CARETHREAD_DATABASE_URL": url, "CARETHREAD_DATA": str(run.folder("mirroring"))}
    command = [sys.executable, "-m", "carethread", "migrate"]
    subprocess.run(command, env={**os.environ, **env}, check=True, stdout=sys.stderr)
    return env


def fill(url: str, count: int) -> None:
    """Store so many Patients at their owner; without index rows, which the mirror makes itself."""
    store = open_store(url)
    chance = random.Random(1)
    for start in range(0, SEEDED, 500):
        people = [_person(number, chance) for number in range(start, start + 500)]
        store.transact(lambda session, people=people: session.write([Write(each, None, None) for each in people]))  # type: ignore[misc]  # of a list
    store.close()
    copy(url, "records", "Patient", count // SEEDED - 1)


def _person(number: int, chance: random.Random) -> Stored:
    """A made-up Patient of some 900 bytes."""
    id_ = str(uuid.UUID(int=chance.getrandbits(128), version=4))
    coding = {"system": "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "code": chance.choice("MSD")}
    body = {
        "resourceType": "Patient",
        "id": id_,
        "meta": {"versionId": "1", "lastUpdated": instant(_FIRST)},
        "identifier": [
            {"use": "usual", "system": "urn:example:mrn", "value": f"{number:08}"},
            {"system": "urn:example:member", "value": f"{chance.randrange(10**9):09}"},
        ],
        "active": True,
        "name": [{"use": "official", "family": f"Family{number % 5000}", "given": [f"Given{number % 700}", "Middle"]}],
        "telecom": [
            {"system": "phone", "value": f"555-{chance.randrange(10**7):07}", "use": "home"},
            {"system": "email", "value": f"person{number}@example.org"},
        ],
        "gender": chance.choice(("female", "male")),
        "birthDate": f"{1930 + number % 90}-{1 + number % 12:02}-{1 + number % 28:02}",
        "address": [{"line": [f"{number % 900} Example Street"], "city": f"City {number % 300}", "country": "US"}],
        "maritalStatus": {"coding": [coding]},
        "managingOrganization": {"reference": f"Organization/{uuid.UUID(int=number % 40)}"},
    }
    return Stored("Patient", id_, 1, _FIRST, False, json.render(body), key=f"Patient/{id_}")
