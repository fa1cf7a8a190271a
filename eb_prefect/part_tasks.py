# SPDX-License-Identifier: Apache-2.0
"""The parts of a step as Prefect tasks of their own: ask for offers, accept one, wait for the end.

They are for a flow that does something between them, such as letting a
person choose. What they pass on is plain JSON when dumped. Killed anywhere
and run again or retried, a flow goes on with the session that it had.
"""

from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

from prefect import Task

from eb_prefect.brokers.protocol import Broker
from eb_prefect.driving import drive, drive_async
from eb_prefect.errors import OfferGoneError
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import Session
from eb_prefect.model.steprun import StepRun
from eb_prefect.onlooking import HandedOn
from eb_prefect.options import StepOptions
from eb_prefect.pieces import Accepted, Asked, Offered, accepting, asked, asking, following
from eb_prefect.runs.within import within_flow_run
from eb_prefect.tasks import outcome, step_task

P = ParamSpec("P")
R = TypeVar("R")

_DEFAULT = StepOptions()


def _named(title: str) -> Callable[[Callable[P, R]], Task[P, R]]:
    return lambda function: step_task(function).with_options(task_run_name=title)


@_named("offers {name}")
def request_offers(
    broker: Broker, request: ExecutionRequest, *, name: str, options: StepOptions = _DEFAULT
) -> Offered:
    """Ask a broker where and when a request can run; nothing is started.

    Where an earlier call of the step has put a session down, that and the
    offers it was chosen from are returned, and no others are asked for.

    Raises
    ------
    DuplicateStepError
        The offers of a step of this name were asked for in the flow run already.
    BrokerUnavailableError
        No answer; nothing was started.
    """
    options = within_flow_run(name, options, part="offers")
    return _handed_on(drive(asking(asked(broker, request, name, options)), options), options)


@_named("offers {name}")
async def request_offers_async(
    broker: Broker, request: ExecutionRequest, *, name: str, options: StepOptions = _DEFAULT
) -> Offered:
    """Do what `request_offers` does, in an async flow."""
    options = within_flow_run(name, options, part="offers")
    return _handed_on(await drive_async(asking(asked(broker, request, name, options)), options), options)


@_named("accept {offered.call.name}")
def accept_offer(
    broker: Broker, offered: Offered, *, session: str | None = None, options: StepOptions = _DEFAULT
) -> Accepted:
    """Accept the offer that is named, or the one that ``options.choose`` chooses.

    Its session is in the journal before it is accepted. One that an earlier
    call of the step has put down is gone on with, whatever is named.

    Raises
    ------
    NoOfferError
        There is no offer; nothing was started.
    OfferGoneError
        The one that was named is gone; ask for offers again. Where none was
        named, others were asked for many times.
    UnknownSessionError
        The broker lost the session after it was accepted, or may have been.
    JournalUnavailableError
        The session could not be put down; nothing was started.
    """
    options = _accepting(offered, session, options)
    accepted = drive(accepting(_asked(broker, offered, options), offered.offers), options)
    return _handed_on(accepted, options)


@_named("accept {offered.call.name}")
async def accept_offer_async(
    broker: Broker, offered: Offered, *, session: str | None = None, options: StepOptions = _DEFAULT
) -> Accepted:
    """Do what `accept_offer` does, in an async flow."""
    options = _accepting(offered, session, options)
    accepted = await drive_async(accepting(_asked(broker, offered, options), offered.offers), options)
    return _handed_on(accepted, options)


@_named("{accepted.handle.call.name}")
def wait_session(broker: Broker, accepted: Accepted, *, options: StepOptions = _DEFAULT) -> StepRun:
    """Wait for the end of a session, and return the story of a step that has ended well.

    Raises
    ------
    StepFailedError
        The session failed; its story is in the error. So for the next.
    StepCancelledError
        The session was cancelled; the task run is Cancelled.
    StepTimeoutError
        Not final within ``options.timeout``; the same call goes on watching.
    OfferGoneError
        The broker says that nobody has accepted it.
    UnknownSessionError
        The broker lost the session.
    """
    options = _waiting(accepted, options)
    run = drive(following(_resumed(broker, accepted, options), accepted), options)
    return outcome(run, run)


@_named("{accepted.handle.call.name}")
async def wait_session_async(
    broker: Broker, accepted: Accepted, *, options: StepOptions = _DEFAULT
) -> StepRun:
    """Do what `wait_session` does, in an async flow."""
    options = _waiting(accepted, options)
    run = await drive_async(following(_resumed(broker, accepted, options), accepted), options)
    return outcome(run, run)


def _handed_on(value: R, options: StepOptions) -> R:
    for onlooker in options.onlookers:
        onlooker.left(HandedOn())
    return value


def _accepting(offered: Offered, session: str | None, options: StepOptions) -> StepOptions:
    choose = options.choose if session is None else partial(_the, session)
    options = options._replace(choose=choose, key=options.key or offered.call.key)
    return within_flow_run(offered.call.name, options, part="accept")


def _the(wanted: str, offers: tuple[Session, ...]) -> Session:
    for offer in offers:
        if offer.uuid == wanted:
            return offer
    raise OfferGoneError(wanted, "not among the offers")


def _asked(broker: Broker, offered: Offered, options: StepOptions) -> Asked:
    return asked(broker, offered.request, offered.call.name, options)


def _waiting(accepted: Accepted, options: StepOptions) -> StepOptions:
    call = accepted.handle.call
    return within_flow_run(call.name, options._replace(key=call.key), part="wait")


def _resumed(broker: Broker, accepted: Accepted, options: StepOptions) -> Asked:
    return Asked(broker, accepted.request, accepted.handle.call, options)
