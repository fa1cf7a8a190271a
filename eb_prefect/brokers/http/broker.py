# SPDX-License-Identifier: Apache-2.0
"""The client of an Execution Broker over HTTP."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Self

from eb_prefect.brokers.http.address import address, shown
from eb_prefect.brokers.http.auth import Basic, Bearer, Credentials
from eb_prefect.brokers.http.connection import Connection
from eb_prefect.brokers.http.exchange import Exchange
from eb_prefect.brokers.http.executing import execute
from eb_prefect.brokers.http.network import Network
from eb_prefect.brokers.http.paths import Paths
from eb_prefect.brokers.http.pool import Pool
from eb_prefect.brokers.http.reading import read
from eb_prefect.brokers.http.sessions import Sessions
from eb_prefect.brokers.http.speech import Speech
from eb_prefect.brokers.http.submitting import submit
from eb_prefect.brokers.protocol import Sight
from eb_prefect.errors import NotABrokerError
from eb_prefect.model.phase import Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.model.steprun import BrokerIdentity
from eb_prefect.pace import REMOTE, Pace
from eb_prefect.wire.dialect import Dialect

NETWORK = Network()


class HTTPBroker:
    """A broker at a URL.

    Nothing is sent before the first verb. Without ``dialect`` it is found
    out then: our own servers say that they speak ``neutral``, which loses
    nothing; others are asked for offers in B2, B1 and A until they
    understand. ``name`` is for people and records. ``auth`` goes to the
    URL's scheme, host and port and nowhere else; a user and password within
    the URL are taken for `Basic`. ``paths`` is for brokers that have things
    elsewhere. ``timeout``, in seconds, limits each request and its answer, and
    each silence in `read`. Connections are kept open and shared between
    threads; an object that was pickled makes its own.

    Raises
    ------
    NotABrokerError
        The URL is none.
    """

    def __init__(  # noqa: PLR0913 -- each is one thing that users may have to say of a broker
        self,
        url: str,
        *,
        name: str | None = None,
        dialect: Dialect | None = None,
        auth: Basic | Bearer | None = None,
        paths: Paths | None = None,
        timeout: float = 60.0,
        pace: Pace = REMOTE,
        network: Network = NETWORK,
    ) -> None:
        given = address(url)
        if isinstance(given, str):
            raise NotABrokerError(shown(url), given)
        if auth is None and given.user:
            auth = Basic(given.user, given.password)
        bare = given._replace(path=given.path.partition("?")[0].rstrip("/"), user="", password="")
        named = name or f"{bare.origin.authority}{bare.path}"
        self._identity = BrokerIdentity(kind="http", name=named, url=str(bare))
        self._pace = pace
        self._pool = Pool(network)
        self._connection = Connection(bare, named, Exchange(named, self._pool, timeout), Credentials(auth))
        self._speech = Speech(self._connection, dialect, paths)
        self._sessions = Sessions(self._connection, self._speech)
        self._made_with: dict[str, Any] = {
            "name": name,
            "dialect": dialect,
            "auth": auth,
            "paths": paths,
            "timeout": timeout,
            "pace": pace,
            "network": network,
        }

    @property
    def identity(self) -> BrokerIdentity:
        """The name that was given, else host and path; and the URL."""
        return self._identity

    @property
    def pace(self) -> Pace:
        """How often it may be asked."""
        return self._pace

    def request_offers(self, request: ExecutionRequest) -> OfferSet:
        """Ask where and when the request can run.

        Messages of level WARN tell what was changed or left out of the
        request because the broker's dialect has no place for it, and what of
        its answer could not be read.

        Raises
        ------
        InvalidRequestError
            No broker could run the request; nothing was sent.
        NotExpressibleError
            The dialect has no place for some of it; nothing was sent.
        RequestRefusedError
            The broker can't read it.
        NotABrokerError
            Nothing there takes requests, or it redirects elsewhere.
        AccessDeniedError
            It wants other credentials.
        BrokerUnavailableError
            No answer; ask again later.
        UnusableAnswerError
            The answer is no offer set.
        """
        understood = submit(self._connection, request, self._speech.candidates())
        self._speech.learn(understood.spoken)
        return understood.offers

    def accept(self, session: str) -> Session:
        """Accept an offer; on return its session is the broker's to run, once.

        Judged by the phase that the broker tells. A second call starts
        nothing and returns the session as it is now.

        Raises
        ------
        OfferGoneError
            The offer had expired or was rejected; ask for offers again.
        BrokerUnavailableError
            No answer, or the offer is as it was; accept again, or read the phase.
        UnknownSessionError
            The broker has no such session.
        AccessDeniedError
            It is another user's, or the broker wants other credentials.
        UnusableAnswerError
            The answer is no session.
        """
        return self._sessions.accept(session)

    def reject(self, session: str) -> Session:
        """Tell the broker that the offer won't be accepted, and return it as it is now.

        Raises what `cancel` raises.
        """
        return self._sessions.end(session, Phase.REJECTED)

    def release(self, session: str) -> Session:
        """Say that an interactive session is not needed any more, and return it as it is then.

        The standard has no word for it: our own servers take RELEASING for
        one, and at others the session stays as it is.

        Raises what `cancel` raises.
        """
        return self._sessions.end(session, Phase.RELEASING)

    def way_in(self, session: str) -> str:
        """Return the address with which our own servers let the owner into an interactive session.

        Others tell all that they tell in its connectors.

        Raises
        ------
        OutputGoneError
            The session lets nobody in now, or the server tells no more than its connectors.
        BrokerUnavailableError
            No answer; ask again.
        AccessDeniedError
            It is another user's, or the broker wants other credentials.
        """
        return self._sessions.way_in(session)

    def session(self, session: str) -> Session:
        """Return the session as it is now.

        Raises
        ------
        UnknownSessionError
            The broker has no such session; one that was restarted may have lost it.
        BrokerUnavailableError
            No answer; ask again later.
        AccessDeniedError
            The broker wants other credentials.
        UnusableAnswerError
            The answer is no session, or another.
        NotABrokerError
            It redirects to another host.
        """
        return self._sessions.look(session)

    def cancel(self, session: str) -> Session:
        """Ask the broker to end the session, and return it as it is then, read anew.

        The caller reads the phase: brokers of mid-2026 forget a cancellation.

        Raises
        ------
        BrokerUnavailableError
            No answer; ask again.
        UnknownSessionError
            The broker has no such session.
        AccessDeniedError
            It is another user's, or the broker wants other credentials.
        UnusableAnswerError
            The answer is no session.
        """
        return self._sessions.end(session, Phase.CANCELLED)

    def execute(self, request: ExecutionRequest) -> Session:
        """Let the request run at once, without offers, and return its session.

        Not safe to repeat: each call that succeeds runs it.

        Raises
        ------
        AnswerLostError
            The request was sent and its answer lost, so a session may run.
        NoOfferError
            The broker can't run it; asked for offers, it said why.
        NotExpressibleError
            The dialect has no direct execution (A), or no place for some of the request.
        BrokerUnavailableError
            Nothing was sent or taken; try again later.

        Besides, what `request_offers` raises.
        """
        return execute(self._connection, self._speech, request)

    def changed(self, session: str, mark: bytes | None) -> Sight | None:
        """Return the session unless it is as it was when ``mark`` was given; None then.

        Raises what `session` raises.
        """
        return self._sessions.changed(session, mark)

    def read(self, location: str) -> Iterator[bytes]:
        """Yield what a connector or a product names by its location, in pieces of any size.

        A location on another host is read without credentials. Where the
        broker tells a digest (RFC 9530), the end comes only if it is met.

        Raises
        ------
        OutputGoneError
            There is nothing at the location (any more).
        BrokerUnavailableError
            It broke off, or is not what was sent; read it again from the start.
        AccessDeniedError
            It wants other credentials.
        """
        return self.read_from(location, 0)

    def read_from(self, location: str, offset: int) -> Iterator[bytes]:
        """Yield what follows the first ``offset`` bytes, as far as there is any now.

        Of a server that can't begin there all is read again. Raises what `read` raises.
        """

        def own(session: str) -> str:
            return self._speech.spoken().session(session)

        return read(self._connection, location, own, offset)

    def close(self) -> None:
        """End all connections; verbs that are called later open new ones."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"HTTPBroker({self._identity.url!r})"

    def __reduce__(self) -> tuple[Callable[..., "HTTPBroker"], tuple[str | None]]:
        return partial(HTTPBroker, **self._made_with), (self._identity.url,)
