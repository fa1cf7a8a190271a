# SPDX-License-Identifier: Apache-2.0
"""A flow of steps that each wait for a file; run as ``through.py FOLDER [BROKER]``."""

import asyncio
import sys
from pathlib import Path

from prefect import flow
from prefect.runtime import flow_run

from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.brokers.http.broker import HTTPBroker
from eb_prefect.brokers.protocol import Broker
from eb_prefect.model.executable import Program
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.tasks import step_async

FOLDER = Path(sys.argv[1])
SCRIPT = 'echo begun >> "$1"; until [ -e "$2" ]; do sleep 0.1; done'


def request(name: str) -> ExecutionRequest:
    command = ("sh", "-c", SCRIPT, "sh", str(FOLDER / f"{name}.tally"), str(FOLDER / f"{name}.go"))
    return ExecutionRequest(executable=Program(command=command))


@flow
async def through(broker: Broker) -> None:
    (FOLDER / "run").write_text(flow_run.id)
    for name in ("first", "second", "third"):
        await step_async(broker, request(name), name=name)


asyncio.run(through(HTTPBroker(sys.argv[2]) if len(sys.argv) > 2 else EmbeddedBroker()))
