# SPDX-License-Identifier: Apache-2.0
"""Digests of what images and tables of many parts contain, in bounded memory."""

import hashlib
import os
from collections.abc import Iterable
from itertools import chain, islice
from pathlib import Path
from typing import Protocol

from provenance.canonical import ni_of_hex
from provenance.errors import UnreadableProductError
from provenance.products.found import Part

_CHUNK = 1 << 18
_PARTS = 32
_EXPANDED = 4 << 30
_EXPANSION = 250


def most_expanded(size: int) -> int:
    """Return how many bytes may come out of so many that are compressed: more would exhaust its reader."""
    return max(_EXPANDED, _EXPANSION * size)


class Sum(Protocol):
    """A digest in the making."""

    def update(self, data: bytes, /) -> None:
        """Take more data in."""
        ...

    def hexdigest(self) -> str:
        """Return the digest so far."""
        ...


def add(total: Sum, path: Path, fd: int, start: int, end: int) -> None:
    """Take the bytes from ``start`` to ``end`` of a file into the digest.

    Raises
    ------
    UnreadableProductError
        The file ends before.
    """
    while start < end:
        data = os.pread(fd, min(_CHUNK, end - start), start)
        if not data:
            raise UnreadableProductError(path, f"it is truncated: it should reach byte {end}")
        total.update(data)
        start += len(data)


def name_of(total: Sum) -> str:
    """Return ``ni:///sha-256;...``."""
    return ni_of_hex(total.hexdigest())


def unordered(said: Iterable[bytes]) -> str:
    """Return one digest for statements whose order means nothing; each is a digest itself."""
    return ni_of_hex(hashlib.sha256(b"".join(sorted(said))).hexdigest())


def at_most(parts: Iterable[Part], rest: str) -> tuple[Part, ...]:
    """Return the parts, but all after the first 31 as one: a record has no room for thousands."""
    others = iter(parts)
    first = list(islice(others, _PARTS))
    more = next(others, None)
    if more is None:
        return tuple(first)
    return (*first[:-1], _together(chain((first[-1], more), others), rest))


def _together(parts: Iterable[Part], name: str) -> Part:
    data, header, size = hashlib.sha256(), hashlib.sha256(), 0
    for part in parts:
        data.update(part.data.encode() + b"\n")
        header.update((part.header or "").encode() + b"\n")
        size += part.size
    return Part(name, name_of(data), name_of(header), size)
