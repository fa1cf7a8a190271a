# SPDX-License-Identifier: Apache-2.0
"""The API of an Execution Broker before a scripted broker, as servers really have it."""

from collections.abc import Callable
from uuid import UUID

from eb_prefect.errors import (
    BrokerUnavailableError,
    InvalidDocumentError,
    OfferGoneError,
    UnknownSessionError,
)
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.testing.exchange import Answer, Asked, json_answer
from eb_prefect.testing.faults import NONE, Faults
from eb_prefect.testing.paths import NOT_ALLOWED, Route
from eb_prefect.testing.reading import PhaseUpdate, UnsupportedTypeError, request_in, update_in
from eb_prefect.testing.scripted import ScriptedBroker
from eb_prefect.testing.writing import body, error, offer_set_document, session_document
from eb_prefect.wire.dialect import Dialect


class Endpoints:
    """Answers requests for one broker in one dialect; may be called from any thread."""

    def __init__(self, broker: ScriptedBroker, dialect: Dialect) -> None:
        self.broker = broker
        self.dialect = dialect
        self.faults: Faults = NONE
        self._sets: dict[str, OfferSet] = {}
        self._read: dict[str, tuple[Session, str, str, Answer]] = {}

    def answer(self, asked: Asked, to: Route, base: str) -> Answer:
        """Return the answer of a server whose URLs begin with ``base``."""
        try:
            return self._answer(asked, to, self.faults.redirect_to or base)
        except UnknownSessionError:
            return self._unknown(asked, to)
        except BrokerUnavailableError:
            return error(503, asked, self.faults)
        except UnsupportedTypeError:
            return error(415, asked, self.faults)
        except InvalidDocumentError:
            return error(400, asked, self.faults)

    def _answer(self, asked: Asked, to: Route, base: str) -> Answer:
        serves: dict[str, Callable[[Asked, Route, str], Answer]] = {
            "session": self._session,
            "request_offers": self._request_offers,
            "offer_set": self._offer_set,
            "direct": self._direct,
            "update": self._update,
            "stream": self._stream,
            "health": self._health,
        }
        if to.verb not in serves:
            return error(405 if to is NOT_ALLOWED else 404, asked, self.faults)
        return serves[to.verb](asked, to, base)

    def _session(self, asked: Asked, to: Route, base: str) -> Answer:
        session = to.about
        told = self.broker.session(session)
        accept = asked.headers.get("accept", "*/*")
        kept = self._read.get(session)
        if kept is not None and kept[0] is told and kept[1:3] == (base, accept):
            return kept[3]
        answer = body(self._document(told, base, is_posted=False), asked, self.faults)
        self._read[session] = (told, base, accept, answer)
        return answer

    def _request_offers(self, asked: Asked, _: Route, base: str) -> Answer:
        offers = self.broker.request_offers(request_in(asked, self.dialect))
        assert offers.uuid is not None
        self._sets[offers.uuid] = offers
        written = offer_set_document(offers, self.dialect, base, self.faults, is_posted=True)
        return self._see_other(written, asked, f"{base}/offersets/{offers.uuid}")

    def _offer_set(self, asked: Asked, to: Route, base: str) -> Answer:
        if to.about not in self._sets:
            raise UnknownSessionError(self.broker.name, to.about)
        made = self._sets[to.about]
        now = tuple(self.broker.look(offer.uuid) for offer in made.offers)
        offers = made.model_copy(update={"offers": now})
        written = offer_set_document(offers, self.dialect, base, self.faults, is_posted=False)
        return body(written, asked, self.faults)

    def _direct(self, asked: Asked, _: Route, base: str) -> Answer:
        offers = self.broker.request_offers(request_in(asked, self.dialect))
        if not offers.offers:
            return error(400, asked, self.faults)
        told = self.broker.accept(offers.offers[0].uuid)
        written = self._document(told, base, is_posted=True)
        return self._see_other(written, asked, f"{base}/sessions/{told.uuid}")

    def _update(self, asked: Asked, to: Route, base: str) -> Answer:
        told = self._updated(to.about, update_in(asked, self.dialect))
        return body(self._document(told, base, is_posted=True), asked, self.faults)

    def _stream(self, _: Asked, to: Route, __: str) -> Answer:
        text = self.broker.session_streams(to.about).get(to.stream, "")
        return Answer(200, text.encode(), "text/plain;charset=UTF-8")

    def _health(self, _: Asked, __: Route, ___: str) -> Answer:
        return json_answer({"groups": ["liveness", "readiness"], "status": "UP"})

    def _updated(self, session: str, update: PhaseUpdate) -> Session:
        """Return the session after the update, unchanged if that is not one that can be made."""
        makes: dict[PhaseUpdate, Callable[[str], Session]] = {
            PhaseUpdate("phase", "ACCEPTED"): self._accepted,
            PhaseUpdate("phase", "REJECTED"): self.broker.reject,
            PhaseUpdate("phase", "CANCELLED"): self.broker.cancel,
            PhaseUpdate("phase", "FAILED"): self.broker.fail,
        }
        return makes.get(update, self.broker.look)(session)

    def _accepted(self, session: str) -> Session:
        try:
            return self.broker.accept(session)
        except OfferGoneError:
            return self.broker.look(session)

    def _document(self, told: Session, base: str, *, is_posted: bool) -> dict[str, object]:
        return session_document(told, self.dialect, base, self.faults, is_posted=is_posted)

    def _see_other(self, document: dict[str, object], asked: Asked, location: str) -> Answer:
        status = self.faults.created_instead or 303
        headers = {} if self.faults.redirect_without_location else {"Location": location}
        answer = body(document, asked, self.faults, status=status, headers=headers)
        return Answer(status, b"", headers=headers) if self.faults.redirect_without_body else answer

    def _unknown(self, asked: Asked, to: Route) -> Answer:
        """Return 404 without a body, or 400 for what is no identifier at all."""
        try:
            UUID(to.about)
        except ValueError:
            return error(400, asked, self.faults)
        return Answer(404)
