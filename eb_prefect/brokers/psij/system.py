# SPDX-License-Identifier: Apache-2.0
"""What differs between the batch systems that psij submits to."""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from eb_prefect.brokers.batch.scheduler import Seen, Submission
from eb_prefect.model.phase import Phase


class System(NamedTuple):
    """One batch system: how to ask for what psij has no word for, and how to read its answers.

    ``name`` is psij's, ``handle`` the variable that tells a job its own.
    ``knows_cores`` is whether psij asks it for the cores
    of one process; else each core is asked for as a process. ``attributes``
    are psij's custom ones, with the name, which psij's templates leave out.
    ``read`` makes sense of what its status command prints, and raises
    `ValueError` or `KeyError` for what is no such answer.
    ``silences`` are what its commands say where it does not answer, ``gone``
    of a handle that has ended or was never given; both in lower case.
    """

    name: str
    handle: str
    knows_cores: bool
    read: Callable[[str], Mapping[str, Seen]]
    attributes: Callable[[Submission], Mapping[str, str]]
    refusal: Callable[[Submission], str]
    silences: tuple[str, ...]
    gone: tuple[str, ...]


def plain(name: str) -> str:
    """Return a name that every batch system takes: at most 15 letters, digits and the like."""
    kept = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:15].rstrip("-")
    return kept if kept[:1].isalpha() else f"eb-{kept}"[:15].rstrip("-")


def phase(word: str, phases: Mapping[str, Phase]) -> Phase:
    """Return the phase for a batch system's word; one that nobody knows is no end."""
    return phases.get(word, Phase.WAITING)
