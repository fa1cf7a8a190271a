# SPDX-License-Identifier: Apache-2.0
"""Products elsewhere, by URL: read piece by piece, and never written to.

A remote file has of a path's methods those by which formats read, so they
need not know. Where a format reads through a library that wants a file, it
gets a copy. Whatever is printed has neither passwords nor queries in it.
"""

import io
import os
import re
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, BinaryIO, cast
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from provenance.errors import UnreachableProductError, UnreadableProductError
from provenance.places import local
from provenance.products.formats import Format
from provenance.products.remote_source import DOWNLOAD_LIMIT, Source, copied, source

CHECKED_LIMIT = 1 << 30
"""Bytes of a remote file beyond which its content is not fetched to be checked."""

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://.+", re.DOTALL)
_BY_PIECES = frozenset(f"provenance.products.{name}" for name in ("fits", "votable", "asdf", "ecsv", "plain"))
_FIRST = 1 << 16
_MOST = 4 << 20


def product(given: str) -> Path | None:
    """Return what a URL leads to; None for what is no URL. A ``file`` URL is a path here.

    Raises
    ------
    UnreachableProductError
        No URL of that kind can be read.
    """
    if not _URL.fullmatch(given):
        return None
    if urlsplit(given).scheme != "file":
        return cast("Path", RemoteFile(given))
    path = local(given)
    if path is None:
        raise UnreachableProductError(shown(given), "it is a file of another machine; copy it here")
    return path


def shown(url: str) -> str:
    """Return the URL as anyone may read it: without user, password and query."""
    parts = urlsplit(url)
    query = "..." if parts.query else ""
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))


class RemoteFile(os.PathLike[str]):
    """A file by its URL, which is read from only when it is opened."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._source: Source | None = None
        self._head = b""
        self._copy: IO[bytes] | None = None

    @property
    def name(self) -> str:
        """The last step of the path."""
        name = urlsplit(self._url).path.rpartition("/")[2]
        return unquote(name) if self._is_quoted else name

    @property
    def _is_quoted(self) -> bool:
        """Whether the path has signs written out, which only the web does."""
        return self._url[:4].lower() == "http"

    @property
    def suffix(self) -> str:
        """What follows the last dot of the name."""
        return Path(self.name).suffix

    def with_name(self, name: str) -> "RemoteFile":
        """Return what is beside it; a query goes with it."""
        parts = urlsplit(self._url)
        last = quote(name) if self._is_quoted else name
        path = parts.path.rpartition("/")[0] + "/" + last
        return RemoteFile(urlunsplit(parts._replace(path=path)))

    def __str__(self) -> str:
        return shown(self._url)

    def __fspath__(self) -> str:
        return str(self)

    def is_dir(self) -> bool:
        """Return False: that a place has files below it can't be told of every kind of URL."""
        return False

    def exists(self) -> bool:
        """Whether there is something that may be read; one without access is as one that is not there.

        Raises
        ------
        UnreachableProductError
            The place can't be asked.
        """
        try:
            self._opened()
        except UnreachableProductError as reason:
            if reason.is_absent:
                return False
            raise
        return True

    is_file = exists

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self._opened().size

    def open(self, mode: str = "rb", buffering: int = -1) -> BinaryIO:  # noqa: ARG002 -- as a path has it
        """Open it to read.

        Raises
        ------
        UnreachableProductError
            It is not there, or can't be fetched.
        """
        if mode != "rb":
            raise UnreachableProductError(str(self), "nothing is ever written there")
        return io.BufferedReader(_Windows(self, self._opened(), self._head), _FIRST)

    def copy(self) -> IO[bytes]:
        """Return a copy of the file here, made once, which goes with this object.

        Raises
        ------
        UnreachableProductError
            The file is too large to be copied, or can't be fetched.
        """
        if self._copy is None:
            if self.size > DOWNLOAD_LIMIT:
                limit = f"{DOWNLOAD_LIMIT >> 30} GiB"
                why = f"files of this kind are read whole, and it has more than {limit}; copy it here"
                raise UnreachableProductError(str(self), why)
            import tempfile  # noqa: PLC0415 -- rarely needed, and `eb show` starts without it

            made = tempfile.NamedTemporaryFile(suffix=self.suffix)  # noqa: SIM115 -- closed with the object
            weakref.finalize(self, made.close)
            with self.open() as there:
                copied(there, made)
            made.flush()
            self._copy = made
        return self._copy

    def _opened(self) -> Source:
        """Ask for the beginning, which tells the size too, once."""
        if self._source is None:
            found = source(self._url, str(self))
            self._head = found.fetch(0, _FIRST)
            self._source = found
        return self._source


class _Windows(io.RawIOBase):
    """A file of which one piece is here; pieces get longer while they are read in a row."""

    def __init__(self, remote: RemoteFile, source: Source, head: bytes) -> None:
        self._remote, self._source = remote, source
        self._at = 0
        self._start, self._data = 0, head
        self._step = _FIRST

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        """Return that of a copy, for those who read by it."""
        return self._remote.copy().fileno()

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._source.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        if self._at >= self._source.size:
            return 0
        if not self._start <= self._at < self._start + len(self._data):
            self._fetch()
        piece = self._data[self._at - self._start :][: len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def _fetch(self) -> None:
        follows = self._at == self._start + len(self._data)
        self._step = min(2 * self._step, _MOST) if follows else _FIRST
        self._data = self._source.fetch(self._at, min(self._at + self._step, self._source.size))
        self._start = self._at


def too_large(path: Path) -> str:
    """Return why the content of a file is not fetched to be checked; nothing where it is, or is here."""
    if isinstance(path, RemoteFile) and path.size > CHECKED_LIMIT:
        return f"it is not here and has more than {CHECKED_LIMIT >> 30} GiB; copy it here to have it checked"
    return ""


@contextmanager
def near(path: Path, format_: Format) -> Iterator[Path]:
    """Give what the format can read: the path itself, or a copy of what is elsewhere.

    Raises
    ------
    UnreachableProductError
        The file is too large to be copied.
    """
    if not isinstance(path, RemoteFile) or format_.__name__ in _BY_PIECES:
        yield path
        return
    try:
        yield Path(path.copy().name)
    except UnreadableProductError as reason:
        raise UnreadableProductError(path, reason.reason) from reason
