# SPDX-License-Identifier: Apache-2.0
"""What every broker does: request offers, accept, session, cancel.

The other protocols here are for what some brokers can do beside it; a
caller asks with ``isinstance`` whether one can.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import NamedTuple, Protocol, runtime_checkable

from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.model.steprun import BrokerIdentity


@runtime_checkable  # so that flows can have one as a parameter
class Broker(Protocol):
    """Four verbs; all else is built on them.

    An object may be used from several threads. Sessions are named by their
    UUID and are found by any object for the same broker, in any process, as
    long as the broker remembers them.
    """

    @property
    def identity(self) -> BrokerIdentity:
        """Which broker this is, for records."""
        ...

    def request_offers(self, request: ExecutionRequest) -> OfferSet:
        """Ask where and when the request can run.

        A successful return of YES holds at least one OFFERED session; of NO
        at least one message that says why. Offers that nobody accepts cost
        nothing and expire, so asking again is always safe.

        Raises
        ------
        InvalidRequestError
            The request is not one that any broker could read.
        BrokerUnavailableError
            No answer; ask again later.
        """
        ...

    def accept(self, session: str) -> Session:
        """Accept an offer; on return its session is the broker's to run, once.

        A second call starts nothing and returns the session as it is now.

        Raises
        ------
        OfferGoneError
            The offer had expired or was rejected; ask for offers again.
        UnknownSessionError
            The broker has no such session.
        BrokerUnavailableError
            No answer; whether it was accepted is to be read from the phase.
        """
        ...

    def session(self, session: str) -> Session:
        """Return the session as it is now; changes nothing.

        Raises
        ------
        UnknownSessionError
            The broker has no such session (any more).
        BrokerUnavailableError
            No answer; ask again later.
        """
        ...

    def cancel(self, session: str) -> Session:
        """Ask the broker to end the session, and return it as it is now.

        A final session stays as it is. The caller reads the phase: a broker
        may take time, or may not be able to cancel.

        Raises
        ------
        UnknownSessionError
            The broker has no such session.
        BrokerUnavailableError
            No answer; ask again.
        """
        ...


class Sight(NamedTuple):
    """A session as it was seen, and a mark that is the same as long as it has not changed."""

    session: Session
    mark: bytes


class Begun(NamedTuple):
    """What was begun: once ``arrival`` is done, or where there is none, ``result`` waits for nobody.

    ``arrival`` never fails; what went wrong is raised by ``result``.
    """

    arrival: "Future[None] | None"
    result: Callable[[], Session]


@runtime_checkable
class Batching(Protocol):
    """A broker that accepts many offers together, so that no thread should be held for one."""

    def begin_accept(self, session: str) -> Begun:
        """Begin to accept an offer; the result is what `Broker.accept` returns or raises.

        Raises what `Broker.accept` raises.
        """
        ...


@runtime_checkable
class AcceptingMany(Protocol):
    """A broker to which many offers at once are little more work than one."""

    def accept_all(self, sessions: Sequence[str]) -> list[Session]:
        """Accept offers; what has begun is what `Broker.accept` finds afterwards.

        Raises what `Broker.accept` raises, of the first for which it does. Some
        may have been accepted then.
        """
        ...


@runtime_checkable
class Noticing(Protocol):
    """A broker that can tell cheaply that a session has not changed."""

    def changed(self, session: str, mark: bytes | None) -> Sight | None:
        """Return the session unless it is as it was when ``mark`` was given; None then.

        Raises what `Broker.session` raises.
        """
        ...


@runtime_checkable
class Pushing(Protocol):
    """A broker that calls when a session of its changes."""

    def listen(self, heard: Callable[[str], None]) -> Callable[[], None]:
        """Let ``heard`` be called with the identifier of any session that may have changed.

        It may be called from any thread, too often, and not at all: it is a
        hint to look. The function that is returned ends it.
        """
        ...


@runtime_checkable
class Rejecting(Protocol):
    """A broker that can be told that nobody will accept an offer."""

    def reject(self, session: str) -> Session:
        """Decline an offer, and return its session as it is now.

        A session that is no open offer stays as it is, so an accepted one is
        never ended by this.

        Raises what `Broker.cancel` raises.
        """
        ...


@runtime_checkable
class Releasing(Protocol):
    """A broker whose interactive sessions can be brought to their proper end."""

    def release(self, session: str) -> Session:
        """Say that an interactive session is not needed any more, and return it as it is now.

        It ends as if its time were over: COMPLETED, with what it made. A
        session that is not interactive stays as it is, and so does any other
        at a broker that does not take it; the caller reads the phase.

        Raises what `Broker.cancel` raises.
        """
        ...


@runtime_checkable
class Opening(Protocol):
    """A broker that keeps to itself how a person gets into an interactive session, until it is asked."""

    def way_in(self, session: str) -> str:
        """Return an address that lets in whoever has it: for the session's owner, and never to be kept.

        Raises
        ------
        OutputGoneError
            The session is not AVAILABLE, or nothing that a person could enter.

        Besides, what `Broker.session` raises.
        """
        ...


@runtime_checkable
class Remote(Protocol):
    """A broker whose streams and products are not files of this machine."""

    def read(self, location: str) -> Iterator[bytes]:
        """Yield what a connector or a product names by its location, in pieces of any size.

        Raises
        ------
        OutputGoneError
            There is nothing at the location (any more).
        BrokerUnavailableError
            It broke off; read it again from the start.
        """
        ...


@runtime_checkable
class Resuming(Protocol):
    """A broker whose streams and products can be read from anywhere within, see `Remote`."""

    def read_from(self, location: str, offset: int) -> Iterator[bytes]:
        """Yield what follows the first ``offset`` bytes, as far as there is any now.

        Raises what `Remote.read` raises.
        """
        ...


@runtime_checkable
class Gathering(Protocol):
    """A broker that stands for several."""

    def owner(self, session: str) -> Broker:
        """Return the broker whose session it is.

        Raises what `Broker.session` raises.
        """
        ...
