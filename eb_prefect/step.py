# SPDX-License-Identifier: Apache-2.0
"""One step: request, offers, choice, accept, watch, settled final session.

Safe to kill at any moment: the same call made again goes on with the same
session, see `eb_prefect.journal`.
"""

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import NamedTuple

from eb_prefect.brokers.protocol import Broker
from eb_prefect.errors import (
    BrokerUnavailableError,
    OfferGoneError,
    StepTimeoutError,
    UnknownSessionError,
)
from eb_prefect.home import home
from eb_prefect.journal import Call, Entry, Journal
from eb_prefect.model.phase import NOT_ACCEPTED, Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import Session
from eb_prefect.model.steprun import PhaseChange, StepRun
from eb_prefect.offers import first_offer, open_offers
from eb_prefect.watch import Pace, follow

Choose = Callable[[tuple[Session, ...]], Session]
OnChange = Callable[[Session, PhaseChange], None]


def ignore(session: Session, change: PhaseChange) -> None:
    """Do nothing with a phase change."""


class StepOptions(NamedTuple):
    """How a step is run; all have defaults that suit one machine.

    ``scope`` and ``run`` say what the step belongs to, see
    `eb_prefect.journal.Call`; a user's own key as ``scope`` finds a session
    again from anywhere that shares the journal. ``timeout`` is how long to
    watch: the session itself goes on after it.
    """

    scope: str = "script"
    run: str | None = None
    choose: Choose = first_offer
    journal: Journal | None = None
    on_change: OnChange = ignore
    timeout: timedelta | None = None
    pace: Pace = Pace()


_DEFAULT = StepOptions()
_journals: dict[str, Journal] = {}


def default_journal() -> Journal:
    """Return this process's journal below `home`; one object a directory."""
    directory = home() / "journal"
    return _journals.setdefault(str(directory), Journal(directory))


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
    StepTimeoutError
        Not final within ``options.timeout``; the same call goes on watching.
    UnknownSessionError
        The broker lost the session after it was accepted.
    BrokerUnavailableError
        No answer to the request for offers; nothing was started.
    """
    step = _step(broker, request, name, options)
    while True:
        try:
            delay = next(step)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # a generator's return value is untyped here
        time.sleep(delay)


async def run_step_async(
    broker: Broker, request: ExecutionRequest, *, name: str, options: StepOptions = _DEFAULT
) -> StepRun:
    """Do what `run_step` does, without holding a thread while it waits."""
    step = _step(broker, request, name, options)
    try:
        while isinstance(found := await _turn(step), float):  # noqa: ASYNC110 - a broker sets no event
            await asyncio.sleep(found)
    finally:
        step.close()  # lets the journal's entry go when the task is cancelled
    return found


async def _turn(step: Generator[float, None, StepRun]) -> float | StepRun:
    turn = asyncio.ensure_future(asyncio.to_thread(_advance, step))
    try:
        return await asyncio.shield(turn)
    except asyncio.CancelledError:
        await asyncio.wait([turn])  # a generator can't be closed while a thread is in it
        raise


def _advance(step: Generator[float, None, StepRun]) -> float | StepRun:
    try:
        return next(step)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # a generator's return value is untyped here


def _step(
    broker: Broker, request: ExecutionRequest, name: str, options: StepOptions
) -> Generator[float, None, StepRun]:
    journal = options.journal or default_journal()
    call = _call(broker, request, name, options)
    with journal.take(call) as left:
        if left is not None:
            found = yield from _finish(broker, request, left, journal, options)
            if found is not None:
                return found
    while True:
        offers = broker.request_offers(request)
        chosen = options.choose(open_offers(offers, broker=broker.identity.name))
        with journal.write(call, offers, chosen.uuid) as entry:
            _note(entry, chosen, options)
            found = yield from _finish(broker, request, entry, journal, options)
            if found is not None:
                return found


def _call(broker: Broker, request: ExecutionRequest, name: str, options: StepOptions) -> Call:
    text = json.dumps(request.neutral(), sort_keys=True)
    where = broker.identity
    return Call(
        scope=options.scope,
        name=name,
        broker=f"{where.kind} {where.url or where.name}",
        request=hashlib.sha256(text.encode()).hexdigest(),
        run=options.run,
    )


def _note(entry: Entry, offer: Session, options: StepOptions) -> None:
    change = PhaseChange(phase=offer.phase, seen=datetime.now(UTC))
    entry.note(change)
    options.on_change(offer, change)


def _finish(
    broker: Broker, request: ExecutionRequest, entry: Entry, journal: Journal, options: StepOptions
) -> Generator[float, None, StepRun | None]:
    """Accept and follow; None when the offer is gone and offers are to be asked for again."""
    started = monotonic()
    session = yield from _accept(broker, entry)
    if session is None:
        entry.drop()
        return None

    def seen(now: Session, change: PhaseChange) -> None:
        entry.note(change)
        options.on_change(now, change)

    last = entry.changes[-1].phase if entry.changes else None
    watching = follow(broker, session, seen=seen, last=last, pace=options.pace)
    final = yield from _within(watching, started, session, options)
    journal.deliver(entry)
    return StepRun(
        name=entry.handle.call.name,
        broker=broker.identity,
        request=request,
        offers=entry.handle.offers,
        chosen=final.uuid,
        changes=tuple(entry.changes),
        session=final,
    )


def _accept(broker: Broker, entry: Entry) -> Generator[float, None, Session | None]:
    """Accept until the phase proves it; None when the offer is gone."""
    delay = 0.5
    while True:
        try:
            now = broker.accept(entry.handle.session)
        except OfferGoneError:
            return None
        except UnknownSessionError:
            entry.drop()
            if all(change.phase in NOT_ACCEPTED for change in entry.changes):
                return None  # an offer that nobody accepted in time
            raise
        except BrokerUnavailableError:
            # the answer may be lost and the accept not: accepting again is safe
            yield delay
            delay = min(delay * 2, 15.0)
            continue
        return now if now.phase not in NOT_ACCEPTED or now.phase == Phase.INITIAL else None


def _within(
    watching: Generator[float, None, Session], started: float, session: Session, options: StepOptions
) -> Generator[float, None, Session]:
    limit = options.timeout.total_seconds() if options.timeout is not None else None
    while True:
        try:
            delay = next(watching)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # a generator's return value is untyped here
        if limit is not None and monotonic() - started > limit:
            raise StepTimeoutError(session.uuid, str(session.phase), limit)
        yield delay
