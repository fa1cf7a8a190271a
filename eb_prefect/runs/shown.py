# SPDX-License-Identifier: Apache-2.0
"""Artifacts of runs, made beside the steps: no step waits for one or fails by one."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from threading import Lock
from typing import Any, NamedTuple
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.settings import get_current_settings

from eb_prefect.aside import Aside
from eb_prefect.runs.here import Here
from eb_prefect.settings import settings


class _First(NamedTuple):
    """The names of the first steps of a flow run, and how many may be."""

    most: int
    names: set[str]


_beside = Aside("eb-showing")
_firsts: dict[UUID, _First] = {}
_counting = Lock()
_clients: dict[tuple[str | None, str], SyncPrefectClient] = {}
_open = ExitStack()


def is_shown(at: Here) -> bool:
    """Whether the step is one of the first of its flow run, which are those that get artifacts."""
    if at.flow_run is None:
        return settings().reports > 0
    with _counting:
        first = _firsts.get(at.flow_run.id)
        if first is None:  # to read the settings takes milliseconds
            first = _firsts[at.flow_run.id] = _First(settings().reports, set())
        if len(first.names) < first.most:
            first.names.add(at.name)
        return at.name in first.names


def beside(thing: Callable[[], object]) -> None:
    """Do a thing off the path of the step; what fails is logged and forgotten."""
    _beside.put(thing)


def all_shown(seconds: float | None = None) -> bool:
    """Wait until all that was put so far is shown, and return whether it is."""
    return _beside.finish(seconds)


def make_table(at: Here, key: str, rows: list[dict[str, str]], description: str) -> UUID:
    """Make a table of the task run, now."""
    return _make(at, ArtifactCreate(type="table", key=key, data=json.dumps(rows), description=description))


def make_page(at: Here, key: str, text: str, description: str, *, of_flow: bool = False) -> UUID:
    """Make a page of Markdown, of the task run or of the whole flow run, now."""
    page = ArtifactCreate(type="markdown", key=key, data=text, description=description)
    return _make(at, page, of_flow=of_flow)


def change_table(table: UUID, rows: list[dict[str, str]], description: str) -> None:
    """Put other rows in the place of a table's, now: a version each time would fill the server's disk."""
    _change(table, {"data": json.dumps(rows), "description": description})


def change_page(page: UUID, text: str) -> None:
    """Put another text in the place of a page's, now."""
    _change(page, {"data": text})


def _change(artifact: UUID, content: dict[str, str]) -> None:
    """Not by the client's own method for it, which sends all of it a second time, as an event."""
    path: Any = "/artifacts/{id}"  # Prefect types its paths
    _client().request("PATCH", path, json=content, path_params={"id": str(artifact)})


def _make(at: Here, artifact: ArtifactCreate, *, of_flow: bool = False) -> UUID:
    artifact.flow_run_id = at.flow_run.id if at.flow_run else None
    if not of_flow:
        artifact.task_run_id = at.task_run.id
    return _client().create_artifact(artifact).id


def _client() -> SyncPrefectClient:
    """Return a client that does not end with a run: what it shows may come after."""
    given = get_current_settings().api
    whose = (given.url, str(given.key.get_secret_value()) if given.key else "")
    if whose not in _clients:
        _clients.clear()
        _open.close()
        # settings of our own, or it would be the client of the run
        _clients[whose] = _open.enter_context(get_client(httpx_settings={}, sync_client=True))
    return _clients[whose]
