# SPDX-License-Identifier: Apache-2.0
"""The partitions of a cluster, as ``sinfo`` tells them."""

import re
from collections.abc import Iterable

from eb_prefect.brokers.batch.scheduler import Queue

FORMAT = "%P|%a|%c|%m|%l|%G|%D|%T"
_GPUS = re.compile(r"gpu(?::[^:,(]+)?:(\d+)")


def queues_of(text: str) -> tuple[Queue, ...]:
    """Return the partitions, the default one first; text has a line a group of like nodes."""
    found: dict[str, Queue] = {}
    for line in text.splitlines():
        queue = _queue(line.split("|"))
        if queue is not None:
            found[queue.name] = _joined(found.get(queue.name, queue), queue)
    return tuple(sorted(found.values(), key=lambda queue: not queue.is_default))


def _queue(words: list[str]) -> Queue | None:
    if len(words) != 8 or not words[0]:
        return None
    name, state, cores, memory, limit, gres, _, _ = words
    return Queue(
        name=name.rstrip("*"),
        cores=_count(cores),
        memory=_count(memory),
        minutes=minutes_of(limit),
        gpus=sum(int(number) for number in _GPUS.findall(gres)),
        is_default=name.endswith("*"),
        closed="" if state == "up" else f"queue {name.rstrip('*')} is {state.upper()}",
    )


def _joined(one: Queue, other: Queue) -> Queue:
    return one._replace(
        cores=max(one.cores, other.cores),
        memory=max(one.memory, other.memory),
        gpus=max(one.gpus, other.gpus),
    )


def _count(text: str) -> int:
    digits = text.rstrip("+")
    return int(digits) if digits.isdigit() else 0


def minutes_of(limit: str) -> int:
    """Return the minutes of a limit such as ``1-12:00:00`` or ``30:00``, 0 for none."""
    days, _, clock = limit.rpartition("-")
    parts = clock.split(":")
    if not all(part.isdigit() for part in parts) or (days and not days.isdigit()):
        return 0
    hours, minutes, seconds = ([0, 0, 0] + [int(part) for part in parts])[-3:]
    if days:  # D-HH, D-HH:MM and D-HH:MM:SS begin with hours
        hours, minutes, seconds = ([int(part) for part in parts] + [0, 0])[:3]
    total = int(days or 0) * 1440 + hours * 60 + minutes + (1 if seconds else 0)
    return max(total, 1)


def names(found: Iterable[Queue]) -> str:
    """Return the names of partitions, for a message."""
    return ", ".join(queue.name for queue in found)
