# SPDX-License-Identifier: Apache-2.0
r"""Digests of files, of several kinds at once while they are read or written, and of directories.

The digest of a directory is that of its manifest: a line a file, in the order
of their paths, as ``sha256sum`` writes it. So this says the same::

    find . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum
"""

import os
from _collections_abc import Iterable, Iterator  # without the rest of collections

_BLOCK = 1 << 20


class Adler32:
    """The checksum of data lakes, with the interface of a hash."""

    def __init__(self) -> None:
        from zlib import adler32  # noqa: PLC0415 - start-up time; only data lakes ask for it

        self._add = adler32
        self._value = 1

    def update(self, block: bytes) -> None:
        """Add a block."""
        self._value = self._add(block, self._value)

    def hexdigest(self) -> str:
        """Return eight hexadecimal digits."""
        return f"{self._value:08x}"


class Digests:
    """The sha-256 of what passes by, and whatever else is to be verified."""

    def __init__(self, wanted: list[list[str]]) -> None:
        # hashlib would load every algorithm there is; OpenSSL's own is several times faster than CPython's
        from _hashlib import new  # noqa: PLC0415 - start-up time; a session may have nothing to digest

        self._wanted = wanted
        self._hashes = {
            kind: Adler32() if kind == "adler32" else new(kind.replace("-", ""), usedforsecurity=False)
            for kind in {"sha-256", *(kind for kind, _ in wanted)}
        }
        self.size = 0

    def update(self, block: bytes) -> None:
        """Add a block to all."""
        self.size += len(block)
        for hash_ in self._hashes.values():
            hash_.update(block)

    @property
    def sha256(self) -> str:
        """The sha-256 of all blocks, in lower-case hexadecimal."""
        return self._hashes["sha-256"].hexdigest()

    def mismatch(self) -> str:
        """Return how the content differs from what was declared, empty if it does not."""
        for kind, value in self._wanted:
            if (found := self._hashes[kind].hexdigest()) != value.lower():
                return f"its {kind} is {found}, but {value.lower()} was declared"
        return ""


def digest_file(path: str, wanted: list[list[str]] | None = None) -> Digests:
    """Read a file once and return its digests."""
    digests = Digests(wanted or [])
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        while block := os.read(fd, _BLOCK):
            digests.update(block)
    finally:
        os.close(fd)
    return digests


class Tree:
    """The sha-256 of a directory's manifest, its bytes, and a stamp that changes when its files do."""

    def __init__(self, sha256: str, size: int, stamp: str) -> None:
        self.sha256 = sha256
        self.size = size
        self.stamp = stamp


def digest_tree(root: str, limit: int | None = None) -> Tree | None:
    """Read all files of a directory once, unless they have more bytes than that.

    What there is but files counts for nothing.
    """
    stamp, size = stamp_tree(root)
    if limit is not None and size > limit:
        return None
    return Tree(manifest((name, digest_file(path).sha256) for name, path in files_of(root)), size, stamp)


def manifest(files: Iterable[tuple[str, str]]) -> str:
    """Return the sha-256 of a manifest, for the names of files and their own sha-256."""
    digests = Digests([])
    for name, sha256 in sorted(files, key=lambda file: os.fsencode(file[0])):
        digests.update(_line(os.fsencode(name), sha256.encode()))
    return digests.sha256


def _line(name: bytes, sha256: bytes) -> bytes:
    safe = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return (b"\\" if safe != name else b"") + sha256 + b"  " + safe + b"\n"


def stamp_tree(root: str) -> tuple[str, int]:
    """Return what changes when a file of a directory is written, added or removed, and all bytes."""
    digests, size = Digests([]), 0
    for name, path in files_of(root):
        found = os.stat(path, follow_symlinks=False)
        size += found.st_size
        digests.update(os.fsencode(f"{name}\0{found.st_ino} {found.st_size} {found.st_mtime_ns}\n"))
    return digests.sha256, size


def files_of(root: str) -> Iterator[tuple[str, str]]:
    """Yield the name below a directory, and the path, of each regular file; no link is followed."""
    left = [root]
    while left:
        for entry in sorted(os.scandir(left.pop()), key=lambda entry: entry.name):
            if entry.is_dir(follow_symlinks=False):
                left.append(entry.path)
            elif entry.is_file(follow_symlinks=False):
                yield entry.path[len(root) + 1 :], entry.path
