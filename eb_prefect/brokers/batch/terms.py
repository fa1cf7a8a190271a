# SPDX-License-Identifier: Apache-2.0
"""Which queues fit a request, and what it gets in each."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import NamedTuple

from eb_prefect.brokers.batch.scheduler import Queue
from eb_prefect.brokers.embedded.refusal import refusal
from eb_prefect.model.compute import OtherCompute, SimpleCompute
from eb_prefect.model.moment import instant_text
from eb_prefect.model.parts import Message, Range
from eb_prefect.model.request import ExecutionRequest, Requested
from eb_prefect.model.storage import OtherStorage

_MINUTE = timedelta(minutes=1)


class Terms(NamedTuple):
    """What one offer gives: a queue, cores, GiB of memory, minutes and GPUs; 0 is what nobody asked for."""

    queue: str
    cores: int
    memory: int
    minutes: int
    gpus: int


def refusals(request: ExecutionRequest) -> Iterator[Message]:
    """Yield what no queue of a batch system can give."""
    start = _requested(request).start
    if start is not None:
        yield refusal(
            "no-schedule",
            f"the request asks to start between {instant_text(start.start)} and {instant_text(start.end)};"
            " a batch system plans no times, leave out the interval",
            asked=instant_text(start.start),
        )
    if isinstance(request.compute, OtherCompute):
        yield _unknown("compute", request.compute.kind, "compute/simple-compute-resource")
    for storage in request.storage:
        if isinstance(storage, OtherStorage):
            known = "storage/simple-storage-resource"
            yield _unknown(f"storage {storage.name!r}", storage.kind, known)


def _unknown(what: str, kind: str | None, known: str) -> Message:
    return refusal("unknown-kind", f"{what} is of kind {kind!r}; this broker has {known}", asked=kind)


def terms(request: ExecutionRequest, queue: Queue) -> list[Terms]:
    """Return what a queue that fits can give: the most of what was asked for, and the least if it differs."""
    compute = _compute(request)
    cores = _within(compute.cores, 1, queue.cores)
    memory = _within(compute.memory, 0, queue.memory >> 10)
    gpus = _within(compute.gpus, 0, queue.gpus)
    minutes = asked_minutes(request)
    found = [Terms(queue.name, cores[n], memory[n], minutes, gpus[n]) for n in (1, 0)]
    return list(dict.fromkeys(found))


def misfits(request: ExecutionRequest, queue: Queue) -> Iterator[str]:
    """Yield why a queue can't give what is asked for at least."""
    if queue.closed:
        yield queue.closed
        return
    compute, minutes = _compute(request), asked_minutes(request)
    for asked, has, unit in (
        (compute.cores, queue.cores, "cores"),
        (compute.memory, queue.memory >> 10, "GiB of memory"),
        (compute.gpus, queue.gpus, "GPUs"),
    ):
        least = _within(asked, 0, has)[0]
        if least > has:
            yield f"{least} {unit} are asked for; a node of queue {queue.name} has {has}"
    if queue.minutes and minutes > queue.minutes:
        yield f"{minutes} minutes are asked for; queue {queue.name} gives {queue.minutes} at most"


def asked_minutes(request: ExecutionRequest) -> int:
    """Return the duration in whole minutes, 0 where none is asked for."""
    duration = _requested(request).duration
    return 0 if duration is None else max(-(-duration // _MINUTE), 1)


def duration_seconds(request: ExecutionRequest) -> float:
    """Return the duration of the program, 0 where none is asked for."""
    duration = _requested(request).duration
    return duration.total_seconds() if duration else 0.0


def chosen(queues: Iterable[Queue], wanted: tuple[str, ...]) -> list[Queue]:
    """Return the queues to make offers of; of those that a person named, in that order."""
    known = {queue.name: queue for queue in queues}
    if not wanted:
        return list(known.values())
    return [known.get(name) or _missing(name) for name in wanted]


def _missing(name: str) -> Queue:
    return Queue(name, 0, 0, closed=f"there is no queue {name}")


def _requested(request: ExecutionRequest) -> Requested:
    return (request.schedule.requested if request.schedule else None) or Requested()


def _compute(request: ExecutionRequest) -> SimpleCompute:
    return request.compute if isinstance(request.compute, SimpleCompute) else SimpleCompute()


def _within(asked: Range | None, otherwise: int, limit: int) -> tuple[int, int]:
    """Return the least and the most; a range with one end stands for that number or below it."""
    if asked is None or (asked.min is None and asked.max is None):
        return otherwise, otherwise
    low = asked.min if asked.min is not None else min(1, asked.max or 1)
    high = asked.max if asked.max is not None else low
    return low, max(low, min(high, limit))
