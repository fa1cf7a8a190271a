# SPDX-License-Identifier: Apache-2.0
"""How many cores and how much memory a request gets here, and when."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from eb_prefect.brokers.embedded.machine import Machine, free_disk
from eb_prefect.brokers.embedded.refusal import refusal
from eb_prefect.model.compute import OtherCompute, SimpleCompute
from eb_prefect.model.moment import Span, instant_text
from eb_prefect.model.parts import Message, Range
from eb_prefect.model.request import ExecutionRequest, Requested
from eb_prefect.model.storage import OtherStorage, SimpleStorage


class Amounts(NamedTuple):
    """Cores and GiB of memory of one offer."""

    cores: int
    memory: int


def refusals(request: ExecutionRequest, has: Machine, home: Path) -> Iterator[Message]:
    """Yield what is asked for and not there: cores, memory, room, time."""
    compute = request.compute
    if isinstance(compute, OtherCompute):
        yield refusal(
            "unknown-kind",
            f"compute is of kind {compute.kind!r}; this broker has compute/simple-compute-resource",
            asked=compute.kind,
        )
    elif compute is not None:
        yield from _limit("compute.cores", "cores", compute.cores, len(has.cpus))
        yield from _limit("compute.memory", "GiB of memory", compute.memory, has.gibibytes)
        yield from _limit("compute.gpus", "GPUs that it can share out", compute.gpus, 0)
    for storage in request.storage:
        yield from _storage(storage, home)
    start = requested(request).start
    if start is not None and start.end < datetime.now(UTC):
        yield refusal(
            "start-in-the-past",
            f"the interval to start in ended at {instant_text(start.end)}; ask for one that lies ahead",
            asked=instant_text(start.end),
        )


def requested(request: ExecutionRequest) -> Requested:
    """Return what the request says about time."""
    return (request.schedule.requested if request.schedule else None) or Requested()


def choices(request: ExecutionRequest, has: Machine) -> list[Amounts]:
    """Return what can be offered: the most of what was asked for, and the least if that differs.

    Without a word about cores it is one; without a word about memory it is
    the cores' share of the machine's.
    """
    compute = request.compute if isinstance(request.compute, SimpleCompute) else SimpleCompute()
    low, high = _within(compute.cores, 1, len(has.cpus))
    found = []
    for cores, end in ((high, 1), (low, 0)):
        share = has.share(cores)
        memory = _within(compute.memory, share, has.gibibytes)[end] if compute.memory else share
        found.append(Amounts(cores, memory))
    return list(dict.fromkeys(found))


def window(request: ExecutionRequest) -> Span | None:
    """Return the interval in which the session is to start, None for as soon as possible."""
    start = requested(request).start
    return start if start is not None and start.start > datetime.now(UTC) else None


def _within(asked: Range | None, otherwise: int, limit: int) -> tuple[int, int]:
    """Return the least and the most; a range with one end stands for that number or below it."""
    if asked is None or (asked.min is None and asked.max is None):
        return otherwise, otherwise
    low = asked.min if asked.min is not None else min(1, asked.max or 1)
    high = asked.max if asked.max is not None else low
    return low, min(high, limit)


def _limit(path: str, unit: str, asked: Range | None, available: int) -> Iterator[Message]:
    if asked is not None and asked.min is not None and asked.min > available:
        yield refusal(
            "resource-limit",
            f"{path} asks for {asked.min} {unit}; this machine has {available}",
            asked=asked.min,
            available=available,
        )


def _storage(storage: SimpleStorage | OtherStorage, home: Path) -> Iterator[Message]:
    if isinstance(storage, OtherStorage):
        yield refusal(
            "unknown-kind",
            f"storage {storage.name!r} is of kind {storage.kind!r};"
            " this broker has storage/simple-storage-resource",
            asked=storage.kind,
        )
        return
    least = storage.size.min if storage.size else None
    available = free_disk(home)
    if least is not None and least > available:
        yield refusal(
            "resource-limit",
            f"storage {storage.name!r} asks for {least} GiB;"
            f" {available:.1f} GiB are free on the disk of {home}",
            asked=least,
            available=round(available, 1),
        )
