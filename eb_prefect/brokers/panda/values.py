# SPDX-License-Identifier: Apache-2.0
"""Values in PanDA's documents, as far as they are what they should be; None for all else.

A record must not be lost for one odd attribute. PanDA writes what is missing
as null or as the text ``NULL``, and numbers as numbers or as text, by the
database that is behind it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any

_MISSING = ("", "NULL")
_LONGEST = 1000
_LARGEST = 1 << 62


def text(given: Any) -> str | None:
    """Return a text or a number as a text."""
    if isinstance(given, bool) or not isinstance(given, str | int | float) or given in _MISSING:
        return None
    whole = str(given).replace("\x00", "")
    return whole[:_LONGEST] or None


def number(given: Any) -> float | None:
    """Return a number, also one that is written as a text."""
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        return None
    try:
        found = float(given)
    except (ValueError, OverflowError):
        return None
    return found if isfinite(found) and abs(found) < _LARGEST else None


def whole(given: Any) -> int | None:
    """Return a number without what is behind its point."""
    found = number(given)
    return None if found is None else int(found)


def identifier(given: Any) -> int | None:
    """Return a number of a task or a job."""
    found = whole(given)
    return found if found is not None and found > 0 else None


def moment(given: Any) -> datetime | None:
    """Return an instant; PanDA's are in UTC without saying so."""
    written = given.get("__datetime__") if isinstance(given, Mapping) else given
    if not isinstance(written, str):
        return None
    try:
        found = datetime.fromisoformat(written)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
