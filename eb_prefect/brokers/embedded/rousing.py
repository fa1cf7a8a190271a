# SPDX-License-Identifier: Apache-2.0
"""Seeing to it that an accepted session has a supervisor when it needs one."""

import time
from datetime import UTC, datetime

from eb_prefect.brokers.embedded.catalogue import Kept
from eb_prefect.brokers.embedded.directory import Decision, Directory
from eb_prefect.brokers.embedded.machine import supervisor_environment
from eb_prefect.brokers.embedded.reading import entries_of, phase_of
from eb_prefect.brokers.embedded.supervisor import queue
from eb_prefect.brokers.embedded.supervisor.spawn import spawn
from eb_prefect.brokers.embedded.supervisor.tree import signal_all
from eb_prefect.brokers.embedded.supervisor.watching import LOOK
from eb_prefect.model.phase import FINAL, Phase
from eb_prefect.model.session import Session

STARTS_WITHIN = 0.5
"""Seconds that a supervisor is given to come up before another is started."""

_BEGUN = (Phase.PREPARING, Phase.AVAILABLE, Phase.RUNNING, Phase.RELEASING)


class Rouser:
    """Starts supervisors, each session's not too often."""

    def __init__(self) -> None:
        self._roused: dict[str, float] = {}

    def see_to(self, kept: Kept, decision: Decision, *, patience: float) -> None:
        """Start the session's supervisor if it has none and needs one.

        Within ``patience`` seconds of a decision or a start it is left to
        come up. A session in line has none: the head starts it in its turn.
        """
        directory = kept.directory
        if directory.supervisor():
            return
        phase = phase_of(entries_of(directory.log()))
        roused = self._roused.get(directory.session)
        if phase in FINAL or (roused is not None and time.monotonic() - roused < patience):
            return
        if phase not in _BEGUN:
            if directory.age(decision) < patience:
                return
            if not _starts_later(kept.offer) and _is_in_line(kept, decision):
                return
        self.wake(directory)

    def wake(self, directory: Directory) -> None:
        """Let the supervisor look around, or start one."""
        if pid := directory.supervisor():
            signal_all([pid], LOOK)
            return
        self._roused[directory.session] = time.monotonic()
        spawn(str(directory.path), supervisor_environment())

    def forget(self, session: str) -> None:
        """Forget a session that has ended."""
        self._roused.pop(session, None)


def _is_in_line(kept: Kept, decision: Decision) -> bool:
    """Put the session into the queue, and return whether a head will start it in its turn."""
    if queue.head(kept.queue):
        kept.directory.mark_queued()
    queue.enter(kept.queue, queue.entry_name(decision.at, kept.directory.session))
    return bool(queue.head(kept.queue))


def _starts_later(offer: Session) -> bool:
    """Return whether the session is to start in the future: until then it stands in no queue."""
    window = offer.schedule.available.start if offer.schedule and offer.schedule.available else None
    return window is not None and window.start > datetime.now(UTC)
