# SPDX-License-Identifier: Apache-2.0
"""What the text in a cell of a table means: programs write the same number in several ways."""

import struct
from collections.abc import Callable

Meaning = Callable[[str], str]
_NAN = "nan"
_TRUE = frozenset(("T", "TRUE", "1"))
_FALSE = frozenset(("F", "FALSE", "0"))


def text(cell: str) -> str:
    """Return the text without the space around it."""
    return cell.strip()


def double(cell: str) -> str:
    """Return each number in the one shortest text for it; an empty cell is NaN."""
    try:
        return repr(float(cell)) if "_" not in cell else cell
    except ValueError:
        return " ".join(map(_double, cell.split())) or _NAN


def single(cell: str) -> str:
    """Return each number in one text for its value in 32 bits; an empty cell is NaN."""
    return " ".join(map(_single, cell.split())) or _NAN


def whole(cell: str) -> str:
    """Return each whole number in its usual text."""
    return " ".join(map(_whole, cell.split()))


def truth(cell: str) -> str:
    """Return T, F or ? for each value."""
    return " ".join(map(_truth, cell.split()))


def bits(cell: str) -> str:
    """Return the bits without the space between them."""
    return "".join(cell.split())


def framed(cell: str) -> bytes:
    """Return the cell with its length, so that no two rows look alike."""
    data = cell.encode("utf-8", "surrogatepass")
    return b"%d:%b" % (len(data), data)


def _double(token: str) -> str:
    try:
        return repr(float(token)) if "_" not in token else token
    except ValueError:
        return token


def _single(token: str) -> str:
    try:
        (value,) = struct.unpack("f", struct.pack("f", float(token)))
    except (ValueError, OverflowError):
        return token
    return repr(value) if "_" not in token else token


def _whole(token: str) -> str:
    if token.isascii() and token.isdigit() and token[0] != "0":
        return token
    try:
        return str(int(token, 16 if token[:2] in ("0x", "0X") else 10)) if "_" not in token else token
    except ValueError:
        return token


def _truth(token: str) -> str:
    upper = token.upper()
    return "T" if upper in _TRUE else "F" if upper in _FALSE else token
