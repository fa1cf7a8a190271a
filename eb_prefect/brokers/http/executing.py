# SPDX-License-Identifier: Apache-2.0
"""Direct execution: a request that becomes a session in one step, and must not be repeated."""

from eb_prefect.brokers.http.answers import read_session
from eb_prefect.brokers.http.connection import Connection
from eb_prefect.brokers.http.exchange import Reply
from eb_prefect.brokers.http.paths import is_identifier
from eb_prefect.brokers.http.sending import request_text
from eb_prefect.brokers.http.speech import Speech, Spoken
from eb_prefect.brokers.http.statuses import phrase, said
from eb_prefect.brokers.http.submitting import answered, is_success, submit, submit_failure
from eb_prefect.errors import (
    AnswerLostError,
    BrokerUnavailableError,
    EBError,
    Fault,
    NoOfferError,
    NotABrokerError,
    NotExpressibleError,
    RequestRefusedError,
    UnusableAnswerError,
)
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet, Session

_NOT_TAKEN = frozenset({408, 425, 429, 503})


def execute(connection: Connection, speech: Speech, request: ExecutionRequest) -> Session:
    """Send the request for direct execution, and return its session."""
    if speech.spoken().dialect is None:  # which dialect it is, only a request can tell
        understood = submit(connection, request, speech.candidates())
        speech.learn(understood.spoken)
        _require_offers(connection, understood.offers)
    way = speech.spoken()
    if way.dialect is None or way.direct is None:
        lacking = Fault("", "direct execution; ask for offers, and accept one")
        raise NotExpressibleError(str(way.dialect), [lacking])
    text = request_text(request, way.dialect)
    reply = _posted(connection, way.direct, text.document)
    if not is_success(reply):
        raise _failure(connection, reply, request, way)
    session = _session(connection, reply, way)
    return session.model_copy(update={"messages": (*session.messages, *text.changed)})


def _require_offers(connection: Connection, offers: OfferSet) -> None:
    if offers.result != "YES":
        raise NoOfferError(connection.name, [message.text for message in offers.messages])


def _posted(connection: Connection, path: str, document: bytes) -> Reply:
    try:
        return connection.post(path, document, repeatable=False)
    except UnusableAnswerError as wrong:
        raise AnswerLostError(connection.name, wrong.reason) from wrong


def _session(connection: Connection, reply: Reply, way: Spoken) -> Session:
    try:
        session = answered(connection, reply, read_session, way.session)
    except (UnusableAnswerError, BrokerUnavailableError) as wrong:
        raise AnswerLostError(connection.name, wrong.reason) from wrong
    if not is_identifier(session.uuid):
        raise AnswerLostError(connection.name, "the session has no identifier that is a UUID")
    return session


def _failure(connection: Connection, reply: Reply, request: ExecutionRequest, way: Spoken) -> EBError:
    told = f"{phrase(reply.status)}, {said(connection, reply)}"
    if reply.status in {404, 405}:
        return NotABrokerError(str(connection.address), f"/{way.direct} takes no requests: {told}")
    if reply.status == 400 or (reply.status >= 500 and reply.status not in _NOT_TAKEN):
        return _explained(connection, reply, request, way, told)
    return submit_failure(connection, reply)


def _explained(
    connection: Connection, reply: Reply, request: ExecutionRequest, way: Spoken, told: str
) -> EBError:
    """Return why it can't run: brokers answer a bare 400 or 500 where offers would come with reasons."""
    try:
        offers = submit(connection, request, [way]).offers
    except RequestRefusedError as refused:
        return refused
    except (BrokerUnavailableError, UnusableAnswerError, NotABrokerError):
        return _unexplained(connection, reply, told)
    if offers.result == "NO":
        return NoOfferError(connection.name, [message.text for message in offers.messages])
    return _unexplained(connection, reply, f"{told}, though it makes offers for the same")


def _unexplained(connection: Connection, reply: Reply, told: str) -> EBError:
    if reply.status == 400:
        return RequestRefusedError(connection.name, 400, told)
    return AnswerLostError(connection.name, told)
