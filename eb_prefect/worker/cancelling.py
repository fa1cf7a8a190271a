# SPDX-License-Identifier: Apache-2.0
"""Hearing that flow runs are cancelled: one question to the Prefect server for all of a worker."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType

NoAnswerError = httpx.HTTPError  # what Prefect's client raises where the server is away or fails

_INTERVAL = 2.0
_AT_ONCE = 200
_log = logging.getLogger("eb_prefect")


class Cancellations:
    """Sets an event for each watched flow run that somebody cancels."""

    def __init__(self) -> None:
        self._watched: dict[UUID, asyncio.Event] = {}
        self._asking: asyncio.Task[None] | None = None

    @contextmanager
    def watching(self, client: PrefectClient, flow_run: UUID) -> Iterator[asyncio.Event]:
        """Watch a flow run; the event is set once it is Cancelling or Cancelled."""
        heard = self._watched[flow_run] = asyncio.Event()
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask(client))
        try:
            yield heard
        finally:
            self._watched.pop(flow_run, None)

    def __contains__(self, flow_run: UUID) -> bool:
        return flow_run in self._watched

    async def _ask(self, client: PrefectClient) -> None:
        while self._watched:
            waiting = [each for each, heard in self._watched.items() if not heard.is_set()]
            for start in range(0, len(waiting), _AT_ONCE):
                await self._ask_for(client, waiting[start : start + _AT_ONCE])
            await asyncio.sleep(_INTERVAL)

    async def _ask_for(self, client: PrefectClient, flow_runs: list[UUID]) -> None:
        ended = FlowRunFilterStateType(any_=[StateType.CANCELLING, StateType.CANCELLED])
        asked = FlowRunFilter(id=FlowRunFilterId(any_=flow_runs), state=FlowRunFilterState(type=ended))
        try:
            found = await client.read_flow_runs(flow_run_filter=asked, limit=_AT_ONCE)
        except NoAnswerError as error:
            _log.warning("can't ask which flow runs are cancelled: %s", error)
            return
        for each in found:
            if each.id in self._watched:
                self._watched[each.id].set()
