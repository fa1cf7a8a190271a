# SPDX-License-Identifier: Apache-2.0
"""Text for a terminal, out of what a stranger may have written."""

import re
from typing import Any

_BLANKS = re.compile(r" {9,}")
_UNSEEN = re.compile(
    # what Python calls printable and a terminal shows as nothing: fillers, joiners and selectors, an empty
    # Braille cell, vowels without a form; and marks piled up, which paint over the lines around
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
    "|[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{3,}"
)


def plain(given: Any) -> str:
    """Return the text with what could command a terminal, or is not to be seen, written out.

    That includes what turns the direction of writing.
    """
    text = str(given)
    if text.isascii() and text.isprintable():
        return text
    text = "".join(c if c.isprintable() else _escaped(c) for c in text)
    return _UNSEEN.sub(lambda found: _escaped(found[0]), text)


def exact(given: Any) -> str:
    """Return text that a person has to judge: letters that are only like others are written out.

    Whatever is not ASCII is written as its number, and many blanks in a row, which
    could push what follows out of sight, as how many there are. Nothing is left out.
    """
    text = "".join(c if c.isascii() else _escaped(c) for c in plain(given))
    return _BLANKS.sub(lambda found: f"[{len(found[0])} blanks]", text)


def _escaped(text: str) -> str:
    return text.encode("unicode_escape").decode()


def short_digest(given: Any) -> str:
    """Return enough of a digest to tell it from others."""
    text = plain(given).rpartition(";")[2]
    return f"{text[:12]}..." if len(text) > 15 else text


def size_text(given: Any) -> str:
    """Return a number of bytes with a unit, or that it is not known."""
    if not isinstance(given, int):
        return "size not known"
    size = float(given)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
