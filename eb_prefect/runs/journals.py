# SPDX-License-Identifier: Apache-2.0
"""Which journal a step of a Prefect run has."""

import os
from pathlib import Path

from prefect.client.schemas.objects import FlowRun
from prefect.settings import PREFECT_API_URL

from eb_prefect.journal import Journal
from eb_prefect.journal_directory import DirectoryJournal
from eb_prefect.options import StepOptions, default_journal
from eb_prefect.runs.notes import Notes
from eb_prefect.runs.server_journal import ServerJournal
from eb_prefect.settings import settings

_servers: dict[tuple[str | None, Path], ServerJournal] = {}
_shared: dict[Path, DirectoryJournal] = {}


def journal_for(run: FlowRun | None, options: StepOptions) -> Journal:
    """Return the journal that the options name, else the one that is set; ``run`` is None outside of one."""
    if options.journal is not None:
        return options.journal
    match settings().journal:
        case "local":
            return default_journal()
        case "server":
            return server_journal()
        case "auto":
            return server_journal() if _may_move(run, options) else default_journal()
        case Path() as directory:
            return _shared.setdefault(directory, DirectoryJournal(directory))


def server_journal() -> ServerJournal:
    """Return the journal on the Prefect server in force, with what stays here below `home`."""
    local = default_journal()
    where = PREFECT_API_URL.value(), local.directory
    if where not in _servers:
        _servers[where] = ServerJournal(local, Notes())
    return _servers[where]


def _may_move(run: FlowRun | None, options: StepOptions) -> bool:
    """Return whether another machine may make the call again.

    A subflow has no deployment of its own; what Prefect started the process
    for has.
    """
    is_deployed = run is not None and (run.deployment_id is not None or "PREFECT__FLOW_RUN_ID" in os.environ)
    return is_deployed or options.key is not None
