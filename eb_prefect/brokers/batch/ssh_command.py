# SPDX-License-Identifier: Apache-2.0
"""Commands on a host, whatever shell its user has.

The user's login shell, which may be a csh or a fish, sees one and the same
line that none of them reads differently. It starts a ``/bin/sh`` that takes
what to run from the first line of its stdin: so nothing depends on quoting,
environment values are in no list of processes, and no command is too long.
Until that line has been sent nothing happens, so all before can be repeated.
"""

import asyncio
import os
import shlex
from collections.abc import Mapping, Sequence

import asyncssh
from asyncssh import SSHClientConnection, SSHClientProcess, SSHReader

from eb_prefect.brokers.batch.host import Ran
from eb_prefect.errors import UnusableAnswerError

LINE = """exec /bin/sh -c 'IFS= read -r line && eval "$(printf %b "$line")"'"""
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _./:=,@+-")
_PIECE = 1 << 16
_PAUSE = 0.1
_MOST = 64 << 20


def script(argv: Sequence[str], environment: Mapping[str, str], setup: str) -> bytes:
    """Return the line that makes the shell become the command."""
    begin = [f"{{ {setup}\n}} </dev/null >&2"] if setup else []
    exports = [f"export {name}={shlex.quote(text)}" for name, text in environment.items()]
    text = "\n".join([*begin, *exports, f"exec {shlex.join(argv)}"])
    return b"".join(_escaped(byte) for byte in os.fsencode(text)) + b"\n"


def _escaped(byte: int) -> bytes:
    return bytes([byte]) if byte in _PLAIN else b"\\0%03o" % byte


class Command:
    """One command that is to run; ``line`` is its `script`, ``text`` its stdin."""

    def __init__(self, host: str, line: bytes, text: bytes) -> None:
        self._host = host
        self._sent = line + text
        self.was_sent = False

    async def run_over(self, connection: SSHClientConnection) -> Ran:
        """Run it, and return how it ended; ``was_sent`` is True from where it may have begun.

        Raises
        ------
        UnusableAnswerError
            It says more than anybody should keep, and was ended.
        asyncssh.Error
            The connection was lost.
        """
        process = await _started(connection)
        try:
            self.was_sent = True
            process.stdin.write(self._sent)
            process.stdin.write_eof()
            out, err = await asyncio.gather(self._all(process.stdout), self._all(process.stderr))
            await process.wait_closed()
        finally:
            _end(process)
        if process.returncode is None:
            raise asyncssh.ConnectionLost("it went down while the command ran")
        return Ran(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))

    async def _all(self, reader: SSHReader[bytes]) -> bytes:
        pieces, size = [], 0
        while piece := await reader.read(_PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > _MOST:
                raise UnusableAnswerError(self._host, f"a command says more than {_MOST >> 20} MiB")
        return b"".join(pieces)


async def _started(connection: SSHClientConnection) -> SSHClientProcess[bytes]:
    """Open a channel; where the server has no room for more it is tried again, until the caller gives up."""
    while True:
        try:
            return await connection.create_process(LINE, encoding=None, request_pty=False)
        except asyncssh.ChannelOpenError:
            if connection.is_closed():
                raise
        await asyncio.sleep(_PAUSE)


def _end(process: SSHClientProcess[bytes]) -> None:
    if not process.is_closing():
        process.kill()
        process.close()
