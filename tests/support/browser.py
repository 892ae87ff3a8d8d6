"""A headless Chromium for tests: the machine's own, else Debian's package, which root installs."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from support import run
from support.run import Unavailable

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PACKAGE = "chromium"
_SECONDS = 300


def program() -> str:
    """The path of a Chromium; `Unavailable` says why there is none."""
    return os.environ.get("CARETHREAD_TEST_CHROMIUM") or run.once("chromium", _found)


def _found() -> str:
    path = _here()
    if path is None:
        _install()
        path = _here()
    if path is None:
        raise Unavailable(f"no Chromium: none of {', '.join(_NAMES)} is installed")
    return path


def _here() -> str | None:
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


def _install() -> None:
    """Debian's package, where we may install one."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return
    with (Path(run.begin()) / "apt.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update"], ["install", "-y", "--no-install-recommends", _PACKAGE]):
            try:
                done = subprocess.run(
                    ["apt-get", "-q", *command],
                    env=env,
                    capture_output=True,
                    text=True,
                    timeout=_SECONDS,
                    check=False,
                    stdin=subprocess.DEVNULL,
                )
            except subprocess.TimeoutExpired:
                raise Unavailable(f"apt-get {command[0]} takes longer than {_SECONDS} s") from None
            if done.returncode and command[0] == "install":
                raise Unavailable(f"apt-get cannot install {_PACKAGE}: {done.stderr.strip()[-300:]}")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; each test has contexts of its own, which know nothing of each other."""
    path = program()
    with sync_playwright() as driver:
        # Without a sandbox of its own where root runs it; it opens nothing but our own pages.
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        try:
            yield browser
        finally:
            browser.close()
