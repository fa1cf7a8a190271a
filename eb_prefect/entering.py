# SPDX-License-Identifier: Apache-2.0
"""Where a person gets into a session that is interactive."""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from eb_prefect.brokers.protocol import Broker, Opening
from eb_prefect.errors import OutputGoneError
from eb_prefect.model.parts import Connector
from eb_prefect.model.phase import Phase
from eb_prefect.model.session import Session
from eb_prefect.model.steprun import PhaseChange
from eb_prefect.onlooking import Onlooker, Usual
from eb_prefect.outputs import owner_of

_WEB = frozenset({"http", "https"})
_OUTPUT = re.compile(r"(stdout|stderr|product|dataset)(-get)?(\.yaml|-1\.0)?$")


def entrances(session: Session) -> tuple[Connector, ...]:
    """Return the connectors by which a person gets in now: on the web, and neither streams nor products."""
    if session.phase not in (Phase.AVAILABLE, Phase.RUNNING):
        return ()
    return tuple(
        each
        for each in session.connectors
        if urlsplit(each.location or "").scheme in _WEB
        and each.status in (None, "AVAILABLE")
        and not _OUTPUT.search(each.kind or "")
    )


def way_in(broker: Broker, session: Session) -> str | None:
    """Return the address with which a person gets in now, None where nobody does.

    It lets in whoever has it, so it is to be shown to the session's owner,
    and kept nowhere.

    Raises what `Opening.way_in` raises, but for `OutputGoneError`.
    """
    found = entrances(session)
    owner = owner_of(broker, session.uuid)
    if found and isinstance(owner, Opening):
        try:
            return owner.way_in(session.uuid)
        except OutputGoneError:  # it may have ended meanwhile; what its connectors tell is all there is
            return found[0].location
    return found[0].location if found else None


class Entering(Onlooker):
    """Calls a function when a person can get into the session, once."""

    def __init__(self, heard: Callable[[Broker, Session], None]) -> None:
        self._heard = heard
        self._is_told = False

    def changed(self, broker: Broker, session: Session, change: PhaseChange) -> None:  # noqa: ARG002 -- as in Onlooker
        """Hear of a phase; see `Onlooker`."""
        self._look(broker, session)

    def followed(self, broker: Broker, session: Session, usual: Usual) -> None:  # noqa: ARG002 -- as in Onlooker
        """Hear of a session that was left; see `Onlooker`."""
        self._look(broker, session)

    def _look(self, broker: Broker, session: Session) -> None:
        if not self._is_told and entrances(session):
            self._is_told = True
            self._heard(broker, session)
