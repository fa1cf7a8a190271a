# SPDX-License-Identifier: Apache-2.0
"""Why a client gets an error, and the HTTP status that says so."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from eb_prefect.errors import (
    AccessDeniedError,
    AnswerLostError,
    BrokerUnavailableError,
    EBError,
    Fault,
    InvalidDocumentError,
    NoOfferError,
    NotABrokerError,
    NotExpressibleError,
    OfferGoneError,
    OutputGoneError,
    RequestRefusedError,
    UnknownSessionError,
    UnusableAnswerError,
)

RETRY_AFTER = 5.0
"""Seconds that a client is asked to wait where the broker does not say."""

_STATUSES: tuple[tuple[type[EBError], int], ...] = (
    (InvalidDocumentError, 400),
    (NotExpressibleError, 400),
    (RequestRefusedError, 400),
    (NoOfferError, 400),
    (UnknownSessionError, 404),
    (OfferGoneError, 409),
    (OutputGoneError, 410),
    (AccessDeniedError, 502),
    (NotABrokerError, 502),
    (UnusableAnswerError, 502),
    (AnswerLostError, 504),
    (BrokerUnavailableError, 503),
)


class Refusal(Exception):  # noqa: N818 -- what a server does to a request
    """A request that gets an error; ``faults`` are those of its document."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        headers: Mapping[str, str] | None = None,
        faults: tuple[Fault, ...] = (),
    ) -> None:
        self.status = status
        self.message = message
        self.headers = dict(headers or {})
        self.faults = faults
        super().__init__(message)

    def document(self, path: str) -> dict[str, Any]:
        """Return the body: what brokers say, which is no reason, and what was wrong."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        faults = {"faults": [fault._asdict() for fault in self.faults]} if self.faults else {}
        return {
            "timestamp": now,
            "status": self.status,
            "error": HTTPStatus(self.status).phrase,
            "path": path,
            "message": self.message,
            **faults,
        }


def refusal_of(error: EBError) -> Refusal:
    """Return what a client is told of an error of the broker or of its own document."""
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)
    faults = error.faults if isinstance(error, InvalidDocumentError) else ()
    headers = {}
    if isinstance(error, BrokerUnavailableError):
        seconds = RETRY_AFTER if error.retry_after is None else error.retry_after
        headers["Retry-After"] = str(max(1, math.ceil(seconds)))
    return Refusal(status, str(error), headers=headers, faults=faults)
