# SPDX-License-Identifier: Apache-2.0
"""Files of a host, by SFTP: each written whole beside its place, and then put there."""

import asyncio
import errno
import os
import secrets
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import asyncssh
from asyncssh import FXF_CREAT, FXF_EXCL, FXF_READ, FXF_WRITE, SFTPAttrs, SFTPClient, SFTPClientFile

from eb_prefect.brokers.batch.sending import below, link_text, permissions

_AT_ONCE = 8
_PIECE = 4 << 20
_NAME = 200
_GONE = (asyncssh.SFTPNoConnection, asyncssh.SFTPConnectionLost)
_MISSING = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)
_Made = TypeVar("_Made")
_Work = Coroutine[Any, Any, _Made]
_left: set[asyncio.Task[None]] = set()


async def read(sftp: SFTPClient, path: str) -> bytes | None:
    """Return all of a file, None where there is none."""
    try:
        file = await open_to_read(sftp, path)
    except FileNotFoundError:
        return None
    try:
        with _told_as_os_errors(path):
            return _bytes(await file.read())
    finally:
        close(file)


async def open_to_read(sftp: SFTPClient, path: str) -> SFTPClientFile:
    """Open a file, or a directory."""
    with _told_as_os_errors(path):
        return await sftp.open(os.fsencode(path), FXF_READ, encoding=None)


async def piece_at(file: SFTPClientFile, path: str, offset: int) -> bytes:
    """Return what follows so many bytes of a file that is open, nothing at its end."""
    with _told_as_os_errors(path):
        return _bytes(await file.read(_PIECE, offset))


def close(file: SFTPClientFile) -> None:
    """Close a file that was read, without waiting for it."""
    _later(file.close())


async def read_link(sftp: SFTPClient, path: str) -> str | None:
    """Return the text of a symbolic link, None where there is none."""
    try:
        with _told_as_os_errors(path):
            return os.fsdecode(bytes(await sftp.readlink(os.fsencode(path))))
    except FileNotFoundError:
        return None


async def is_there(sftp: SFTPClient, path: str) -> bool:
    """Return whether there is anything of that name, if only a link that leads nowhere."""
    try:
        with _told_as_os_errors(path):
            await sftp.lstat(os.fsencode(path))
    except FileNotFoundError:
        return False
    return True


async def write(sftp: SFTPClient, path: str, content: bytes, mode: int) -> None:
    """Write a file whole or not at all, durably where the host can."""

    async def fill(file: SFTPClientFile) -> None:
        await file.write(content)

    await _in_a_directory(sftp, path, lambda: _replaced(sftp, path, mode, fill))


async def send(sftp: SFTPClient, source: Path, path: str, moved: Callable[[], None]) -> None:
    """Copy a file, or all of a directory, a few files at a time; ``moved`` is called as it goes on."""
    directories, others = below(source, path)
    for directory in directories:
        await _make(sftp, directory)
    await _all_of(_sent(sftp, found, target, moved) for found, target in others)


async def link(sftp: SFTPClient, path: str, text: str) -> bool:
    """Make a symbolic link and return True; False if something is there."""
    made = await _in_a_directory(sftp, path, lambda: _linked(sftp, path, text))
    if made:
        directory = await open_to_read(sftp, _above(path))
        await _sync(directory)
        close(directory)
    return made


@contextmanager
def _told_as_os_errors(path: str) -> Iterator[None]:
    """Let what the host says of a file be what this machine's own system would say."""
    try:
        yield
    except _GONE:
        raise
    except _MISSING as error:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from error
    except asyncssh.SFTPPermissionDenied as error:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path) from error
    except asyncssh.SFTPError as error:
        raise OSError(errno.EIO, f"the host says {error.reason!r}", path) from error


async def _linked(sftp: SFTPClient, path: str, text: str) -> bool:
    try:
        await sftp.symlink(os.fsencode(text), os.fsencode(path))
    except asyncssh.SFTPFailure:
        # all that this version of the protocol says where the name is taken
        if await is_there(sftp, path):
            return False
        raise
    return True


async def _sent(sftp: SFTPClient, source: Path, path: str, moved: Callable[[], None]) -> None:
    if (text := link_text(source)) is not None:
        await _in_a_directory(sftp, path, lambda: _linked(sftp, path, text))
        return
    with source.open("rb") as local:

        async def fill(file: SFTPClientFile) -> None:
            while piece := await asyncio.to_thread(local.read, _PIECE):
                await file.write(piece)
                moved()

        mode = permissions(local.fileno())
        await _in_a_directory(sftp, path, lambda: _replaced(sftp, path, mode, fill))
    moved()


async def _replaced(
    sftp: SFTPClient, path: str, mode: int, fill: Callable[[SFTPClientFile], _Work[None]]
) -> None:
    above, _, name = os.fsencode(path).rpartition(b"/")
    partial = b"%s/.%s.%s" % (above, name[:_NAME], secrets.token_hex(6).encode())
    private = SFTPAttrs(permissions=0o600)
    file = await sftp.open(partial, FXF_WRITE | FXF_CREAT | FXF_EXCL, private, encoding=None)
    try:
        await fill(file)
        if mode != private.permissions:
            await file.chmod(mode)
        await _sync(file)
        await file.close()
        await sftp.posix_rename(partial, os.fsencode(path))
    except asyncio.CancelledError:  # the time for it is over
        _later(_discarded(sftp, file, partial))
        raise
    except (asyncssh.SFTPError, OSError):
        await _discarded(sftp, file, partial)
        raise


async def _discarded(sftp: SFTPClient, file: SFTPClientFile, path: bytes) -> None:
    """Remove what was not finished, where there is still somebody to remove it."""
    with suppress(asyncssh.Error, OSError):
        await file.close()
        await sftp.remove(path)


async def _sync(file: SFTPClientFile) -> None:
    try:
        await file.fsync()
    except asyncssh.SFTPOpUnsupported:
        return  # then it is as durable as the host makes it


async def _in_a_directory(sftp: SFTPClient, path: str, make: Callable[[], _Work[_Made]]) -> _Made:
    """Make something, and the directories above it where they are missing."""
    with _told_as_os_errors(path):
        try:
            return await make()
        except _MISSING:
            await _make(sftp, _above(path))
        return await make()


async def _make(sftp: SFTPClient, path: str) -> None:
    with _told_as_os_errors(path):
        await sftp.makedirs(os.fsencode(path), SFTPAttrs(permissions=0o700), exist_ok=True)


def _above(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def _bytes(given: bytes | str) -> bytes:
    assert isinstance(given, bytes), "files are opened without an encoding"
    return given


async def _all_of(works: Iterator[_Work[None]]) -> None:
    """Do all, a few at a time, up to the first that fails."""
    room = asyncio.Semaphore(_AT_ONCE)

    async def one(work: _Work[None]) -> None:
        async with room:
            await work

    tasks = [asyncio.ensure_future(one(work)) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


def _later(work: _Work[None]) -> None:
    """Do something that nobody waits for, and that may fail."""
    task = asyncio.ensure_future(work)
    _left.add(task)
    task.add_done_callback(_left.discard)
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
