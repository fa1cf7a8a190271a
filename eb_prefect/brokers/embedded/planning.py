# SPDX-License-Identifier: Apache-2.0
"""From an offer to the plan that its session's supervisor carries out."""

import posixpath
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

from eb_prefect.brokers.embedded import amounts, executables
from eb_prefect.brokers.embedded.amounts import Amounts
from eb_prefect.brokers.embedded.launch import Fetch, Place
from eb_prefect.brokers.embedded.machine import surroundings
from eb_prefect.brokers.embedded.pool import Pool
from eb_prefect.brokers.embedded.runtime import Runtime
from eb_prefect.brokers.embedded.sources import is_local, path_of
from eb_prefect.brokers.embedded.supervisor.plan import EXECUTABLE, plan_text
from eb_prefect.brokers.embedded.supervisor.tree import MARK
from eb_prefect.brokers.embedded.volumes import layout
from eb_prefect.model.compute import SimpleCompute
from eb_prefect.model.request import ExecutionRequest

# an interval may have no width, and a start takes a moment
_LATE = timedelta(minutes=1)


def plan(path: Path, request: ExecutionRequest, given: Amounts, shared: Pool, *, may_mount: bool) -> str:
    """Return the text of the plan of the session that will be at ``path``."""
    return plan_text(planned(path, request, given, shared, may_mount=may_mount))


def planned(  # noqa: PLR0913 - what a plan is made of
    path: Path,
    request: ExecutionRequest,
    given: Amounts,
    shared: Pool,
    *,
    may_mount: bool,
    around: Mapping[str, str] | None = None,
    python: str | None = None,
    runtime: Runtime | None = None,
) -> dict[str, object]:
    """Return the plan as `supervisor.plan.Plan` reads it; the last three are what a `Place` has."""
    session, directory = path.name, str(path)
    made = layout(request, directory)
    place = Place(
        session,
        directory,
        given.cores,
        given.memory,
        tuple(made.binds),
        around if around is not None else surroundings(),
        python,
        runtime,
    )
    assert request.executable is not None, "a request without one is refused"
    launch = executables.launch(request.executable, place)
    compute = request.compute
    fetched = [_item(fetch) for fetch in launch.fetches]
    return {
        "session": session,
        "directory": directory,
        "home": str(path.parent.parent),
        "pool": str(shared.path),
        "cores": given.cores,
        "memory": given.memory,
        "has_asked_memory": bool(isinstance(compute, SimpleCompute) and compute.memory),
        "cpus": shared.has.cpus,
        "gibibytes": shared.has.gibibytes,
        **_times(request),
        "may_mount": may_mount,
        "directories": [*made.directories, *(posixpath.dirname(str(item["path"])) for item in fetched)],
        "stage": [*made.stage, *fetched],
        "links": made.links,
        "binds": [
            (bind.source, bind.target, "ro" if bind.read_only else "rw")
            for bind in (made.binds if launch.binds is None else launch.binds)
        ],
        "writable": made.writable,
        "launch": {**asdict(launch), "environment": {**launch.environment, MARK: session}},
    }


def _times(request: ExecutionRequest) -> dict[str, object]:
    asked = amounts.requested(request)
    window = amounts.window(request)
    return {
        "duration": asked.duration.total_seconds() if asked.duration else 0,
        "start": window.start.timestamp() if window else 0,
        "until": (max(asked.start.end, asked.start.start + _LATE)).timestamp() if asked.start else 0,
    }


def _item(fetch: Fetch) -> dict[str, object]:
    local = is_local(fetch.location)
    return {
        "resource": EXECUTABLE,
        "location": path_of(fetch.location) if local else fetch.location,
        "path": fetch.path,
        "is_remote": not local,
        "may_stay": False,
        "is_read_only": not fetch.is_writable,
        "checksums": [fetch.checksum] if fetch.checksum else [],
    }
