# SPDX-License-Identifier: Apache-2.0
"""Which kinds of executable this broker runs, and how each is started."""

from collections.abc import Iterator

from eb_prefect.brokers.embedded import container, jupyter, notebook, program
from eb_prefect.brokers.embedded.launch import Launch, Place
from eb_prefect.brokers.embedded.refusal import refusal
from eb_prefect.brokers.embedded.runtime import Runtime
from eb_prefect.model.executable import (
    DockerContainer,
    Executable,
    JupyterNotebook,
    JupyterServer,
    OtherExecutable,
    Program,
    SingularityContainer,
)
from eb_prefect.model.parts import Message


def refusals(
    executable: Executable,
    volumes: tuple[str, ...],
    *,
    runtime: Runtime | None = None,
    is_here: bool = True,
) -> Iterator[Message]:
    """Yield every reason why the executable can't run here.

    ``volumes`` are the paths that will exist for it, so a command below one
    of them can't be looked for yet. ``runtime`` is as a `Place` has it. Unless
    ``is_here`` it will run on a machine that this one knows nothing of, and is
    not looked for at all.
    """
    match executable:
        case Program() if is_here:
            yield from program.refusals(executable, volumes)
        case Program():
            return
        case DockerContainer() if runtime is None and not is_here:
            text = "it is not known what runs containers there; name it in the broker's settings as runtime"
            yield refusal("no-runtime", text)
        case DockerContainer():
            yield from container.refusals(executable, runtime)
        case JupyterNotebook():
            yield from notebook.refusals(executable, is_here=is_here)
        case JupyterServer():
            yield from jupyter.refusals(executable)
        case SingularityContainer() | OtherExecutable():
            yield refusal(
                "unknown-kind",
                f"executable of kind {executable.kind!r} was asked for;"
                " this broker runs executable/program, docker-container, jupyter-notebook and jupyter-server",
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
        case JupyterServer():
            return jupyter.launch(executable, place)
        case SingularityContainer() | OtherExecutable():
            raise AssertionError(f"{executable.kind} is refused before it gets here")
