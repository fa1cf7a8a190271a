# SPDX-License-Identifier: Apache-2.0
"""Who looks on while a step runs: its log, its task run, whoever cancels it."""

from collections.abc import Callable

from eb_prefect.brokers.protocol import Broker
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.model.steprun import PhaseChange, StepRun


class Onlooker:
    """Hears of a step as it goes; a method that is not overridden does nothing.

    One step calls one method at a time, from any thread, and waits for it:
    whatever takes long is left to `eb_prefect.aside`. An error that is raised
    ends the call of the step and not its session.
    """

    def offered(self, broker: Broker, offers: OfferSet) -> None:
        """Hear what the broker offers; called again if offers are asked for again."""

    def changed(self, broker: Broker, session: Session, change: PhaseChange) -> None:
        """Hear of a phase, once and in order.

        OFFERED comes when the journal has the session and before it is
        accepted. A call that takes a session over hears of what follows the
        phases that the journal has. ``broker`` is the one that was asked, see
        `eb_prefect.outputs.owner_of`.
        """

    def taken_over(self, broker: Broker, session: Session) -> None:
        """Hear of a session that an earlier call left, as it is now; `changed` tells what follows."""

    def ended(self, run: StepRun) -> None:
        """Hear the story of a step that has ended, however it ended, before its caller gets it."""

    def left(self, reason: BaseException) -> None:
        """Hear that the step's call ends with an error or is interrupted; its session may go on."""


class Hearing(Onlooker):
    """Calls a function with each phase."""

    def __init__(self, heard: Callable[[Session, PhaseChange], None]) -> None:
        self._heard = heard

    def changed(self, broker: Broker, session: Session, change: PhaseChange) -> None:  # noqa: ARG002 -- as above
        """Hear of a phase; see `Onlooker`."""
        self._heard(session, change)
