# SPDX-License-Identifier: Apache-2.0
"""Calls of PanDA's REST interface and their answers.

Every answer is ``{"success": ..., "message": ..., "data": ...}`` with HTTP
status 200, whatever was asked; tokens are refused with 403, and what breaks in
the server comes as text with 500. Instants are ``{"__datetime__": "..."}``.
"""

import json
import re
from typing import Any, NamedTuple
from urllib.parse import urlencode

from eb_prefect.brokers.http.connection import Connection
from eb_prefect.brokers.http.exchange import Reply
from eb_prefect.brokers.http.statuses import failure, unusable
from eb_prefect.errors import AccessDeniedError, BrokerUnavailableError, EBError, UnusableAnswerError
from eb_prefect.wire.limits import MAX_DIGITS

_EXCERPT = 300
_NO_USER = "SSL secure connection is required"
_LATER = re.compile(
    r"time out|timed out|database error|ServerError|failed to register|Failed to retrieve", re.IGNORECASE
)
_MISFIT = re.compile(r"Argument error|Type error|expecting (GET|POST|PUT)|jediTaskID must be an integer")
_REFUSES_TOKEN = re.compile(rb"token authentication failed|failed to instantiate request", re.IGNORECASE)

_NO_SUCH_CALL = re.compile(rb"method .{1,80} is forbidden")


class Answer(NamedTuple):
    """What PanDA says to a call that it understood."""

    success: bool
    message: str
    data: Any


class NoSuchCallError(UnusableAnswerError):
    """The server is older than the call."""


def refuses_token(reply: Reply) -> bool:
    """Return whether the answer is that of a server that does not take the token."""
    return reply.status == 401 or (reply.status == 403 and bool(_REFUSES_TOKEN.search(reply.body)))


class Wire:
    """The calls of one PanDA server.

    Besides what they name they raise ``BrokerUnavailableError`` where there was
    no answer or the server can't do it now, ``AccessDeniedError`` where it
    does not take the token, and ``UnusableAnswerError`` where it speaks
    another language.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.name = connection.name

    def get(self, path: str, **parameters: object) -> Answer:
        """Ask with GET."""
        return self._answer(self._connection.get(f"{path}?{urlencode(parameters)}"))

    def post(self, path: str, document: dict[str, Any], *, repeatable: bool = True) -> Answer:
        """Ask with POST.

        Raises
        ------
        AnswerLostError
            It may have been done, and it is not ``repeatable``.
        """
        body = json.dumps(document).encode()
        return self._answer(self._connection.post(path, body, repeatable=repeatable))

    def listed(self, answer: Answer) -> list[Any]:
        """Return the list in an answer: that there is nothing must have been said.

        Raises
        ------
        UnusableAnswerError
            There is none.
        """
        if answer.success and isinstance(answer.data, list):
            return answer.data
        raise self.unusable(f"a list was asked for: {printable(answer.message or repr(answer.data))}")

    def unusable(self, what: str) -> UnusableAnswerError:
        """Return the error for an answer that has not what it should have."""
        return UnusableAnswerError(self.name, self._connection.hidden(what))

    def _answer(self, reply: Reply) -> Answer:
        if not 200 <= reply.status < 300:
            raise self._failure(reply)
        answer = self._parsed(reply.body)
        if wrong := self._trouble(answer):
            raise wrong
        return answer

    def _failure(self, reply: Reply) -> EBError:
        """Return the error for a status; PanDA tells the reason as plain text."""
        said = printable(self._connection.hidden(reply.body.decode(errors="replace")))
        if reply.status == 403 and _NO_SUCH_CALL.search(reply.body):
            return NoSuchCallError(self.name, f"{said}; PanDA servers of 1.0 have all that is needed")
        if refuses_token(reply):
            return AccessDeniedError(self.name, 401, said)
        if reply.status in {403, 500} and reply.body.strip()[:1] not in {b"", b"<"}:
            denied = reply.status == 403
            return (
                AccessDeniedError(self.name, 403, said) if denied else BrokerUnavailableError(self.name, said)
            )
        return failure(self._connection, reply) or unusable(self._connection, reply)

    def _parsed(self, body: bytes) -> Answer:
        try:
            found = json.loads(body, parse_int=_whole, parse_constant=_refused)
        except (ValueError, RecursionError) as wrong:
            raise self.unusable(f"it is no JSON: {_shown(body)}") from wrong
        if not isinstance(found, dict) or not isinstance(found.get("success"), bool):
            raise self.unusable(f"it does not say whether it succeeded: {_shown(body)}")
        said = found.get("message")
        told = self._connection.hidden(said) if isinstance(said, str) else ""
        return Answer(found["success"], told, found.get("data"))

    def _trouble(self, answer: Answer) -> EBError | None:
        said = printable(answer.message)
        if answer.success:
            return None
        if answer.message == _NO_USER:
            return AccessDeniedError(self.name, 401, "it was asked without a token or a certificate")
        if _MISFIT.match(answer.message):
            return self.unusable(f"it does not take the call: {said}")
        if _LATER.search(answer.message):
            return BrokerUnavailableError(self.name, said)
        return None


def printable(text: str) -> str:
    """Return what a server said, for a person to read: one line of a decent length."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * _EXCERPT]).split())
    return line if len(line) <= _EXCERPT else f"{line[:_EXCERPT]}..."


def _shown(body: bytes) -> str:
    if body.lstrip()[:1] == b"<":
        return "HTML or XML"
    return printable(repr(body[:_EXCERPT].decode(errors="replace"))) if body.strip() else "an empty body"


def _whole(written: str) -> int:
    if len(written) > MAX_DIGITS:
        raise ValueError("a number that is too long")
    return int(written)


def _refused(written: str) -> None:
    raise ValueError(f"{written} is no number")
