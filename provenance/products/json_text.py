# SPDX-License-Identifier: Apache-2.0
"""Change one member of a JSON text, and leave every other byte as it is."""

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

_SPACE = re.compile(r"[ \t\r\n]*")
_SCAN = json.JSONDecoder(strict=False)


class _Member(NamedTuple):
    key: str
    start: int
    value: int
    end: int


def loaded(text: bytes | None) -> Any:
    """Return what a text means, with NaN as Python writes it; None for what is no JSON."""
    if text is None:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def with_members(text: str, path: Sequence[str], members: dict[str, str]) -> str:
    """Return the text with string members set in the object at a path; objects on the way are added.

    Raises
    ------
    ValueError
        The text is no JSON, or has no object there.
    RecursionError
        It is nested deeper than the interpreter goes.
    """
    _SCAN.decode(text)
    for key, value in members.items():
        text = _set(text, _start(text), [*path, key], json.dumps(value))
    return text


def _start(text: str) -> int:
    found = _SPACE.match(text)
    return found.end() if found else 0


def _set(text: str, at: int, path: Sequence[str], value: str) -> str:
    key, *rest = path
    members, close = _members(text, at)
    # of equal keys readers take the last
    there = next((one for one in reversed(members) if one.key == key), None)
    if there is None:
        for name in reversed(rest):
            value = "{" + f"{json.dumps(name)}: {value}" + "}"
        return _added(text, at, members, close, f"{json.dumps(key)}: {value}")
    if rest:
        return _set(text, there.value, rest, value)
    return text[: there.value] + value + text[there.end :]


def _added(text: str, at: int, members: list[_Member], close: int, member: str) -> str:
    if not members:
        return text[: at + 1] + member + text[close:]
    last, before = members[-1], members[-2].end if len(members) > 1 else at
    space = text[text.index("," if len(members) > 1 else "{", before) + 1 : last.start]
    return text[: last.end] + "," + (space or " ") + member + text[last.end :]


def _members(text: str, at: int) -> tuple[list[_Member], int]:
    """Return the members of the object at a place of a valid text, and where it closes."""
    if text[at : at + 1] != "{":
        raise ValueError("there is no object")
    found = []
    at = _after(text, at + 1)
    while text[at] != "}":
        key, end = _SCAN.raw_decode(text, at)
        value = _after(text, _after(text, end) + 1)
        end = _SCAN.raw_decode(text, value)[1]
        found.append(_Member(key, at, value, end))
        at = _after(text, end)
        if text[at] == ",":
            at = _after(text, at + 1)
    return found, at


def _after(text: str, at: int) -> int:
    """Return where the space at a place ends."""
    found = _SPACE.match(text, at)
    return found.end() if found else at
