# SPDX-License-Identifier: Apache-2.0
"""All sessions of a home: kept when they are offered, found by their identifiers."""

import json
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from eb_prefect.brokers.embedded.directory import Directory
from eb_prefect.brokers.embedded.expiry import note_offer, remove_expired
from eb_prefect.errors import UnknownSessionError
from eb_prefect.model.session import Session

_REMEMBERED = 4096


class Kept(NamedTuple):
    """What never changes about a session.

    ``first`` is the session of its set that keeps the choice, empty where it
    has no siblings; ``queue`` is where it stands in line.
    """

    directory: Directory
    offer: Session
    first: str
    queue: str


class Catalogue:
    """The sessions below one home."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._remembered: dict[str, Kept] = {}

    def path(self, session: str) -> Path:
        """Return where a session is kept."""
        return self._home / "sessions" / session

    def open(self) -> None:
        """Make the directories of the home, and forget offers that are long over."""
        for name in ("sessions", "offers"):
            (self._home / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        remove_expired(self._home)

    def keep(self, offer: Session, first: str, queue: Path, plan: str) -> None:
        """Keep one offer with the plan for its session."""
        if offer.expires is not None:
            note_offer(self._home, offer.uuid, offer.expires)
        text = json.dumps({"set": first, "queue": str(queue), "offer": offer.neutral()})
        Directory(self.path(offer.uuid)).write_offer(text, plan)

    def get(self, session: str, broker: str) -> Kept:
        """Return a session.

        Raises
        ------
        UnknownSessionError
            There is none of that identifier.
        """
        if (kept := self.find(session)) is None:
            raise UnknownSessionError(broker, session)
        return kept

    def find(self, session: str) -> Kept | None:
        """Return a session, None if there is none of that identifier."""
        known = self._remembered.get(session)
        if known is not None and known.directory.path.exists():
            return known
        found = self._read(session) if _is_uuid(session) else None
        if found is None:
            self._remembered.pop(session, None)
            return None
        if len(self._remembered) >= _REMEMBERED:
            self._remembered.clear()
        self._remembered[session] = found
        return found

    def _read(self, session: str) -> Kept | None:
        directory = Directory(self.path(session))
        text = directory.offer()
        if text is None:
            return None
        given = json.loads(text)
        return Kept(directory, Session.model_validate(given["offer"]), given["set"], given["queue"])


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
