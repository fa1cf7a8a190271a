# SPDX-License-Identifier: Apache-2.0
"""What to run."""

import re
from collections.abc import Iterable, Iterator

from eb_prefect.checks.data import checksum_faults, location_faults
from eb_prefect.checks.names import kind
from eb_prefect.errors import Fault
from eb_prefect.model.executable import (
    DockerContainer,
    Executable,
    JupyterNotebook,
    JupyterServer,
    OtherExecutable,
    Program,
    SingularityContainer,
)
from eb_prefect.wire.faults import path_text

RESERVED_LABEL = "calycopis-broker-"
"""What the labels of a container may not begin with."""


def executable_faults(executable: Executable | None) -> Iterator[Fault]:
    """Yield what is wrong with the executable, or that there is none."""
    if executable is None:
        yield Fault("executable", "is missing; a request says what to run")
        return
    yield from kind(executable, "executable")
    match executable:
        case DockerContainer():
            yield from _docker(executable)
        case SingularityContainer():
            yield from location_faults(executable.location, "executable.location")
        case JupyterNotebook():
            yield from location_faults(executable.location, "executable.location")
            yield from checksum_faults(executable.checksum, "executable.checksum")
        case JupyterServer():
            yield from _jupyter_server(executable)
        case Program():
            yield from _program(executable)
        case OtherExecutable():
            return


def _docker(container: DockerContainer) -> Iterator[Fault]:
    if not (container.image and container.image.locations):
        yield Fault(
            "executable.image.locations", "is missing; name the image, such as docker.io/library/debian:12"
        )
    for n, location in enumerate(container.image.locations if container.image else ()):
        if not location.strip() or "://" in location or re.search(r"\s", location):
            reason = f"is {location!r}; an image is named as registry/name:tag, without scheme and spaces"
            yield Fault(f"executable.image.locations[{n}]", reason)
    if not (container.image and container.image.digest):
        yield Fault("executable.image.digest", "is missing; brokers demand the sha256: digest of the image")
    yield from _environment(container.environment)
    yield from _no_nul(container.command)
    for label in container.labels:
        if label.startswith(RESERVED_LABEL):
            path = path_text(("executable", "labels", label))
            yield Fault(path, f"begins with {RESERVED_LABEL}, which is the broker's")


def _jupyter_server(server: JupyterServer) -> Iterator[Fault]:
    if server.location is not None:
        yield from location_faults(server.location, "executable.location")
        yield from checksum_faults(server.checksum, "executable.checksum")
    elif server.checksum is not None:
        yield Fault("executable.checksum", "pins a notebook, and executable.location names none")
    yield from _environment(server.environment)


def _program(program: Program) -> Iterator[Fault]:
    if not program.command or not program.command[0].strip():
        yield Fault("executable.command", "is empty; its first word is the program to run")
    elif "/" in program.command[0] and not program.command[0].startswith("/"):
        reason = f"is {program.command[0]!r}; write an absolute path, or the name of a program on the PATH"
        yield Fault("executable.command[0]", reason)
    yield from _no_nul(program.command)
    yield from _environment(program.environment)


def _no_nul(words: Iterable[str]) -> Iterator[Fault]:
    for n, word in enumerate(words):
        if "\0" in word:
            yield Fault(f"executable.command[{n}]", "has a zero byte, which no program can be given")


def _environment(environment: dict[str, str]) -> Iterator[Fault]:
    for name, value in environment.items():
        path = path_text(("executable", "environment", name))
        if not name or "=" in name or "\0" in name:
            yield Fault(path, "is no name of a variable")
        if "\0" in value:
            yield Fault(path, "has a zero byte, which no program can be given")
