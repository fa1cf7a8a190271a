# SPDX-License-Identifier: Apache-2.0
"""Which kinds of executable this broker runs, and how each is started."""

from collections.abc import Iterator

from eb_prefect.brokers.embedded import container, notebook, program
from eb_prefect.brokers.embedded.launch import Launch, Place
from eb_prefect.brokers.embedded.refusal import refusal
from eb_prefect.model.executable import (
    DockerContainer,
    Executable,
    JupyterNotebook,
    OtherExecutable,
    Program,
    SingularityContainer,
)
from eb_prefect.model.parts import Message


def refusals(executable: Executable, volumes: tuple[str, ...]) -> Iterator[Message]:
    """Yield every reason why the executable can't run here.

    ``volumes`` are the paths that will exist for it, so a command below one
    of them can't be looked for yet.
    """
    match executable:
        case Program():
            yield from program.refusals(executable, volumes)
        case DockerContainer():
            yield from container.refusals(executable)
        case JupyterNotebook():
            yield from notebook.refusals(executable)
        case SingularityContainer() | OtherExecutable():
            yield refusal(
                "unknown-kind",
                f"executable of kind {executable.kind!r} was asked for;"
                " this broker runs executable/program, docker-container and jupyter-notebook",
                asked=executable.kind,
            )


def launch(executable: Executable, place: Place) -> Launch:
    """Return how to start an executable that was not refused."""
    match executable:
        case Program():
            return program.launch(executable, place)
        case DockerContainer():
            return container.launch(executable, place)
        case JupyterNotebook():
            return notebook.launch(executable, place)
        case SingularityContainer() | OtherExecutable():
            raise AssertionError(f"{executable.kind} is refused before it gets here")
