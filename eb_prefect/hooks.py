# SPDX-License-Identifier: Apache-2.0
"""Functions for the hooks of a user's own flows."""

from typing import Any

from prefect.client.schemas.objects import FlowRun, State
from prefect.logging.loggers import flow_run_logger

from eb_prefect.cancelling import PATIENCE
from eb_prefect.leftover import cancel_left
from eb_prefect.runs.leftover import left_by


def cancel_sessions(flow: Any, flow_run: FlowRun, state: State[Any]) -> None:  # noqa: ARG001 -- Prefect's signature
    """Cancel the sessions that a flow run has left behind.

    A flow run that is cancelled cancels its sessions itself. This is for one
    whose process was killed::

        @flow(on_cancellation=[cancel_sessions])

    runs it in the process of whoever serves the flow, which must be of the
    same user, on the same machine unless the journal is on the server.
    Beside ``on_crashed`` it ends what a retry would have found. What may go
    on all the same is an error in the log of the flow run.
    """
    log = flow_run_logger(flow_run)
    left = left_by(flow_run.id)
    if not left:
        return
    log.info("cancelling %d sessions that the flow run has left", len(left))
    for failure in cancel_left(left, patience=PATIENCE):
        log.error("%s", failure)
