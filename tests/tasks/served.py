# SPDX-License-Identifier: Apache-2.0
"""Serves flows that die; the environment has EB_FOLDER, where they tell what they do."""

import os
import signal
from pathlib import Path

from prefect import flow, serve

from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.model.executable import Program
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.tasks import step

FOLDER = Path(os.environ["EB_FOLDER"])
SCRIPT = 'echo begun >> "$1"; until [ -e "$2" ]; do sleep 0.1; done'


def begun(name: str) -> None:
    with (FOLDER / f"{name}.runs").open("a") as file:
        file.write(f"{os.getpid()}\n")


@flow
def waiting() -> None:
    begun("waiting")
    command = ("sh", "-c", SCRIPT, "sh", str(FOLDER / "tally"), str(FOLDER / "go"))
    step(EmbeddedBroker(), ExecutionRequest(executable=Program(command=command)), name="one")


@flow
def dying() -> None:
    begun("dying")
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    from broken import broken  # here, for the other flows are loaded from this file when it can't be any more

    serve(*(each.to_deployment("served", tags=["eb-heal"]) for each in (waiting, dying, broken)))
