# SPDX-License-Identifier: Apache-2.0
"""A flow whose runs a worker gives to a broker, and which asks brokers itself."""

import os
from pathlib import Path

from prefect import flow

from eb_prefect.brokers.named import broker_named
from eb_prefect.tasks import step_async
from tests.brokers.embedded.bench import program


@flow
async def stepping(counts: Path, brokers: list[str]) -> None:
    with (counts / "flow").open("a") as file:
        file.write(f"{os.environ.get('SLURM_JOB_ID')}\n")
    for name in brokers:
        request = program("sh", "-c", f"echo $SLURM_JOB_ID >>{counts}/{name.replace('/', '-')}")
        await step_async(broker_named(name), request, name=name)
