# SPDX-License-Identifier: Apache-2.0
"""Digests of files, of several kinds at once while they are read or written."""

import os

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
