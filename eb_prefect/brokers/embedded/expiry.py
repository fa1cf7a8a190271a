# SPDX-License-Identifier: Apache-2.0
"""Forgetting offers that nobody accepted.

Offers are noted by the hour in which they expire, so finding the old ones
costs nothing however many sessions there are.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from eb_prefect.brokers.embedded.directory import Directory
from eb_prefect.model.phase import Phase

_KEPT = timedelta(hours=1)


def note_offer(home: Path, session: str, expires: datetime) -> None:
    """Note when an offer expires."""
    hour = home / "offers" / f"{expires:%Y%m%dT%H}"
    hour.mkdir(exist_ok=True)
    (hour / session).touch()


def remove_expired(home: Path, now: datetime | None = None) -> None:
    """Remove the directories of offers that expired an hour ago or earlier."""
    latest = f"{(now or datetime.now(UTC)) - _KEPT:%Y%m%dT%H}"
    for hour in (home / "offers").iterdir():
        if hour.name < latest:
            for note in hour.iterdir():
                _forget(Directory(home / "sessions" / note.name))
                note.unlink(missing_ok=True)
            hour.rmdir()


def _forget(directory: Directory) -> None:
    if directory.path.exists() and directory.decide(Phase.EXPIRED).phase is not Phase.ACCEPTED:
        directory.remove()
