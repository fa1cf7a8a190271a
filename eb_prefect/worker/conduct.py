# SPDX-License-Identifier: Apache-2.0
"""One flow run as one session, from its request to its end, or to that of a cancelled one."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

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
    """Tells the flow run's log each phase; ``begun`` is done once a session was accepted."""

    def __init__(self, log: Log) -> None:
        self.begun: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._log = log

    def changed(self, broker: Broker, session: Session, change: PhaseChange) -> None:
        """Hear of a phase, in any thread; OFFERED comes before the session is accepted."""
        where, seen = broker.identity.name, instant_text(change.seen)
        self._log.info("Session %s of %s: %s at %s", session.uuid, where, change.phase, seen)
        if change.phase != Phase.OFFERED:
            self.begun.get_loop().call_soon_threadsafe(self._begin, session.uuid)

    def _begin(self, session: str) -> None:
        if not self.begun.done():
            self.begun.set_result(session)


class Conduct(NamedTuple):
    """What it takes to run a flow run as a session."""

    broker: Broker
    request: ExecutionRequest
    name: str
    journal: FlowRunJournal
    seen: Seen


class Cancelling(NamedTuple):
    """When the session is to be cancelled: ``grace()`` seconds after ``asked`` is set."""

    asked: asyncio.Event
    grace: Callable[[], Awaitable[float]]


async def conduct(
    what: Conduct, cancelling: Cancelling, begun: Callable[[str], Awaitable[None]]
) -> StepRun | None:
    """Run the session and return its story; None for one that was cancelled before it was accepted.

    A session that is cancelled is cancelled at its broker, until that says
    that it has ended. ``begun`` is awaited once, with the session's name.

    Raises what `run_step_async` raises.
    """
    running = asyncio.ensure_future(_run(what))
    asked = asyncio.ensure_future(cancelling.asked.wait())
    try:
        await _any_of(running, asked, what.seen.begun)
        if what.seen.begun.done():
            await begun(what.seen.begun.result())
            await _any_of(running, asked)
        if not running.done():
            await asyncio.wait({running}, timeout=await cancelling.grace())
            await _end(what, running)
        return None if running.cancelled() else await running
    finally:
        asked.cancel()
        running.cancel()
        await asyncio.wait({running})


async def _any_of(*futures: "asyncio.Future[Any]") -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)


async def _run(what: Conduct) -> StepRun:
    options = StepOptions(scope="worker", journal=what.journal, onlookers=(what.seen,))
    while True:
        try:
            return await run_step_async(what.broker, what.request, name=what.name, options=options)
        except ClaimedError:
            continue  # the journal has the other's session now


async def _end(what: Conduct, running: "asyncio.Future[StepRun]") -> None:
    while not running.done():
        if what.journal.session is None:
            running.cancel()  # nothing was accepted, and the server lets nothing be claimed any more
            await asyncio.wait({running})
            if what.journal.session is None:
                return
        await asyncio.to_thread(cancel, what.broker, what.journal.session)
        await asyncio.wait({running}, timeout=_AGAIN)
    if running.cancelled() and what.journal.session is not None:
        await until_ended(what.broker, what.journal.session)


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
