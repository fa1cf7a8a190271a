# SPDX-License-Identifier: Apache-2.0
"""One Prefect event for each phase of a session, for automations to act upon."""

import re
import threading
from urllib.parse import urlsplit, urlunsplit

from prefect.events import Event, emit_event

from eb_prefect.brokers.protocol import Broker
from eb_prefect.model.phase import Phase
from eb_prefect.model.session import Session
from eb_prefect.model.steprun import PhaseChange
from eb_prefect.onlooking import Onlooker
from eb_prefect.outputs import owner_of
from eb_prefect.runs.here import Here

LABEL = "execution-broker"
SESSION = f"{LABEL}.session"
"""What the identifier of a session as a resource of events begins with."""

EVENT = SESSION
"""What the name of an event begins with; its phase follows, as in execution-broker.session.RUNNING."""

_GO_TO = {Phase.AVAILABLE, Phase.RUNNING}
_NOT_TO_GO_TO = re.compile(r"(stdout|stderr|product|dataset)(-get)?$")


class PhaseEvents(Onlooker):
    """Emits an event for each phase; Prefect adds the runs, the deployment and the tags.

    The event's resource is the session, with the step, the broker, the phase
    and where it can be gone to as labels.
    """

    def __init__(self, at: Here) -> None:
        self._name = at.name
        self._last: Event | None = None

    def changed(self, broker: Broker, session: Session, change: PhaseChange) -> None:
        """Emit the event of a phase."""
        if not threading.main_thread().is_alive():
            return  # the interpreter is ending, and Prefect can't start what sends events any more
        links = addresses(session) if change.phase in _GO_TO else []
        told = change.neutral()
        self._last = emit_event(
            f"{EVENT}.{change.phase}",
            {
                "prefect.resource.id": f"{SESSION}.{session.uuid}",
                "prefect.resource.name": self._name,
                f"{LABEL}.step": self._name,
                f"{LABEL}.broker": owner_of(broker, session.uuid).identity.name,
                f"{LABEL}.phase": str(change.phase),
                **({f"{LABEL}.link": links[0]} if links else {}),
            },
            occurred=change.seen,
            payload={"seen": told["seen"], "after": told.get("after"), "links": links},
            follows=self._last,
        )


def addresses(session: Session) -> list[str]:
    """Return the web addresses at which a person can use a session.

    Without what may be a secret: a query, a fragment, a user and a password.
    """
    found = (
        urlsplit(each.location)
        for each in session.connectors
        if each.location and not _NOT_TO_GO_TO.search(each.kind or "")
    )
    return [_bare(each.scheme, each.netloc, each.path) for each in found if each.scheme in {"http", "https"}]


def _bare(scheme: str, place: str, path: str) -> str:
    return urlunsplit((scheme, place.rpartition("@")[2], path, "", ""))
