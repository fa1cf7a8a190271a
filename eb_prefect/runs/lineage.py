# SPDX-License-Identifier: Apache-2.0
"""What a flow run and the runs that repeat it have in common.

A flow run keeps its identifier when it is retried. Its subflows that had
completed, or failed, begin as new flow runs then (Prefect 3.9 does so unless
their results are persisted); their places in the run above stay.
"""

from functools import cache
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_URL


def lineage(run: FlowRun) -> str:
    """Return the same for a flow run and for what a retry of the run above it begins in its place."""
    return _below(run.parent_task_run_id, PREFECT_API_URL.value()) if run.parent_task_run_id else str(run.id)


@cache
def _below(task_run: UUID, server: str | None) -> str:
    client = _client(server)
    tracking = client.read_task_run(task_run)
    if tracking.flow_run_id is None:
        return str(task_run)
    # without the digest of the flow's text, so that a retry may run it mended
    flow = tracking.task_key.rpartition("-")[0]
    return f"{lineage(client.read_flow_run(tracking.flow_run_id))}/{flow}-{tracking.dynamic_key}"


@cache
def _client(server: str | None) -> SyncPrefectClient:  # noqa: ARG001 -- one a server
    # not the client of the context, which ends with its flow run
    return get_client(httpx_settings={"timeout": 30.0}, sync_client=True)
