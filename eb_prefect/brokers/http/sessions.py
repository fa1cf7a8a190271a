# SPDX-License-Identifier: Apache-2.0
"""The sessions of a broker: reading them, and asking for another phase."""

import hashlib

from eb_prefect.brokers.http.answers import read_session, warning
from eb_prefect.brokers.http.connection import Connection
from eb_prefect.brokers.http.exchange import Reply
from eb_prefect.brokers.http.paths import WAY_IN, is_identifier
from eb_prefect.brokers.http.sending import update_text
from eb_prefect.brokers.http.speech import Speech, dialect_of
from eb_prefect.brokers.http.statuses import failure, said, session_failure, unusable
from eb_prefect.brokers.http.submitting import readable
from eb_prefect.brokers.protocol import Sight
from eb_prefect.errors import (
    AccessDeniedError,
    BrokerUnavailableError,
    EBError,
    InvalidDocumentError,
    OfferGoneError,
    OutputGoneError,
    UnknownSessionError,
    UnusableAnswerError,
)
from eb_prefect.model.phase import NOT_ACCEPTED, Phase
from eb_prefect.model.session import Session
from eb_prefect.wire.dialect import Dialect
from eb_prefect.wire.text import parse

_DIGEST = 16
_LONGEST_ETAG = 64
_GONE = frozenset({Phase.REJECTED, Phase.EXPIRED})
_CERTAIN = (AccessDeniedError, UnknownSessionError)


class Sessions:
    """What can be done with sessions over one connection."""

    def __init__(self, connection: Connection, speech: Speech) -> None:
        self._connection = connection
        self._speech = speech

    def look(self, session: str) -> Session:
        """Return the session as it is now."""
        return self._value(self._read(session), session)

    def changed(self, session: str, mark: bytes | None) -> Sight | None:
        """Return the session unless it is as when the mark was made.

        The mark is a digest of the session's document and the server's own
        mark, so nothing is kept of a session but what its watcher holds.
        """
        etag = mark[_DIGEST:] if mark else b""
        reply = self._read(session, etag)
        if reply.status == 304:
            return None
        digest = hashlib.blake2b(reply.body, digest_size=_DIGEST).digest()
        if mark and mark[:_DIGEST] == digest:
            return None
        return Sight(self._value(reply, session), digest + _etag(reply))

    def accept(self, session: str) -> Session:
        """Ask for ACCEPTED, and judge by the phase whether it is."""
        found, wrong = self._asked(session, Phase.ACCEPTED)
        if found.phase in NOT_ACCEPTED - _GONE:
            found = self._look_after(session)
        if found.phase in _GONE:
            raise OfferGoneError(session, found.phase)
        if found.phase in NOT_ACCEPTED:
            raise wrong or BrokerUnavailableError(
                self._connection.name, f"the offer is {found.phase} still, after it was accepted"
            )
        return found

    def end(self, session: str, phase: Phase) -> Session:
        """Ask for CANCELLED or REJECTED, and return the session as it is then."""
        asked, wrong = self._asked(session, phase)
        if wrong is not None:
            if asked.is_final:
                return asked
            raise wrong
        found = self.look(session)  # a broker may say CANCELLED and forget it
        if asked.phase != phase or found.phase == phase:
            return found
        forgotten = warning(
            "forgotten", f"the broker said {phase}, and then {found.phase}: it did not keep it"
        )
        return found.model_copy(update={"messages": (*found.messages, forgotten)})

    def way_in(self, session: str) -> str:
        """Return what the server tells its owner alone."""
        reply = self._connection.get(f"{self._path(session)}/{WAY_IN}")
        told = _told(reply)
        if told is None:
            wrong = failure(self._connection, reply)
            raise wrong or OutputGoneError(self._connection.name, WAY_IN, said(self._connection, reply))
        return told

    def _asked(self, session: str, phase: Phase) -> tuple[Session, EBError | None]:
        """Return the session after it was asked for the phase, and what was wrong with the answer."""
        text = update_text(phase, self._dialect(session))
        reply = self._connection.post(self._path(session), text)
        wrong = session_failure(self._connection, reply, session)
        if isinstance(wrong, _CERTAIN):
            raise wrong
        if wrong is not None or reply.status != 200:
            return self._look_after(session), wrong
        try:
            return self._value(reply, session), None
        except UnusableAnswerError:
            return self._look_after(session), None

    def _look_after(self, session: str) -> Session:
        """Return the session after something was sent; where that fails it may have been done."""
        try:
            return self.look(session)
        except BrokerUnavailableError as error:
            error.is_unsent = False
            raise

    def _dialect(self, session: str) -> Dialect:
        dialect = self._speech.spoken().dialect
        if dialect is None:  # B1 and B2 have one form of update
            dialect = dialect_of(self._read(session).body)
        return Dialect.A if dialect in {Dialect.A, Dialect.A0} else dialect or Dialect.B2

    def _path(self, session: str) -> str:
        if not is_identifier(session):
            raise UnknownSessionError(self._connection.name, session)
        return self._speech.spoken().session(session)

    def _read(self, session: str, etag: bytes = b"") -> Reply:
        reply = self._connection.get(self._path(session), etag=etag)
        if reply.status == 200 or (reply.status == 304 and etag):
            return reply
        raise session_failure(self._connection, reply, session) or unusable(self._connection, reply)

    def _value(self, reply: Reply, session: str) -> Session:
        found = readable(self._connection, reply, read_session)
        if found.uuid.lower() != session.lower():
            raise UnusableAnswerError(
                self._connection.name, f"asked for session {session} it tells of {found.uuid[:60]!r}"
            )
        return found


def _told(reply: Reply) -> str | None:
    try:
        document = parse(reply.body) if reply.status == 200 else None
    except InvalidDocumentError:
        return None
    location = document.get("location") if isinstance(document, dict) else None
    return location if isinstance(location, str) else None


def _etag(reply: Reply) -> bytes:
    etag = reply.headers.get(b"etag", b"").strip()
    return etag if len(etag) <= _LONGEST_ETAG and etag.isascii() else b""
