# SPDX-License-Identifier: Apache-2.0
"""Text for a terminal, out of what a stranger may have written."""

from typing import Any


def plain(given: Any) -> str:
    """Return the text with what could command a terminal written out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(given))


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
