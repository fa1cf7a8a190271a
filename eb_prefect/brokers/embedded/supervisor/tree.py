# SPDX-License-Identifier: Apache-2.0
"""All processes of a session: found, measured, ended.

The supervisor is the subreaper of what it starts, so a process that made
itself a daemon is its child again and is found from here.
"""

import os
from _signal import SIGKILL

_PAGE = os.sysconf("SC_PAGE_SIZE")
MARK = "EB_SESSION"
_KERNEL_LISTS_CHILDREN = os.path.exists("/proc/thread-self/children")


def descendants(pid: int) -> list[int]:
    """Return the pids of all living descendants, children before their own children."""
    children_of = _children if _KERNEL_LISTS_CHILDREN else _by_parent().get
    found: list[int] = []
    left = [pid]
    while left:
        children = children_of(left.pop()) or []
        found += children
        left += children
    return found


def _by_parent() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            parent = int(read(f"/proc/{name}/stat").rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        found.setdefault(parent, []).append(int(name))
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            found += map(int, read(f"/proc/{pid}/task/{thread}/children").split())
    except (FileNotFoundError, ProcessLookupError):  # it ended while it was looked at
        return found
    return found


def read(path: str) -> str:
    """Return what a file of /proc says now."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, 1 << 20).decode(errors="replace")
    finally:
        os.close(fd)


def resident(pids: list[int]) -> int:
    """Return the bytes of memory that the processes have; shared pages count for each."""
    return sum(_resident(pid) for pid in pids)


def _resident(pid: int) -> int:
    try:
        return int(read(f"/proc/{pid}/statm").split()[1]) * _PAGE
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return 0


def proportional(pids: list[int]) -> int:
    """Return the bytes of memory that the processes have, shared pages split between sharers."""
    return sum(_proportional(pid) for pid in pids)


def _proportional(pid: int) -> int:
    try:
        text = read(f"/proc/{pid}/smaps_rollup")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    except PermissionError:  # a setuid program: what is known is better than nothing
        return _resident(pid)
    return next((int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:")), 0)


def started(pid: int) -> str:
    """Return when a process started, in ticks since boot; empty if there is none.

    Together with the boot it tells a process from a later one of the same pid.
    """
    try:
        return read(f"/proc/{pid}/stat").rpartition(")")[2].split()[19]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def boot() -> str:
    """Return the identifier of this boot of the machine."""
    return read("/proc/sys/kernel/random/boot_id").strip()


def inside(pids: list[int]) -> list[int]:
    """Return the processes that have a process table of their own, as those of a container have."""
    ours = _table("self")
    return [pid for pid in pids if _table(str(pid)) not in ("", ours)]


def _table(pid: str) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    except PermissionError:  # another user's, as only a container's processes are
        return "another"


def signal_all(pids: list[int], signum: int) -> None:
    """Send a signal to each that still lives."""
    for pid in pids:
        try:
            os.kill(pid, signum)
        except (ProcessLookupError, PermissionError):  # gone, or a setuid program
            continue


def kill_marked(session: str) -> int:
    """Kill every process that was started in a session, and return how many.

    For a session that lost its supervisor: they are known by a variable that
    each inherits in its environment.
    """
    mark = f"{MARK}={session}".encode()
    found = [int(name) for name in os.listdir("/proc") if name.isdigit() and _has(name, mark)]
    signal_all(found, SIGKILL)
    return len(found)


def _has(pid: str, mark: bytes) -> bool:
    try:
        fd = os.open(f"/proc/{pid}/environ", os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError, ProcessLookupError):
        return False
    try:
        return mark in os.read(fd, 1 << 20).split(b"\0")
    except (PermissionError, ProcessLookupError):
        return False
    finally:
        os.close(fd)
