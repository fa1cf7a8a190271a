# SPDX-License-Identifier: Apache-2.0
"""Change a file by a few pieces; all that lies between them stays byte for byte."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from provenance.products.ending import cut_back, write

_CHUNK = 1 << 20


class Edit(NamedTuple):
    """What stands from ``start`` up to ``end`` becomes ``new``."""

    start: int
    end: int
    new: bytes


class _Move(NamedTuple):
    start: int
    end: int
    by: int


def splice(path: Path, edits: Sequence[Edit]) -> None:
    """Make the edits, which are in order and do not overlap; in place, in bounded memory.

    What follows them is moved, so a kill leaves no whole file: work on a copy.

    Raises
    ------
    CanNotAttachError
        There is no room. The file is as it was.
    OSError
        The disk failed amid it.
    """
    with path.open("r+b", buffering=0) as file:
        fd = file.fileno()
        size = os.fstat(fd).st_size
        moves = list(_moves(edits, size))
        grown = moves[-1].by
        if grown > 0:
            _reserve(path, fd, size, grown)
        for move in moves:
            if move.by < 0:
                _moved(fd, move)
        for move in reversed(moves):
            if move.by > 0:
                _moved(fd, move)
        for edit, before in zip(edits, moves, strict=False):
            write(fd, edit.new, edit.start + before.by)
        if grown < 0:
            os.ftruncate(fd, size + grown)


def _moves(edits: Sequence[Edit], size: int) -> Iterator[_Move]:
    """Yield what lies before each edit and after the last, and how far each goes."""
    at, by = 0, 0
    for edit in edits:
        yield _Move(at, edit.start, by)
        at, by = edit.end, by + len(edit.new) - (edit.end - edit.start)
    yield _Move(at, size, by)


def _reserve(path: Path, fd: int, size: int, more: int) -> None:
    with cut_back(path, fd, size):
        os.posix_fallocate(fd, size, more)


def _moved(fd: int, move: _Move) -> None:
    starts = range(move.start, move.end, _CHUNK)
    for at in starts if move.by < 0 else reversed(starts):
        write(fd, os.pread(fd, min(_CHUNK, move.end - at), at), at + move.by)
