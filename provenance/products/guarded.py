# SPDX-License-Identifier: Apache-2.0
"""The process in which `guard` has files read."""

import importlib
import json
import os
import resource
import sys
import time
from typing import Any, BinaryIO

from provenance.errors import CanNotAttachError, NeedsExtraError, UnreadableProductError

MEMORY = 64 << 20
"""Bytes of data that reading a file may need beyond the libraries."""

FOREIGN = (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)
"""What libraries raise about a damaged file."""

_LEFT = 16 << 20
_PULSE = 0.5

_told: BinaryIO
_seconds = 30.0
_last = 0.0


def serve() -> None:
    """Read one file after another until there is nobody left to ask for it."""
    global _told  # noqa: PLW0603 -- a process has one output
    _told = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    before: dict[str, int] = {}
    for line in sys.stdin.buffer:
        asked = json.loads(line)
        answer = _answered(asked, before)
        if "error" in answer and _data() - before.get(asked["reader"], 0) > _LEFT:
            answer["ends"] = True
        _tell(answer)
        if answer.get("ends"):
            return


def alive() -> None:
    """Show that there is progress; each sign gives as much processor time again."""
    global _last  # noqa: PLW0603 -- a process has one pulse
    now = time.monotonic()
    if now - _last > _PULSE:
        _last = now
        _more_time()
        _tell({"alive": True})


def _answered(asked: dict[str, Any], before: dict[str, int]) -> dict[str, Any]:
    global _seconds  # noqa: PLW0603 -- a process has one question
    _seconds = asked["seconds"]
    _more_time()
    module, _, function = asked["reader"].partition(":")
    try:
        reader = getattr(importlib.import_module(module), function)
    except ModuleNotFoundError as reason:
        return {"error": "NeedsExtraError", "reason": reason.name or ""}
    if asked["reader"] not in before:
        before[asked["reader"]] = _data()
        _limit_memory(max(before.values()) + MEMORY)
    return _result(reader, asked["given"])


def _result(reader: Any, given: list[Any]) -> dict[str, Any]:
    try:
        return {"result": reader(*given)}
    except (UnreadableProductError, CanNotAttachError) as told:
        return {"error": type(told).__name__, "reason": told.reason}
    except NeedsExtraError as told:
        return {"error": "NeedsExtraError", "reason": told.extra}
    except MemoryError:
        return {"error": "memory", "ends": True}
    except FOREIGN as reason:
        return {"error": "UnreadableProductError", "reason": " ".join(str(reason).split())}


def _tell(answer: dict[str, Any]) -> None:
    line = json.dumps(answer).encode() + b"\n"
    while line:
        line = line[_told.write(line) :]


def _more_time() -> None:
    """Allow this much more processor time: a loop in a library ends even when nobody waits for it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime + _seconds) + 2
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard < 0 else min(soft, hard), hard))


def _limit_memory(size: int) -> None:
    hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
    resource.setrlimit(resource.RLIMIT_DATA, (size if hard < 0 else min(size, hard), hard))


def _data() -> int:
    """Return the bytes of data that this process has."""
    with open("/proc/self/statm", "rb") as told:  # noqa: PTH123 -- once a file, so it counts
        return int(told.read().split()[5]) * resource.getpagesize()
