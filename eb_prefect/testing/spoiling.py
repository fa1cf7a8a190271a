# SPDX-License-Identifier: Apache-2.0
"""What faulty servers do to the documents that they write."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

from eb_prefect.model.moment import instant
from eb_prefect.testing.faults import Faults
from eb_prefect.wire.dialect import neutral_kind

FOREIGN_BASE = "https://w3id.org/example.net/execution-broker/v2/kinds/"

_PARTS = ("executable", "compute", "storage", "data")
_SHORT = re.compile(r"[\w-]+/[\w-]+")
_INSTANTS = frozenset({"created", "modified", "expires", "time", "start", "done"})
_EPOCH = {
    "preparing": {"duration": "PT10S"},
    "available": {"start": "1970-01-01T00:00:10Z/PT0S", "duration": "PT2H"},
    "releasing": {"start": "1970-01-01T00:00:10Z", "duration": "PT1S"},
}


def spoilt(document: dict[str, Any], faults: Faults, *, is_posted: bool) -> dict[str, Any]:
    """Return the document of a session or an offer set as a faulty server writes it."""
    if faults.epoch_schedules:
        document = _each_session(document, _with_epoch)
    if faults.empties:
        document = _each_session(document, _with_empties)
    if faults.foreign_kinds:
        document = _rewritten(document, _foreign_kind)
    if faults.odd_fractions:
        document = _rewritten(document, _nanoseconds if is_posted else _microseconds)
    return document


def _each_session(document: dict[str, Any], change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    if "offers" in document:
        return document | {"offers": [change(offer) for offer in document["offers"]]}
    return change(document)


def _with_epoch(session: dict[str, Any]) -> dict[str, Any]:
    changed = dict(session)
    for key in _PARTS:
        part = session.get(key)
        if isinstance(part, dict):
            changed[key] = part | {"schedule": _EPOCH}
        elif isinstance(part, list):
            changed[key] = [item | {"schedule": _EPOCH} for item in part]
    return changed


def _with_empties(session: dict[str, Any]) -> dict[str, Any]:
    return {"connectors": [], "storage": [], "options": None, "messages": None, "schedule": {}} | session


def _rewritten(node: Any, change: Callable[[str, str], str], key: str = "") -> Any:
    if isinstance(node, dict):
        return {name: _rewritten(item, change, name) for name, item in node.items()}
    if isinstance(node, list):
        return [_rewritten(item, change) for item in node]
    return change(key, node) if isinstance(node, str) else node


def _foreign_kind(key: str, text: str) -> str:
    short = neutral_kind(text)
    is_kind = key in {"kind", "type"} and _SHORT.fullmatch(short) is not None
    return f"{FOREIGN_BASE}{short}.yaml" if is_kind else text


def _nanoseconds(key: str, text: str) -> str:
    found = _moment(key, text)
    if found is None:
        return text
    moment, rest = found
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06}{_beyond(text):03}Z{rest}"


def _microseconds(key: str, text: str) -> str:
    found = _moment(key, text)
    if found is None:
        return text
    moment, rest = found
    moment += timedelta(microseconds=round(_beyond(text) / 1000))
    fraction = f".{moment.microsecond:06}".rstrip("0").rstrip(".")
    return f"{moment:%Y-%m-%dT%H:%M:%S}{fraction}Z{rest}"


def _moment(key: str, text: str) -> tuple[datetime, str] | None:
    if key not in _INSTANTS:
        return None
    first, slash, rest = text.partition("/")
    return instant(first), slash + rest


def _beyond(text: str) -> int:
    """Return nanoseconds that a time always gets, never 0 in the last digit."""
    return crc32(text.partition("/")[0].encode()) % 99 * 10 + 7
