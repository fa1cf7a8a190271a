# SPDX-License-Identifier: Apache-2.0
"""The kernel's own limit on a session's memory, where this user may set one."""

import os

from .tree import read

_ROOT = "/sys/fs/cgroup"


class MemoryGroup:
    """A control group made for one session; ``path`` is empty where there can be none."""

    def __init__(self, session: str, limit: int) -> None:
        self.path = next((path for path in _candidates(session) if _made(path, limit)), "")

    @property
    def members(self) -> list[str]:
        """The file into which a process writes its pid to join, or nothing."""
        return [f"{self.path}/cgroup.procs"] if self.path else []

    @property
    def has_killed(self) -> bool:
        """Whether the kernel killed a process because the limit was reached."""
        for name in ("memory.events", "memory.oom_control"):
            if os.path.exists(f"{self.path}/{name}"):
                words = read(f"{self.path}/{name}").split()
                return "oom_kill" in words and words[words.index("oom_kill") + 1] != "0"
        return False

    def remove(self) -> None:
        """Remove the group; its processes have ended."""
        if self.path:
            try:
                os.rmdir(self.path)
            except OSError:  # a process that no one may kill keeps it; it holds no memory of note
                return


def _candidates(session: str) -> list[str]:
    """Return where a group could be made: below our own, or beside it (cgroup 2 has no inner processes)."""
    for line in read("/proc/self/cgroup").splitlines():
        _, controllers, own = line.split(":", 2)
        if "memory" in controllers.split(","):
            return [f"{_ROOT}/memory{own.rstrip('/')}/eb-{session}"]
    own = (
        read("/proc/self/cgroup").partition("0::")[2].splitlines()[0]
        if os.path.exists(f"{_ROOT}/cgroup.controllers")
        else "/"
    )
    return [f"{_ROOT}{where.rstrip('/')}/eb-{session}" for where in (own, os.path.dirname(own)) if own != "/"]


def _made(path: str, limit: int) -> bool:
    limits = "memory.limit_in_bytes" if path.startswith(f"{_ROOT}/memory/") else "memory.max"
    try:
        os.mkdir(path)
    except OSError:
        return False
    try:
        fd = os.open(f"{path}/{limits}", os.O_WRONLY | os.O_CLOEXEC)
        os.write(fd, str(limit).encode())
        os.close(fd)
        os.close(os.open(f"{path}/cgroup.procs", os.O_WRONLY | os.O_CLOEXEC))
    except OSError:
        os.rmdir(path)
        return False
    return True
