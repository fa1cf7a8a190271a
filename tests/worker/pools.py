# SPDX-License-Identifier: Apache-2.0
"""A work pool of the tests' Prefect server, with a deployment whose runs count themselves."""

import asyncio
import sys
import time
from collections.abc import Callable
from os import environ
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from prefect import Flow, flow
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import FlowRun
from prefect.states import Scheduled, State

from eb_prefect.worker.worker import ExecutionBrokerWorker

TELLING = Path(__file__).with_name("telling.py")
LIMIT = 240.0


@flow
async def told() -> None: ...


class Pool(NamedTuple):
    """A work pool, a deployment in it and the directory in which its flow runs count themselves."""

    client: PrefectClient
    name: str
    deployment: UUID
    counts: Path

    async def schedule(
        self, seconds: float = 0.0, *then: str, state: State[Any] | None = None, **variables: Any
    ) -> UUID:
        command = f"{sys.executable} -S {TELLING} {self.counts} {seconds} {' '.join(then)}"
        made = await self.client.create_flow_run_from_deployment(
            self.deployment, job_variables={"command": command} | variables, state=state or Scheduled()
        )
        return made.id

    def count(self, flow_run: UUID) -> int:
        path = self.counts / str(flow_run)
        return len(path.read_text().splitlines()) if path.exists() else 0

    async def until(
        self, flow_run: UUID, wanted: Callable[[FlowRun], object], limit: float = LIMIT
    ) -> FlowRun:
        end = time.monotonic() + limit
        while not wanted(now := await self.client.read_flow_run(flow_run)):
            assert time.monotonic() < end, f"it is still {now.state!r}"
            await asyncio.sleep(0.05)
        return now

    async def ended(self, flow_run: UUID, limit: float = LIMIT) -> str:
        """Return the name of the state that a flow run ends with."""
        now = await self.until(flow_run, lambda now: now.state and now.state.is_final(), limit)
        assert now.state is not None
        return now.state.name or ""

    async def names(self, flow_run: UUID) -> list[str | None]:
        states = await self.client.read_flow_run_states(flow_run)
        return [state.name for state in sorted(states, key=lambda state: state.timestamp)]


async def pool(client: PrefectClient, counts: Path) -> Pool:
    name = f"pool-{uuid4().hex[:8]}"
    template = ExecutionBrokerWorker.get_default_base_job_template()
    await client.create_work_pool(
        WorkPoolCreate(name=name, type=ExecutionBrokerWorker.type, base_job_template=template)
    )
    deployment = await client.create_deployment(
        await client.create_flow(told), name=name, work_pool_name=name, path="/", entrypoint="none.py:told"
    )
    return Pool(client, name, deployment, counts)


async def deployed(
    pool: Pool, function: Flow[Any, Any], parameters: dict[str, Any], **variables: Any
) -> UUID:
    """Schedule a run of a flow of the tests, as what clones its code would leave it."""
    module = function.fn.__module__.rpartition(".")[2]
    made = await pool.client.create_deployment(
        await pool.client.create_flow(function),
        name=pool.name,
        work_pool_name=pool.name,
        path=str(TELLING.parents[2]),
        entrypoint=f"tests/worker/{module}.py:{function.fn.__name__}",
        job_variables={"env": {"PYTHONPATH": environ["PYTHONPATH"]}, **variables},
        enforce_parameter_schema=False,
    )
    run = await pool.client.create_flow_run_from_deployment(made, parameters=parameters, state=Scheduled())
    return run.id
