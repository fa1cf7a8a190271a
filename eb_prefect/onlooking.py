# SPDX-License-Identifier: Apache-2.0
"""Who looks on while a step runs: its log, its task run, whoever cancels it."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future

from eb_prefect.brokers.protocol import Broker
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.model.steprun import PhaseChange, StepRun

Usual = Callable[[str], float | None]

Release = Future[BaseException]


class HandedOn(Exception):  # noqa: N818 -- nothing is wrong
    """Nothing is wrong: another task goes on with the step."""

    def __init__(self) -> None:
        super().__init__("the next task of the step goes on with it")


class Onlooker:
    """Hears of a step as it goes; a method that is not overridden does nothing.

    One step calls one method at a time, from any thread, and waits for it:
    whatever takes long is left to `eb_prefect.aside`. An error that is raised
    ends the call of the step and not its session. ``release`` does the same
    while nothing happens: set to an error, it ends the waiting with it.
    """

    release: "Release | None" = None

    def offered(self, broker: Broker, offers: OfferSet) -> None:
        """Hear what the broker offers; called again if offers are asked for again."""

    def changed(self, broker: Broker, session: Session, change: PhaseChange) -> None:
        """Hear of a phase, once and in order.

        OFFERED comes when the journal has the session and before it is
        accepted. A call that takes a session over hears of what follows the
        phases that the journal has. ``broker`` is the one that was asked, see
        `eb_prefect.outputs.owner_of`.
        """

    def followed(self, broker: Broker, session: Session, usual: Usual) -> None:
        """Hear that a session is the broker's to run and is watched from now on.

        It was accepted just now, or is taken over from a call that was
        killed, failed or gave up. ``broker`` is the one that has it. ``usual``
        tells how many seconds a phase of such sessions mostly lasts, None if
        none was seen yet.
        """

    def interrupted(self, reason: BaseException) -> bool:  # noqa: ARG002 -- for those who override it
        """Hear that something wants the waiting to end; return whether to wait on, as the end is near."""
        return False

    def ended(self, run: StepRun) -> None:
        """Hear the story of a step that has ended, however it ended, before its caller gets it."""

    def left(self, reason: BaseException) -> None:
        """Hear that the step's call ends with an error or is interrupted; its session may go on.

        The reason is `HandedOn` where the call was for a part of the step.
        """


class Hearing(Onlooker):
    """Calls a function with each phase."""

    def __init__(self, heard: Callable[[Session, PhaseChange], None]) -> None:
        self._heard = heard

    def changed(self, broker: Broker, session: Session, change: PhaseChange) -> None:  # noqa: ARG002 -- as above
        """Hear of a phase; see `Onlooker`."""
        self._heard(session, change)


def releases_of(onlookers: Iterable[Onlooker]) -> list[Release]:
    """Return what ends the waiting with an error once it is done."""
    return [onlooker.release for onlooker in onlookers if onlooker.release is not None]


def released_by(onlookers: Iterable[Onlooker]) -> BaseException | None:
    """Return the error that ends the waiting, None while there is none."""
    return next((release.result() for release in releases_of(onlookers) if release.done()), None)
