# SPDX-License-Identifier: Apache-2.0
"""A flow for a container, which asks the broker in it."""

from prefect import flow

from eb_prefect.brokers.named import broker_named
from eb_prefect.model.executable import Program
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.tasks import step_async


@flow
async def contained(seconds: float) -> None:
    # which podman puts into its containers
    command = ("sh", "-c", f"test -e /run/.containerenv && exec sleep {seconds}")
    request = ExecutionRequest(executable=Program(command=command))
    await step_async(broker_named("embedded"), request, name="inside")
