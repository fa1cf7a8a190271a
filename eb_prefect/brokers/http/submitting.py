# SPDX-License-Identifier: Apache-2.0
"""Asking for offers, in the one dialect or in each until the broker understands."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from eb_prefect.brokers.http.answers import read_offer_set
from eb_prefect.brokers.http.connection import Connection
from eb_prefect.brokers.http.exchange import Reply
from eb_prefect.brokers.http.paths import identifier_in
from eb_prefect.brokers.http.sending import request_text
from eb_prefect.brokers.http.speech import Spoken
from eb_prefect.brokers.http.statuses import failure, phrase, said, unusable
from eb_prefect.errors import (
    EBError,
    InvalidDocumentError,
    NotABrokerError,
    NotExpressibleError,
    RequestRefusedError,
    UnusableAnswerError,
)
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet, Session

V = TypeVar("V", OfferSet, Session)

_NO_SUCH_PATH = frozenset({404, 405})


class Understood(NamedTuple):
    """The answer to a request, and how it was asked."""

    offers: OfferSet
    spoken: Spoken


def submit(connection: Connection, request: ExecutionRequest, ways: Iterable[Spoken]) -> Understood:
    """Ask for offers in each way until one is understood.

    Raises
    ------
    InvalidRequestError
        No broker could run the request.
    NotExpressibleError
        The dialect has no place for some of it.
    RequestRefusedError
        The broker can't read it, however it is written.
    NotABrokerError
        Nothing there takes requests.
    """
    trial = _Trial(connection, request)
    for way in ways:
        if found := trial.ask(way):
            return found
    raise trial.failed()


@dataclass
class _Trial:
    connection: Connection
    request: ExecutionRequest
    absent: set[str] = field(default_factory=set)
    said: list[str] = field(default_factory=list)
    refused_at: str | None = None
    inexpressible: NotExpressibleError | None = None

    def ask(self, way: Spoken) -> Understood | None:
        if way.dialect is None or way.submit in self.absent or self.refused_at not in {None, way.submit}:
            return None
        try:
            text = request_text(self.request, way.dialect)
        except NotExpressibleError as wrong:
            self.inexpressible = wrong
            self.said.append(str(wrong))
            return None
        reply = self.connection.post(way.submit, text.document)
        if is_success(reply):
            offers = answered(self.connection, reply, read_offer_set, way.offer_set)
            return Understood(_noted(offers, text.changed), way)
        self.note(way, reply)
        return None

    def note(self, way: Spoken, reply: Reply) -> None:
        """Keep what stands against a way; raise what stands against all."""
        told = f"{way.dialect} at /{way.submit}: {phrase(reply.status)}, {said(self.connection, reply)}"
        self.said.append(told)
        if reply.status in _NO_SUCH_PATH:
            self.absent.add(way.submit)
        elif reply.status == 400:
            self.refused_at = way.submit
        else:
            raise submit_failure(self.connection, reply)

    def failed(self) -> EBError:
        if self.refused_at is not None:
            reason = f"{'; '.join(self.said)}; no local check finds a fault in it"
            return RequestRefusedError(self.connection.name, 400, reason)
        if self.inexpressible is not None:
            return self.inexpressible
        return NotABrokerError(str(self.connection.address), "; ".join(self.said))


def is_success(reply: Reply) -> bool:
    """Return whether what was posted was taken: 303 is what brokers answer, others may say 200 or 201."""
    return reply.status == 303 or 200 <= reply.status < 300


def submit_failure(connection: Connection, reply: Reply) -> EBError:
    """Return the error that a status means for a request."""
    if found := failure(connection, reply):
        return found
    if 400 <= reply.status < 500:
        reason = f"{phrase(reply.status)}, {said(connection, reply)}"
        return RequestRefusedError(connection.name, reply.status, reason)
    return unusable(connection, reply)


def answered(
    connection: Connection, reply: Reply, read: Callable[[bytes], V], place: Callable[[str], str]
) -> V:
    """Return what was made of a post: from the body, or else from where the answer says that it is.

    That is looked for below the broker's own address: only the identifier of
    the Location counts.

    Raises
    ------
    UnusableAnswerError
        Neither can be read.
    """
    try:
        return read(reply.body)
    except InvalidDocumentError as wrong:
        there = identifier_in(reply.header(b"location"))
        if there is None:
            raise unread(connection, reply, wrong) from wrong
    found = connection.get(place(there))
    if found.status != 200:
        raise failure(connection, found) or unusable(connection, found)
    return readable(connection, found, read)


def readable(connection: Connection, reply: Reply, read: Callable[[bytes], V]) -> V:
    """Return the value in an answer.

    Raises
    ------
    UnusableAnswerError
        There is none.
    """
    try:
        return read(reply.body)
    except InvalidDocumentError as wrong:
        raise unread(connection, reply, wrong) from wrong


def unread(connection: Connection, reply: Reply, wrong: InvalidDocumentError) -> UnusableAnswerError:
    """Return the error for a body that can't be read."""
    kind = "HTML or XML" if reply.body.lstrip()[:1] == b"<" else "; ".join(map(str, wrong.faults[:3]))
    reason = f"{phrase(reply.status)} with {kind or 'nothing'}" if reply.body.strip() else "an empty body"
    return UnusableAnswerError(connection.name, connection.hidden(reason))


def _noted(offers: OfferSet, changed: tuple[object, ...]) -> OfferSet:
    return offers.model_copy(update={"messages": (*offers.messages, *changed)})
