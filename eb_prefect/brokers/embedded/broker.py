# SPDX-License-Identifier: Apache-2.0
"""The embedded broker: four verbs over directories and supervisors."""

import json
import socket
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from signal import SIGUSR1
from uuid import UUID, uuid4

from eb_prefect.brokers.embedded import offering
from eb_prefect.brokers.embedded.amounts import choices
from eb_prefect.brokers.embedded.directory import Decision, Directory
from eb_prefect.brokers.embedded.expiry import note_offer, remove_expired
from eb_prefect.brokers.embedded.machine import machine, supervisor_environment
from eb_prefect.brokers.embedded.planning import plan
from eb_prefect.brokers.embedded.reading import entries_of, phase_of, told
from eb_prefect.brokers.embedded.supervisor import queue
from eb_prefect.brokers.embedded.supervisor.spawn import spawn
from eb_prefect.brokers.embedded.supervisor.tree import signal_all
from eb_prefect.errors import BrokerUnavailableError, OfferGoneError, UnknownSessionError
from eb_prefect.home import home as default_home
from eb_prefect.model.phase import FINAL, Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.model.steprun import BrokerIdentity

OFFER_LIFE = timedelta(minutes=5)
_SUPERVISOR_STARTS_WITHIN = 0.5
_KEPT = 4096


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
        self._offers: dict[str, tuple[Session, str]] = {}
        self._roused: dict[str, float] = {}

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
        has, now = machine(), datetime.now(UTC)
        whole = OfferSet(uuid=str(uuid4()), name=request.name, created=now, modified=now, result="NO")
        if reasons := offering.refusals(request, has, self._home):
            return whole.model_copy(update={"messages": reasons})
        try:
            self._make_home()
            remove_expired(self._home)
            expires = now + self._offer_life
            given = choices(request, has)
            offers = [offering.offer(request, each, number, expires) for number, each in enumerate(given)]
            for session, each in zip(offers, given, strict=True):
                note_offer(self._home, session.uuid, expires)
                kept = {"set": offers[0].uuid if len(offers) > 1 else "", "offer": session.neutral()}
                directory = self._directory(session.uuid)
                text = plan(directory.path, request, each, has, may_mount=self._may_mount)
                directory.write_offer(json.dumps(kept), text)
        except OSError as error:
            raise BrokerUnavailableError(self.identity.name, str(error)) from error
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
            The home can't be written; nothing was accepted.
        """
        directory, offer, first = self._find(session)
        decision = directory.decision() or self._take(directory, offer, first)
        if decision.phase is not Phase.ACCEPTED:
            raise OfferGoneError(session, decision.phase)
        self._see_to(directory, offer, decision, grace=0.0)
        return self._look(directory, offer, first)

    def session(self, session: str) -> Session:
        """Return the session as it is now.

        Where its supervisor was lost another is started, which ends what was
        left and makes it FAILED, or goes on where the program had not started.

        Raises
        ------
        UnknownSessionError
            There is no such session in this home.
        """
        return self._look(*self._find(session))

    def cancel(self, session: str) -> Session:
        """Ask for the end of the session: of all its processes, whatever its phase.

        Its phase is CANCELLED once they have ended, after at most a few
        seconds; an offer is CANCELLED at once.

        Raises
        ------
        UnknownSessionError
            There is no such session in this home.
        """
        directory, offer, first = self._find(session)
        decision = self._settled(directory, offer, first) or directory.decide(Phase.CANCELLED)
        if decision.phase is Phase.ACCEPTED and phase_of(entries_of(directory.log())) not in FINAL:
            directory.ask_to_cancel()
            self._wake(directory)
        return self._look(directory, offer, first)

    def _make_home(self) -> None:
        for name in ("sessions", "offers", "queue", "capacity"):
            (self._home / name).mkdir(mode=0o700, parents=True, exist_ok=True)

    def _directory(self, session: str) -> Directory:
        return Directory(self._home / "sessions" / session)

    def _find(self, session: str) -> tuple[Directory, Session, str]:
        """Return the directory of a session, its offer and the first of its set, if it has others."""
        directory = self._directory(session)
        if session not in self._offers or not directory.path.exists():
            self._offers[session] = self._read(session, directory)
        return directory, *self._offers[session]

    def _read(self, session: str, directory: Directory) -> tuple[Session, str]:
        text = directory.offer() if _is_uuid(session) else None
        if text is None:
            self._offers.pop(session, None)
            raise UnknownSessionError(self.identity.name, session)
        if len(self._offers) >= _KEPT:
            self._offers.clear()
        given = json.loads(text)
        return Session.model_validate(given["offer"]), given["set"]

    def _settled(self, directory: Directory, offer: Session, first: str) -> Decision | None:
        """Return what became of the offer, None while it is open; time decides here too."""
        if decision := directory.decision():
            return decision
        if first and directory.other_is_chosen(first):
            return directory.decide(Phase.REJECTED)
        if offer.expires is not None and offer.expires < datetime.now(UTC):
            return directory.decide(Phase.EXPIRED)
        return None

    def _take(self, directory: Directory, offer: Session, first: str) -> Decision:
        if settled := self._settled(directory, offer, first):
            return settled
        try:
            directory.make_durable()
            if first and not directory.choose(first):
                return directory.decide(Phase.REJECTED)
            return directory.decide(Phase.ACCEPTED)
        except OSError as error:
            raise BrokerUnavailableError(self.identity.name, str(error)) from error

    def _look(self, directory: Directory, offer: Session, first: str) -> Session:
        decision = self._settled(directory, offer, first)
        if decision is None or decision.phase is not Phase.ACCEPTED:
            return told(offer, [], decision.phase if decision else Phase.OFFERED, directory.path)
        lives = directory.supervisor()  # before the log is read: a supervisor that ended has written all
        entries = entries_of(directory.log())
        phase = phase_of(entries) or Phase.ACCEPTED
        if phase not in FINAL and not lives:
            self._see_to(directory, offer, decision, grace=_SUPERVISOR_STARTS_WITHIN)
        if phase is Phase.ACCEPTED and directory.is_queued:
            phase = Phase.WAITING
        return told(offer, entries, phase, directory.path)

    def _see_to(self, directory: Directory, offer: Session, decision: Decision, *, grace: float) -> None:
        """Start the session's supervisor if it has none and needs one.

        Within ``grace`` seconds of a decision or a start it is left to come up.
        """
        if directory.supervisor():
            return
        phase = phase_of(entries_of(directory.log()))
        if phase in FINAL or time.monotonic() - self._roused.get(directory.session, -grace) < grace:
            return
        place = str(self._home / "queue")
        has_started = phase in (Phase.PREPARING, Phase.RUNNING, Phase.RELEASING)
        if not has_started and directory.age(decision) < grace:
            return
        if not has_started and not _starts_later(offer) and self._is_in_line(place, directory, decision):
            return
        self._wake(directory)

    def _is_in_line(self, place: str, directory: Directory, decision: Decision) -> bool:
        """Put the session into the queue, and return whether a head will start it in its turn."""
        if queue.head(place):
            directory.mark_queued()
        queue.enter(place, queue.entry_name(decision.at, directory.session))
        return bool(queue.head(place))

    def _wake(self, directory: Directory) -> None:
        """Let the supervisor look around, or start one."""
        if pid := directory.supervisor():
            signal_all([pid], SIGUSR1)
        else:
            self._roused[directory.session] = time.monotonic()
            spawn(str(directory.path), supervisor_environment())


def _starts_later(offer: Session) -> bool:
    """Return whether the session is to start in the future: until then it stands in no queue."""
    window = offer.schedule.available.start if offer.schedule and offer.schedule.available else None
    return window is not None and window.start > datetime.now(UTC)


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False
