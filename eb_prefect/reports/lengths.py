# SPDX-License-Identifier: Apache-2.0
"""Lengths of time, moments and sizes, as short as a person needs them."""

from datetime import UTC, datetime

from eb_prefect.choice.table import span_text

_MINUTE = 60


def length_text(seconds: float) -> str:
    """Return a length of time to about three digits."""
    if seconds >= _MINUTE:
        return span_text(seconds)
    digits = 2 if seconds < 10 else 1
    return f"{seconds:.{digits}f} s"


def moment_text(moment: datetime) -> str:
    """Return a moment in UTC to the millisecond."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3]


def size_text(size: float) -> str:
    """Return a number of bytes with a unit."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
