# SPDX-License-Identifier: Apache-2.0
"""Cancelling sessions, any number at once, and making sure that they have ended."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from time import monotonic
from typing import NamedTuple

from eb_prefect.brokers.protocol import Broker
from eb_prefect.errors import SessionGoesOnError, UnknownSessionError
from eb_prefect.model.phase import FINAL
from eb_prefect.model.steprun import BrokerIdentity
from eb_prefect.outputs import owner_of
from eb_prefect.pace import pace_of

PATIENCE = 60.0
_HANDS = 8
_SOONEST = 0.1
_LATEST = 5.0
_AGAIN = 5.0


class Target(NamedTuple):
    """A session that is to end, and a broker that has it or knows who has."""

    broker: Broker
    session: str


Told = Callable[[SessionGoesOnError | None], None]


@dataclass
class _Attempt:
    target: Target
    told: Told
    until: float
    delay: float = _SOONEST
    asks: float = 0.0
    unknown: int = 0


class Canceller:
    """Asks brokers to end sessions until they have ended, or for as long as it was told.

    A few threads do it, and only while there is something to do. A broker may
    take a cancel and go on all the same, be away, or take its time: it is
    looked at again and again, and asked again every few seconds.
    """

    def __init__(self, *, hands: int = _HANDS) -> None:
        self._most = hands
        self._due: list[tuple[float, int, _Attempt]] = []
        self._turns = count()
        self._left = 0
        self._hands = 0
        self._wake = threading.Condition()

    def put(self, target: Target, told: Told, *, patience: float = PATIENCE) -> None:
        """Cancel a session, for at most so many seconds.

        ``told`` is called once, with None if it has ended, else with why it
        may go on.
        """
        attempt = _Attempt(target, told, monotonic() + patience)
        with self._wake:
            self._left += 1
            self._push(attempt, 0.0)
            if self._hands < min(self._most, self._left):
                self._start_hand()

    def finish(self, seconds: float | None = None) -> bool:
        """Lend a hand until all is done, or for so many seconds; return whether nothing is left to do."""
        until = None if seconds is None else monotonic() + seconds
        while (attempt := self._next(until)) is not None:
            self._try(attempt)
        return not self._left

    def _start_hand(self) -> None:
        try:
            threading.Thread(target=self._serve, name="eb-cancel", daemon=True).start()
        except RuntimeError:  # none to be had, or the interpreter ends: `finish` does it
            return
        self._hands += 1

    def _push(self, attempt: _Attempt, wait: float) -> None:
        heappush(self._due, (monotonic() + wait, next(self._turns), attempt))
        self._wake.notify()

    def _serve(self) -> None:
        while (attempt := self._next(None, is_hand=True)) is not None:
            self._try(attempt)

    def _next(self, until: float | None, *, is_hand: bool = False) -> _Attempt | None:
        with self._wake:
            while self._left and (until is None or monotonic() < until):
                now = monotonic()
                if self._due and self._due[0][0] <= now:
                    return heappop(self._due)[2]
                times = [each for each in (until, *(each[0] for each in self._due[:1])) if each is not None]
                self._wake.wait(min(times) - now if times else None)
            if is_hand:
                self._hands -= 1  # under the same lock: what is put from here on starts another
            return None

    def _try(self, attempt: _Attempt) -> None:
        reason = _why_it_goes_on(attempt)
        if reason is not None and monotonic() + attempt.delay < attempt.until:
            with self._wake:
                self._push(attempt, attempt.delay)
            attempt.delay = min(attempt.delay * 2, _LATEST)
            return
        try:
            attempt.told(None if reason is None else _goes_on(attempt.target, reason))
        finally:
            with self._wake:
                self._left -= 1
                self._wake.notify_all()


def cancel_all(targets: Iterable[Target], *, patience: float = PATIENCE) -> list[SessionGoesOnError]:
    """Cancel sessions, and return those that may go on after so many seconds."""
    canceller = Canceller()
    failures: list[SessionGoesOnError] = []

    def told(failure: SessionGoesOnError | None) -> None:
        if failure is not None:
            failures.append(failure)

    for target in targets:
        canceller.put(target, told, patience=patience)
    canceller.finish()
    return failures


def command_for(broker: BrokerIdentity, session: str) -> str:
    """Return the command line that cancels a session."""
    match broker.kind:
        case "http":
            where = broker.url or broker.name
        case "several":
            where = broker.name.replace(", ", ",")
        case kind:
            where = kind
    return f"eb cancel {session} --broker {where}"


def _why_it_goes_on(attempt: _Attempt) -> str | None:
    """Ask and look; None if the session has ended.

    It is read in any case: the answer to a cancel may tell of an end that
    the broker does not keep.
    """
    broker, session = attempt.target
    try:
        owner = owner_of(broker, session)
        if monotonic() >= attempt.asks:
            owner.cancel(session)
            attempt.asks = monotonic() + _AGAIN
        phase = owner.session(session).phase
    except UnknownSessionError as error:
        attempt.unknown += 1  # one may come from a proxy whose broker restarts
        return str(error) if attempt.unknown <= pace_of(broker).doubts else None
    except Exception as error:  # noqa: BLE001 -- whatever one broker raises, the other sessions are to end
        return f"{error}"
    attempt.unknown = 0
    return None if phase in FINAL else f"the broker was asked to end it, and it is {phase}"


def _goes_on(target: Target, reason: str) -> SessionGoesOnError:
    where = target.broker.identity
    return SessionGoesOnError(where.name, target.session, reason, command_for(where, target.session))
