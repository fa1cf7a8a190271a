# SPDX-License-Identifier: Apache-2.0
"""What is said at the first step of a flow run, of conditions in which it may be lost."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from prefect import get_run_logger
from prefect.settings import PREFECT_API_URL

from eb_prefect.journal import Journal
from eb_prefect.journal_directory import DirectoryJournal
from eb_prefect.runs.here import Here

_MOUNTS = Path("/proc/self/mountinfo")
_IN_MEMORY = {"tmpfs", "ramfs"}
_OCTAL = re.compile(r"\\([0-7]{3})")

_said: set[UUID] = set()
_saying = threading.Lock()


def caution(at: Here, journal: Journal | None) -> None:
    """Warn in the log of the run, once a flow run.

    Prefect's caches and transactions need no warning: what finds a session
    again is our journal.
    """
    if at.flow_run is None:
        return
    with _saying:
        is_new = at.flow_run.id not in _said
        _said.add(at.flow_run.id)
    if is_new:
        for each in cautions(journal):
            get_run_logger().warning("%s", each)


def cautions(journal: Journal | None) -> Iterator[str]:
    """Yield what a user should know of where runs and sessions are kept."""
    if not PREFECT_API_URL.value():
        yield (
            "PREFECT_API_URL is not set, so Prefect started a temporary server: the history of this run may "
            "be incomplete and it can't be cancelled or retried. Run `prefect server start` and set it."
        )
    if isinstance(journal, DirectoryJournal) and file_system(journal.directory) in _IN_MEMORY:
        yield (
            f"The journal {journal.directory} is in memory: should this machine restart, its sessions are "
            "run again. Set EB_HOME to a directory on a disk, or PREFECT_INTEGRATIONS_EB_JOURNAL to `server`."
        )


def file_system(path: Path) -> str | None:
    """Return the kind of the file system that has the path, None where the system does not tell."""
    try:
        lines = _MOUNTS.read_text().splitlines()
    except OSError:
        return None
    kinds: dict[Path, str] = {}
    for line in lines:
        before, _, after = line.partition(" - ")
        place = _OCTAL.sub(lambda found: chr(int(found.group(1), 8)), before.split()[4])
        kinds[Path(place)] = after.split()[0]
    path = path.absolute()
    return next((kinds[each] for each in (path, *path.parents) if each in kinds), None)
