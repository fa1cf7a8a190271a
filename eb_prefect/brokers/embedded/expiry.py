# SPDX-License-Identifier: Apache-2.0
"""Forgetting offers that nobody accepted.

Offers are noted by the hour in which they expire, so finding the old ones
costs nothing however many sessions there are.
"""

from contextlib import suppress
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
    """Remove offers that expired an hour ago or earlier; other processes may be at it too."""
    latest = f"{(now or datetime.now(UTC)) - _KEPT:%Y%m%dT%H}"
    for hour in (home / "offers").iterdir():
        if hour.name < latest:
            with suppress(FileNotFoundError):
                _empty(home / "sessions", hour)
                hour.rmdir()


def _empty(sessions: Path, hour: Path) -> None:
    for note in hour.iterdir():
        with suppress(FileNotFoundError):
            _forget(Directory(sessions / note.name))
        note.unlink(missing_ok=True)


def _forget(directory: Directory) -> None:
    if not directory.path.exists() or directory.decide(Phase.EXPIRED).phase is not Phase.ACCEPTED:
        directory.remove()
