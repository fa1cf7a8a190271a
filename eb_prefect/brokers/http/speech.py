# SPDX-License-Identifier: Apache-2.0
"""Which dialect a broker speaks, and where it has what then."""

import threading
from typing import NamedTuple

from eb_prefect.brokers.http.connection import Connection
from eb_prefect.brokers.http.paths import PATHS, Paths
from eb_prefect.brokers.http.statuses import failure
from eb_prefect.errors import (
    BrokerUnavailableError,
    InvalidDocumentError,
    NotABrokerError,
    UnusableAnswerError,
)
from eb_prefect.wire.dialect import Dialect
from eb_prefect.wire.recognise import recognise
from eb_prefect.wire.text import parse

_NEUTRAL = "neutral/"
_TRIED = (Dialect.B2, Dialect.B1, Dialect.A)


class Spoken(NamedTuple):
    """A dialect, None while it is not known, and the paths of a broker that speaks it."""

    dialect: Dialect | None
    paths: Paths
    below: str = ""

    @property
    def submit(self) -> str:
        """Where requests go."""
        return f"{self.below}{self.paths.submit}"

    @property
    def direct(self) -> str | None:
        """Where requests go that are to run at once."""
        return None if self.paths.direct is None else f"{self.below}{self.paths.direct}"

    def session(self, session: str) -> str:
        """Where a session is."""
        return f"{self.below}{self.paths.sessions}/{session}"

    def offer_set(self, offers: str) -> str:
        """Where an offer set is."""
        return f"{self.below}{self.paths.offersets}/{offers}"


class Speech:
    """What is known of how a broker speaks; looked up once, by whichever thread is first."""

    def __init__(self, connection: Connection, dialect: Dialect | None, paths: Paths | None) -> None:
        self._connection = connection
        self._paths = paths
        self._lock = threading.Lock()
        self._known = None if dialect is None else self._as(dialect)

    def spoken(self) -> Spoken:
        """Return how the broker speaks; its dialect is None if it is not one of our servers.

        Raises
        ------
        BrokerUnavailableError
            It can't be asked.
        """
        if self._known is None:
            with self._lock:
                if self._known is None:
                    self._known = self._introduced()
        return self._known

    def candidates(self) -> tuple[Spoken, ...]:
        """Return how the broker may want requests, in the order to try."""
        spoken = self.spoken()
        return (spoken,) if spoken.dialect else tuple(self._as(dialect) for dialect in _TRIED)

    def learn(self, spoken: Spoken) -> None:
        """Remember how a request was understood."""
        self._known = spoken

    def _as(self, dialect: Dialect) -> Spoken:
        return Spoken(dialect, self._paths or PATHS[dialect])

    def _introduced(self) -> Spoken:
        """Our own servers say that they speak the neutral form too, below the same address."""
        try:
            reply = self._connection.get("")
        except (NotABrokerError, UnusableAnswerError):  # the root is another program's, and may be any
            return Spoken(None, self._paths or PATHS[Dialect.B2])
        if reply.status == 200 and _is_ours(reply.body):
            return Spoken(Dialect.NEUTRAL, self._paths or PATHS[Dialect.NEUTRAL], _NEUTRAL)
        wrong = failure(self._connection, reply)
        if isinstance(wrong, BrokerUnavailableError) and reply.status != 500:
            raise wrong
        return Spoken(None, self._paths or PATHS[Dialect.B2])


def dialect_of(body: bytes) -> Dialect | None:
    """Return the dialect that a document of the broker is written in, None if that can't be told."""
    try:
        return recognise(parse(body)).dialect
    except InvalidDocumentError:
        return None


def _is_ours(body: bytes) -> bool:
    try:
        index = parse(body)
    except InvalidDocumentError:
        return False
    dialects = index.get("dialects") if isinstance(index, dict) else None
    return isinstance(dialects, dict) and "neutral" in dialects and index.get("server") == "eb-prefect"
