# SPDX-License-Identifier: Apache-2.0
"""Text of strangers in a picture: nothing that commands, and no longer than its box."""

from unicodedata import combining, east_asian_width

from provenance.plain import plain

_WIDE = frozenset("mwMW@%&")
_NARROW = frozenset("iljtfrI.,:;|!'()[] -")


def width(text: str) -> float:
    """Return about how wide the text is, in heights of its letters; rather too much."""
    return sum(map(_width, text))


def _width(char: str) -> float:
    if combining(char):
        return 0.3
    if char in _NARROW:
        return 0.4
    if char in _WIDE or east_asian_width(char) in "WF":
        return 1.05
    return 0.75 if char.isupper() else 0.62


def fitting(text: str, room: float) -> str:
    """Return the text in one line, its middle left out where it is wider than the room.

    Beginnings tell what a file is and endings which one of many.
    """
    safe = plain(text[:10_000])
    if width(safe) <= room:
        return safe
    start, end = "", ""
    for index in range(len(safe)):
        longer = safe[: index + 1], safe[-(index + 1) // 2 :] if index else ""
        if width(longer[0]) + width(longer[1]) + 1 > room:
            break
        start, end = longer
    return f"{start}\N{HORIZONTAL ELLIPSIS}{end}"
