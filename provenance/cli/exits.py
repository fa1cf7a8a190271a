# SPDX-License-Identifier: Apache-2.0
"""What the exit codes of `eb` mean."""

from enum import IntEnum

from eb_prefect.errors import (
    AccessDeniedError,
    AnswerLostError,
    BrokerUnavailableError,
    DuplicateStepError,
    EBError,
    InvalidDocumentError,
    JournalUnavailableError,
    NoOfferError,
    NotABrokerError,
    NotAnsweredError,
    NotExpressibleError,
    OfferGoneError,
    OutputGoneError,
    RequestRefusedError,
    RunCancelledError,
    SessionGoesOnError,
    StepTimeoutError,
    UnknownBrokerError,
    UnknownSessionError,
    UnusableAnswerError,
)
from provenance.errors import (
    CanNotDeliverError,
    CanNotExportError,
    CanNotRerunError,
    CanNotSignError,
    ConsentError,
    ContradictionError,
    NeedsExtraError,
    NotProvError,
    ProductExistsError,
    ProvenanceError,
    StoreError,
    UnreachableProductError,
)


class Exit(IntEnum):
    """The exit code of a command."""

    DONE = 0
    NO = 1
    """The step ended FAILED or CANCELLED, and is recorded; a document has faults or is not valid PROV; a
    cancel ended nothing."""
    WRONG = 2
    """The command line, a document or a path can't be used; what was run all the same is named."""
    REFUSED = 3
    """The broker makes no offer and says why, or a dialect can't express a document."""
    BROKER = 4
    """The broker can't be reached, answers what can't be used, lost the session, or took too long."""
    NO_RECORD = 5
    """There is no record that can be used."""
    TAMPERED = 6
    """The file is not what its record describes."""
    CONSENT = 7
    """Nothing was run: a person has to agree first."""
    INTERRUPTED = 130


CODES: dict[type[Exception], Exit] = {
    NotExpressibleError: Exit.REFUSED,
    NoOfferError: Exit.REFUSED,
    OfferGoneError: Exit.REFUSED,
    RequestRefusedError: Exit.REFUSED,
    BrokerUnavailableError: Exit.BROKER,
    UnknownSessionError: Exit.BROKER,
    StepTimeoutError: Exit.BROKER,
    SessionGoesOnError: Exit.BROKER,
    AccessDeniedError: Exit.BROKER,
    UnusableAnswerError: Exit.BROKER,
    AnswerLostError: Exit.BROKER,
    OutputGoneError: Exit.BROKER,
    JournalUnavailableError: Exit.BROKER,
    InvalidDocumentError: Exit.WRONG,
    UnknownBrokerError: Exit.WRONG,
    NotABrokerError: Exit.WRONG,
    DuplicateStepError: Exit.WRONG,
    RunCancelledError: Exit.NO,
    EBError: Exit.WRONG,
    CanNotRerunError: Exit.WRONG,
    CanNotSignError: Exit.WRONG,
    ConsentError: Exit.CONSENT,
    NotAnsweredError: Exit.CONSENT,
    ProductExistsError: Exit.WRONG,
    CanNotDeliverError: Exit.WRONG,
    CanNotExportError: Exit.WRONG,
    StoreError: Exit.WRONG,
    NeedsExtraError: Exit.WRONG,
    NotProvError: Exit.WRONG,
    ContradictionError: Exit.WRONG,
    UnreachableProductError: Exit.WRONG,
    ProvenanceError: Exit.NO_RECORD,
}
"""The exit code of each error; the first kind that it is counts."""


def exit_of(error: Exception) -> Exit:
    """Return the exit code for an error of ours."""
    return next(code for kind, code in CODES.items() if isinstance(error, kind))
