"""Starting and ending: where it listens, what it says when it cannot, and that nothing stays behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import urllib3

from support import run
from support.processes import CareThread, carethread
from support.servers import free_port, until

_SOURCES = Path(__file__).parents[2] / "services"
_GONE_SECONDS = 30.0


def command(*arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run `carethread ARGUMENTS` to its end; the tests' own CARETHREAD_ settings do not get through."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CARETHREAD_")}
    return subprocess.run(
        [sys.executable, "-m", "carethread", *arguments],
        env={**inherited, "PYTHONPATH": str(_SOURCES), **(env or {})},
        cwd=run.folder("command"),
        capture_output=True,
        text=True,
        timeout=60,
    )


def children(pid: int) -> dict[int, str]:
    """The processes below one, with their command lines."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [
        (int(pid), int(parent), args) for pid, parent, args in (line.split(None, 2) for line in listed.splitlines())
    ]
    found: dict[int, str] = {}
    wanted = {pid}
    while wanted:
        below = {pid: args for pid, parent, args in rows if parent in wanted}
        found |= below
        wanted = set(below)
    return found


def exists(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def http_worker(server: CareThread) -> int:
    return next(pid for pid, args in children(server.pid).items() if "up-worker" not in args)


def workers(server: CareThread) -> set[int]:
    return {pid for pid, args in children(server.pid).items() if "up-worker" in args}


def worker(server: CareThread) -> int:
    return next(iter(workers(server)))


def until_gone(pids: set[int]) -> float:
    began = time.monotonic()
    until(
        lambda: not any(map(exists, pids)),
        seconds=_GONE_SECONDS,
        what="every process ends",
        details=lambda: f"left: {[pid for pid in pids if exists(pid)]}",
    )
    return time.monotonic() - began


@pytest.fixture
def server() -> Iterator[CareThread]:
    with carethread("up") as process:
        until(lambda: len(children(process.pid)) == 2, seconds=30, what="two workers")
        yield process


def listening(pid: int) -> set[str]:
    """The local addresses, in the kernel's hexadecimal, on which a process tree listens."""
    inodes = set()
    for each in (pid, *children(pid)):
        for descriptor in Path(f"/proc/{each}/fd").iterdir():
            target = str(descriptor.readlink()) if descriptor.is_symlink() else ""
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    return {row[1] for row in rows if row[3] == "0A" and row[9] in inodes}


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="looks into Linux's /proc")
def test_it_listens_on_loopback_only(server):
    until(server._grpc_ready, seconds=30, what="gRPC")
    addresses = listening(server.pid)
    ports = {int(address.rpartition(":")[2], 16) for address in addresses}
    assert ports == {server.http_port, server.grpc_port}
    loopback = {"0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"}
    assert {address.partition(":")[0] for address in addresses} <= loopback


@pytest.mark.parametrize(
    "arguments", [("up",), ("serve", "records"), ("serve", "gateway"), ("serve", "records", "--role", "rpc")]
)
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_it_refuses_to_listen_beyond_this_machine(arguments, host):
    done = command(*arguments, "--host", host)
    assert done.returncode != 0
    assert done.stderr.count("\n") == 1
    assert host in done.stderr
    assert "Authentication must be configured first" in done.stderr
    assert "CARETHREAD_ALLOW_INSECURE_BIND" in done.stderr


def test_it_listens_anywhere_when_that_is_allowed():
    with carethread("up", "--host", "0.0.0.0", env={"CARETHREAD_ALLOW_INSECURE_BIND": "true"}) as server:
        assert server.fhir.get("metadata").status == 200


@pytest.mark.parametrize("which", ["CARETHREAD_HTTP_PORT", "CARETHREAD_GRPC_PORT"])
def test_a_port_in_use_is_one_clear_line(which):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = str(holder.getsockname()[1])
        ports = {"CARETHREAD_HTTP_PORT": str(free_port()), "CARETHREAD_GRPC_PORT": str(free_port()), which: port}
        done = command("up", env=ports)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert port in done.stderr
    assert "in use" in done.stderr
    assert which in done.stderr


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("HTTP_PORT", "eighty", "CARETHREAD_HTTP_PORT"),
        ("HTTP_PORT", "70000", "CARETHREAD_HTTP_PORT"),
        ("HTTP_THREADS", "0", "CARETHREAD_HTTP_THREADS"),
        ("MAX_BODY_BYTES", "-1", "CARETHREAD_MAX_BODY_BYTES"),
        ("ALLOW_INSECURE_BIND", "perhaps", "CARETHREAD_ALLOW_INSECURE_BIND"),
        ("LOG_LEVEL", "chatty", "CARETHREAD_LOG_LEVEL"),
        ("DATABASE_URL", "nonsense", "CARETHREAD_DATABASE_URL"),
        ("RECORDS_DATABASE_URL", "mysql://127.0.0.1/records", "CARETHREAD_RECORDS_DATABASE_URL"),
        ("DATA", "/proc/nowhere", "CARETHREAD_DATA"),
    ],
)
@pytest.mark.parametrize("arguments", [("up",), ("migrate",)])
def test_a_bad_setting_is_one_clear_line(arguments, name, value, said):
    done = command(*arguments, env={f"CARETHREAD_{name}": value})
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert said in done.stderr


def test_a_database_that_is_away_is_one_clear_line_of_migrate():
    url = f"postgresql+psycopg://somebody:secret@127.0.0.1:{free_port()}/nothing"
    done = command("migrate", env={"CARETHREAD_DATABASE_URL": url})
    assert done.returncode == 1
    log, error = done.stderr.splitlines()
    assert "refused" in log, "the reason is told"
    assert error.startswith("Error: The database is away or locked. (") and error.endswith("the database of records)")
    assert "secret" not in done.stderr


@pytest.mark.alone
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("to", ["supervisor", "group"])
def test_a_signal_ends_all_with_exit_code_0(server, number, to):
    """Ctrl-C in a terminal reaches the whole group, as a service manager's SIGTERM may."""
    tree = {server.pid, *children(server.pid)}
    send = os.killpg if to == "group" else os.kill
    send(server.pid, number)
    until(lambda: not server.alive, seconds=_GONE_SECONDS, what="the supervisor ends", details=server.output)
    assert server._process is not None
    assert server._process.returncode == 0, server.output()
    assert until_gone(tree) < 1
    assert "Traceback" not in server.output(1000)


def test_it_ends_while_clients_hold_connections(server):
    with (
        socket.create_connection(("127.0.0.1", server.http_port)) as idle,
        socket.create_connection(("127.0.0.1", server.http_port)) as slow,
    ):
        idle.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.recv(1000).startswith(b"HTTP/1.1 200")
        slow.sendall(b"POST /fhir/Patient HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        tree = {server.pid, *children(server.pid)}
        os.kill(server.pid, signal.SIGTERM)
        until(lambda: not server.alive, seconds=_GONE_SECONDS, what="the supervisor ends", details=server.output)
    until_gone(tree)


def test_a_killed_http_worker_comes_back(server):
    first = http_worker(server)
    os.kill(first, signal.SIGKILL)
    until(lambda: not exists(first), seconds=10, what="the worker is dead")
    until(server._http_ready, seconds=30, what="HTTP answers again", details=server.output)
    assert http_worker(server) != first
    assert server.fhir.get("metadata").status == 200


def test_a_killed_worker_process_comes_back_and_goes_on(server):
    until(server._grpc_ready, seconds=30, what="gRPC")
    first = worker(server)
    os.kill(first, signal.SIGKILL)
    until(lambda: not exists(first), seconds=10, what="the worker is dead")
    assert server.fhir.put("Patient/p1", {"resourceType": "Patient", "id": "p1"}).status == 201
    until(lambda: workers(server) - {first} != set(), seconds=30, what="another worker", details=server.output)
    until(server._grpc_ready, seconds=30, what="gRPC answers again", details=server.output)


def test_without_its_supervisor_nothing_lives_on(server):
    below = set(children(server.pid))
    os.kill(server.pid, signal.SIGKILL)
    assert until_gone(below) < _GONE_SECONDS


def test_what_begins_after_its_supervisor_is_gone_ends():
    gone = subprocess.Popen(["true"])
    gone.wait()
    data = {"CARETHREAD_DATA": str(run.folder("data")), "CARETHREAD_GRPC_PORT": str(free_port())}
    command("up-worker", "--supervisor", str(gone.pid), env=data)  # else it would be there when its time is over


def test_a_service_of_its_own_ends_whole(tmp_path):
    with carethread("serve", "questionnaires") as server:
        until(lambda: len(children(server.pid)) == 2, seconds=30, what="two workers")
        assert server.fhir.get("Questionnaire").status == 200
        tree = {server.pid, *children(server.pid)}
        os.kill(server.pid, signal.SIGINT)
        until_gone(tree)


@pytest.mark.parametrize("role", ["rpc", "worker"])
def test_one_role_ends_by_a_signal(role):
    with carethread("serve", "careteams", "--role", role, ready="grpc" if role == "rpc" else "") as server:
        until(lambda: "relay_leads" in server.output() or role == "rpc", seconds=30, what="the role works")
        os.kill(server.pid, signal.SIGTERM)
        until(lambda: not server.alive, seconds=_GONE_SECONDS, what="it ends", details=server.output)
        assert server._process is not None
        assert server._process.returncode == 0, server.output()


def test_a_restart_keeps_what_was_stored():
    data = run.folder("data")
    with carethread("up", env={"CARETHREAD_DATA": str(data)}) as server:
        assert server.fhir.put("Patient/p1", {"resourceType": "Patient", "id": "p1"}).status == 201
    with carethread("up", env={"CARETHREAD_DATA": str(data)}) as server:
        assert server.fhir.get("Patient/p1").json["meta"]["versionId"] == "1"


@pytest.mark.alone
def test_start_and_help_are_quick(capsys):
    began = time.monotonic()
    assert command("--help").returncode == 0
    helped = time.monotonic() - began
    data = run.folder("data")
    with carethread("up", env={"CARETHREAD_DATA": str(data)}):
        pass
    began = time.monotonic()
    with carethread("up", env={"CARETHREAD_DATA": str(data)}):
        ready = time.monotonic() - began
    with capsys.disabled():
        sys.stdout.write(f"\n  carethread --help: {helped:.2f} s; carethread up, warm, ready: {ready:.2f} s\n")
    assert helped < 10
    assert ready < 30


@pytest.mark.timeout(180)
def test_the_demo_says_what_to_try_and_it_works():
    with carethread("up", "--demo") as server:
        until(lambda: "Ctrl-C" in server.output(), seconds=150, what="the demo is loaded", details=server.output)
        assert f"websockets at 127.0.0.1:{server.ws_port}, events on the embedded bus." in server.output()
        said = server.output(200)
        lines = [line.strip() for line in said.splitlines() if line.strip().startswith("curl ")]
        assert len(lines) == 3, said
        assert f"{server.url}/fhir" in said
        for line in lines:
            done = subprocess.run(["sh", "-c", f"{line} --silent --fail"], capture_output=True, text=True)
            assert done.returncode == 0, (line, done.stderr)
            assert '"resourceType"' in done.stdout
            answer = urllib3.request("GET", line.split("'")[1]).json()
            assert answer.get("total", 0) > 0 or answer.get("group"), line
        tree = {server.pid, *children(server.pid)}
        os.killpg(server.pid, signal.SIGINT)
        until(lambda: not server.alive, seconds=_GONE_SECONDS, what="the supervisor ends", details=server.output)
        assert server._process is not None
        assert server._process.returncode == 0
        until_gone(tree)
        assert "Traceback" not in server.output(1000)


def test_ctrl_c_stops_a_demo_that_is_still_loading():
    with carethread("up", "--demo") as server:
        until(lambda: server.fhir.get("Patient?_summary=count").json.get("total", 0) > 0, seconds=60, what="loading")
        os.killpg(server.pid, signal.SIGINT)
        until(lambda: not server.alive, seconds=_GONE_SECONDS, what="the supervisor ends", details=server.output)
        assert server._process is not None
        assert server._process.returncode == 0, server.output()
        assert "Traceback" not in server.output(1000)
