# SPDX-License-Identifier: Apache-2.0
"""What the attributes of an HDF5 object mean, however they are written.

Left out is what libraries keep for themselves, since another library that
writes the same data keeps it otherwise. Runs only where `guard` has files
read.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5d, h5g, h5r, h5s

from provenance.products.hdf5_data import encoded, is_variable, kind_of, little, packed

OURS = ("eb_provenance", "eb_record", "eb_content")
"""The attributes of the first group that carry a record: document, its digest, the content's digest."""

_NOT_MEANING = frozenset(
    (
        *OURS, "history", "REFERENCE_LIST", "DIMENSION_LIST",
        "_NCProperties", "_Netcdf4Dimid", "_Netcdf4Coordinates", "_nc3_strict",
    )
)  # fmt: skip
"""Attributes that may come, go and change without changing what the data mean."""

_OF_SCALES = frozenset(("CLASS", "NAME"))
_SETS_OF_WORDS = frozenset(("coordinates",))
_LIMIT = 4 << 20
_NO_VARIABLE = b"This is a netCDF dimension but not a netCDF variable."
_WIDE = {"i": "i8", "u": "u8", "b": "i8", "f": "f8", "c": "c16"}


class TooLongError(ValueError):
    """An attribute is longer than attributes are read."""


def header(item: h5g.GroupID | h5d.DatasetID, told: Mapping[str, Any]) -> bytes:
    """Return the digest of the meaning: of the attributes, and of what else is told.

    Raises
    ------
    TooLongError
        An attribute has more than 4 MiB.
    """
    names = names_of(item)
    scale = is_scale(item, names)
    meant = {
        name.decode("utf-8", "backslashreplace"): _value(h5a.open(item, name), name)
        for name in names
        if name.decode("utf-8", "replace") not in _NOT_MEANING
        and not (scale and name.decode("utf-8", "replace") in _OF_SCALES)
    }
    # a float that is no number is what floats are filled with anyway
    lines = (
        [*meant.items()]
        if meant.get("_FillValue") != _NAN
        else [one for one in meant.items() if one[0] != "_FillValue"]
    )
    text = json.dumps([sorted(lines), sorted(told.items())], separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).digest()


def names_of(item: h5g.GroupID | h5d.DatasetID) -> list[bytes]:
    """Return the names of the attributes."""
    names: list[bytes] = []
    h5a.iterate(item, names.append)
    return names


def is_scale(item: h5g.GroupID | h5d.DatasetID, names: list[bytes]) -> bool:
    """Whether the dataset is the scale of a dimension."""
    return b"CLASS" in names and text_of(item, b"CLASS") == "DIMENSION_SCALE"


def is_bare_dimension(dataset: h5py.h5d.DatasetID, names: list[bytes]) -> bool:
    """Whether the dataset only stands for a dimension of NetCDF4, and has no values."""
    return (
        is_scale(dataset, names)
        and b"NAME" in names
        and (text_of(dataset, b"NAME") or "").encode().startswith(_NO_VARIABLE)
        and not dataset.get_storage_size()
    )


def dimensions(dataset: h5py.h5d.DatasetID, names: list[bytes]) -> list[list[str]]:
    """Return the names of each dimension's scales."""
    if b"DIMENSION_LIST" not in names:
        return []
    file = h5py.h5i.get_file_id(dataset)
    return [
        [(h5r.get_name(one, file) or b"?").decode("utf-8", "backslashreplace") for one in scales if one]
        for scales in _read(h5a.open(dataset, b"DIMENSION_LIST")).ravel()
        if scales is not None
    ]


def text_of(item: h5g.GroupID | h5d.DatasetID, name: bytes, limit: int = _LIMIT) -> str | None:
    """Return the text of an attribute; None where it is no text, or longer than the limit."""
    attribute = h5a.open(item, name)
    if attribute.get_storage_size() > limit:
        return None
    array = _read(attribute)
    value = array.ravel()[0] if array.size == 1 else None
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogateescape")
    if not isinstance(value, bytes) or len(value) > limit:
        return None
    return value.rstrip(b"\0").decode("utf-8", "replace")


def _read(attribute: h5a.AttrID) -> np.ndarray[Any, Any]:
    if attribute.get_space().get_simple_extent_type() == h5s.NULL:
        return np.zeros(0)
    if attribute.get_storage_size() > _LIMIT or math.prod(attribute.shape) > _LIMIT:
        raise TooLongError(f"its attribute {attribute.name!r} is longer than {_LIMIT} bytes")
    kind = attribute.get_type()
    dtype: np.dtype[Any] = kind.dtype
    if is_variable(kind) or dtype.subdtype is not None:
        array = np.zeros(attribute.shape, dtype)
        attribute.read(array)
        return array
    raw = np.zeros(attribute.shape, f"V{kind.get_size()}")
    attribute.read(raw, kind)  # a conversion would take most of the time
    return raw.view(dtype)


def _value(attribute: h5a.AttrID, name: bytes) -> list[Any]:
    """Return kind, shape and value; one value is the same alone and in a list."""
    try:
        array = _read(attribute)
    except TypeError:  # numpy has no such type
        return [kind_of(attribute.get_type()), "", ""]
    shape = [] if array.size == 1 and array.ndim < 2 else list(array.shape)
    if array.dtype.kind in "SU" or h5py.check_string_dtype(array.dtype):
        return ["text", shape, [_words(name, _text(one)) for one in array.ravel()]]
    if array.dtype.kind in _WIDE:
        array = array.astype(_WIDE[array.dtype.kind])
        return [array.dtype.kind, shape, hashlib.sha256(little(array)).hexdigest()]
    if array.dtype.hasobject:
        data = encoded(array if array.ndim else array[()], h5py.h5i.get_file_id(attribute))
        return [kind_of(attribute.get_type()), shape, hashlib.sha256(data).hexdigest()]
    return [
        kind_of(attribute.get_type()),
        shape,
        hashlib.sha256(little(array.astype(packed(array.dtype)))).hexdigest(),
    ]


def _text(value: Any) -> str:
    text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
    return text.rstrip("\0")


def _words(name: bytes, text: str) -> str:
    return " ".join(sorted(text.split())) if name.decode("utf-8", "replace") in _SETS_OF_WORDS else text


_NAN = ["f", [], hashlib.sha256(np.array(np.nan, "<f8").tobytes()).hexdigest()]
