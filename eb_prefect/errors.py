# SPDX-License-Identifier: Apache-2.0
"""Errors of running a step, by what the caller can do.

EBError
|-- InvalidDocumentError      mend the document: every fault with its path
|   |-- UnreadableDocumentError   mend its text: it is no JSON or YAML
|   |-- InvalidEditError      mend the --set or --input that asked for the change
|   |-- InvalidChoiceError    mend the policy or the constraint
|   |-- InvalidConfigurationError   mend the file of brokers, or what it names
|   `-- InvalidRequestError
|-- NotExpressibleError       choose another dialect, or drop the field
|-- NoOfferError              change the request: the broker said NO and why
|-- RequestRefusedError       change the request: the broker could not even read it
|-- OfferGoneError            ask for offers again
|-- UnknownBrokerError        name another broker
|-- NotABrokerError           mend the address or the dialect: no broker answers there
|   `-- NoBatchSystemError    install or configure it there, or name the host that has it
|-- AccessDeniedError         give other credentials, or ask the session's owner
|-- BrokerUnavailableError    try again later
|-- JournalUnavailableError   the same: where sessions are put down, nothing can be now
|-- UnusableAnswerError       report it to the broker's people: no client could use the answer
|-- UnknownSessionError       the broker lost it: report, or start anew
|-- OutputGoneError           the log or product is not there (any more)
|-- AnswerLostError           look whether it runs before trying again: it was not safe to repeat
|-- DuplicateStepError        give each step of a flow run its own name
|-- NotAnsweredError          ask the person again, or let a policy choose
|-- StepTimeoutError          wait again, or cancel
|-- RunCancelledError         nothing, if the flow run was meant to be cancelled
|-- SessionGoesOnError        cancel the session by hand, or ask the broker's people to
|-- StepEndedError            the session ended without success (in `eb_prefect.ending`)
|   |-- StepFailedError       read the reason and the logs, change the step
|   `-- StepCancelledError    run the step again if that was not meant
`-- StepsEndedError           some of many steps did not end well: each with its own error
    |-- StepsFailedError      see those; the others are done
    `-- StepsCancelledError   run them again if that was not meant
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

_SHOWN = 1000


class Fault(NamedTuple):
    """One thing wrong with a document, and where."""

    path: str
    reason: str

    def __str__(self) -> str:
        # what a document holds must not command the terminal that shows it, nor fill it
        text = f"{self.path or '(document)'}: {self.reason}"
        text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text[:_SHOWN])
        return text if len(text) < _SHOWN else f"{text}..."


class EBError(Exception):
    """Something about a step that its caller can do something about."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        # an error made from values is more than its message, and crosses processes as both
        return _revived, (type(self), self.args, self.__dict__)


def _revived(kind: type[EBError], args: tuple[Any, ...], values: dict[str, Any]) -> EBError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(values)
    return error


class InvalidDocumentError(EBError):
    """A document is not what it should be; ``faults`` has every reason at once."""

    def __init__(self, what: str, faults: Iterable[Fault]) -> None:
        self.what = what
        self.faults = tuple(faults)
        super().__init__("\n  ".join([f"{what} can't be used:", *map(str, self.faults)]))


class UnreadableDocumentError(InvalidDocumentError):
    """A text is no JSON or YAML, or none that is safe to read; ``line`` and ``column`` count from 1."""

    def __init__(self, reason: str, *, line: int | None = None, column: int | None = None) -> None:
        self.line = line
        self.column = column
        where = "" if line is None else f"line {line}, column {column}"
        super().__init__("the document", [Fault(where, reason)])


class InvalidEditError(InvalidDocumentError):
    """A change to a request that can't be made; nothing was changed."""


class InvalidChoiceError(InvalidDocumentError):
    """A policy or a constraint on offers that means nothing; nobody was asked."""


class InvalidConfigurationError(InvalidDocumentError):
    """The file in which a person names brokers, or a secret that it leads to, can't be used."""


class InvalidRequestError(InvalidDocumentError):
    """A request that no broker could run."""


class NotExpressibleError(EBError):
    """A dialect has no place for ``fields``; nothing was written."""

    def __init__(self, dialect: str, fields: Iterable[Fault]) -> None:
        self.dialect = dialect
        self.fields = tuple(fields)
        super().__init__("\n  ".join([f"dialect {dialect} can't express:", *map(str, self.fields)]))


class NoOfferError(EBError):
    """The broker can't run the request; ``reasons`` are its messages."""

    def __init__(self, broker: str, reasons: Iterable[str]) -> None:
        self.broker = broker
        self.reasons = tuple(reasons)
        why = "; ".join(self.reasons) or "it gave no reason"
        super().__init__(f"{broker} makes no offer: {why}")


class RequestRefusedError(EBError):
    """The broker refused the request without saying NO; ``status`` is the HTTP status it gave."""

    def __init__(self, broker: str, status: int, reason: str) -> None:
        self.broker = broker
        self.status = status
        self.reason = reason
        super().__init__(f"{broker} refuses the request with {status}: {reason}; change the request")


class OfferGoneError(EBError):
    """The offer can't be accepted any more; ask for offers again."""

    def __init__(self, session: str, phase: str) -> None:
        self.session = session
        self.phase = phase
        super().__init__(f"offer {session} is {phase}, so it can't be accepted; ask for offers again")


class UnknownBrokerError(EBError):
    """No broker goes by that name."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        self.known = tuple(known)
        super().__init__(f"there is no broker named {name!r}; there is {', '.join(self.known)}")


class NotABrokerError(EBError):
    """What answers at ``url`` is no Execution Broker, or speaks another dialect."""

    def __init__(self, url: str, reason: str) -> None:
        self.url = url
        self.reason = reason
        super().__init__(f"no broker answers at {url}: {reason}; check its address and dialect")


class NoBatchSystemError(NotABrokerError):
    """A host has no such batch system, or none that it is set up to use."""

    def __init__(self, name: str, host: str, reason: str) -> None:
        self.url = f"{name} on {host}"
        self.reason = reason
        remedy = "install and configure its commands, or name by ssh the host that has them"
        EBError.__init__(self, f"there is no {name} on {host}: {reason}; {remedy}")


class AccessDeniedError(EBError):
    """The broker does not let this user do that; ``status`` is 401 for who, 403 for what."""

    def __init__(self, broker: str, status: int, reason: str) -> None:
        self.broker = broker
        self.status = status
        self.reason = reason
        remedy = "give it credentials that it knows" if status == 401 else "ask the owner of the session"
        super().__init__(f"{broker} denies access with {status}: {reason}; {remedy}")


class BrokerUnavailableError(EBError):
    """The broker gave no usable answer now; trying later may help.

    ``retry_after`` is how many seconds it asks to be left alone, None where
    it does not say. ``is_unsent`` is whether nothing can have been done, as
    nothing was sent.
    """

    def __init__(
        self, broker: str, reason: str, *, retry_after: float | None = None, is_unsent: bool = False
    ) -> None:
        self.broker = broker
        self.reason = reason
        self.retry_after = retry_after
        self.is_unsent = is_unsent
        super().__init__(f"{broker} can't be reached: {reason}; try again later")


class JournalUnavailableError(EBError):
    """A journal could not be used now; nothing was accepted, and trying later may help."""

    def __init__(self, journal: str, reason: str) -> None:
        self.journal = journal
        self.reason = reason
        super().__init__(
            f"no session can be put down on {journal}: {reason}; nothing was started, try again later"
        )


class UnusableAnswerError(EBError):
    """The broker answered, and not as the protocol says; no retry helps and no change of the request."""

    def __init__(self, broker: str, reason: str) -> None:
        self.broker = broker
        self.reason = reason
        super().__init__(
            f"{broker} gives an answer that can't be used: {reason}; report it to those who run it"
        )


class OutputGoneError(EBError):
    """What a connector or a product names is not there."""

    def __init__(self, broker: str, location: str, reason: str) -> None:
        self.broker = broker
        self.location = location
        self.reason = reason
        super().__init__(f"{broker} has nothing at {location}: {reason}; it may have been removed")


class AnswerLostError(EBError):
    """A call that is not safe to repeat got no answer, so what it did is not known."""

    def __init__(self, broker: str, reason: str) -> None:
        self.broker = broker
        self.reason = reason
        super().__init__(
            f"the answer of {broker} was lost: {reason}; a session may run, look before you repeat it"
        )


class UnknownSessionError(EBError):
    """The broker has no such session."""

    def __init__(self, broker: str, session: str) -> None:
        self.broker = broker
        self.session = session
        super().__init__(f"{broker} knows no session {session}; it may have been removed or never existed")


class DuplicateStepError(EBError):
    """Two steps of one flow run have the same name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"a step named {name!r} is in this flow run already; give each step its own name")


class NotAnsweredError(EBError):
    """Nobody chose an offer for the step ``name``."""

    def __init__(self, name: str, why: str) -> None:
        self.name = name
        self.why = why
        super().__init__(f"nobody chose an offer for step {name!r}: {why}; ask again, or give a policy")


class StepTimeoutError(EBError):
    """The session was not final in the time the caller gave; it goes on running."""

    def __init__(self, session: str, phase: str, seconds: float) -> None:
        self.session = session
        self.phase = phase
        self.seconds = seconds
        super().__init__(
            f"session {session} is {phase} after {seconds:g} s; it goes on, wait again or cancel it"
        )


class RunCancelledError(EBError):
    """The flow run of a step is cancelled, so the step is not begun, or not waited for any more."""

    def __init__(self, name: str, session: str | None = None) -> None:
        self.name = name
        self.session = session
        more = "it was not begun" if session is None else f"session {session} goes on, as the step wants it"
        super().__init__(f"the flow run is cancelled, and with it step {name!r}: {more}")


class SessionGoesOnError(EBError):
    """A session that was to be cancelled, and may go on; ``command`` is what ends it."""

    def __init__(self, broker: str, session: str, reason: str, command: str) -> None:
        self.broker = broker
        self.session = session
        self.reason = reason
        self.command = command
        super().__init__(f"session {session} of {broker} may go on: {reason}; to end it: {command}")
