# SPDX-License-Identifier: Apache-2.0
"""What the exit codes of `eb` mean."""

from enum import IntEnum

from eb_prefect.errors import (
    BrokerUnavailableError,
    EBError,
    NoOfferError,
    NotExpressibleError,
    OfferGoneError,
    StepTimeoutError,
    UnknownSessionError,
)
from provenance.errors import (
    CanNotDeliverError,
    CanNotRerunError,
    ProductExistsError,
    ProvenanceError,
    StoreError,
)


class Exit(IntEnum):
    """The exit code of a command."""

    DONE = 0
    NO = 1
    """The step ended FAILED or CANCELLED, and is recorded; or a document has faults."""
    WRONG = 2
    """The command line, a document or a path can't be used; what was run all the same is named."""
    REFUSED = 3
    """The broker makes no offer and says why, or a dialect can't express a document."""
    BROKER = 4
    """The broker can't be reached, lost the session, or took longer than was asked."""
    NO_RECORD = 5
    """There is no record that can be used."""
    TAMPERED = 6
    """The file is not what its record describes."""
    CONSENT = 7
    """Nothing was run: a person has to agree first."""
    INTERRUPTED = 130


_CODES: tuple[tuple[type[Exception], Exit], ...] = (
    (NotExpressibleError, Exit.REFUSED),
    (NoOfferError, Exit.REFUSED),
    (OfferGoneError, Exit.REFUSED),
    (BrokerUnavailableError, Exit.BROKER),
    (UnknownSessionError, Exit.BROKER),
    (StepTimeoutError, Exit.BROKER),
    (EBError, Exit.WRONG),
    (CanNotRerunError, Exit.WRONG),
    (ProductExistsError, Exit.WRONG),
    (CanNotDeliverError, Exit.WRONG),
    (StoreError, Exit.WRONG),
    (ProvenanceError, Exit.NO_RECORD),
)


def exit_of(error: Exception) -> Exit:
    """Return the exit code for an error of ours."""
    return next(code for kind, code in _CODES if isinstance(error, kind))
