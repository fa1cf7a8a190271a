# SPDX-License-Identifier: Apache-2.0
"""The columns of a casacore table as digests of their decoded values, with bounded memory.

They do not tell how the values are stored, so a deep copy has the same. Runs
only where `guard` has files read: a damaged table can crash its library.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from typing import Any

import casacore.tables
import numpy as np

from provenance.errors import UnreadableProductError
from provenance.products.guarded import alive

POINTER = "EB_PROVID"
"""The keyword of ours, which is no content."""

_BLOCK = 2 << 20
_ROWS = 4096
_LONGEST = 16 << 20
_DEPTH = 16


def read(root: str, names: list[str]) -> list[list[Any]]:
    """Return name, digest of data, digest of header and bytes, of each column of some tables.

    Raises
    ------
    UnreadableProductError
        Another process is writing to it, or a cell is larger than any that is read.
    """
    os.chdir("/")  # a table can name code to load, which is looked for below this
    return [told for name in names for told in _table(root, name)]


def _table(root: str, name: str) -> Iterator[list[Any]]:
    path = f"{root}/{name}".rstrip("/")
    with casacore.tables.table(path, ack=False, lockoptions={"option": "usernoread"}) as table:
        table.lock(write=False, nattempts=1)
        if not table.haslock(write=False):
            raise UnreadableProductError(path, "another process is writing to it")
        yield _keywords(table, name or "MAIN")
        for column in sorted(table.colnames()):
            yield _column(table, column, f"{name or 'MAIN'}/{column}")


def _keywords(table: Any, name: str) -> list[Any]:
    said = {key: value for key, value in table.getkeywords().items() if key != POINTER}
    header = json.dumps([_plain(said), table.nrows(), table.info()["type"]], sort_keys=True)
    return [name, hashlib.sha256().hexdigest(), hashlib.sha256(header.encode()).hexdigest(), 0]


def _column(table: Any, column: str, name: str) -> list[Any]:
    description = table.getcoldesc(column)
    header = json.dumps(_plain(description.get("keywords", {})), sort_keys=True)
    content = _Content(description["valueType"])
    done, rows = 0, table.nrows()
    while done < rows:
        count = min(rows - done, _rows(table, column, done))
        content.add(_values(table, column, done, count))
        done += count
        alive()
    data, size = content.ended()
    return [name, data, hashlib.sha256(header.encode()).hexdigest(), size]


def _rows(table: Any, column: str, at: int) -> int:
    """Return how many rows are read at once, by the size of the first."""
    try:
        shape = table.getcolshapestring(column, at, 1)
    except RuntimeError:
        return _ROWS  # scalars have no shape, and arrays may have none yet
    cells = 1
    for length in shape[0].strip("[]").split(","):
        cells *= int(length or 0)
    if cells * 16 > _LONGEST:
        raise UnreadableProductError(table.name(), f"a cell of {column} is too large to be read")
    return max(1, min(_ROWS, _BLOCK // max(1, cells * 16)))


def _values(table: Any, column: str, at: int, count: int) -> Iterator[Any]:
    """Yield what is in some rows, cells of one shape together; None for one without a value."""
    try:
        whole = table.getcol(column, at, count)
    except RuntimeError:  # the shapes differ
        for row in range(at, at + count):
            yield _cell(table, column, row)
        return
    yield whole


def _cell(table: Any, column: str, row: int) -> Any:
    if not table.iscelldefined(column, row):
        return None
    _rows(table, column, row)
    value = table.getcell(column, row)
    return value[None] if isinstance(value, np.ndarray) else [value]


class _Content:
    """The digest of a column: its values, and how many in a row have which shape.

    Where blocks end makes no difference.
    """

    def __init__(self, kind: str) -> None:
        self._data = hashlib.sha256()
        self._shapes = hashlib.sha256(kind.encode())
        self._last: Any = ()
        self._run = 0
        self._size = 0

    def add(self, values: Iterator[Any]) -> None:
        """Add blocks of rows."""
        for block in values:
            if isinstance(block, np.ndarray):
                self._shape(block.shape[1:], len(block))
                self._fed(np.ascontiguousarray(block, block.dtype.newbyteorder("<")).tobytes())
            elif block is None:
                self._shape(None, 1)
            else:
                self._texts(block)

    def _texts(self, block: Any) -> None:
        """Add strings: a list of them, or a dictionary with their shape where rows are arrays."""
        rows = block["array"] if isinstance(block, dict) else block
        shape = block["shape"] if isinstance(block, dict) else [len(rows)]
        self._shape(tuple(shape[1:]), int(shape[0]))
        for text in rows:
            raw = json.dumps(_plain(text)).encode()
            self._fed(raw + b"\n")

    def _shape(self, shape: Any, count: int) -> None:
        if shape != self._last:
            self._end_run()
            self._last = shape
        self._run += count

    def _end_run(self) -> None:
        if self._run:
            told = None if self._last is None else [int(length) for length in self._last]
            self._shapes.update(json.dumps([told, self._run]).encode())
        self._run = 0

    def _fed(self, raw: bytes) -> None:
        self._data.update(raw)
        self._size += len(raw)

    def ended(self) -> tuple[str, int]:
        """Return the digest in hexadecimal, and the bytes."""
        self._end_run()
        self._shapes.update(self._data.digest())
        return self._shapes.hexdigest(), self._size


def _plain(value: Any, depth: int = 0) -> Any:
    """Return a keyword as JSON; of a table only its name, since its path changes with a copy."""
    if depth > _DEPTH:
        return "deeper"
    if isinstance(value, dict):
        return {str(key): _plain(one, depth + 1) for key, one in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist(), depth + 1)
    if isinstance(value, list | tuple):
        return [_plain(one, depth + 1) for one in value]
    if isinstance(value, str) and value.startswith("Table: "):
        return "Table: " + value.rpartition("/")[2]
    return value if isinstance(value, str | int | float | bool | None) else str(value)
