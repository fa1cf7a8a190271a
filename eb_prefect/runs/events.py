# SPDX-License-Identifier: Apache-2.0
"""One Prefect event for each phase of a session, for automations to act upon."""

from functools import partial

from prefect.events import Event, emit_event

from eb_prefect.at_end import is_ending
from eb_prefect.brokers.protocol import Broker
from eb_prefect.entering import entrances
from eb_prefect.model.session import Session
from eb_prefect.model.steprun import PhaseChange
from eb_prefect.onlooking import Onlooker
from eb_prefect.outputs import owner_of
from eb_prefect.paced import Paced
from eb_prefect.reports.markdown import public_url
from eb_prefect.runs.here import Here
from eb_prefect.runs.last_word import speak_at_end

LABEL = "execution-broker"
SESSION = f"{LABEL}.session"
"""What the identifier of a session as a resource of events begins with."""

EVENT = SESSION
"""What the name of an event begins with; its phase follows, as in execution-broker.session.RUNNING."""


# the server works some 10 ms on each, so that more would only wait there
_emitting = Paced(100.0, burst=200)


class PhaseEvents(Onlooker):
    """Emits an event for each phase; Prefect adds the runs, the deployment and the tags.

    The event's resource is the session, with the step, the broker, the phase
    and where a person gets in as labels. Where very many sessions change at
    once the events come later, each with the time when the phase was seen.
    """

    def __init__(self, at: Here) -> None:
        self._name = at.name
        self._last: Event | None = None

    def changed(self, broker: Broker, session: Session, change: PhaseChange) -> None:
        """Emit the event of a phase."""
        if is_ending():
            return
        links = [url for each in entrances(session) if (url := public_url(each.location))]
        resource = {
            "prefect.resource.id": f"{SESSION}.{session.uuid}",
            "prefect.resource.name": self._name,
            f"{LABEL}.step": self._name,
            f"{LABEL}.broker": owner_of(broker, session.uuid).identity.name,
            f"{LABEL}.phase": str(change.phase),
            **({f"{LABEL}.link": links[0]} if links else {}),
        }
        _emitting.put(partial(self._emit, change, resource, links))

    def _emit(self, change: PhaseChange, resource: dict[str, str], links: list[str]) -> None:
        told = change.neutral()
        self._last = emit_event(
            f"{EVENT}.{change.phase}",
            resource,
            occurred=change.seen,
            payload={"seen": told["seen"], "after": told.get("after"), "links": links},
            follows=self._last,
        )
        if self._last is not None:
            speak_at_end()
