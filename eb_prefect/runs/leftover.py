# SPDX-License-Identifier: Apache-2.0
"""Sessions of a flow run and of its subflows, as the journals have them."""

import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterParentFlowRunId
from prefect.settings import PREFECT_API_URL

from eb_prefect.errors import JournalUnavailableError
from eb_prefect.journal import Journal, Kept
from eb_prefect.journal_directory import DirectoryJournal
from eb_prefect.leftover import Left, left_of
from eb_prefect.runs.journals import server_journal
from eb_prefect.settings import settings
from eb_prefect.step import default_journal

_log = logging.getLogger("eb_prefect")


def left_by(run: UUID) -> list[Left]:
    """Return the sessions of a flow run, and of its subflows where the Prefect server tells of them."""
    runs = (str(each) for each in (run, *_below(run)))
    return left_of(_kept(list(runs)))


def _kept(runs: list[str]) -> Iterator[Kept]:
    for journal in _journals():
        try:
            for run in runs:
                yield from journal.sessions_of(run)
        except JournalUnavailableError as error:  # what others have is to be cancelled all the same
            _log.warning("some sessions may not be known: %s", error)


def _journals() -> Iterator[Journal]:
    yield server_journal() if PREFECT_API_URL.value() else default_journal()  # the former has the latter
    where = settings().journal
    if isinstance(where, Path):
        yield DirectoryJournal(where)


def _below(run: UUID) -> list[UUID]:
    if not PREFECT_API_URL.value():
        return []
    found: list[UUID] = []
    # its own sessions are told all the same where the server can't be reached
    with suppress(Exception), get_client(httpx_settings={"timeout": 10.0}, sync_client=True) as client:
        _collect(client, [run], found)
    return found


def _collect(client: SyncPrefectClient, runs: list[UUID], found: list[UUID]) -> None:
    while runs:
        above = FlowRunFilter(parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=runs))
        runs = [each.id for each in client.read_flow_runs(flow_run_filter=above) if each.id not in found]
        found += runs
