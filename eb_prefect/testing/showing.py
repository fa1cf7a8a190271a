# SPDX-License-Identifier: Apache-2.0
"""A scripted session as its broker tells of it, and what faults make of that."""

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypeVar

from eb_prefect.model.compute import SimpleCompute
from eb_prefect.model.data import OtherData
from eb_prefect.model.executable import DockerContainer, JupyterNotebook, Program
from eb_prefect.model.parts import Component, Connector, Message, Range, Schedule
from eb_prefect.model.phase import ComponentPhase, Phase
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.model.storage import SimpleStorage
from eb_prefect.testing.faults import Faults
from eb_prefect.testing.life import State

C = TypeVar("C", bound=Component)

STREAM = "urn:eb-prefect:connector/"
KEPT = 65_536
CUT = "...[truncated]...\n"

_UNFILLED = Message(kind="urn:resource-limit", level="WARN", template="[${resource}] is limited to [{}]")
_BEFORE_RUNNING = frozenset({Phase.OFFERED, Phase.ACCEPTED, Phase.WAITING, Phase.PREPARING})


def shown(offer: Session, state: State, streams: Mapping[str, str], faults: Faults) -> Session:
    """Return an offer as the session that it is in a state."""
    told = offer.model_copy(
        update={"phase": state.phase, "connectors": _connectors(offer, state, streams, faults)}
    )
    return distorted(_with_part_phases(told, state), faults)


def truncated(text: str, faults: Faults) -> str:
    """Return what is there of a stream."""
    cut = faults.streams_truncated and len(text) > KEPT
    return CUT + text[-KEPT:] if cut else text


def reasons(texts: tuple[str, ...], faults: Faults) -> tuple[Message, ...]:
    """Return messages that say why the broker says NO."""
    if faults.no_without_messages:
        return ()
    if faults.messages_unfilled:
        return (_UNFILLED,) * len(texts)
    return tuple(Message(level="ERROR", message=text) for text in texts)


def distorted_set(offers: OfferSet, faults: Faults) -> OfferSet:
    """Return the offer set as a faulty broker tells it."""
    told = () if faults.yes_without_offers else offers.offers
    if faults.duplicate_offers:
        told = tuple(offer for offer in told for _ in range(2))
    return offers.model_copy(update={"offers": told})


def distorted(session: Session, faults: Faults) -> Session:
    """Return the session as a faulty broker tells it."""
    changes: dict[str, Any] = {
        "executable": _executable(session.executable, faults),
        "compute": _compute(session.compute, faults),
    }
    if faults.schedule_missing:
        changes["schedule"] = None
    if faults.messages_unfilled:
        changes["messages"] = (*session.messages, _UNFILLED)
    if faults.unknown_fields:
        changes["entanglement"] = {"degree": 3}
    told = session.model_copy(update=changes)
    told = _with_unknown_kinds(told) if faults.unknown_kinds else told
    told = _with_storage(told) if faults.storage_synthesised else told
    return _without_sizes(told) if faults.locations_dropped else told


def _connectors(
    offer: Session, state: State, streams: Mapping[str, str], faults: Faults
) -> tuple[Connector, ...]:
    if state.has_ended:
        status = "FINISHED"
    else:
        status = "PREPARING" if state.phase in _BEFORE_RUNNING or faults.connectors_late else "AVAILABLE"
    there = status != "PREPARING" and not faults.connectors_without_location
    return tuple(
        Connector(
            kind=f"{STREAM}{name}",
            status=status,
            protocol="MEMORY",
            location=f"memory:{offer.uuid}/{name}" if there else None,
        )
        for name in streams
    )


def _with_part_phases(session: Session, state: State) -> Session:
    if state.parts is None:
        return session
    # a program that ends badly leaves its compute FAILED and its executable COMPLETED
    fine = ComponentPhase.COMPLETED if state.parts == ComponentPhase.FAILED else state.parts
    changes: dict[str, Any] = {
        "executable": _in_phase(session.executable, fine),
        "compute": _in_phase(session.compute, state.parts),
        "storage": tuple(_in_phase(part, fine) for part in session.storage),
        "data": tuple(_in_phase(part, fine) for part in session.data),
    }
    return session.model_copy(update=changes)


def _in_phase(part: C | None, phase: str) -> C | None:
    return None if part is None else part.model_copy(update={"phase": phase})


def _executable(given: Any, faults: Faults) -> Any:
    changes: dict[str, Any] = {}
    if faults.descriptions_dropped:
        changes["description"] = None
    match given:
        case DockerContainer() if faults.executable_dropped:
            return DockerContainer(privileged=False, phase=given.phase)
        case JupyterNotebook() if faults.locations_dropped:
            changes["location"] = None
        case DockerContainer() | Program():
            changes["command"] = _command(given.command, faults)
        case None:
            return None
        case _:
            pass
    return given.model_copy(update=changes)


def _command(given: tuple[str, ...], faults: Faults) -> tuple[str, ...]:
    told = given[::-1] if faults.command_reordered else given
    return (*told, "--verbose") if faults.command_extended else told


def _compute(given: Any, faults: Faults) -> Any:
    if not isinstance(given, SimpleCompute):
        return given
    changes: dict[str, Any] = {}
    cores, memory = given.cores, given.memory
    if faults.amounts_doubled:
        cores, memory = _doubled(cores), _doubled(memory)
    if faults.memory_is_cores:
        cores = cores or Range(min=1, max=1)
        memory = cores
    if faults.descriptions_dropped:
        changes["description"] = None
    if faults.storage_synthesised and given.name is None:
        changes["name"] = "Default compute resource"
    if faults.durations_rounded and given.schedule is not None:
        changes["schedule"] = _rounded(given.schedule)
    if faults.unknown_fields:
        changes["qubits"] = 12
    return given.model_copy(update={"cores": cores, "memory": memory, **changes})


def _doubled(given: Range | None) -> Range:
    twice = 2 * ((given.min if given else None) or 1)
    return Range(min=twice, max=twice)


def _rounded(schedule: Schedule) -> Schedule:
    if schedule.available is None or schedule.available.duration is None:
        return schedule
    minutes = math.ceil(schedule.available.duration / timedelta(minutes=1))
    available = schedule.available.model_copy(update={"duration": timedelta(minutes=minutes)})
    return schedule.model_copy(update={"available": available})


def _with_unknown_kinds(session: Session) -> Session:
    hologram = OtherData(kind="https://example.org/kinds/data/hologram.yaml", name="hologram")
    portal = Connector(kind="urn:example:portal", status="AVAILABLE", protocol="GOPHER")
    omen = Message(kind="urn:example:omen", level="PORTENT", message="an owl was heard")
    changes = {
        "data": (*session.data, hologram),
        "connectors": (*session.connectors, portal),
        "messages": (*session.messages, omen),
    }
    return session.model_copy(update=changes)


def _with_storage(session: Session) -> Session:
    made = tuple(
        SimpleStorage(name=f"Storage for [{part.name or part.uuid}]", uuid=f"{session.uuid[:-2]}{n:02}")
        for n, part in enumerate(session.data)
    )
    data = tuple(
        part.model_copy(update={"storage": room.uuid}) for part, room in zip(session.data, made, strict=True)
    )
    return session.model_copy(update={"storage": (*session.storage, *made), "data": data})


def _without_sizes(session: Session) -> Session:
    rooms = tuple(
        room.model_copy(update={"size": None}) if isinstance(room, SimpleStorage) else room
        for room in session.storage
    )
    return session.model_copy(update={"storage": rooms})
