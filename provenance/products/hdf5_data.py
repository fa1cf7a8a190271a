# SPDX-License-Identifier: Apache-2.0
"""The digest of an HDF5 dataset's values, however they are stored.

Numbers count in little-endian order, row by row, so that other chunks,
filters, byte order or padding give the same digest. Text and sequences of
any length count with their length before them, references by the name of
what they refer to. Runs only where `guard` has files read.
"""

import hashlib
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import h5py
import numpy as np
from h5py import h5d, h5r, h5s, h5t, h5z

from provenance.products.guarded import alive

_BLOCK = 4 << 20
_BAND = 8 << 20
_FIRST = 64
_VARIABLE = (h5t.VLEN, h5t.REFERENCE)


class Digest(NamedTuple):
    """SHA-256 of the values, the bytes they have in memory, and why not of the values, if so."""

    value: bytes
    size: int
    unchecked: str = ""


def digest(dataset: h5d.DatasetID, limit: int) -> Digest:
    """Return the digest of all values; of what must not or can't be read, of how it is stored.

    Nothing outside the file is read: of data in other files only where they
    are said to be. ``limit`` is the bytes that the values may have.
    """
    storage = dataset.get_create_plist()
    kind = dataset.get_type()
    size = _count(dataset) * kind.get_size()
    if why := _elsewhere(storage):
        return Digest(_described(dataset, storage), size, why)
    if why := _unreadable(dataset, storage, size, limit):
        return Digest(_stored(dataset), size, why)
    if not size:
        return Digest(hashlib.sha256().digest(), 0)
    if is_variable(kind):
        return _variable(dataset, kind)
    return Digest(_fixed(dataset, storage, kind), size)


def kind_of(kind: h5t.TypeID) -> str:
    """Return what the type means, the same for each byte order and padding."""
    dtype = _dtype(kind)
    if dtype is None:
        return f"type {hashlib.sha256(kind.encode()).hexdigest()}"
    return _meaning(dtype)


def _meaning(dtype: np.dtype[Any]) -> str:
    if dtype.subdtype is not None:
        return f"{_meaning(dtype.subdtype[0])}{list(dtype.subdtype[1])}"
    if dtype.names is not None:
        fields = (f"{name}:{_meaning(dtype.fields[name][0])}" for name in dtype.names)  # type: ignore[index] # it has fields
        return "{" + ",".join(fields) + "}"
    if values := h5py.check_enum_dtype(dtype):
        return f"{dtype.kind}{dtype.itemsize}{sorted(values.items())}"
    if h5py.check_string_dtype(dtype) and dtype.kind == "O":
        return "string"
    if (inner := h5py.check_vlen_dtype(dtype)) is not None:
        return f"sequence of {_meaning(np.dtype(inner))}"
    return "reference" if dtype.kind == "O" else f"{dtype.kind}{dtype.itemsize}"


def encoded(value: Any, file: h5py.h5f.FileID) -> bytes:
    """Return one value that is no plain number as bytes; different values have different ones."""
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogateescape")
    if isinstance(value, bytes):
        return b"s%d:%b" % (len(value), value)
    if isinstance(value, h5r.Reference):
        return b"r" + _referred(value, file)
    if isinstance(value, np.void) and value.dtype.names is not None:
        return b"{" + b"".join(encoded(value[name], file) for name in value.dtype.names) + b"}"
    array = np.asarray(value)
    if array.dtype.hasobject:
        inner = b"".join(encoded(one, file) for one in array.ravel()) if array.ndim else b"?"
        return b"[%d:" % array.size + inner
    data = little(array)
    return b"n%d:%b" % (len(data), bytes(data))


def little(array: np.ndarray[Any, Any]) -> memoryview:
    """Return the numbers in little-endian order and without padding."""
    wanted = packed(array.dtype)
    return np.ascontiguousarray(array, dtype=wanted).reshape(-1).view("u1").data


def packed(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type in little-endian order and without padding."""
    if dtype.subdtype is not None:
        return np.dtype((packed(dtype.subdtype[0]), dtype.subdtype[1]))
    if dtype.names is not None:
        return np.dtype([(name, packed(dtype.fields[name][0])) for name in dtype.names])  # type: ignore[index] # it has fields
    return np.dtype(f"V{dtype.itemsize}") if dtype.kind == "V" else dtype.newbyteorder("<")


def _referred(reference: h5r.Reference, file: h5py.h5f.FileID) -> bytes:
    if not reference:
        return b"0"
    name = h5r.get_name(reference, file) or b"?"
    if not isinstance(reference, h5r.RegionReference):
        return b"%d:%b" % (len(name), name)
    region = h5r.get_region(reference, file)
    chosen = f"{region.get_select_npoints()} in {region.get_select_bounds()}".encode()
    return b"%d:%b %b" % (len(name), name, chosen)


def _count(dataset: h5d.DatasetID) -> int:
    space = dataset.get_space()
    return 0 if space.get_simple_extent_type() == h5s.NULL else math.prod(space.shape)


def _dtype(kind: h5t.TypeID) -> np.dtype[Any] | None:
    try:
        dtype: np.dtype[Any] = kind.dtype
    except (TypeError, ValueError, RuntimeError):
        return None  # numpy has no such type
    return dtype


def is_variable(kind: h5t.TypeID) -> bool:
    """Whether values of the type are not told by the bytes in their place, but elsewhere in the file."""
    if kind.get_class() == h5t.STRING:
        return bool(kind.is_variable_str())
    return any(kind.detect_class(one) for one in _VARIABLE) or (
        kind.get_class() in (h5t.COMPOUND, h5t.ARRAY) and ((_dtype(kind) is None) or kind.dtype.hasobject)
    )


def _elsewhere(storage: h5py.h5p.PropDCID) -> str:
    if storage.get_layout() == h5d.VIRTUAL:
        return "its data are those of other datasets"
    if storage.get_external_count():
        return "its data are in other files"
    return ""


def _unreadable(dataset: h5d.DatasetID, storage: h5py.h5p.PropDCID, size: int, limit: int) -> str:
    if size > limit:
        return f"it has {size} bytes and is read up to {limit}"
    if storage.get_layout() != h5d.CHUNKED or not storage.get_nfilters():
        return ""
    chunk = math.prod(storage.get_chunk()) * dataset.get_type().get_size()
    if chunk > _BAND:
        return f"its chunks have {chunk} bytes and are read up to {_BAND}"
    codes = (storage.get_filter(at)[0] for at in range(storage.get_nfilters()))
    missing = [str(code) for code in codes if not h5z.filter_avail(code)]
    return f"it is packed with filter {', '.join(missing)}, which is not here" if missing else ""


def _described(dataset: h5d.DatasetID, storage: h5py.h5p.PropDCID) -> bytes:
    """Return the digest of where data outside are said to be."""
    places: list[Any] = [storage.get_external(at) for at in range(min(storage.get_external_count(), 1 << 16))]
    if storage.get_layout() == h5d.VIRTUAL:
        places += [
            (storage.get_virtual_filename(at), storage.get_virtual_dsetname(at))
            for at in range(min(storage.get_virtual_count(), 1 << 16))
        ]
    return hashlib.sha256(repr((kind_of(dataset.get_type()), places)).encode()).digest()


def _stored(dataset: h5d.DatasetID) -> bytes:
    """Return the digest of the chunks as they are stored, as far as they are small."""
    found = hashlib.sha256()

    def add(chunk: h5d.StoreInfo) -> None:
        alive()
        found.update(repr((chunk.chunk_offset, chunk.filter_mask, chunk.size)).encode())
        if chunk.size <= _BAND:
            found.update(dataset.read_direct_chunk(chunk.chunk_offset)[1])

    if dataset.get_create_plist().get_layout() == h5d.CHUNKED:
        dataset.chunk_iter(add)
    return found.digest()


def _fixed(dataset: h5d.DatasetID, storage: h5py.h5p.PropDCID, kind: h5t.TypeID) -> bytes:
    dtype = _dtype(kind)
    raw = np.dtype(f"V{kind.get_size()}")
    is_plain = dtype is None or (packed(dtype) == dtype and dtype.itemsize == raw.itemsize)
    found = hashlib.sha256()
    for block in _read(dataset, _slabs(dataset, storage, raw.itemsize), raw, kind):
        found.update(block.view("u1").data if is_plain else little(block.view(dtype)))
        alive()
    return found.digest()


def _read(
    dataset: h5d.DatasetID,
    slabs: Iterator[tuple[tuple[int, ...], tuple[int, ...]]],
    dtype: np.dtype[Any],
    kind: h5t.TypeID | None,
) -> Iterator[np.ndarray[Any, Any]]:
    """Yield the values of each slab, without a conversion by the library where ``kind`` is the file's."""
    space = dataset.get_space()
    for start, count in slabs:
        block = np.zeros(math.prod(count), dtype)
        if count:
            space.select_hyperslab(start, count)
        dataset.read(h5s.create_simple((block.size,)), space, block, kind)
        yield block


def _variable(dataset: h5d.DatasetID, kind: h5t.TypeID) -> Digest:
    """Return the digest of values of which each may have another length, a few at a time."""
    dtype, file = kind.dtype, h5py.h5i.get_file_id(dataset)
    found, size = hashlib.sha256(), 0
    for block in _read(dataset, _growing(dataset), dtype, h5t.py_create(dtype)):
        for value in block.ravel() if dtype.subdtype is None else block.reshape(-1):
            data = encoded(value, file)
            found.update(data)
            size += len(data)
        alive()
    return Digest(found.digest(), size)


def _growing(dataset: h5d.DatasetID) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    return _slabs(dataset, dataset.get_create_plist(), _BLOCK // _FIRST)


def _slabs(
    dataset: h5d.DatasetID, storage: h5py.h5p.PropDCID, itemsize: int
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Yield start and count of blocks that follow each other row by row, of whole chunks if they can be."""
    shape = dataset.shape
    chunk = storage.get_chunk() if storage.get_layout() == h5d.CHUNKED else (1,) * len(shape)
    return _cut(shape, chunk, itemsize, ())


def _cut(
    shape: tuple[int, ...], chunk: tuple[int, ...], itemsize: int, above: tuple[int, ...]
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    axis = len(above)
    if axis == len(shape):
        yield above, (1,) * axis
        return
    row = math.prod(shape[axis + 1 :]) * itemsize
    if row > _BAND:
        for at in range(shape[axis]):
            yield from _cut(shape, chunk, itemsize, (*above, at))
        return
    rows = _rows(row, chunk[axis])
    for at in range(0, shape[axis], rows):
        count = min(rows, shape[axis] - at)
        yield (*above, at, *(0,) * (len(shape) - axis - 1)), (*(1,) * axis, count, *shape[axis + 1 :])


def _rows(row: int, chunk: int) -> int:
    """Return how many rows to read at once: whole chunks of them while that is not too much."""
    if row * chunk > _BAND:
        return max(1, _BAND // row)
    return chunk * max(1, _BLOCK // (row * chunk))
