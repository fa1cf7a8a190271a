# SPDX-License-Identifier: Apache-2.0
"""The partitions of a cluster, as slurmrestd tells them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from eb_prefect.brokers.batch.scheduler import Queue
from eb_prefect.brokers.slurm.slurmrestd.values import number

_GPUS = re.compile(r"gpu(?::[^:,(]+)?:(\d+)")

Row = Mapping[str, Any]


def queues(partitions: Iterable[Row], nodes: Sequence[Row]) -> tuple[Queue, ...]:
    """Return them, the default one first; what their largest nodes have is told by the nodes."""
    found = [_queue(row, [node for node in nodes if _name(row) in _partitions(node)]) for row in partitions]
    return tuple(sorted(found, key=lambda queue: not queue.is_default))


def _queue(row: Row, nodes: Sequence[Row]) -> Queue:
    word = _state(row)
    return Queue(
        name=_name(row),
        cores=max((number(node.get("cpus")) or 0 for node in nodes), default=0),
        memory=max((number(node.get("real_memory")) or 0 for node in nodes), default=0),
        minutes=_minutes(row),
        gpus=max((_gpus(str(node.get("gres") or "")) for node in nodes), default=0),
        is_default="default" in [str(flag).lower() for flag in row.get("flags") or ()],
        closed="" if word == "up" else f"partition {_name(row)} is {word}",
    )


def _name(row: Row) -> str:
    return str(row.get("name") or "")


def _partitions(node: Row) -> Sequence[str]:
    return node.get("partitions") or ()


def _state(row: Row) -> str:
    """Return the state: a word in v0.0.38, a list of them within an object later."""
    found = row.get("state", (row.get("partition") or {}).get("state")) or ["up"]
    return str(found[0] if isinstance(found, list) else found).lower()


def _minutes(row: Row) -> int:
    """Return the limit; infinite is -1 in v0.0.38."""
    limit = row["max_time_limit"] if "max_time_limit" in row else (row.get("maximums") or {}).get("time")
    return max(number(limit) or 0, 0)


def _gpus(gres: str) -> int:
    return sum(int(count) for count in _GPUS.findall(gres))
