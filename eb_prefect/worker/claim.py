# SPDX-License-Identifier: Apache-2.0
"""Which session has a flow run: kept on the Prefect server, as one of the flow run's own states.

Before a worker accepts an offer it proposes the state `WITH_BROKER`, whose
message names the session. The server takes it durably, from one worker only,
and from none once somebody has cancelled the flow run. So whoever watches the
flow run later, on any machine, finds the session that was or will be accepted.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State, StateType
from prefect.client.schemas.responses import SetStateStatus
from prefect.states import Pending

from eb_prefect.errors import EBError
from eb_prefect.journal import Call, Entry, Handle, Kept
from eb_prefect.model.phase import Phase
from eb_prefect.model.session import OfferSet
from eb_prefect.model.steprun import BrokerIdentity, PhaseChange

WITH_BROKER = "With broker"
_SUBMITTED = "Pending"  # the state with which a worker begins, each time it submits a flow run
_MESSAGE = re.compile(r"session (\S+) of (.+)", re.DOTALL)


class Claim(NamedTuple):
    """A session that is to run a flow run, and the broker that has it."""

    session: str
    broker: str
    made: datetime

    @classmethod
    def of(cls, state: State[Any]) -> "Claim | None":
        """Return the claim that a state is, None if it is none."""
        found = _MESSAGE.fullmatch(state.message or "")
        if state.type != StateType.PENDING or not state.name or not state.name.startswith(WITH_BROKER):
            return None
        return cls(found.group(1), found.group(2), state.timestamp) if found else None


class UnwantedError(EBError):
    """The flow run is not to be submitted any more; nothing was accepted."""

    def __init__(self, state: str) -> None:
        self.state = state
        super().__init__(f"the flow run is {state}, so no session is begun for it")


class ClaimedError(EBError):
    """Another worker was first; its session is the one to watch."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        super().__init__(f"another worker has begun session {claim.session} for the flow run")


class ElsewhereError(EBError):
    """The session of the flow run is at a broker that this worker does not have."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        super().__init__(
            f"its session {claim.session} is at {claim.broker}; a worker that reaches that broker, with the "
            "work pool as it was, goes on with it"
        )


def text_of(identity: BrokerIdentity) -> str:
    """Return what tells a broker from all others."""
    return f"{identity.name} ({identity.url or identity.kind})"


def claims(states: Sequence[State[Any]]) -> list[Claim]:
    """Return the claims since the flow run was last submitted, the newest first."""
    found = []
    for state in sorted(states, key=lambda state: state.timestamp, reverse=True):
        if state.type == StateType.PENDING and state.name == _SUBMITTED:
            break
        if claim := Claim.of(state):
            found.append(claim)
    return found


class FlowRunEntry:
    """The session of one flow run; what else an entry of a journal keeps, the states of the flow run tell."""

    def __init__(self, handle: Handle, changes: Sequence[PhaseChange]) -> None:
        self.handle = handle
        self.changes = list(changes)

    def note(self, change: PhaseChange) -> None:
        """Know a phase change, as long as this lasts."""
        self.changes.append(change)

    def deliver(self) -> None:
        """Keep all as it is: states are not taken back."""

    def hand_on(self) -> None:
        """Keep all as it is."""

    def drop(self) -> None:
        """Leave it: the next claim takes its place."""


class FlowRunJournal:
    """The journal of one flow run, which has one step: its ``session``, None before there is one."""

    def __init__(self, flow_run: UUID, identity: BrokerIdentity) -> None:
        self.session: str | None = None
        self._flow_run = flow_run
        self._broker = text_of(identity)
        self._known = 0

    def turn(self, call: Call) -> AbstractContextManager[bool]:  # noqa: ARG002 -- as in Journal
        """Be free at once: the claim decides."""
        return nullcontext(True)

    @contextmanager
    def take(self, call: Call) -> Iterator[Entry | None]:
        """Find the session that was claimed since the flow run was submitted.

        Raises
        ------
        ElsewhereError
            It is at another broker.
        """
        found = self._claims()
        self._known = len(found)
        yield self._entry(call, found[0]) if found else None

    @contextmanager
    def write(self, handle: Handle, change: PhaseChange) -> Iterator[Entry]:
        """Claim the flow run for a session; on return the server has it, and no other session can be.

        Raises
        ------
        UnwantedError
            Somebody has cancelled the flow run, or it is done.
        ClaimedError
            Another worker was first.
        """
        self._claim(handle.session)
        self.session = handle.session
        yield FlowRunEntry(handle, [change])

    @contextmanager
    def resume(self, handle: Handle, changes: Sequence[PhaseChange]) -> Iterator[Entry | None]:
        """Go on with a session that was claimed; see `eb_prefect.journal.Journal`."""
        self.session = handle.session
        yield FlowRunEntry(handle, changes)

    def sessions_of(self, run: str) -> Iterator[Kept]:  # noqa: ARG002 -- as in Journal
        """Tell nothing: the session of a flow run is no step of it."""
        return iter(())

    def _entry(self, call: Call, claim: Claim) -> Entry:
        if claim.broker != self._broker:
            raise ElsewhereError(claim)
        self.session = claim.session
        offers = OfferSet(result="YES")  # when the offer expires the broker knows
        seen = PhaseChange(phase=Phase.OFFERED, seen=min(claim.made, datetime.now(UTC)))
        return FlowRunEntry(Handle(call=call, owner="", offers=offers, session=claim.session), [seen])

    def _claims(self) -> list[Claim]:
        with get_client(sync_client=True) as client:
            return claims(client.read_flow_run_states(self._flow_run))

    def _claim(self, session: str) -> None:
        # a second proposal of the same name is refused by the server, so each round has its own
        name = WITH_BROKER if not self._known else f"{WITH_BROKER} {self._known + 1}"
        state: State[Any] = Pending(name=name, message=f"session {session} of {self._broker}")
        with get_client(sync_client=True) as client:
            answer = client.set_flow_run_state(self._flow_run, state)
            if answer.status != SetStateStatus.ACCEPT and not self._is_had(client, session):
                # a server that lets no pending state follow another
                client.set_flow_run_state(self._flow_run, state, force=True)
        self._known += 1

    def _is_had(self, client: SyncPrefectClient, session: str) -> bool:
        """Return whether the server has the claim that it refuses: its first answer may be lost."""
        found = claims(client.read_flow_run_states(self._flow_run))
        if len(found) > self._known:
            if found[0].session == session:
                return True
            raise ClaimedError(found[0])
        now = client.read_flow_run(self._flow_run).state
        if now is None or now.type != StateType.PENDING:
            raise UnwantedError((now.name or now.type.value) if now else "without a state")
        return False
