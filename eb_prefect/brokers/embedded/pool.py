# SPDX-License-Identifier: Apache-2.0
"""Whose cores and memory a session gets: the machine's, or those of the session it is started in.

A program of a session may use the broker itself. What it starts lives off
its own share: it could wait for ever for cores that it holds itself.
"""

import json
import os
from pathlib import Path
from typing import NamedTuple

from eb_prefect.brokers.embedded.machine import Machine, machine
from eb_prefect.brokers.embedded.supervisor.plan import PLAN
from eb_prefect.brokers.embedded.supervisor.tree import MARK


class Pool(NamedTuple):
    """What sessions share between them; ``path`` has their queue and who holds what."""

    path: Path
    has: Machine

    @property
    def queue(self) -> Path:
        """Where its sessions stand in line."""
        return self.path / "queue"

    def make(self) -> None:
        """Make its directories, once."""
        for name in ("queue", "capacity"):
            (self.path / name).mkdir(mode=0o700, parents=True, exist_ok=True)


def pool(home: Path) -> Pool:
    """Return the pool of sessions that this process starts in a home."""
    outer = home / "sessions" / os.environ.get(MARK, "none")
    if not (outer / PLAN).exists():
        return Pool(home, machine())
    memory: int = json.loads((outer / PLAN).read_text())["memory"]
    return Pool(outer / "inner", machine()._replace(gibibytes=memory))
