# SPDX-License-Identifier: Apache-2.0
"""The states of flow runs at the Prefect server, read by a client of one's own.

The engine's client tries for minutes where the server does not answer; this
one gives up soon, as it is asked again.
"""

from typing import Any, Self
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Cancelled, Cancelling

_TIMEOUT = 10.0
_STEPS_UP = 10


class States:
    """What the server says of flow runs, and what it is told; one thread at a time."""

    def __init__(self) -> None:
        self._client: SyncPrefectClient | None = None

    def is_cancelled(self, run: UUID) -> bool:
        """Return whether the run, or one that it is a subflow of, is being cancelled or was.

        A subflow of such a run is being cancelled from here on too.
        """
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
            now = self._open().read_flow_run(run)
            if _is_cancelled(now):
                return True
            if now.parent_task_run_id is None or not self._is_above(now.parent_task_run_id):
                return False
            self._open().set_flow_run_state(run, Cancelling(message="The flow run above it is cancelled."))
            return True

    def was_cancelled(self, run: UUID) -> bool:
        """Return whether somebody cancelled the run before it came to its end."""
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
            return _was_cancelled(self._open().read_flow_run_states(run))

    def conclude(self, run: UUID) -> bool:
        """Let a run that was cancelled before its end be Cancelled, whatever its engine told; return True."""
        with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 0}):
            state = self._open().read_flow_run(run).state
            if state is None or state.is_cancelled() or not (state.is_cancelling() or state.is_final()):
                return True
            if state.is_cancelling() or self.was_cancelled(run):
                ended: State[Any] = Cancelled(message="The flow run was cancelled, and its sessions.")
                self._open().set_flow_run_state(run, ended, force=state.is_final())
        return True

    def close(self) -> None:
        """Close the client; another call opens one again."""
        if self._client is not None:
            self._client.__exit__(None, None, None)
            self._client = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> SyncPrefectClient:
        if self._client is None:
            # settings of its own, or it would be given the engine's
            client = get_client(httpx_settings={"timeout": _TIMEOUT}, sync_client=True)
            self._client = client.__enter__()
        return self._client

    def _is_above(self, task_run: UUID | None) -> bool:
        for _ in range(_STEPS_UP):
            if task_run is None:
                return False
            above = self._open().read_task_run(task_run).flow_run_id
            if above is None:
                return False
            run = self._open().read_flow_run(above)
            if _is_cancelled(run):
                return True
            task_run = run.parent_task_run_id
        return False


def _is_cancelled(run: FlowRun) -> bool:
    return run.state is not None and (run.state.is_cancelling() or run.state.is_cancelled())


def _was_cancelled(states: list[State[Any]]) -> bool:
    for state in sorted(states, key=lambda each: each.timestamp, reverse=True):
        if not (state.is_cancelling() or state.is_final()):
            return False
        if state.is_cancelling() or state.is_cancelled():
            return True
    return False
