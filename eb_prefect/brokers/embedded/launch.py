# SPDX-License-Identifier: Apache-2.0
"""What it takes to start one executable: the boundary between kinds and the supervisor.

A kind of executable (`program`, `container`, `notebook`) turns a request's
executable and a `Place` into a `Launch`. It is kept in the session's plan and
carried out later by the supervisor, which knows nothing of kinds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from eb_prefect.brokers.embedded.runtime import Runtime


@dataclass(frozen=True)
class Bind:
    """A file or directory of this machine that the executable sees at ``target``.

    Binds are made in their order: a directory comes before what is bound
    inside it, and holds an empty file or directory of that name by then.
    """

    source: str
    target: str
    read_only: bool


@dataclass(frozen=True)
class Place:
    """Where and with what an executable will run; ``memory`` is in GiB, 0 for no limit.

    ``directory`` is the session's own and absolute; it may not exist yet.
    ``environment`` is what describes that machine to a program (PATH, HOME, locale, ...).
    ``python`` runs notebooks there, None for the Python of this process; with
    one, the machine is not this one, and nothing is looked for here.
    ``runtime`` runs containers there, None for one of this machine.
    """

    session: str
    directory: str
    cores: int
    memory: int
    binds: tuple[Bind, ...]
    environment: Mapping[str, str]
    python: str | None = None
    runtime: Runtime | None = None


@dataclass(frozen=True)
class Fetch:
    """A file that is staged to ``path`` before anything is started.

    ``location`` is ``file://`` or ``http(s)://``; ``checksum`` is the type and
    value to verify, for example ``("sha-256", "9f86...")``. What is written to
    where ``is_writable`` is a product then.
    """

    location: str
    path: str
    checksum: tuple[str, str] | None = None
    is_writable: bool = False


@dataclass(frozen=True)
class Service:
    """What an executable serves to a person, and how that is told.

    ``kind`` and ``protocol`` are its connector's. ``door`` is a file that the
    executable writes, at once and readable to its owner only, when it
    answers: a JSON object with ``location``, which everybody may see, and
    ``way_in``, which lets in who has it.
    """

    kind: str
    protocol: str
    door: str


@dataclass(frozen=True)
class Launch:
    """How to start an executable, and how to clean up after it.

    All commands are argument vectors, run without a shell, with
    ``environment`` as their whole environment.

    ``uses_mounts``: the supervisor makes the binds visible to ``argv``, or
    rewrites paths where it can't. False where a runtime makes the mounts
    itself from `Place.binds`.
    ``binds`` are mounted in place of `Place.binds`, and the session is FAILED
    where they can't be: nothing else would show them to the program.
    ``fetches`` are staged and ``files`` (absolute path to content) written
    first, then ``prepare`` is run in order; what of it exits other than 0 makes
    the session FAILED with the last line of its stderr.
    ``failures`` explains exit codes that are the runtime's own, e.g. 125.
    ``counts`` says whose memory is the session's: that of all processes that
    come from ``argv``; of those ``inside`` a container only, as the runtime's
    own are no part of it; or of ``none``, and no time either, because a
    daemon runs them and nothing is known.
    ``keep`` are files, absolute path to product name, that are products too;
    of a directory it is all files in it, with their paths below it.
    ``serves`` makes the session AVAILABLE once what it serves answers, and
    keeps it so until it ends by itself, its time is over, or it is released,
    all of which is COMPLETED.
    ``cleanup`` is run after the end, however it ended, also by whoever finds
    a lost session, and before products are looked for; it must succeed if
    there is nothing to clean.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    uses_mounts: bool = True
    binds: tuple[Bind, ...] | None = None
    fetches: tuple[Fetch, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    prepare: tuple[tuple[str, ...], ...] = ()
    failures: Mapping[int, str] = field(default_factory=dict)
    counts: Literal["all", "inside", "none"] = "all"
    keep: Mapping[str, str] = field(default_factory=dict)
    cleanup: tuple[tuple[str, ...], ...] = ()
    serves: Service | None = None
