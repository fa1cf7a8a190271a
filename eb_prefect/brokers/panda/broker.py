# SPDX-License-Identifier: Apache-2.0
"""PanDA as a broker: offers of ours, tasks or jobs of PanDA's."""

import re
import threading
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from eb_prefect.brokers.embedded.catalogue import Catalogue
from eb_prefect.brokers.embedded.deciding import reject, settled, take, usable
from eb_prefect.brokers.http.exchange import Exchange
from eb_prefect.brokers.http.network import Network
from eb_prefect.brokers.http.pool import Pool
from eb_prefect.brokers.panda import offering, telling
from eb_prefect.brokers.panda.following import Follower
from eb_prefect.brokers.panda.ledger import Entry
from eb_prefect.brokers.panda.mode import Mode
from eb_prefect.brokers.panda.plan import Owner, plan
from eb_prefect.brokers.panda.server import interface, user_of, wire
from eb_prefect.brokers.panda.task import Tasks
from eb_prefect.brokers.panda.token import Token
from eb_prefect.errors import (
    OfferGoneError,
)
from eb_prefect.home import home as default_home
from eb_prefect.model.phase import Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.model.steprun import BrokerIdentity
from eb_prefect.pace import Pace

PACE = Pace(price=0.5, shortest=2.0, longest=300.0, budget=10.0, patience=60.0)
"""What a platform that takes minutes for everything, and that many people share, is asked at most."""

OFFER_LIFE = timedelta(hours=1)
NETWORK = Network()
TASKS = Tasks()

_NOT_IN_FILES = re.compile(r"[^A-Za-z0-9.-]+")


class PandaBroker:
    """The PanDA server at a URL, for a user of the collaboration ``vo``.

    ``token`` is the user's OIDC token or where one is kept; it is asked for
    again when PanDA refuses it, and goes to the URL's origin and nowhere else.
    ``mode`` is how sessions are run: `Tasks`, which JEDI gives to sites and
    which are safest, as PanDA knows each by its name; or `Jobs` at one site.
    ``user`` is the name in the names of tasks; PanDA is asked for it without.
    ``outputs`` are names or patterns of files that a job may leave in its
    working directory, for tasks.

    Which sessions there are, and how they ended, is kept below ``home`` on a
    disk of this machine, by any number of objects and processes. An offer
    lives for ``offer_life``. A submission whose answer was lost is not
    repeated before ``doubt``, and what PanDA does not know any more is given
    up after ``grace``. ``timeout``, in seconds, limits each call.

    Raises
    ------
    NotABrokerError
        The URL is none.
    """

    def __init__(  # noqa: PLR0913 -- each is one thing that users may have to say of a server
        self,
        url: str,
        *,
        vo: str,
        token: Token | None = None,
        mode: Mode = TASKS,
        user: str | None = None,
        outputs: tuple[str, ...] = (),
        name: str | None = None,
        home: Path | None = None,
        offer_life: timedelta = OFFER_LIFE,
        doubt: timedelta = timedelta(minutes=2),
        grace: timedelta = timedelta(hours=1),
        timeout: float = 60.0,
        pace: Pace = PACE,
        network: Network = NETWORK,
    ) -> None:
        at = interface(url)
        named = name or f"PanDA at {at.origin.authority}"
        self._identity = BrokerIdentity(kind="panda", name=named, url=str(at))
        self._pace = pace
        self._vo = vo
        self._user = user
        self._mode = mode
        self._outputs = outputs
        self._offer_life = offer_life
        self._home = (home or default_home() / "panda" / _NOT_IN_FILES.sub("_", f"{at}_{vo}")).absolute()
        self._catalogue = Catalogue(self._home)
        self._pool = Pool(network)
        self._wire = wire(at, Exchange(named, self._pool, timeout), named, vo, token)
        self._follower = Follower(self._wire, mode, doubt=doubt, grace=grace, fresh=pace.shortest / 2)
        self._lock = threading.Lock()
        self._made_with: dict[str, Any] = {
            "vo": vo,
            "token": token,
            "mode": mode,
            "user": user,
            "outputs": outputs,
            "name": name,
            "home": home,
            "offer_life": offer_life,
            "doubt": doubt,
            "grace": grace,
            "timeout": timeout,
            "pace": pace,
            "network": network,
        }
        self._url = url

    @property
    def identity(self) -> BrokerIdentity:
        """The name that was given, else host and port; and the URL of the interface."""
        return self._identity

    @property
    def pace(self) -> Pace:
        """How often it may be asked."""
        return self._pace

    def request_offers(self, request: ExecutionRequest) -> OfferSet:
        """Ask whether the request can run; PanDA itself is asked only who the user is.

        YES has one offer, which promises no time. NO has all reasons at once:
        a start that was asked for, volumes, what is no program and no
        container, data that are no datasets.

        Raises
        ------
        BrokerUnavailableError
            PanDA does not answer, or the home can't be written.
        AccessDeniedError
            PanDA does not take the token.
        """
        now = datetime.now(UTC)
        whole = OfferSet(uuid=str(uuid4()), name=request.name, created=now, modified=now, result="NO")
        if reasons := offering.refusals(request, takes_datasets=self._mode.takes_datasets):
            return whole.model_copy(update={"messages": reasons})
        session = str(uuid4())
        offer = offering.offer(request, session, now, now + self._offer_life)
        wanted = plan(request, session, Owner(self._vo, self._owner()), self._outputs)
        with usable(self._identity.name):
            self._catalogue.open()
            self._catalogue.keep(offer, "", Path(), wanted.model_dump_json())
        return whole.model_copy(update={"result": "YES", "offers": (offer,)})

    def accept(self, session: str) -> Session:
        """Accept an offer, and hand it to PanDA.

        That it was accepted is durable when this returns or raises
        ``BrokerUnavailableError``; what PanDA did not get, it is given by the
        next `accept` or `session`. It never gets it twice.

        Raises
        ------
        OfferGoneError
            The offer had expired, or was cancelled.
        UnknownSessionError
            There is no such session on this machine.
        BrokerUnavailableError
            PanDA does not answer, or the home can't be written.
        """
        entry = self._find(session)
        with usable(self._identity.name):
            decision = take(entry.kept, entry.kept.directory.make_durable)
            if decision.phase is not Phase.ACCEPTED:
                raise OfferGoneError(session, decision.phase)
            return self._follower.look(entry)

    def session(self, session: str) -> Session:
        """Return the session as it is now.

        Raises
        ------
        UnknownSessionError
            There is no such session on this machine.
        BrokerUnavailableError
            PanDA does not answer.
        UnusableAnswerError
            PanDA answers what can't be used.
        """
        return self._look(self._find(session))

    def cancel(self, session: str) -> Session:
        """Ask for the end of the session; it is CANCELLED when PanDA says so, within minutes.

        PanDA can't kill a task that JEDI has not taken up yet. It is asked
        again whenever somebody looks at the session.

        Raises
        ------
        UnknownSessionError
            There is no such session on this machine.
        BrokerUnavailableError
            PanDA does not answer.
        """
        entry = self._find(session)
        with usable(self._identity.name):
            decision = settled(entry.kept) or entry.kept.directory.decide(Phase.CANCELLED)
            if decision.phase is Phase.ACCEPTED and entry.final() is None:
                entry.kept.directory.ask_to_cancel()
        return self._look(entry)

    def reject(self, session: str) -> Session:
        """Decline an offer for good; what is no open offer stays as it is.

        Raises
        ------
        UnknownSessionError
            There is no such session on this machine.
        """
        entry = self._find(session)
        with usable(self._identity.name):
            reject(entry.kept)
        return self._look(entry)

    def close(self) -> None:
        """End all connections; later calls open new ones."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"PandaBroker({self._identity.url!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), self._url, **self._made_with), ()

    def _owner(self) -> str:
        with self._lock:
            if self._user is None:
                self._user = user_of(self._wire)
            return self._user

    def _find(self, session: str) -> Entry:
        return Entry(self._catalogue.get(session, self._identity.name))

    def _look(self, entry: Entry) -> Session:
        with usable(self._identity.name):
            decision = settled(entry.kept)
            if decision is None or decision.phase is not Phase.ACCEPTED:
                return telling.told(entry.kept.offer, decision.phase if decision else Phase.OFFERED)
            return self._follower.look(entry)
