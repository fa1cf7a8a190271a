# SPDX-License-Identifier: Apache-2.0
"""One scripted session, from its offer to its end, at any second of a clock."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

from eb_prefect.model.phase import FINAL, ComponentPhase, Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import Session
from eb_prefect.testing.script import Moment, Timeline
from eb_prefect.testing.terms import Terms


class State(NamedTuple):
    """What of a session changes; two equal states look alike."""

    phase: str
    parts: str | None
    has_ended: bool


@dataclass
class Life:
    """An offer and what became of it; its broker's lock guards it.

    ``began`` is when its timeline begins. ``stopped`` is when its phase was
    set from outside; ``works_on`` if that ends nothing but the phase.
    """

    request: ExecutionRequest
    offer: Session
    terms: Terms
    made: float
    siblings: tuple[str, ...] = ()
    line: Timeline = ()
    accepted: float | None = None
    set_to: Phase | None = None
    stopped: float | None = None
    works_on: bool = False
    shown: tuple[State, Session] | None = None

    @property
    def began(self) -> float:
        """When its timeline begins: at its acceptance, and not before its planned start."""
        assert self.accepted is not None
        return max(self.accepted, self.made + (self.terms.starts_in or 0.0))

    def state(self, now: float, *, expires: bool) -> State:
        """Return what the session is at a second of the clock."""
        moment = self._moment(now)
        phase: str = self.set_to or moment.phase
        if phase == Phase.OFFERED and expires and now >= self.made + self.terms.life:
            phase = Phase.EXPIRED
        stopped = self.set_to is not None and not self.works_on
        parts = ComponentPhase.CANCELLED if stopped and self._has_parts else moment.parts
        return State(phase, parts, phase in FINAL if stopped else moment.phase in FINAL)

    def changes(self) -> Iterator[float]:
        """Yield each second at which the session changes by itself, in their order."""
        if self.accepted is None:
            yield self.made + self.terms.life
            return
        yield from (self.began + moment.after for moment in self.line)

    def end(self) -> float | None:
        """Return the second at which its phase is final; None where that is not known."""
        if self.set_to is not None:
            return self.stopped
        if self.accepted is None:
            return None
        ends = (moment.after for moment in self.line if moment.phase in FINAL)
        first = next(ends, None)
        return None if first is None else self.began + first

    def is_at_work(self, now: float) -> bool:
        """Return whether something runs for the session, whatever its phase says."""
        if self.accepted is None or (self.set_to is not None and not self.works_on):
            return False
        return self._moment(now).phase not in FINAL

    def has_run_out(self, now: float) -> bool:
        """Return whether its timeline has come to its end."""
        stopped = self.set_to is not None and not self.works_on
        return self.accepted is not None and not stopped and self._moment(now).phase in FINAL

    @property
    def _has_parts(self) -> bool:
        return any(moment.parts for moment in self.line)

    def _moment(self, now: float) -> Moment:
        if self.accepted is None:
            return Moment(0.0, Phase.OFFERED)
        passed = bisect_right(self.line, now - self.began, key=attrgetter("after"))
        if passed:
            return self.line[passed - 1]
        return Moment(0.0, Phase.ACCEPTED, ComponentPhase.WAITING if self._has_parts else None)
