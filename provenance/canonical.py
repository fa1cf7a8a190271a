# SPDX-License-Identifier: Apache-2.0
"""One text for one meaning, and the name of a text by its content.

Canonical text is RFC 8785, after a profile that keeps it true for Python:

* a whole number beyond 2^53 - 1 in size is written as a string, since other
  readers of JSON would round it;
* a lone surrogate, which is no character, becomes a question mark.

The profile changes nothing in a text that has been through it, so a digest
can be checked with what plain JSON gives back.
"""

import base64
import hashlib
import json
from typing import Any, NoReturn

import rfc8785

_SAFE = 2**53 - 1
_NI = "ni:///sha-256;"


def canonical(document: Any) -> bytes:
    """Return the canonical text of a JSON document, in UTF-8.

    Raises
    ------
    ValueError
        The document has a number that is infinite or none at all.
    RecursionError
        The document is nested deeper than the interpreter goes.
    """
    return rfc8785.dumps(_profiled(document))


def parsed(text: str) -> Any:
    """Return the JSON document; only what canonical text can hold.

    Raises
    ------
    ValueError
        The text is no JSON, or has NaN or Infinity, which are no JSON either.
    RecursionError
        The document is nested deeper than the interpreter goes.
    """
    return json.loads(text, parse_constant=_refuse)


def ni(data: bytes) -> str:
    """Return the name of the bytes by their content: ``ni:///sha-256;...`` (RFC 6920)."""
    return _named(hashlib.sha256(data).digest())


def ni_of_hex(digest: str) -> str:
    """Return the name that goes with a SHA-256 in hexadecimal.

    Raises
    ------
    ValueError
        That is no SHA-256.
    """
    raw = bytes.fromhex(digest)
    if len(raw) != hashlib.sha256().digest_size:
        raise ValueError(f"{digest!r} is no SHA-256")
    return _named(raw)


def hex_of(name: str) -> str:
    """Return the SHA-256 in hexadecimal that a name by content stands for.

    Raises
    ------
    ValueError
        It is no such name.
    """
    text = short(name)
    raw = base64.b64decode(text + "=" * (-len(text) % 4), "-_", validate=True)
    if _named(raw) != name or len(raw) != hashlib.sha256().digest_size:
        raise ValueError(f"{name!r} is no name by SHA-256")
    return raw.hex()


def short(name: str) -> str:
    """Return the name without what all of them begin with."""
    return name.removeprefix(_NI)


def _named(digest: bytes) -> str:
    return _NI + base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _profiled(item: Any) -> Any:
    match item:
        case bool() | None:
            return item
        case int() | float() if abs(item) > _SAFE and item == item // 1:
            return str(item)
        case str():
            return item if item.isascii() else item.encode("utf-8", "replace").decode()
        case dict():
            return {_profiled(str(key)): _profiled(value) for key, value in item.items()}
        case list() | tuple():
            return [_profiled(value) for value in item]
        case _:
            return item


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")
