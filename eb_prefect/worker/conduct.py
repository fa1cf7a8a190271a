# SPDX-License-Identifier: Apache-2.0
"""One flow run as one session, from its request to its end, or to that of a cancelled one."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from eb_prefect.brokers.protocol import Broker
from eb_prefect.errors import BrokerUnavailableError, UnknownSessionError
from eb_prefect.model.moment import instant_text
from eb_prefect.model.phase import Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import Session
from eb_prefect.model.steprun import PhaseChange, StepRun
from eb_prefect.onlooking import Onlooker
from eb_prefect.outputs import owner_of
from eb_prefect.step import StepOptions, run_step_async
from eb_prefect.worker.claim import ClaimedError, FlowRunJournal

Log = logging.Logger | logging.LoggerAdapter[logging.Logger]
_AGAIN = 2.0


class Seen(Onlooker):
    """Tells the flow run's log each phase, and the worker that the session is begun."""

    def __init__(self, log: Log, begun: Callable[[str], None]) -> None:
        self.session: str | None = None
        self.is_begun = False
        self._log = log
        self._begun = begun

    def changed(self, broker: Broker, session: Session, change: PhaseChange) -> None:
        """Hear of a phase; OFFERED comes before the session is accepted."""
        self.session = session.uuid
        where = broker.identity.name
        self._log.info(
            "Session %s of %s: %s at %s", session.uuid, where, change.phase, instant_text(change.seen)
        )
        if change.phase != Phase.OFFERED and not self.is_begun:
            self.is_begun = True
            self._begun(session.uuid)


class Conduct(NamedTuple):
    """What it takes to run a flow run as a session."""

    broker: Broker
    request: ExecutionRequest
    name: str
    journal: FlowRunJournal
    seen: Seen


async def conduct(
    what: Conduct, cancelled: asyncio.Event, grace: Callable[[], Awaitable[float]]
) -> StepRun | None:
    """Run the session and return its story; None for one that was cancelled before it was accepted.

    Once ``cancelled`` is set the session has the seconds of ``grace`` to end by
    itself; it is then cancelled at its broker until that says it has ended.

    Raises what `run_step_async` raises.
    """
    running = asyncio.ensure_future(_run(what))
    waiting = asyncio.ensure_future(cancelled.wait())
    try:
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not running.done():
            await asyncio.wait({running}, timeout=await grace())
            await _end(what, running)
        return None if running.cancelled() else await running
    finally:
        waiting.cancel()
        running.cancel()
        await asyncio.wait({running})


async def _run(what: Conduct) -> StepRun:
    options = StepOptions(scope="worker", journal=what.journal, onlookers=(what.seen,))
    while True:
        try:
            return await run_step_async(what.broker, what.request, name=what.name, options=options)
        except ClaimedError:
            continue  # the journal has the other's session now


async def _end(what: Conduct, running: "asyncio.Future[StepRun]") -> None:
    while not running.done():
        if what.seen.session is None:
            running.cancel()  # nothing was accepted, and the server lets nothing be claimed any more
            await asyncio.wait({running})
            if what.seen.session is None:
                return
        await asyncio.to_thread(cancel, what.broker, what.seen.session)
        await asyncio.wait({running}, timeout=_AGAIN)
    if running.cancelled() and what.seen.session is not None:
        await until_ended(what.broker, what.seen.session)


async def until_ended(broker: Broker, session: str) -> None:
    """Cancel a session until its broker says that it has ended, or does not know it."""
    while not await asyncio.to_thread(cancel, broker, session):  # noqa: ASYNC110 -- a broker sets no event
        await asyncio.sleep(_AGAIN)


def cancel(broker: Broker, session: str) -> bool:
    """Cancel a session once; return whether it has ended or is not known, and False where nobody answers."""
    try:
        return owner_of(broker, session).cancel(session).is_final
    except UnknownSessionError:
        return True
    except BrokerUnavailableError:
        return False
