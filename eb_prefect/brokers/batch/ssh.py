# SPDX-License-Identifier: Apache-2.0
"""The host of a batch system that is reached by ssh; needs the extra ``ssh``."""

import os
import weakref
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

try:
    import asyncssh
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "a host is reached by ssh through asyncssh, which is missing: pip install 'eb-prefect[ssh]'",
        name="asyncssh",
    ) from missing

from eb_prefect.brokers.batch import ssh_files
from eb_prefect.brokers.batch.host import Ran
from eb_prefect.brokers.batch.ssh_command import Command, script
from eb_prefect.brokers.batch.ssh_line import LOST, Line
from eb_prefect.brokers.batch.ssh_opening import Target

_Result = TypeVar("_Result")


class Ssh:
    """A login node as the command ``ssh`` reaches it: ``[user@]host[:port]``.

    The host may be an alias of ``~/.ssh/config``. That file, or
    ``configuration`` in its place, says all that ssh takes from it. Nothing is
    ever asked for, and no host key is taken on trust. One connection is kept
    open for all threads, and opened again after a loss; an object that was
    copied to another process, or forked with it, has its own there.

    ``setup`` is shell text that goes before each command, where a login shell
    would be needed to find it: ``". /etc/profile"``, ``"module load slurm"``.
    ``patience`` is how many seconds anything may take, ``channels`` how many
    commands run at the same time: a server allows ten sessions on a
    connection by default, and one of them is for files.
    """

    is_here = False

    def __init__(
        self,
        host: str,
        *,
        configuration: Path | None = None,
        setup: str = "",
        patience: float = 120.0,
        channels: int = 8,
    ) -> None:
        self._target = Target.of(host, str(configuration) if configuration else None)
        self._setup = setup
        self._patience = patience
        self._channels = channels
        self._lines: dict[int, Line] = {}
        self._home = ""

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lines": {}}

    @property
    def name(self) -> str:
        """The host as it was named."""
        return self._target.host

    def home(self) -> str:
        """Return the user's home directory there."""
        if not self._home:
            self._home = self.run(["printenv", "HOME"]).out.rstrip("\n")
        return self._home

    def run(
        self, argv: Sequence[str], *, text: str = "", environment: Mapping[str, str] | None = None
    ) -> Ran:
        """Run a command; one that is not there ends with 127.

        Raises
        ------
        UnusableAnswerError
            It said more than 64 MiB, and was ended.
        """
        line = self._line()
        return line.call(
            _run(line, Command(self.name, script(argv, environment or {}, self._setup), text.encode()))
        )

    def read(self, path: str) -> bytes | None:
        """Return all of a file, None where there is none."""
        return self._on_files(lambda sftp, _: ssh_files.read(sftp, path))

    def read_link(self, path: str) -> str | None:
        """Return the text of a symbolic link, None where there is none."""
        return self._on_files(lambda sftp, _: ssh_files.read_link(sftp, path))

    def stream(self, path: str, offset: int = 0) -> Iterator[bytes]:
        """Yield a file in pieces of a few MiB."""
        line = self._line()
        file = line.call(line.on_files(lambda sftp, _: ssh_files.open_to_read(sftp, path)))
        at = offset

        async def piece() -> bytes:
            async with line.patiently():
                return await ssh_files.piece_at(file, path, at)

        try:
            while found := line.call(piece()):
                yield found
                at += len(found)
        finally:
            line.post(lambda: ssh_files.close(file))

    def write(self, path: str, content: bytes, *, mode: int = 0o600) -> None:
        """Write a file whole or not at all, durably; a lost connection leaves the old one or the new."""
        self._on_files(lambda sftp, _: ssh_files.write(sftp, path, content, mode))

    def send(self, source: Path, path: str) -> None:
        """Copy a file, or all of a directory into one; permissions are kept, and each file is whole."""
        self._on_files(lambda sftp, moved: ssh_files.send(sftp, source, path, moved))

    def link(self, path: str, text: str) -> bool:
        """Make a symbolic link with a text, durably, and return True; False if one is there."""
        line = self._line()
        # what makes it can't be repeated, so whether the connection lives shows before
        if self._on_files(lambda sftp, _: ssh_files.is_there(sftp, path)):
            return False
        return line.call(line.on_files_once(lambda sftp, _: ssh_files.link(sftp, path, text)))

    def close(self) -> None:
        """Close the connection; the next use opens another."""
        self._line().close()

    def _line(self) -> Line:
        # of what was forked nothing works in the child, its locks included
        process = os.getpid()
        if process not in self._lines:
            line = Line(self._target, patience=self._patience, channels=self._channels)
            if self._lines.setdefault(process, line) is line:
                weakref.finalize(self, line.close)
        return self._lines[process]

    def _on_files(
        self, work: Callable[[asyncssh.SFTPClient, Callable[[], None]], Coroutine[Any, Any, _Result]]
    ) -> _Result:
        line = self._line()
        return line.call(line.on_files(work))


async def _run(line: Line, command: Command) -> Ran:
    async with line.room:
        try:
            return await line.on_connection(command.run_over)
        except LOST:
            if command.was_sent:
                raise
            return await line.on_connection(command.run_over)
