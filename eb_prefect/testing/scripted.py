# SPDX-License-Identifier: Apache-2.0
"""A broker in memory whose sessions follow a script."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from eb_prefect.errors import BrokerUnavailableError, OfferGoneError, UnknownSessionError
from eb_prefect.model.parts import Message
from eb_prefect.model.phase import Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.model.steprun import BrokerIdentity

SHORT: tuple[tuple[float, str], ...] = ((0.0, "PREPARING"), (0.01, "RUNNING"), (0.02, "COMPLETED"))


class ScriptedBroker:
    """Offers one session a request; once accepted it goes through ``script``.

    ``script`` lists seconds after the acceptance and the phase from then on.
    ``clock`` gives seconds; a test that turns it need not wait. Faults are
    switches: ``refusal`` answers NO with these messages, ``outages`` makes so
    many next calls fail, ``lost_answers`` makes so many accepts happen without
    an answer, ``forget`` drops all sessions. ``calls`` counts the verbs and
    ``runs`` the sessions that began.
    """

    def __init__(
        self,
        script: Sequence[tuple[float, str]] = SHORT,
        *,
        refusal: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.script = tuple(script)
        self.refusal = tuple(refusal)
        self.clock = clock
        self.outages = 0
        self.lost_answers = 0
        self.calls: Counter[str] = Counter()
        self.runs = 0
        self._offers: dict[str, Session] = {}
        self._accepted: dict[str, float] = {}
        self._ended: dict[str, Phase] = {}

    @property
    def identity(self) -> BrokerIdentity:
        """Which broker this is; each has an address of its own."""
        return BrokerIdentity(kind="scripted", name="scripted", url=f"memory:{id(self)}")

    def request_offers(self, request: ExecutionRequest) -> OfferSet:
        """Offer one session, or refuse."""
        self._called("request_offers")
        if self.refusal:
            said = tuple(Message(level="ERROR", message=text) for text in self.refusal)
            return OfferSet(uuid=str(uuid4()), result="NO", messages=said)
        offer = Session(
            uuid=str(uuid4()),
            phase=Phase.OFFERED,
            executable=request.executable,
            compute=request.compute,
            data=request.data,
            expires=datetime.now(UTC) + timedelta(minutes=5),
        )
        self._offers[offer.uuid] = offer
        return OfferSet(uuid=str(uuid4()), result="YES", offers=(offer,))

    def accept(self, session: str) -> Session:
        """Begin the script, the first time."""
        self._called("accept")
        if (phase := self._known(session).phase) in {Phase.EXPIRED, Phase.REJECTED}:
            raise OfferGoneError(session, phase)
        if session not in self._accepted and session not in self._ended:
            self._accepted[session] = self.clock()
            self.runs += 1
        if self.lost_answers:
            self.lost_answers -= 1
            raise BrokerUnavailableError("scripted", "the answer was lost")
        return self._known(session)

    def session(self, session: str) -> Session:
        """Return the session as the script has it now."""
        self._called("session")
        return self._known(session)

    def cancel(self, session: str) -> Session:
        """End the session unless it has ended."""
        self._called("cancel")
        if not self._known(session).is_final:
            self._ended[session] = Phase.CANCELLED
        return self._known(session)

    def expire(self) -> None:
        """Let all offers that nobody accepted expire."""
        for uuid in self._offers.keys() - self._accepted.keys():
            self._ended[uuid] = Phase.EXPIRED

    def forget(self) -> None:
        """Lose all sessions, as a broker does that is restarted with an empty database."""
        self._offers.clear()

    def _called(self, verb: str) -> None:
        self.calls[verb] += 1
        if self.outages:
            self.outages -= 1
            raise BrokerUnavailableError("scripted", "it is away")

    def _known(self, session: str) -> Session:
        if session not in self._offers:
            raise UnknownSessionError("scripted", session)
        return self._offers[session].model_copy(update={"phase": self._phase(session)})

    def _phase(self, session: str) -> str:
        if session in self._ended:
            return self._ended[session]
        if session not in self._accepted:
            return Phase.OFFERED
        lasted = self.clock() - self._accepted[session]
        passed = [phase for after, phase in self.script if after <= lasted]
        return Phase(passed[-1]) if passed else Phase.ACCEPTED
