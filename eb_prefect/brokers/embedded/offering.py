# SPDX-License-Identifier: Apache-2.0
"""From a request to offers, or to the reasons for NO."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from eb_prefect.brokers.embedded import amounts, executables, sources, volume_refusals
from eb_prefect.brokers.embedded.amounts import Amounts
from eb_prefect.brokers.embedded.machine import Machine
from eb_prefect.brokers.embedded.offered import offered
from eb_prefect.brokers.embedded.refusal import refusal
from eb_prefect.brokers.embedded.volumes import path_of_volume, volumes_of
from eb_prefect.check import faults
from eb_prefect.model.parts import AvailableWindow, Message, Range, Schedule
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import Session


def refusals(request: ExecutionRequest, has: Machine, home: Path) -> tuple[Message, ...]:
    """Return every reason why the request can't be met here, none if it can."""
    return tuple(_refusals(request, has, home))


def _refusals(request: ExecutionRequest, has: Machine, home: Path) -> Iterator[Message]:
    wrong = faults(request)
    for fault in wrong:
        yield refusal("invalid-request", str(fault), path=fault.path)
    paths = tuple(path_of_volume(volume) for volume in volumes_of(request))
    if request.executable and not any(fault.path.startswith("executable") for fault in wrong):
        yield from executables.refusals(request.executable, paths)
    yield from amounts.refusals(request, has, home)
    for n, data in enumerate(request.data):
        if not any(fault.path.startswith(f"data[{n}]") for fault in wrong):
            yield from sources.refusals(data)
    yield from volume_refusals.refusals(request)


def offer(request: ExecutionRequest, given: Amounts, number: int, expires: datetime) -> Session:
    """Return one offer, with an identifier of its own."""
    return offered(
        request,
        number,
        {name: Range(min=amount, max=amount) for name, amount in given._asdict().items()},
        (datetime.now(UTC), expires),
        messages=tuple(volume_refusals.warnings(request)),
        schedule=_schedule(request),
    )


def _schedule(request: ExecutionRequest) -> Schedule | None:
    """Return a schedule where the request asks for a start; else the broker plans nothing."""
    window = amounts.window(request)
    if window is None:
        return None
    return Schedule(available=AvailableWindow(start=window, duration=amounts.requested(request).duration))
