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
from concurrent import futures
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from time import monotonic
from typing import NamedTuple, TypeVar

from eb_prefect.accepting import accept
from eb_prefect.brokers.protocol import Broker
from eb_prefect.errors import BrokerUnavailableError, OfferGoneError, StepTimeoutError
from eb_prefect.home import home
from eb_prefect.journal import Call, Entry, Journal
from eb_prefect.model.phase import Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.model.steprun import PhaseChange, StepRun
from eb_prefect.offers import first_offer, open_offers
from eb_prefect.onlooking import Onlooker
from eb_prefect.outputs import owner_of
from eb_prefect.pace import Pace, pace_of
from eb_prefect.watching.durations import likeness
from eb_prefect.watching.follow import Wait, follow
from eb_prefect.watching.poller import Poller, default_poller

V = TypeVar("V")

Choose = Callable[[tuple[Session, ...]], Session]
Finish = Callable[[Broker, StepRun], StepRun]


def as_it_is(broker: Broker, run: StepRun) -> StepRun:  # noqa: ARG001 -- the signature of `Finish`
    """Return the story as it is."""
    return run


class StepOptions(NamedTuple):
    """How a step is run; all have defaults that suit one machine.

    ``scope`` and ``run`` say what the step belongs to, see
    `eb_prefect.journal.Call`; a user's own key as ``scope`` finds a session
    again from anywhere that shares the journal. ``timeout`` is how long to
    watch: the session itself goes on after it. ``pace`` is the broker's own
    unless it is given. ``finish`` is the last thing that is done: if it
    raises, the same call does that again and not the session.
    """

    scope: str = "script"
    run: str | None = None
    choose: Choose = first_offer
    journal: Journal | None = None
    onlookers: tuple[Onlooker, ...] = ()
    finish: Finish = as_it_is
    timeout: timedelta | None = None
    pace: Pace | None = None
    poller: Poller | None = None


_SETS = 8
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
    OfferGoneError
        The offers were gone, or unknown, each of many times they were accepted; nothing was started.
    StepTimeoutError
        Not final within ``options.timeout``; the same call goes on watching.
    UnknownSessionError
        The broker lost the session after it was accepted, or may have been.
    BrokerUnavailableError
        No answer to the request for offers; nothing was started.
    """
    step = _step(broker, request, name, options)
    try:
        while isinstance(turn := _advance(step), Wait):
            _rest(turn)
    except BaseException as reason:
        _left(reason, options)
        raise
    finally:
        step.close()  # lets the journal's entry go when the caller is interrupted
    return turn


async def run_step_async(
    broker: Broker, request: ExecutionRequest, *, name: str, options: StepOptions = _DEFAULT
) -> StepRun:
    """Do what `run_step` does, without holding a thread while it waits."""
    step = _step(broker, request, name, options)
    try:
        while isinstance(turn := await _turn(step), Wait):
            await _rest_async(turn)
    except BaseException as reason:
        _left(reason, options)
        raise
    finally:
        step.close()
    return turn


def _left(reason: BaseException, options: StepOptions) -> None:
    for onlooker in options.onlookers:
        onlooker.left(reason)


def _rest(wait: Wait) -> None:
    if wait.arrival is None:
        time.sleep(wait.seconds or 0.0)
    else:
        futures.wait([wait.arrival], timeout=wait.seconds)


async def _rest_async(wait: Wait) -> None:
    if wait.arrival is None:
        await asyncio.sleep(wait.seconds or 0.0)
    else:
        await asyncio.wait([asyncio.wrap_future(wait.arrival)], timeout=wait.seconds)


async def _turn(step: Generator[Wait, None, StepRun]) -> Wait | StepRun:
    turn = asyncio.ensure_future(asyncio.to_thread(_advance, step))
    try:
        return await asyncio.shield(turn)
    except asyncio.CancelledError:
        while not turn.done():  # a generator can't be closed while a thread is in it
            with suppress(asyncio.CancelledError):  # some cancel again and again until one ends
                await asyncio.wait([turn])
        raise


def _advance(step: Generator[Wait, None, StepRun]) -> Wait | StepRun:
    try:
        return next(step)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # a generator's return value is untyped here


def _step(
    broker: Broker, request: ExecutionRequest, name: str, options: StepOptions
) -> Generator[Wait, None, StepRun]:
    journal = options.journal or default_journal()
    call = _call(broker, request, name, options)
    with journal.take(call) as left:
        if left is not None:
            found = yield from _finish(broker, request, left, journal, options, is_left=True)
            if found is not None:
                return found
    for asked in range(_SETS):
        if asked > 1:
            yield Wait(min(2.0**asked / 8, 15.0))
        offers = yield from _offers(broker, request, options)
        for onlooker in options.onlookers:
            onlooker.offered(broker, offers)
        chosen = options.choose(open_offers(offers, broker=broker.identity.name))
        change = PhaseChange(phase=chosen.phase, seen=datetime.now(UTC))
        with journal.write(call, offers, chosen.uuid, change) as entry:
            _changed(broker, chosen, change, options)
            found = yield from _finish(broker, request, entry, journal, options, is_again=asked > 0)
            if found is not None:
                return found
    raise OfferGoneError(chosen.uuid, f"gone, as those of {_SETS - 1} sets before it were")


def _offers(
    broker: Broker, request: ExecutionRequest, options: StepOptions
) -> Generator[Wait, None, OfferSet]:
    """Ask for offers, again while the broker can't be reached: offers that nobody accepts cost nothing."""
    started, delay = monotonic(), 0.5
    patience = (options.pace or pace_of(broker)).patience
    while True:
        try:
            return broker.request_offers(request)
        except BrokerUnavailableError as error:
            delay = max(delay, error.retry_after or 0.0)
            if monotonic() + delay > started + patience:
                raise
        yield Wait(delay)
        delay *= 2


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


def _finish(  # noqa: PLR0913 -- what a step is made of
    broker: Broker,
    request: ExecutionRequest,
    entry: Entry,
    journal: Journal,
    options: StepOptions,
    *,
    is_left: bool = False,
    is_again: bool = False,
) -> Generator[Wait, None, StepRun | None]:
    """Accept and follow; None when the offer is gone and offers are to be asked for again."""
    accepting = accept(broker, entry, is_left=is_left, is_again=is_again)
    started = monotonic()
    session = yield from _within(accepting, started, entry, options)
    if session is None:
        entry.drop()
        return None
    owner = owner_of(broker, session.uuid)
    for onlooker in options.onlookers if is_left else ():
        onlooker.taken_over(owner, session)
    following = _follow(owner, session, request, entry, options)
    final = yield from _within(following, started, entry, options)
    run = options.finish(owner, _story(owner, request, entry, final))
    for onlooker in options.onlookers:
        onlooker.ended(run)
    journal.deliver(entry)
    return run


def _changed(broker: Broker, session: Session, change: PhaseChange, options: StepOptions) -> None:
    for onlooker in options.onlookers:
        onlooker.changed(broker, session, change)


def _follow(
    owner: Broker, session: Session, request: ExecutionRequest, entry: Entry, options: StepOptions
) -> Generator[Wait, None, Session]:
    def seen(now: Session, change: PhaseChange) -> None:
        entry.note(change)
        _changed(owner, now, change, options)

    like = likeness(owner.identity, entry.handle.call.name, request.executable)
    watch = partial((options.poller or default_poller()).watch, like=like, pace=options.pace)
    last = entry.changes[-1] if entry.changes else None
    return follow(owner, session, watch=watch, seen=seen, last=last)


def _story(owner: Broker, request: ExecutionRequest, entry: Entry, final: Session) -> StepRun:
    return StepRun(
        name=entry.handle.call.name,
        broker=owner.identity,
        request=request,
        offers=entry.handle.offers,
        chosen=final.uuid,
        changes=tuple(entry.changes),
        session=final,
    )


def _within(
    waiting: Generator[Wait, None, V], started: float, entry: Entry, options: StepOptions
) -> Generator[Wait, None, V]:
    limit = options.timeout.total_seconds() if options.timeout is not None else None
    while True:
        try:
            wait = next(waiting)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # a generator's return value is untyped here
        if limit is None:
            yield wait
            continue
        left = limit - (monotonic() - started)
        if left <= 0:
            waiting.close()
            phase = entry.changes[-1].phase if entry.changes else Phase.OFFERED
            raise StepTimeoutError(entry.handle.session, str(phase), limit)
        yield wait._replace(seconds=min(left, left if wait.seconds is None else wait.seconds))
