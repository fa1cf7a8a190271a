# SPDX-License-Identifier: Apache-2.0
"""A flow that asks a person, then runs a step that adds a line to a file; ``person_flow.py FOLDER``."""

import sys
from pathlib import Path

from prefect import flow

from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.model.executable import Program
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.person import choose_offer
from eb_prefect.tasks import step

FOLDER = Path(sys.argv[1])
SCRIPT = 'echo begun >> "$1"; while [ ! -e "$1.gate" ]; do sleep 0.1; done'
REQUEST = ExecutionRequest(executable=Program(command=("sh", "-c", SCRIPT, "one", str(FOLDER / "tally"))))


@flow
def asked_once() -> None:
    chosen = choose_offer([EmbeddedBroker(FOLDER / "broker")], REQUEST, name="one")
    step(chosen.broker, REQUEST, name="one", options=chosen.options())


asked_once()
