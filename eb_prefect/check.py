# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a request, told before a broker sees it.

Brokers answer a bad request with an empty 400 or a bare NO. Everything that
can be known from the request alone is told here, all at once: faults, with
which no broker could run it, and warnings, with which it may not run as meant.
"""

from collections.abc import Iterator
from datetime import timedelta

from eb_prefect.checks.data import data_faults, storage_faults
from eb_prefect.checks.doubts import doubts
from eb_prefect.checks.executable import executable_faults
from eb_prefect.checks.names import names_of, same_names
from eb_prefect.checks.sizes import ordered
from eb_prefect.checks.volumes import compute_faults
from eb_prefect.errors import Fault, InvalidRequestError
from eb_prefect.model.request import ExecutionRequest


def faults(request: ExecutionRequest) -> tuple[Fault, ...]:
    """Return every reason for which no broker could run the request; empty if there is none."""
    return tuple(_faults(request))


def warnings(request: ExecutionRequest) -> tuple[Fault, ...]:
    """Return what is allowed and yet likely to be a mistake."""
    return tuple(doubts(request))


def require(request: ExecutionRequest) -> None:
    """Return if the request has no fault.

    Raises
    ------
    InvalidRequestError
        It has; every one is told.
    """
    if found := faults(request):
        raise InvalidRequestError("the request", found)


def _faults(request: ExecutionRequest) -> Iterator[Fault]:
    names = names_of(request)
    yield from executable_faults(request.executable)
    yield from compute_faults(request, names)
    for n, storage in enumerate(request.storage):
        yield from storage_faults(storage, names, f"storage[{n}]")
    for n, data in enumerate(request.data):
        yield from data_faults(data, names, f"data[{n}]")
    yield from same_names(request)
    if request.schedule and request.schedule.requested:
        yield from _positive(request.schedule.requested.duration)
    for key, amounts in (("costs", request.costs), ("metrics", request.metrics)):
        for n, amount in enumerate(amounts):
            yield from ordered(amount, f"{key}[{n}]")


def _positive(duration: timedelta | None) -> Iterator[Fault]:
    if duration is not None and duration <= timedelta():
        yield Fault(
            "schedule.requested.duration", "is nothing; say how long the session is wanted, such as PT10M"
        )
