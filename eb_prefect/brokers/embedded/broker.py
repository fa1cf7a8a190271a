# SPDX-License-Identifier: Apache-2.0
"""The embedded broker: four verbs over directories and supervisors."""

import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from eb_prefect.brokers.embedded import jupyter, offering
from eb_prefect.brokers.embedded.amounts import choices
from eb_prefect.brokers.embedded.catalogue import Catalogue, Kept
from eb_prefect.brokers.embedded.deciding import reject, settled, take, usable
from eb_prefect.brokers.embedded.planning import plan
from eb_prefect.brokers.embedded.pool import pool
from eb_prefect.brokers.embedded.reading import entries_of, phase_of, told
from eb_prefect.brokers.embedded.refusal import warning
from eb_prefect.brokers.embedded.rousing import STARTS_WITHIN, Rouser
from eb_prefect.errors import OfferGoneError, OutputGoneError
from eb_prefect.home import home as default_home
from eb_prefect.model.executable import JupyterServer
from eb_prefect.model.phase import FINAL, Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.model.steprun import BrokerIdentity

OFFER_LIFE = timedelta(minutes=5)


class EmbeddedBroker:
    """A broker that runs sessions on this machine, each under a supervisor of its own.

    All state is in directories below ``home``; any number of objects and
    processes may use the same. Sessions of one home share the machine's cores
    and memory between them. ``may_mount`` False never mounts volumes at their
    paths, see `eb_prefect.brokers.embedded.supervisor.rewriting`.
    ``offer_life`` is how long an offer can be accepted.
    """

    def __init__(
        self, home: Path | None = None, *, may_mount: bool = True, offer_life: timedelta = OFFER_LIFE
    ) -> None:
        self._home = (home or default_home()).absolute()
        self._may_mount = may_mount
        self._offer_life = offer_life
        self._catalogue = Catalogue(self._home)
        self._rouser = Rouser()

    @property
    def identity(self) -> BrokerIdentity:
        """The machine and the home."""
        return BrokerIdentity(
            kind="embedded", name=f"embedded broker on {socket.gethostname()}", url=self._home.as_uri()
        )

    def request_offers(self, request: ExecutionRequest) -> OfferSet:
        """Ask whether and how the request can run here.

        YES has the most of what was asked for first, and the least second
        where that differs. Nothing is reserved: a session that does not fit
        when it is accepted waits.

        Raises
        ------
        BrokerUnavailableError
            The home can't be written, for example because the disk is full.
        """
        shared, now = pool(self._home), datetime.now(UTC)
        whole = OfferSet(uuid=str(uuid4()), name=request.name, created=now, modified=now, result="NO")
        if reasons := offering.refusals(request, shared.has, self._home):
            return whole.model_copy(update={"messages": reasons})
        given, expires = choices(request, shared.has), now + self._offer_life
        offers = [offering.offer(request, each, number, expires) for number, each in enumerate(given)]
        first = offers[0].uuid if len(offers) > 1 else ""
        with usable(self.identity.name):
            self._catalogue.open()
            shared.make()
            for offer, each in zip(offers, given, strict=True):
                path = self._catalogue.path(offer.uuid)
                text = plan(path, request, each, shared, may_mount=self._may_mount)
                self._catalogue.keep(offer, first, shared.queue, text)
        return whole.model_copy(update={"result": "YES", "offers": tuple(offers)})

    def accept(self, session: str) -> Session:
        """Accept an offer; a supervisor runs it as soon as its cores and memory are free.

        Durable on return. Called again, it starts nothing that was started;
        where a caller was killed before it could start the supervisor, or the
        machine went down before the program ran, the supervisor is started now.

        Raises
        ------
        OfferGoneError
            The offer had expired, was cancelled, or another of its set was accepted.
        UnknownSessionError
            There is no such session in this home.
        BrokerUnavailableError
            The home can't be written; read from the phase whether it was accepted.
        """
        kept = self._catalogue.get(session, self.identity.name)
        with usable(self.identity.name):
            decision = kept.directory.decision() or take(kept, kept.directory.make_ready)
            if decision.phase is not Phase.ACCEPTED:
                raise OfferGoneError(session, decision.phase)
            self._rouser.see_to(kept, decision, patience=0.0)
        return self._look(kept)

    def session(self, session: str) -> Session:
        """Return the session as it is now.

        Where its supervisor was lost another is started, which ends what was
        left and makes it FAILED, or goes on where the program had not started.

        Raises
        ------
        UnknownSessionError
            There is no such session in this home.
        """
        return self._look(self._catalogue.get(session, self.identity.name))

    def cancel(self, session: str) -> Session:
        """Ask for the end of the session: of all its processes, whatever its phase.

        Its phase is CANCELLED once they have ended, after at most a few
        seconds; an offer is CANCELLED at once.

        Raises
        ------
        UnknownSessionError
            There is no such session in this home.
        """
        kept = self._catalogue.get(session, self.identity.name)
        directory = kept.directory
        with usable(self.identity.name):
            decision = settled(kept) or directory.decide(Phase.CANCELLED)
            if decision.phase is Phase.ACCEPTED and phase_of(entries_of(directory.log())) not in FINAL:
                directory.ask_to_cancel()
                self._rouser.wake(directory)
        return self._look(kept)

    def release(self, session: str) -> Session:
        """Let an interactive session come to its end; others stay as they are.

        What was saved is kept, and it is COMPLETED. One that is not AVAILABLE
        yet is CANCELLED.

        Raises
        ------
        UnknownSessionError
            There is no such session in this home.
        """
        kept = self._catalogue.get(session, self.identity.name)
        directory = kept.directory
        with usable(self.identity.name):
            decision = settled(kept)
            is_accepted = decision is not None and decision.phase is Phase.ACCEPTED
            is_ours = is_accepted and isinstance(kept.offer.executable, JupyterServer)
            if is_ours and phase_of(entries_of(directory.log())) not in FINAL:
                directory.ask_to_release()
                self._rouser.wake(directory)
        return self._look(kept)

    def way_in(self, session: str) -> str:
        """Return the address, with its token, at which an interactive session lets a person in.

        Raises
        ------
        OutputGoneError
            It is not AVAILABLE, or nothing that a person could enter.
        UnknownSessionError
            There is no such session in this home.
        """
        kept = self._catalogue.get(session, self.identity.name)
        with usable(self.identity.name):
            phase = self._look(kept).phase
            found = jupyter.way_in(kept.directory.path) if phase is Phase.AVAILABLE else None
        if found is None:
            raise OutputGoneError(self.identity.name, f"a way into {session}", f"it is {phase}")
        return found

    def reject(self, session: str) -> Session:
        """Decline an offer for good; what is no open offer stays as it is.

        Raises
        ------
        UnknownSessionError
            There is no such session in this home.
        """
        kept = self._catalogue.get(session, self.identity.name)
        with usable(self.identity.name):
            reject(kept)
        return self._look(kept)

    def _look(self, kept: Kept) -> Session:
        directory, offer = kept.directory, kept.offer
        with usable(self.identity.name):
            decision = settled(kept)
            if decision is None or decision.phase is not Phase.ACCEPTED:
                return told(offer, [], decision.phase if decision else Phase.OFFERED, directory.path)
            lives = directory.supervisor()  # before the log is read: a supervisor that ended has written all
            entries = entries_of(directory.log())
            phase = phase_of(entries) or Phase.ACCEPTED
            if phase in FINAL:
                self._rouser.forget(directory.session)
            elif not lives:
                self._rouser.see_to(kept, decision, patience=STARTS_WITHIN)
            if phase is Phase.ACCEPTED and directory.is_queued:
                phase = Phase.WAITING
            if phase is Phase.AVAILABLE and directory.is_released:
                phase = Phase.RELEASING
            trouble = "" if lives or phase is not Phase.ACCEPTED else directory.trouble()
        if trouble:
            message = warning("no-supervisor", f"its supervisor does not start: {trouble}")
            offer = offer.model_copy(update={"messages": (*offer.messages, message)})
        return told(offer, entries, phase, directory.path)
