# SPDX-License-Identifier: Apache-2.0
"""Flow runs whose worker is gone: Prefect leaves them as they are, for ever."""

from datetime import UTC, datetime, timedelta

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType, WorkerStatus

_BEGUN = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
_WORKER = "prefect.worker.name"
_UNNAMED = timedelta(seconds=30)  # a worker says so soon after it begins that a flow run is its own
_AT_ONCE = 200  # the server gives no more


async def orphans(
    client: PrefectClient, pool: str, worker: str, *, now: datetime | None = None, at_once: int = _AT_ONCE
) -> list[FlowRun]:
    """Return the flow runs of a work pool that no other live worker has begun.

    Those of this worker's own name are among them: its name is its own, so
    what it does not know of, an earlier process of that name began.
    """
    found = await _begun(client, pool, at_once)
    if not found:
        return []
    workers = await client.read_workers_for_work_pool(pool)
    others = {each.name for each in workers if each.status == WorkerStatus.ONLINE} - {worker}
    return [each for each in found if _is_orphan(each, others, now or datetime.now(UTC))]


async def _begun(client: PrefectClient, pool: str, at_once: int) -> list[FlowRun]:
    begun = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_BEGUN)))
    ours = WorkPoolFilter(name=WorkPoolFilterName(any_=[pool]))
    found: list[FlowRun] = []
    while True:
        some = await client.read_flow_runs(
            flow_run_filter=begun, work_pool_filter=ours, limit=at_once, offset=len(found)
        )
        found += some
        if len(some) < at_once:
            return found


def _is_orphan(flow_run: FlowRun, others: set[str], now: datetime) -> bool:
    owner = flow_run.labels.get(_WORKER)
    if owner is not None:
        return owner not in others
    if not others:
        return True
    return flow_run.state is not None and now - flow_run.state.timestamp > _UNNAMED
