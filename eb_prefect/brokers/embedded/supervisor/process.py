# SPDX-License-Identifier: Apache-2.0
"""Forking: helpers that do a part of the work, and the program itself.

A part that may take long (copying, downloading, digesting) runs in a helper,
so that the supervisor can end it at any moment.
"""

import os
import sys
from _collections_abc import Callable  # without the rest of collections
from _signal import (
    SIG_DFL,
    SIG_SETMASK,
    SIGHUP,
    SIGINT,
    SIGKILL,
    SIGPIPE,
    SIGQUIT,
    SIGXFSZ,
    pthread_sigmask,
    signal,
)

from .mounts import enter_view
from .system import PR_SET_PDEATHSIG, prctl
from .text import dumps, scan

Report = Callable[[dict[str, object]], None]


def leave_by(work: Callable[[], int]) -> None:
    """End a forked process with what ``work`` returns; its stack is never unwound further."""
    code = 70
    try:
        code = work()
    finally:
        if code == 70:
            sys.excepthook(*sys.exc_info())
        os._exit(code)


class Helper:
    """A forked process that does one thing and leaves results in shared memory."""

    def __init__(self, work: Callable[[Report], None]) -> None:
        self._results = os.memfd_create("results")
        self.pid = os.fork()
        if self.pid == 0:
            prctl(PR_SET_PDEATHSIG, SIGKILL)
            pthread_sigmask(SIG_SETMASK, ())
            leave_by(lambda: self._do(work))

    def results(self) -> list[dict[str, object]]:
        """Return what it left, and forget it."""
        text = os.pread(self._results, os.fstat(self._results).st_size, 0).decode()
        os.close(self._results)
        return [scan(line, 0)[0] for line in text.splitlines()]

    def _do(self, work: Callable[[Report], None]) -> int:
        try:
            work(self._leave)
        except OSError as error:
            self._leave({"error": f"{os.strerror(error.errno or 0)}: {error.filename or error}"})
            return 1
        return 0

    def _leave(self, result: dict[str, object]) -> None:
        os.write(self._results, dumps(result).encode() + b"\n")


class Place:
    """Where a program runs: its working directory, its cores, its view and its control groups.

    ``view`` is the empty directory and the binds of `mounts.enter_view`, None
    for none; ``groups`` are the files into which a process of it writes its pid.
    """

    def __init__(
        self,
        directory: str,
        cpus: list[int],
        *,
        view: tuple[str, list[list[str]]] | None = None,
        groups: list[str] | None = None,
    ) -> None:
        self.directory = directory
        self.cpus = cpus
        self.view = view
        self.groups = groups or []


class Program:
    """A program that is ready to start, and waits to be let go.

    It leads a session of its own and dies with its supervisor. ``streams``
    are the files of its stdout and stderr.
    """

    def __init__(
        self, argv: list[str], environment: dict[str, str], streams: tuple[str, str], place: Place
    ) -> None:
        self._heard, told = os.pipe2(os.O_CLOEXEC)
        waits, self._go = os.pipe2(os.O_CLOEXEC)
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._go)
            leave_by(lambda: _become(argv, environment, streams, place, (told, waits)))
        os.close(told)
        os.close(waits)

    def wait_ready(self) -> str:
        """Return once it has all it needs, or with the reason why it can't have it."""
        return _complaint(os.read(self._heard, 4096))

    def let_go(self) -> str:
        """Start it, and return why it could not be executed, empty if it is running."""
        os.write(self._go, b"!")
        os.close(self._go)
        said = os.read(self._heard, 4096)
        os.close(self._heard)
        return _complaint(said)


def _complaint(said: bytes) -> str:
    return "" if said in (b"ready", b"") else said.decode(errors="replace")


def _become(
    argv: list[str],
    environment: dict[str, str],
    streams: tuple[str, str],
    place: Place,
    pipes: tuple[int, int],
) -> int:
    told, waits = pipes
    try:
        _prepare(streams, place)
        if place.view is not None:
            enter_view(*place.view)
        # a volume may hide the directory that holds the session
        os.chdir(place.directory if os.path.isdir(place.directory) else "/")
        os.write(told, b"ready")
        if not os.read(waits, 1):
            return 71  # the supervisor was lost before it could say so
        os.execvpe(argv[0], argv, environment)
    except OSError as error:
        os.write(told, f"{os.strerror(error.errno or 0)}: {error.filename or argv[0]}".encode())
    return 72


def _prepare(streams: tuple[str, str], place: Place) -> None:
    prctl(PR_SET_PDEATHSIG, SIGKILL)
    os.setsid()
    for signum in (SIGINT, SIGQUIT, SIGHUP, SIGPIPE, SIGXFSZ):  # what sh and Python ignore
        signal(signum, SIG_DFL)
    pthread_sigmask(SIG_SETMASK, ())
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, path in enumerate(streams, start=1):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        os.dup2(fd, number)
    os.sched_setaffinity(0, place.cpus)
    for group in place.groups:
        fd = os.open(group, os.O_WRONLY | os.O_CLOEXEC)
        os.write(fd, str(os.getpid()).encode())
        os.close(fd)
