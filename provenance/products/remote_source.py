# SPDX-License-Identifier: Apache-2.0
"""Bytes of a file elsewhere, through fsspec; all that can go wrong there is one error of ours."""

import re
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any, Protocol

from provenance.errors import UnreachableProductError
from provenance.extras import needed

DOWNLOAD_LIMIT = 2 << 30
"""Bytes of a file that is copied where it can't be read piece by piece."""

_CHUNK = 1 << 18
_CONNECTS = 10  # seconds
_ANSWERS = 30
_RANGE = re.compile(r"bytes (?:(\d+)-\d+|\*)/(\d+)")
_NOT_THERE = frozenset((404, 410))
_NO_ACCESS = frozenset((401, 403))


class Source(Protocol):
    """A file elsewhere; its ``size`` is known once something was fetched."""

    size: int

    def fetch(self, start: int, end: int) -> bytes:
        """Return the bytes from ``start`` up to ``end``, or to the end of the file.

        Raises
        ------
        UnreachableProductError
            They can't be fetched.
        """
        ...


def source(url: str, name: str) -> Source:
    """Return the file of a URL, to be called ``name`` in errors.

    Raises
    ------
    NeedsExtraError
        The libraries for it are not installed.
    UnreachableProductError
        No URL of that kind can be read.
    """
    scheme = url.partition("://")[0].lower()
    if "::" in url or scheme == "local":
        raise UnreachableProductError(name, "URLs of this kind are not followed")
    return _HTTP(url, name) if scheme in ("http", "https") else _Other(url, name)


def copied(there: IO[bytes], here: IO[bytes]) -> None:
    """Copy what is left of a file, in bounded memory."""
    while piece := there.read(_CHUNK):
        here.write(piece)


class _Other:
    """A file of any file system that fsspec knows."""

    def __init__(self, url: str, name: str) -> None:
        fsspec = _library()
        self._name = name
        try:
            system, path = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as reason:
            why = (
                f"URLs of this kind can't be read here: {reason}"
                if "@" not in url
                else "URLs of this kind can't"
            )
            raise UnreachableProductError(name, why) from reason
        with _translated(name):
            self._file = system.open(path, "rb", cache_type="none")
            self.size = int(self._file.seek(0, 2))

    def fetch(self, start: int, end: int) -> bytes:
        with _translated(self._name):
            self._file.seek(start)
            data: bytes = self._file.read(end - start)
        return data


class _HTTP:
    """A file of a web server: asked for ranges, and copied if the server knows none."""

    def __init__(self, url: str, name: str) -> None:
        with needed(name, "remote"):
            import aiohttp  # noqa: PLC0415 -- an extra
        fsspec = _library()
        patience = aiohttp.ClientTimeout(total=None, connect=_CONNECTS, sock_read=_ANSWERS)
        self._url, self._name = url, name
        with _translated(name):
            self._system = fsspec.filesystem(
                "http",
                skip_instance_cache=True,
                client_kwargs={"timeout": patience, "auto_decompress": False},
            )
        self._sync = fsspec.asyn.sync
        self._copy: IO[bytes] | None = None
        self.size = -1

    def fetch(self, start: int, end: int) -> bytes:
        if self._copy is None:
            with _translated(self._name):
                data: bytes | None = self._sync(self._system.loop, self._ranged, start, end)
            if data is not None:
                return data
        return self._of_copy(start, end)

    def _of_copy(self, start: int, end: int) -> bytes:
        if self._copy is None:
            raise UnreachableProductError(self._name, "the server no longer gives parts of it; try again")
        self._copy.seek(start)
        return self._copy.read(end - start)

    async def _ranged(self, start: int, end: int) -> bytes | None:
        """Return the range; None where the server sent the whole file, which is here then."""
        session = await self._system.set_session()
        asks = {"Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}
        async with session.get(self._system.encode_url(self._url), headers=asks) as answer:
            if answer.status not in (206, 416):
                answer.raise_for_status()
                await self._copied(answer)
                return None
            said = _RANGE.match(answer.headers.get("Content-Range", ""))
            if said is None or (answer.status == 206 and int(said[1] or -1) != start):
                raise UnreachableProductError(self._name, "the server's ranges are of no use; copy it here")
            if self.size not in (-1, int(said[2])):
                raise UnreachableProductError(self._name, "it changed while it was read; try again")
            self.size = int(said[2])
            return await self._piece(answer, min(end, self.size) - start) if answer.status == 206 else b""

    async def _piece(self, answer: Any, length: int) -> bytes:
        pieces, left = [], length
        while left > 0 and (piece := await answer.content.read(left)):
            pieces.append(piece)
            left -= len(piece)
        if left > 0:
            raise UnreachableProductError(self._name, "the server sent less than it said; try again")
        return b"".join(pieces)

    async def _copied(self, answer: Any) -> None:
        import tempfile  # noqa: PLC0415 -- rarely needed

        why = (
            f"the server gives no parts of it, and it has more than {DOWNLOAD_LIMIT >> 30} GiB; copy it here"
        )
        if (answer.content_length or 0) > DOWNLOAD_LIMIT:
            raise UnreachableProductError(self._name, why)
        size, copy = 0, tempfile.TemporaryFile()  # noqa: SIM115 -- it is read later
        while piece := await answer.content.read(_CHUNK):
            size += len(piece)
            if size > DOWNLOAD_LIMIT:
                raise UnreachableProductError(self._name, why)
            copy.write(piece)
        weakref.finalize(self, copy.close)
        self.size, self._copy = size, copy


def _library() -> Any:
    with needed("a product by URL", "remote"):
        import fsspec.asyn  # noqa: PLC0415 -- an extra
        import fsspec.core  # noqa: PLC0415 -- an extra
    return fsspec


@contextmanager
def _translated(name: str) -> Iterator[None]:
    """Make errors ours; nothing of their text goes along, since it may have the URL in it."""
    try:
        yield
    except _foreign() as reason:
        raise _error(name, reason) from None


def _foreign() -> tuple[type[Exception], ...]:
    """Return the errors of the libraries that are in use."""
    found = [getattr(sys.modules.get(module), name, None) for module, name in _ERRORS]
    return (OSError, ValueError, TimeoutError, *(kind for kind in found if kind is not None))


_ERRORS = (("aiohttp", "ClientError"), ("botocore.exceptions", "BotoCoreError"))


def _error(name: str, reason: Exception) -> UnreachableProductError:
    status = getattr(reason, "status", None)
    if isinstance(reason, FileNotFoundError) or status in _NOT_THERE:
        return UnreachableProductError(name, "nothing is there; check the address", is_absent=True)
    if isinstance(reason, PermissionError) or status in _NO_ACCESS:
        why = "it is not for everybody; log in, or ask for an address that you may read"
        return UnreachableProductError(name, why, is_absent=True)
    if isinstance(reason, TimeoutError):
        return UnreachableProductError(name, f"no answer came in {_ANSWERS} s; try again later")
    if status is not None:
        return UnreachableProductError(name, f"the server answered {status}; try again later")
    return UnreachableProductError(
        name, f"the connection failed ({type(reason).__name__}); check the address"
    )
