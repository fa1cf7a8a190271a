# SPDX-License-Identifier: Apache-2.0
"""The files of a directory that may come from anybody.

Nothing outside of it is ever opened: symbolic links count as their text, and
what is no regular file is not opened at all. Files come in the order of their
whole paths, byte by byte, as ``LC_ALL=C sort`` has them.
"""

import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from provenance.canonical import ni, ni_of_hex
from provenance.errors import UnreadableProductError

RECORD = "eb.prov.json"
"""The file in a directory that holds its record."""

_OURS = re.compile(r"\..+\.[0-9a-f]{8}\.eb")
_DEPTH = 64
_FILES = 2_000_000
_NAMES = 48 << 20
_NAME = 80


class Leaf(NamedTuple):
    """A file, by its path below the directory; of a symbolic link ``link`` is its text."""

    key: str
    path: str
    link: str | None = None


class Digest(NamedTuple):
    """A file's content by name, and its bytes."""

    name: str
    size: int


def leaves(root: Path) -> Iterator[Leaf]:
    """Yield what is in a directory, but for its record and what a kill left of one.

    Raises
    ------
    UnreadableProductError
        It has more files, or is deeper, than is ever walked through.
    """
    walk = _Walk(root)
    for leaf in walk.below("", 0):
        if leaf.key != RECORD and not _OURS.fullmatch(leaf.key):
            yield leaf


class _Walk:
    """One way through a directory, counting what it meets."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files = 0
        self._names = 0

    def below(self, prefix: str, depth: int) -> Iterator[Leaf]:
        if depth > _DEPTH:
            raise UnreadableProductError(self._root, f"it is more than {_DEPTH} directories deep")
        names, held = self._listed(prefix)
        for name in names:
            key = prefix + name
            path = os.path.join(self._root, key)  # noqa: PTH118 -- a path object a file takes longer than the rest
            if name.endswith("/"):
                yield from self.below(key, depth + 1)
            else:
                yield Leaf(key, path, _link(path))
        self._names -= held

    def _listed(self, prefix: str) -> tuple[list[str], int]:
        """Return the names in a directory, those of directories with a slash, and the room they take."""
        names, held = [], 0
        with os.scandir(os.path.join(self._root, prefix)) as entries:  # noqa: PTH118 -- see above
            for entry in entries:
                is_directory = entry.is_dir(follow_symlinks=False)
                if is_directory or entry.is_symlink() or entry.is_file(follow_symlinks=False):
                    names.append(f"{entry.name}/" if is_directory else entry.name)
                    held += len(entry.name) + _NAME
                    self._count(len(entry.name) + _NAME)
        names.sort(key=os.fsencode)
        return names, held

    def _count(self, room: int) -> None:
        self._files += 1
        self._names += room
        if self._files > _FILES or self._names > _NAMES:
            raise UnreadableProductError(self._root, "it has more files than can be digested")


def _link(path: str) -> str | None:
    try:
        return os.readlink(path)  # noqa: PTH115 -- text, no path
    except OSError:
        return None


def opened_file(path: str) -> int:
    """Open a regular file and return its descriptor; never wait, and follow no link.

    Raises
    ------
    OSError
        It can't be read, or is no regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no regular file", path)
    return descriptor


def digest(leaf: Leaf) -> Digest:
    """Return the digest of a file, or of what a link says."""
    if leaf.link is not None:
        text = b"link:" + os.fsencode(leaf.link)
        return Digest(ni(text), len(text))
    sha256, size = sha256_of(leaf.path)
    return Digest(ni_of_hex(sha256), size)


def sha256_of(path: str) -> tuple[str, int]:
    """Return the SHA-256 of a file in hexadecimal, and its bytes."""
    with os.fdopen(opened_file(path), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), file.tell()


def head_of(path: str, limit: int) -> bytes | None:
    """Return the whole of a small file; None where there is none, or a longer one."""
    try:
        descriptor = opened_file(path)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        return None if os.fstat(descriptor).st_size > limit else file.read(limit)


def shown(key: str) -> str:
    """Return a path as text; bytes that are no UTF-8 are shown as escapes."""
    return os.fsencode(key).decode(errors="backslashreplace")
