# SPDX-License-Identifier: Apache-2.0
"""What makes a step safe to kill: its session's name, durable before it is accepted.

The same call made again, by a new process too, takes over a session that

* belongs to the same flow run (a retry), or has the same key, or
* belongs to a process that was killed, or
* nobody watches any more although its step never got its result.

A process that ends in an orderly way has its results, so the next run of
the same flow starts anew. So does a call whose session did not complete,
once the caller was given that.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from eb_prefect.model.phase import AnyPhase
from eb_prefect.model.session import OfferSet
from eb_prefect.model.steprun import BrokerIdentity, PhaseChange
from eb_prefect.model.value import Value


class Call(Value):
    """What makes two calls of a step the same: where it is asked for, its name and its request.

    ``scope`` is what the step belongs to (a flow, a script); ``run`` is the
    one flow run, absent outside of one, and ``lineage`` is what the runs that
    repeat it have in common, where that is not the run itself. A user's own
    ``key`` takes the place of all three.
    """

    scope: str
    name: str
    broker: str
    request: str
    run: str | None = None
    lineage: str | None = None
    key: str | None = None

    @property
    def place(self) -> str:
        """A file name for the call, the same in every run."""
        where = [self.scope] if self.key is None else ["key", self.key]
        same = json.dumps([*where, self.name, self.broker, self.request])
        return hashlib.sha256(same.encode()).hexdigest()[:32]

    @property
    def unique(self) -> str | None:
        """What at most one session at a time is for; None where each caller gets one of its own."""
        return self.place if self.key is not None else self.lineage or self.run


class Handle(Value):
    """A session that a step is about to accept, and the offers it was chosen from.

    ``broker`` is the one whose session it is, see `eb_prefect.outputs.owner_of`;
    absent from what version 0.1.0 wrote.
    """

    call: Call
    owner: str
    offers: OfferSet
    session: str
    broker: BrokerIdentity | None = None


class Kept(NamedTuple):
    """What a journal tells of a session to those who don't hold it.

    ``phase`` is the last one that was seen. ``delivered`` is whether the
    step's caller has had its result.
    """

    handle: Handle
    phase: AnyPhase | None
    delivered: bool


class Entry(Protocol):
    """One step in a journal, held by who watches its session."""

    @property
    def handle(self) -> Handle:
        """The session."""
        ...

    @property
    def changes(self) -> Sequence[PhaseChange]:
        """The phases that were seen, the oldest first."""
        ...

    def note(self, change: PhaseChange) -> None:
        """Keep a phase change, which is only history."""
        ...

    def deliver(self) -> None:
        """Say that the caller gets its result: only a retry of its flow run, its key or a kill asks again."""
        ...

    def hand_on(self) -> None:
        """Say that the next task of the same run goes on with it, so nobody else takes it over."""
        ...

    def drop(self) -> None:
        """Forget the step: its offer can't be accepted any more, or the broker lost its session."""
        ...


class Journal(Protocol):
    """Where sessions are put down before they are accepted.

    Two callers never hold the same entry at once.
    """

    def turn(self, call: Call) -> AbstractContextManager[bool]:
        """Hold the call itself, so that nobody else makes it meanwhile; False while somebody does.

        Where each caller gets a session of its own it is free at once.
        """
        ...

    def take(self, call: Call) -> AbstractContextManager[Entry | None]:
        """Hold the entry that the same call left behind, if there is one to take over."""
        ...

    def write(self, handle: Handle, change: PhaseChange) -> AbstractContextManager[Entry]:
        """Put a session down with its first phase, durably when this returns, and hold its entry.

        The entry may tell of another session than the one that was given:
        somebody elsewhere has put that down for the same call, and may have
        accepted it.

        Raises
        ------
        UnusableAnswerError
            The same call was offered this session before.
        """
        ...

    def resume(self, handle: Handle, changes: Sequence[PhaseChange]) -> AbstractContextManager[Entry | None]:
        """Hold the entry of a session that was put down, here or elsewhere; None while somebody holds it."""
        ...

    def sessions_of(self, run: str) -> Iterator[Kept]:
        """Yield the sessions of a flow run, by its identifier, that were put down; the oldest first.

        Those of its subflows are theirs. What was dropped is not told.
        """
        ...
