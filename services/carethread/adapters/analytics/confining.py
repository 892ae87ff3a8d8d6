"""What a process gives up before it runs SQL that others wrote: writing files, other programs, the network, memory
without end. It keeps to this for the rest of its life.

Landlock of Linux 5.13 and newer (https://docs.kernel.org/userspace-api/landlock.html) takes away the right to open
anything for writing, whoever owns it, to run programs, and from Linux 6.7 on to use TCP. Where there is none, or it is
off, a file may be opened and emptied, but nothing be written (RLIMIT_FSIZE); who looks after the installation is told.
Memory is what can be written to (RLIMIT_DATA): addresses alone cost nothing, and engines reserve many.
"""

from __future__ import annotations

import ctypes
import resource
import sys

_CREATE, _RESTRICT, _VERSION = 444, 446, 1
"""Numbers of the system calls, alike on all machines, and the flag that asks which version there is."""

_NO_NEW_PRIVILEGES = 38
"""Of prctl."""

_CHANGES = {1: 0b1_1111_1111_0011, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
"""By the version that knows them, the rights to change files and folders, to run programs and to command devices."""

_TCP, _TCP_SINCE = 0b11, 4
"""The rights to listen and to connect."""


def has_landlock() -> bool:
    """Whether processes here can give up files, and not only writing to them."""
    return _version() >= 1


def confine(memory: int) -> None:
    """Give up all that a process can give up which is not needed for reading; memory is in bytes. Raises OSError where
    that is possible and fails."""
    for limit, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_DATA, memory)):
        _, hard = resource.getrlimit(limit)
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (bound, bound))
    if has_landlock():
        _landlock(_version())


def _version() -> int:
    """Of Landlock; less than 1 where there is none."""
    if sys.platform != "linux":
        return 0
    return int(ctypes.CDLL(None, use_errno=True).syscall(_CREATE, None, ctypes.c_size_t(0), _VERSION))


def _landlock(version: int) -> None:
    call = ctypes.CDLL(None, use_errno=True).syscall
    files = sum(rights for since, rights in _CHANGES.items() if since <= version)
    given = (ctypes.c_uint64 * 2)(files, _TCP if version >= _TCP_SINCE else 0)
    size = ctypes.sizeof(given) if version >= _TCP_SINCE else ctypes.sizeof(ctypes.c_uint64)
    rules = call(_CREATE, given, ctypes.c_size_t(size), 0)
    done = (
        rules >= 0 and ctypes.CDLL(None).prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0 and call(_RESTRICT, rules, 0) == 0
    )
    if not done:
        raise OSError(ctypes.get_errno(), "The process cannot be confined.")
