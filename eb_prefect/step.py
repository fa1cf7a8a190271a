# SPDX-License-Identifier: Apache-2.0
"""One step: request, offers, choice, accept, watch, settled final session.

Safe to kill at any moment: the same call made again goes on with the same
session, see `eb_prefect.journal`.
"""

from eb_prefect.brokers.protocol import Broker
from eb_prefect.driving import drive, drive_async
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.steprun import StepRun
from eb_prefect.options import Choose, Finish, StepOptions, as_it_is, default_journal
from eb_prefect.pieces import asked, whole

__all__ = [
    "Choose",
    "Finish",
    "StepOptions",
    "as_it_is",
    "default_journal",
    "run_step",
    "run_step_async",
]

_DEFAULT = StepOptions()


def run_step(
    broker: Broker, request: ExecutionRequest, *, name: str, options: StepOptions = _DEFAULT
) -> StepRun:
    """Run a request as one session and return its story when it has ended.

    A session that FAILED or was CANCELLED is a result too. Called again
    after a kill, with the same name and request, it goes on with the session
    that the killed call had accepted.

    Raises
    ------
    NoOfferError
        The broker can't run the request; nothing was started.
    OfferGoneError
        The offers were gone, or unknown, each of many times they were accepted; nothing was started.
    StepTimeoutError
        Not final within ``options.timeout``; the same call goes on watching.
    UnknownSessionError
        The broker lost the session after it was accepted, or may have been.
    BrokerUnavailableError
        No answer to the request for offers; nothing was started.
    JournalUnavailableError
        The session could not be put down, so it was not accepted; nothing was started.
    """
    return drive(whole(asked(broker, request, name, options)), options)


async def run_step_async(
    broker: Broker, request: ExecutionRequest, *, name: str, options: StepOptions = _DEFAULT
) -> StepRun:
    """Do what `run_step` does, without holding a thread while it waits."""
    return await drive_async(whole(asked(broker, request, name, options)), options)
