# SPDX-License-Identifier: Apache-2.0
"""What the store answers with, and what it can be asked for."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple


class Entry(NamedTuple):
    """One record in a list: its digest, the step's name, how it ended and when (ISO 8601, UTC)."""

    digest: str
    name: str
    phase: str
    broker: str
    session: str
    made: str


class Wanted(NamedTuple):
    """Which records to list; ``settings`` are values by path, as in ``executable.environment.SIGMA``."""

    name: str | None = None
    phase: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    settings: Mapping[str, str] = {}


ALL = Wanted()


class Step(NamedTuple):
    """One record builds on another.

    ``kind`` is ``used`` where it worked on a product of the other's, and
    ``based_on`` where its request was taken from it.
    """

    child: str
    parent: str
    kind: str


class Lineage(NamedTuple):
    """Records that hang together, newest first, and how.

    ``unknown`` are digests of records that are spoken of and that this store
    does not have.
    """

    records: tuple[Entry, ...]
    unknown: tuple[str, ...]
    steps: tuple[Step, ...]
