# SPDX-License-Identifier: Apache-2.0
"""The pieces of a step, which leave the waiting to `eb_prefect.driving`.

`whole` is all of them. `asking`, `accepting` and `following` are one each,
for who does something of their own between them; what they pass on is small
and plain, and each may be called again in any process.
"""

import hashlib
import json
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import NamedTuple, Protocol, TypeVar

from eb_prefect.accepting import accept
from eb_prefect.brokers.protocol import Broker
from eb_prefect.errors import (
    BrokerUnavailableError,
    JournalUnavailableError,
    OfferGoneError,
    StepTimeoutError,
)
from eb_prefect.journal import Call, Entry, Handle, Journal
from eb_prefect.model.phase import Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.model.steprun import PhaseChange, StepRun
from eb_prefect.model.value import Value
from eb_prefect.offers import open_offers
from eb_prefect.onlooking import released_by
from eb_prefect.options import StepOptions, default_journal
from eb_prefect.outputs import owner_of
from eb_prefect.pace import pace_of
from eb_prefect.watching.durations import likeness
from eb_prefect.watching.follow import Wait, follow
from eb_prefect.watching.poller import default_poller

V = TypeVar("V")
V_co = TypeVar("V_co", covariant=True)

_SETS = 8
_TURN = 0.5
_PATIENCE = 600.0
_LATEST = 15.0


class Offered(Value):
    """What a broker offers for a step.

    ``session`` is one that an earlier call of the same step has put down and
    may have accepted: it is gone on with, whatever is chosen.
    """

    call: Call
    request: ExecutionRequest
    offers: OfferSet
    session: str | None = None


class Accepted(Value):
    """A session that was accepted for a step, with the phases that were seen so far."""

    request: ExecutionRequest
    handle: Handle
    changes: tuple[PhaseChange, ...]


class Asked(NamedTuple):
    """What a step is made of."""

    broker: Broker
    request: ExecutionRequest
    call: Call
    options: StepOptions

    @property
    def journal(self) -> Journal:
        """Where its session is put down."""
        return self.options.journal or default_journal()


class Then(Protocol[V_co]):
    """What is made of an entry; None when its offer is gone and offers are to be asked for again."""

    def __call__(
        self, step: Asked, entry: Entry, *, is_left: bool = False, is_again: bool = False
    ) -> Generator[Wait, None, V_co | None]:
        """See `eb_prefect.accepting.accept` for the two."""
        ...


def asked(broker: Broker, request: ExecutionRequest, name: str, options: StepOptions) -> Asked:
    """Return what a step is made of."""
    text = json.dumps(request.neutral(), sort_keys=True)
    where = broker.identity
    call = Call(
        scope=options.scope,
        name=name,
        broker=f"{where.kind} {where.url or where.name}",
        request=hashlib.sha256(text.encode()).hexdigest(),
        run=options.run,
        lineage=options.lineage,
        key=options.key,
    )
    return Asked(broker, request, call, options)


def whole(step: Asked) -> Generator[Wait, None, StepRun]:
    """Do all that a step is."""
    return _in_turn(step, lambda: _session(step, _finished, None))


def asking(step: Asked) -> Generator[Wait, None, Offered]:
    """Ask for offers, or find the session that an earlier call has put down."""
    return _in_turn(step, lambda: _offered(step))


def accepting(step: Asked, offers: OfferSet) -> Generator[Wait, None, Accepted]:
    """Choose and accept one of the offers, or go on with the session that was put down.

    Where they are gone others are asked for and chosen from.
    """
    return _in_turn(step, lambda: _session(step, _only_accepted, offers))


def following(step: Asked, accepted: Accepted) -> Generator[Wait, None, StepRun]:
    """Follow a session that was accepted to its end."""
    return _in_turn(step, lambda: _followed(step, accepted))


def _in_turn(step: Asked, piece: Callable[[], Generator[Wait, None, V]]) -> Generator[Wait, None, V]:
    while True:
        with step.journal.turn(step.call) as is_ours:
            if is_ours:
                return (yield from piece())
        yield Wait(_TURN)


def _entered(held: ExitStack, enter: Callable[[], AbstractContextManager[V]]) -> Generator[Wait, None, V]:
    """Enter what a journal gives, again while it can't be reached: nothing was accepted yet."""
    started, delay = monotonic(), _TURN
    while True:
        try:
            return held.enter_context(enter())
        except JournalUnavailableError:
            if monotonic() - started > _PATIENCE:
                raise
        yield Wait(delay)
        delay = min(delay * 2, _LATEST)


def _offered(step: Asked) -> Generator[Wait, None, Offered]:
    with ExitStack() as held:
        left = yield from _entered(held, lambda: step.journal.take(step.call))
        if left is not None:
            left.hand_on()
            offers, session = left.handle.offers, left.handle.session
            return Offered(call=step.call, request=step.request, offers=offers, session=session)
    offers = yield from _asked_for(step)
    return Offered(call=step.call, request=step.request, offers=offers)


def _session(step: Asked, then: Then[V], offers: OfferSet | None) -> Generator[Wait, None, V]:
    """Take over what an earlier call left, or begin, until something is made of it."""
    with ExitStack() as held:
        left = yield from _entered(held, lambda: step.journal.take(step.call))
        found = None if left is None else (yield from then(step, left, is_left=True))
        if found is not None:
            return found
    for count in range(_SETS):
        if count > 1:
            yield Wait(min(2.0**count / 8, _LATEST))
        if count or offers is None:
            offers = yield from _asked_for(step)
        chosen = step.options.choose(open_offers(offers, broker=step.broker.identity.name))
        found = yield from _begun(step, then, _handle(step, offers, chosen), chosen, is_again=count > 0)
        if found is not None:
            return found
    raise OfferGoneError(chosen.uuid, f"gone, as those of {_SETS - 1} sets before it were")


def _begun(
    step: Asked, then: Then[V], handle: Handle, chosen: Session, *, is_again: bool
) -> Generator[Wait, None, V | None]:
    change = PhaseChange(phase=chosen.phase, seen=datetime.now(UTC))
    with ExitStack() as held:
        entry = yield from _entered(held, lambda: step.journal.write(handle, change))
        if entry.handle.session != chosen.uuid:  # another machine was first
            return (yield from then(step, entry, is_left=True))
        _changed(step, step.broker, chosen, change)
        return (yield from then(step, entry, is_again=is_again))


def _asked_for(step: Asked) -> Generator[Wait, None, OfferSet]:
    """Ask for offers, again while the broker can't be reached: offers that nobody accepts cost nothing.

    Where the end of the waiting came first, none are asked for.
    """
    if (reason := released_by(step.options.onlookers)) is not None:
        raise reason
    started, delay = monotonic(), 0.5
    patience = (step.options.pace or pace_of(step.broker)).patience
    while True:
        try:
            offers = step.broker.request_offers(step.request)
        except BrokerUnavailableError as error:
            delay = max(delay, error.retry_after or 0.0)
            if monotonic() + delay > started + patience:
                raise
        else:
            break
        yield Wait(delay)
        delay *= 2
    for onlooker in step.options.onlookers:
        onlooker.offered(step.broker, offers)
    return offers


def _handle(step: Asked, offers: OfferSet, chosen: Session) -> Handle:
    owner = owner_of(step.broker, chosen.uuid).identity
    return Handle(call=step.call, owner="", offers=offers, session=chosen.uuid, broker=owner)


def _finished(
    step: Asked, entry: Entry, *, is_left: bool = False, is_again: bool = False
) -> Generator[Wait, None, StepRun | None]:
    started = monotonic()
    session = yield from _accept(step, entry, started, is_left=is_left, is_again=is_again)
    if session is None:
        return None
    owner = owner_of(step.broker, session.uuid)
    following = _follow(step, owner, session, entry)
    del session  # thousands wait from here on, and each holds some KB
    final = yield from _within(following, started, entry, step.options)
    run = step.options.finish(owner, _story(owner, step.request, entry, final))
    for onlooker in step.options.onlookers:
        onlooker.ended(run)
    entry.deliver()
    return run


def _only_accepted(
    step: Asked, entry: Entry, *, is_left: bool = False, is_again: bool = False
) -> Generator[Wait, None, Accepted | None]:
    session = yield from _accept(step, entry, monotonic(), is_left=is_left, is_again=is_again)
    if session is None:
        return None
    if not entry.changes or entry.changes[-1].phase != session.phase:
        change = PhaseChange(phase=session.phase, seen=datetime.now(UTC))
        entry.note(change)
        _changed(step, owner_of(step.broker, session.uuid), session, change)
    entry.hand_on()
    return Accepted(request=step.request, handle=entry.handle, changes=tuple(entry.changes))


def _followed(step: Asked, accepted: Accepted) -> Generator[Wait, None, StepRun]:
    wanted = accepted.handle.session
    while True:
        with ExitStack() as held:
            resume = partial(step.journal.resume, accepted.handle, accepted.changes)
            entry = yield from _entered(held, resume)
            if entry is not None:
                run = yield from _finished(step, entry, is_left=True)
                if run is None:
                    raise OfferGoneError(wanted, "an offer again, or over")
                return run
        yield Wait(_TURN)


def _accept(
    step: Asked, entry: Entry, started: float, *, is_left: bool, is_again: bool
) -> Generator[Wait, None, Session | None]:
    if step.options.gate is not None and not is_left:
        yield from step.options.gate.through(step.call.name, entry.handle.session)
    trying = accept(step.broker, entry, is_left=is_left, is_again=is_again)
    session = yield from _within(trying, started, entry, step.options)
    if session is None:
        entry.drop()
    return session


def _changed(step: Asked, broker: Broker, session: Session, change: PhaseChange) -> None:
    for onlooker in step.options.onlookers:
        onlooker.changed(broker, session, change)


def _follow(step: Asked, owner: Broker, session: Session, entry: Entry) -> Generator[Wait, None, Session]:
    def seen(now: Session, change: PhaseChange) -> None:
        entry.note(change)
        _changed(step, owner, now, change)

    options = step.options
    like = likeness(owner.identity, entry.handle.call.name, step.request.executable)
    poller = options.poller or default_poller()
    for onlooker in options.onlookers:
        onlooker.followed(owner, session, partial(poller.usual, like))
    watch = partial(poller.watch, like=like, pace=options.pace)
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
