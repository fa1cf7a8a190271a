# SPDX-License-Identifier: Apache-2.0
"""Programs that this machine has: the kind ``urn:eb-prefect:kind/executable/program``."""

import shutil
from collections.abc import Iterator

from eb_prefect.brokers.embedded.launch import Launch, Place
from eb_prefect.brokers.embedded.machine import search_path
from eb_prefect.brokers.embedded.refusal import refusal
from eb_prefect.model.executable import Program
from eb_prefect.model.parts import Message


def refusals(program: Program, volumes: tuple[str, ...]) -> Iterator[Message]:
    """Yield that there is nothing of the program's name, unless it may be in a volume."""
    name = program.command[0]
    if not _is_below(name, volumes) and _found(program) is None:
        where = "this machine" if name.startswith("/") else f"the PATH {_path(program)}"
        yield refusal("missing-program", f"program {name!r} is not an executable file on {where}", asked=name)


def launch(program: Program, place: Place) -> Launch:
    """Return the command as given, with its program by absolute path where that is known."""
    found = (None if place.python else _found(program)) or program.command[0]
    return Launch(
        argv=(found, *program.command[1:]),
        environment={**place.environment, **program.environment},
    )


def _is_below(name: str, volumes: tuple[str, ...]) -> bool:
    return any(name == path or name.startswith(f"{path}/") for path in volumes)


def _path(program: Program) -> str:
    return program.environment.get("PATH") or search_path()


def _found(program: Program) -> str | None:
    return shutil.which(program.command[0], path=_path(program))
