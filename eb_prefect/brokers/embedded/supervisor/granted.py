# SPDX-License-Identifier: Apache-2.0
"""Cores that somebody else gave: a batch system starts nothing before it has them."""

import os

from .diary import Diary
from .watching import Watch


class Granted:
    """What stands for a queue where there is none to wait in, see `turn.Waiting`."""

    def __init__(self) -> None:
        self.cpus = sorted(os.sched_getaffinity(0))

    def until_start(self, diary: Diary, watch: Watch) -> None:
        """Return: it has started."""

    def until_served(self, diary: Diary, watch: Watch) -> None:
        """Return: it has its share."""

    def end(self) -> None:
        """Give nothing back; the batch system takes it."""
