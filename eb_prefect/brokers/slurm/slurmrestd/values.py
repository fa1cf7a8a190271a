# SPDX-License-Identifier: Apache-2.0
"""Numbers, times, states and ends of programs, in whatever way a version writes them."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

# what squeue shows rather than the state that it goes with
_PASSING = (
    "COMPLETING",
    "STAGE_OUT",
    "CONFIGURING",
    "RESIZING",
    "REQUEUED",
    "REQUEUE_FED",
    "REQUEUE_HOLD",
    "SPECIAL_EXIT",
    "STOPPED",
    "REVOKED",
    "RESV_DEL_HOLD",
    "SIGNALING",
)
_OUT_OF_MEMORY = 125
"""Slurm's mark of a task whose memory was too small, where the number of a signal stands."""


class Code(NamedTuple):
    """How a program ended."""

    exit_code: int | None = None
    signal: int | None = None


def number(given: Any) -> int | None:
    """Return a number; None for one that is not set or infinite."""
    if isinstance(given, Mapping):
        return number(given.get("number")) if given.get("set") and not given.get("infinite") else None
    return int(given) if isinstance(given, int | float) and not isinstance(given, bool) else None


def instant(given: Any) -> datetime | None:
    """Return a time; None for one that has not come."""
    seconds = number(given)
    return datetime.fromtimestamp(seconds, UTC) if seconds and seconds > 0 else None


def state(given: Any) -> str:
    """Return the one word for a state, as ``squeue`` shows it."""
    words = [str(word) for word in given] if isinstance(given, list) else [str(given or "")]
    return next((word for word in _PASSING if word in words), words[0] if words else "")


def reason(given: Any) -> str:
    """Return the reason of a state, empty for none."""
    text = str(given or "")
    return "" if text in {"None", "Unknown", "(null)"} else text


def code(given: Any) -> Code:
    """Return how a program ended, from a wait status or from an object with parts."""
    if isinstance(given, Mapping) and "status" in given:
        return _of_parts(given)
    status = number(given)
    return Code() if status is None or not 0 <= status < 1 << 16 else _of_status(status)


def _of_status(status: int) -> Code:
    if os.WIFSIGNALED(status):
        return _signalled(os.WTERMSIG(status))
    return Code(os.WEXITSTATUS(status), None)


def _of_parts(parts: Mapping[str, Any]) -> Code:
    signal = parts.get("signal")
    found = number(signal.get("id", signal.get("signal_id"))) if isinstance(signal, Mapping) else None
    return _signalled(found) if found else Code(number(parts.get("return_code")), None)


def _signalled(signal: int) -> Code:
    return Code(None, None if signal == _OUT_OF_MEMORY else signal)
