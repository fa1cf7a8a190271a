# SPDX-License-Identifier: Apache-2.0
"""From a session's offer and log to the session as it is now."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from eb_prefect.brokers.embedded.supervisor.plan import EXECUTABLE
from eb_prefect.model.moment import Span, instant
from eb_prefect.model.parts import AvailableWindow, Checksum, Connector, Message, Schedule, Window
from eb_prefect.model.phase import ComponentPhase, Phase
from eb_prefect.model.session import Outcome, Product, Session

_STREAMS = ("stdout", "stderr")
_DONE = {Phase.COMPLETED: ComponentPhase.COMPLETED, Phase.CANCELLED: ComponentPhase.CANCELLED}
_EACH = {
    # session: executable, compute, storage and data
    Phase.WAITING: (ComponentPhase.WAITING, ComponentPhase.WAITING, ComponentPhase.WAITING),
    Phase.PREPARING: (ComponentPhase.PREPARING, ComponentPhase.PREPARING, ComponentPhase.PREPARING),
    Phase.AVAILABLE: (ComponentPhase.AVAILABLE, ComponentPhase.RUNNING, ComponentPhase.AVAILABLE),
    Phase.RUNNING: (ComponentPhase.RUNNING, ComponentPhase.RUNNING, ComponentPhase.AVAILABLE),
    Phase.RELEASING: (ComponentPhase.COMPLETED, ComponentPhase.RELEASING, ComponentPhase.RELEASING),
}
_NEW = (ComponentPhase.INITIALIZING,) * 3


def entries_of(log: bytes) -> list[dict[str, Any]]:
    """Return the entries of a log; a line without its end is none."""
    return [json.loads(line) for line in log[: log.rfind(b"\n") + 1].splitlines()]


def phase_of(entries: Iterable[Mapping[str, Any]]) -> Phase | None:
    """Return the last phase that a log has entered."""
    found = None
    for entry in entries:
        found = entry.get("phase", found)
    return Phase(found) if found else None


def told(offer: Session, entries: list[dict[str, Any]], phase: Phase, directory: Path) -> Session:
    """Return the session as its log tells it."""
    last = entries[-1] if entries else {}
    modified = instant(last["at"]) if entries else offer.created
    messages = (*offer.messages, *_messages(entries))
    staged = {
        item["resource"]: item for entry in entries for item in entry.get("staged", ()) if "sha256" in item
    }
    executable, compute, rest = _component_phases(phase, str(last.get("part", "")))
    return offer.model_copy(
        update={
            "phase": phase,
            "modified": modified,
            "messages": messages,
            "executable": offer.executable
            and offer.executable.model_copy(
                update={"phase": executable, **_checksum(staged.get(EXECUTABLE))}
            ),
            "compute": offer.compute and offer.compute.model_copy(update={"phase": compute}),
            "storage": tuple(item.model_copy(update={"phase": rest}) for item in offer.storage),
            "data": tuple(
                item.model_copy(update={"phase": rest, **_checksum(staged.get(item.name))})
                for item in offer.data
            ),
            "outcome": _outcome(last),
            "products": tuple(_product(item) for item in last.get("products", ())),
            "connectors": (*_streams(entries, phase, directory), *_served(entries, phase)),
            "schedule": _schedule(entries) or offer.schedule,
        }
    )


def _component_phases(phase: Phase, part: str) -> tuple[ComponentPhase, ComponentPhase, ComponentPhase]:
    if phase in _DONE:
        return (_DONE[phase],) * 3
    if phase is not Phase.FAILED:
        return _EACH.get(phase, _NEW)
    parts = ("executable", "compute", "data")
    # what did not fail itself was given back in order
    executable, compute, rest = (
        ComponentPhase.FAILED if name == part else ComponentPhase.COMPLETED for name in parts
    )
    return (ComponentPhase.CANCELLED if part == "data" else executable), compute, rest


def _messages(entries: list[dict[str, Any]]) -> list[Message]:
    found = []
    for entry in entries:
        said = [*entry.get("messages", ())]
        if "level" in entry:
            said.append(entry)
        if entry.get("phase") in ("COMPLETED", "FAILED", "CANCELLED") and entry.get("text"):
            level = "ERROR" if entry["phase"] == "FAILED" else "INFO"
            said.append({"level": level, "kind": entry["phase"].lower(), "text": entry["text"]})
        if entry.get("phase") == "WAITING":
            said.append({"level": "INFO", "kind": "waiting", "text": f"it waits: {entry['why']}"})
        found += [_message(item, instant(entry["at"])) for item in said]
    return found


def _message(said: Mapping[str, Any], at: datetime) -> Message:
    return Message(
        kind=f"urn:eb-prefect:message/{said['kind']}", time=at, level=said["level"], message=said["text"]
    )


def _checksum(staged: Mapping[str, Any] | None) -> dict[str, Checksum]:
    return {"checksum": Checksum(type="sha-256", value=staged["sha256"])} if staged else {}


def _outcome(last: Mapping[str, Any]) -> Outcome | None:
    given = last.get("outcome")
    return Outcome.model_validate(given) if given else None


def _product(item: Mapping[str, Any]) -> Product:
    return Product(
        name=_as_text(item["product"]),
        volume=item["volume"] or None,
        location=location_of(item["path"]),
        size=item["size"],
        checksum=Checksum(type="sha-256", value=item["sha256"]),
    )


def _as_text(name: str) -> str:
    """Return a file's name as text; bytes that are no UTF-8 are shown as escapes."""
    return os.fsencode(name).decode(errors="backslashreplace")


def location_of(path: str) -> str:
    """Return the ``file://`` address of a path, whatever bytes it has."""
    return "file://" + quote(os.fsencode(path))


def _streams(entries: list[dict[str, Any]], phase: Phase, directory: Path) -> tuple[Connector, ...]:
    has_run = any("boot" in entry or entry.get("phase") == Phase.RUNNING for entry in entries)
    return tuple(_stream(name, phase, directory, has_run=has_run) for name in _STREAMS if entries)


def _stream(name: str, phase: Phase, directory: Path, *, has_run: bool) -> Connector:
    status = {
        Phase.AVAILABLE: "AVAILABLE",
        Phase.RUNNING: "AVAILABLE",
        Phase.RELEASING: "AVAILABLE",
        Phase.COMPLETED: "FINISHED",
        Phase.FAILED: "FINISHED",
        Phase.CANCELLED: "FINISHED",
    }.get(phase, "PREPARING")
    location = location_of(str(directory / name)) if status != "PREPARING" and has_run else None
    return Connector(
        kind=f"urn:eb-prefect:connector/{name}", status=status, protocol="FILE", location=location
    )


def _served(entries: Iterable[Mapping[str, Any]], phase: Phase) -> Iterator[Connector]:
    """Yield where a person gets in, or got in; how is told by nothing here."""
    for entry in entries:
        if told := entry.get("connector"):
            yield Connector(**told, status="AVAILABLE" if phase is Phase.AVAILABLE else "FINISHED")


def _schedule(entries: Iterable[Mapping[str, Any]]) -> Schedule | None:
    """Return from when to when a session is available, where that is known."""
    found = next((entry for entry in entries if entry.get("until")), None)
    if found is None:
        return None
    begins, ends = instant(found["at"]), instant(found["until"])
    window = AvailableWindow(start=Span(begins, timedelta(0)), duration=ends - begins)
    return Schedule(available=window, releasing=Window(start=ends))
