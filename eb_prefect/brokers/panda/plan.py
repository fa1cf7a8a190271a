# SPDX-License-Identifier: Apache-2.0
"""What is handed to PanDA for one session, whether as a task or as a job."""

import re
import shlex
from math import ceil
from typing import NamedTuple
from urllib.parse import quote
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from eb_prefect.brokers.embedded.amounts import requested
from eb_prefect.model.compute import SimpleCompute
from eb_prefect.model.data import RucioData, SkaoData
from eb_prefect.model.executable import DockerContainer, Executable, Program
from eb_prefect.model.parts import Range
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.storage import SimpleStorage

_MIB = 1024
_FIRST_LABEL = 50_000_000_000
_LABELS = 49_999_999_999
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")


class Plan(BaseModel):
    """One session as PanDA gets it.

    ``name`` is the task's or the job's: ``user.NAME.UUID``. ``label`` is a
    number of ours by which a single job is found again. ``memory`` is in MiB
    for each core, ``disk`` in MiB, ``walltime`` in seconds, 0 for what PanDA
    takes by itself. ``inputs`` are Rucio DIDs, ``outputs`` names of files that
    the program may leave in its working directory.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    vo: str
    label: int
    command: str
    image: str | None = None
    cores: int = 1
    memory: int = 0
    walltime: int = 0
    disk: int = 0
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()

    @property
    def pieces(self) -> str:
        """The command in the form of PanDA's own transformation, which takes it percent-encoded."""
        return f'-r . -p "{quote(self.command, safe="")}"'

    @property
    def log(self) -> str:
        """The name of the dataset with the job's log."""
        return f"{self.name}.log"

    def made(self, output: str) -> str:
        """Return the name of the dataset with one output."""
        return f"{self.name}_{output.replace('*', 'XYZ')}"


class Owner(NamedTuple):
    """Who submits: the collaboration, and the user's name there."""

    vo: str
    user: str


def plan(request: ExecutionRequest, session: str, owner: Owner, outputs: tuple[str, ...] = ()) -> Plan:
    """Return the plan for a session of a request that was not refused."""
    compute = request.compute if isinstance(request.compute, SimpleCompute) else SimpleCompute()
    cores = most(compute.cores, 1)
    lasts = requested(request).duration
    return Plan(
        name=f"user.{nickname(owner.user)}.{session}",
        vo=owner.vo,
        label=_FIRST_LABEL + UUID(session).int % _LABELS,
        command=command_line(request.executable),
        image=image(request.executable),
        cores=cores,
        memory=ceil(least(compute.memory) * _MIB / cores),
        walltime=0 if lasts is None else ceil(lasts.total_seconds()),
        disk=sum(least(storage.size) for storage in request.storage if isinstance(storage, SimpleStorage))
        * _MIB,
        inputs=tuple(filter(None, map(did, request.data))),
        outputs=outputs,
    )


def nickname(user: str) -> str:
    """Return a user's name as it can be in the name of a task."""
    return _NOT_IN_NAMES.sub("-", user).strip("-").lower() or "nobody"


def most(asked: Range | None, otherwise: int) -> int:
    """Return the most of what is asked for: PanDA has no range of cores."""
    if asked is None:
        return otherwise
    return max(1, asked.max or asked.min or otherwise)


def least(asked: Range | None) -> int:
    """Return the least of what is asked for, 0 for nothing."""
    return 0 if asked is None else (asked.min or asked.max or 0)


def words(executable: Executable | None) -> tuple[str, ...]:
    """Return the argument vector; PanDA's containers start no entry point, so it is part of it."""
    match executable:
        case Program():
            return executable.command
        case DockerContainer():
            entry = tuple(shlex.split(executable.entrypoint)) if executable.entrypoint else ()
            return (*entry, *executable.command)
        case _:
            return ()


def command_line(executable: Executable | None) -> str:
    """Return the words as a shell takes them, with the environment before them."""
    given = executable.environment if isinstance(executable, Program | DockerContainer) else {}
    before = ("env", *(f"{name}={value}" for name, value in given.items())) if given else ()
    return shlex.join([*before, *words(executable)])


def image(executable: Executable | None) -> str | None:
    """Return the image with its digest, as PanDA names images."""
    found = executable.image if isinstance(executable, DockerContainer) else None
    if found is None or not found.locations:
        return None
    # a digest says more than a tag, and PanDA's runtimes take one of the two
    path, slash, last = found.locations[0].removeprefix("docker://").partition("@")[0].rpartition("/")
    return f"docker://{path}{slash}{last.partition(':')[0]}@{found.digest}"


def did(data: object) -> str | None:
    """Return the name that Rucio has for data, None for what Rucio does not have."""
    match data:
        case RucioData(rucio=given) if given and given.scope and given.object:
            return f"{given.scope}:{given.object}"
        case SkaoData(skao=given) if given and given.namespace and given.objectname:
            return f"{given.namespace}:{given.objectname}"
    return None
