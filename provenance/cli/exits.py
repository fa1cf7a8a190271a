# SPDX-License-Identifier: Apache-2.0
"""What the exit codes of `eb` mean."""

from enum import IntEnum

from eb_prefect.errors import (
    BrokerUnavailableError,
    EBError,
    InvalidDocumentError,
    NoOfferError,
    NotExpressibleError,
    OfferGoneError,
    StepTimeoutError,
    UnknownSessionError,
)


class Exit(IntEnum):
    """The exit code of a command."""

    DONE = 0
    STEP_FAILED = 1
    """The session ended FAILED or CANCELLED; its record was kept."""
    USAGE = 2
    FAULTS = 3
    """A document, path or value is not what it should be; nothing was run."""
    NO_OFFER = 4
    """The broker can't run the request and said why."""
    BROKER = 5
    """The broker can't be reached or lost the session."""
    NO_RECORD = 6
    """The file has no record, or none that can be read."""
    NOT_BOUND = 7
    """The file is no longer what its record describes."""
    CONSENT = 8
    """Nothing was run: a person has to agree first."""
    INTERRUPTED = 130


_CODES: tuple[tuple[type[Exception], Exit], ...] = (
    (InvalidDocumentError, Exit.FAULTS),
    (NotExpressibleError, Exit.FAULTS),
    (NoOfferError, Exit.NO_OFFER),
    (OfferGoneError, Exit.NO_OFFER),
    (BrokerUnavailableError, Exit.BROKER),
    (UnknownSessionError, Exit.BROKER),
    (StepTimeoutError, Exit.BROKER),
    (EBError, Exit.FAULTS),
)


def exit_of(error: Exception) -> Exit:
    """Return the exit code for an error of ours; what is none is about a record."""
    return next((code for kind, code in _CODES if isinstance(error, kind)), Exit.NO_RECORD)
