# SPDX-License-Identifier: Apache-2.0
"""What every broker does: request offers, accept, session, cancel."""

from typing import Protocol

from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.model.steprun import BrokerIdentity


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
