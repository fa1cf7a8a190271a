# SPDX-License-Identifier: Apache-2.0
"""Whose offers a server has told of, so that a restart does not forget it.

One small text an offer set, which has as many names (hard links) as there are
things to find it by: the set, and each of its offers. When an offer of it was
accepted it is kept for good; the others go a day after they expired.
"""

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from eb_prefect.brokers.http.paths import is_identifier
from eb_prefect.durable import sync
from eb_prefect.model.session import OfferSet, Session

_KEPT = 86_400.0  # seconds after they expired
_ENDLESS = 30 * _KEPT  # what an offer that never expires is given
_BETWEEN_SWEEPS = 3600.0
_REMEMBERED = 4096


class Entry(NamedTuple):
    """An offer set that was told, without its offers; None as owner is nobody in particular."""

    owner: str | None
    offers: OfferSet
    sessions: tuple[str, ...]


class Served:
    """The offer sets that servers of one home have told of.

    Any number of processes may use the same directory. What is asked for
    often is held in memory, a bounded number of entries.
    """

    def __init__(self, directory: Path) -> None:
        self._offered = directory / "offers"
        self._accepted = directory / "sessions"
        self._remembered: dict[str, Entry] = {}
        self._swept = -_BETWEEN_SWEEPS

    def keep(self, offers: OfferSet, owner: str | None) -> None:
        """Keep, durably, whose these offers are.

        Raises
        ------
        OSError
            There is no room, or no right, to write it.
        """
        for path in (self._offered, self._accepted):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._sweep()
        entry = Entry(owner, offers.model_copy(update={"offers": ()}), tuple(o.uuid for o in offers.offers))
        _write(self._offered, entry, max((_expiry(offer) for offer in offers.offers), default=time.time()))

    def mark_accepted(self, session: str) -> None:
        """Keep for good what is known of the session.

        Raises
        ------
        OSError
            It can't be written.
        """
        entry = self.find(session)
        if entry is None or (self._accepted / session).exists():
            return
        _write(self._accepted, entry, time.time())

    def find(self, uuid: str) -> Entry | None:
        """Return what is known of an offer set or a session, None for nothing."""
        entry = self._remembered.get(uuid) or self._read(uuid)
        if entry is None:
            return None
        if len(self._remembered) >= _REMEMBERED:
            self._remembered.clear()
        self._remembered[uuid] = entry
        return entry

    def _read(self, uuid: str) -> Entry | None:
        for directory in (self._accepted, self._offered):
            try:
                text = (directory / uuid).read_text()
            except FileNotFoundError:
                continue
            given = json.loads(text)
            return Entry(given["owner"], OfferSet.model_validate(given["set"]), tuple(given["sessions"]))
        return None

    def _sweep(self) -> None:
        if time.monotonic() - self._swept < _BETWEEN_SWEEPS:
            return
        self._swept = time.monotonic()
        latest = time.time() - _KEPT
        for path in self._offered.iterdir():
            with suppress(FileNotFoundError):  # another server of this home may be at it too
                if path.stat().st_mtime < latest:
                    path.unlink()


def _expiry(offer: Session) -> float:
    return time.time() + _ENDLESS if offer.expires is None else offer.expires.timestamp()


def _write(directory: Path, entry: Entry, expires: float) -> None:
    unnamed = directory / f".{uuid4()}"
    with unnamed.open("x", encoding="utf-8") as file:
        json.dump({"owner": entry.owner, "set": entry.offers.neutral(), "sessions": entry.sessions}, file)
        file.flush()
        os.fsync(file.fileno())
    os.utime(unnamed, (expires, expires))
    for name in (str(entry.offers.uuid), *entry.sessions):
        if is_identifier(name):  # a broker elsewhere may say anything
            _link(unnamed, directory / name.lower())
    unnamed.unlink()
    sync(directory)


def _link(path: Path, name: Path) -> None:
    try:
        name.hardlink_to(path)
    except FileExistsError:
        return
