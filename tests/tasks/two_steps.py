# SPDX-License-Identifier: Apache-2.0
"""A flow whose two steps each add a line to a file; run as ``two_steps.py sync|async FOLDER``."""

import asyncio
import sys
from pathlib import Path

from prefect import flow

from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.model.compute import SimpleCompute, VolumeMount
from eb_prefect.model.executable import Program
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.storage import SimpleStorage
from provenance.tasks import Keeping, recorded_step, recorded_step_async

COLOUR, FOLDER = sys.argv[1], Path(sys.argv[2])
SCRIPT = 'echo begun >> "$1"; sleep "$2"; echo made > "$3"'


def request(name: str, seconds: str) -> ExecutionRequest:
    command = ("sh", "-c", SCRIPT, name, str(FOLDER / f"{name}.tally"), seconds, f"/output/{name}.txt")
    output = VolumeMount(name="output", path="/output", mode="READWRITE", resources=("products",))
    return ExecutionRequest(
        executable=Program(command=command),
        compute=SimpleCompute(volumes=(output,)),
        storage=(SimpleStorage(name="products"),),
    )


KEEPING = Keeping(into=FOLDER / "products")
FIRST, SECOND = request("first", "0.1"), request("second", "4")


@flow
def in_sync() -> None:
    recorded_step(EmbeddedBroker(), FIRST, name="first", keeping=KEEPING)
    recorded_step(EmbeddedBroker(), SECOND, name="second", keeping=KEEPING)


@flow
async def in_async() -> None:
    await recorded_step_async(EmbeddedBroker(), FIRST, name="first", keeping=KEEPING)
    await recorded_step_async(EmbeddedBroker(), SECOND, name="second", keeping=KEEPING)


if COLOUR == "sync":
    in_sync()
else:
    asyncio.run(in_async())
