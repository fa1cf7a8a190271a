# SPDX-License-Identifier: Apache-2.0
"""The verbs of the Execution Broker, answered by any broker of ours.

Each takes what was asked and returns the answer, or raises why there is
none. They wait for the broker, so a server calls them in threads.
"""

from collections.abc import Callable, Iterator
from uuid import uuid4

from starlette.responses import Response

from eb_prefect.brokers.http.paths import is_identifier
from eb_prefect.brokers.protocol import Broker, Opening, Rejecting, Releasing
from eb_prefect.errors import BrokerUnavailableError, OfferGoneError, UnknownSessionError
from eb_prefect.model.parts import Update
from eb_prefect.model.phase import Phase
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.outputs import owner_of
from eb_prefect.server.asked import Asked
from eb_prefect.server.reading import request_of, update_of
from eb_prefect.server.refusal import Refusal
from eb_prefect.server.served import Entry, Served
from eb_prefect.server.telling import offer_set_document, offer_set_url, session_document, session_url


class Desk:
    """A broker, and whose its sessions are.

    ``has_owners`` is whether a session is its owner's alone: to change, and
    to read too unless ``has_public_reads``.
    """

    def __init__(
        self, broker: Broker, served: Served, *, has_owners: bool = False, has_public_reads: bool = False
    ) -> None:
        self.broker = broker
        self._served = served
        self._has_owners = has_owners
        self._has_public_reads = has_public_reads

    def submit(self, asked: Asked) -> Response:
        """Ask for offers: 303 to the offer set, which is the body too, also of NO."""
        offers = self._offers(asked)
        url = offer_set_url(asked.base, offers.uuid or "")
        return asked.answer(offer_set_document(offers, asked.dialect, asked.base), 303, {"Location": url})

    def offer_set(self, asked: Asked) -> Response:
        """Tell of an offer set, with its offers as they are now.

        Offers that the broker has forgotten are not told; a set of which it
        has forgotten all is unknown.
        """
        entry = self._served.find(asked.uuid)
        if entry is None or entry.offers.uuid != asked.uuid:
            raise Refusal(404, f"there is no offer set {asked.uuid}, or no more")
        self._check_reader(asked, entry)
        now = tuple(self._still(entry))
        if entry.sessions and not now:
            raise Refusal(404, f"the offers of {asked.uuid} are gone")
        offers = entry.offers.model_copy(update={"offers": now})
        return asked.reading(offer_set_document(offers, asked.dialect, asked.base))

    def execute(self, asked: Asked) -> Response:
        """Run the request at once, by its first offer: 303 to the session; 400 if there is none."""
        offers = self._offers(asked)
        if not offers.offers:
            why = "; ".join(message.text for message in offers.messages) or "the broker gives no reason"
            raise Refusal(400, f"the broker makes no offer: {why}")
        session = self._accept(offers.offers[0].uuid)
        document = session_document(session, asked.dialect, asked.base)
        return asked.answer(document, 303, {"Location": session_url(asked.base, session.uuid)})

    def session(self, asked: Asked) -> Response:
        """Tell of a session."""
        session = self.readable(asked)
        return asked.reading(session_document(session, asked.dialect, asked.base))

    def update(self, asked: Asked) -> Response:
        """Change the phase of a session, and tell of it as it is then.

        As with all brokers, what is illegal, unknown or late changes nothing
        and is no error. REJECTED declines an open offer and never ends what
        was accepted; with a broker that can't decline, the offer is cancelled.
        FAILED is the client's word that it gives up, which is to cancel: how
        a session ended is for the broker to say. RELEASING, a word of ours,
        brings an interactive session to its proper end.
        """
        update = update_of(asked.body, asked.dialect)
        if self._has_owners:
            self._check_owner(asked, self._served.find(asked.uuid), "changed")
        session = self._changed(asked.uuid, update)
        return asked.answer(session_document(session, asked.dialect, asked.base))

    def way_in(self, asked: Asked) -> Response:
        """Tell the owner of a session how a person gets in, whoever may read the session."""
        if self._has_owners:
            self._check_owner(asked, self._served.find(asked.uuid), "entered")
        broker = owner_of(self.broker, asked.uuid)
        if not isinstance(broker, Opening):
            raise Refusal(404, "this broker tells all that it tells in the connectors of its sessions")
        document = {"location": broker.way_in(asked.uuid)}
        return asked.answer(document, headers={"Cache-Control": "no-store"})

    def readable(self, asked: Asked) -> Session:
        """Return a session that the user may read.

        Raises
        ------
        Refusal
            It is another user's (403).
        """
        self._check_reader(asked, self._served.find(asked.uuid))
        return self.broker.session(asked.uuid)

    def _offers(self, asked: Asked) -> OfferSet:
        read = request_of(asked.body, asked.sends, asked.dialect)
        made = self.broker.request_offers(read.request)
        uuid = made.uuid.lower() if made.uuid and is_identifier(made.uuid) else str(uuid4())
        offers = made.model_copy(update={"uuid": uuid, "messages": (*made.messages, *read.notes)})
        try:
            self._served.keep(offers, asked.user)
        except OSError as error:
            raise BrokerUnavailableError("this server", f"offers can't be kept: {error.strerror}") from error
        return offers

    def _still(self, entry: Entry) -> Iterator[Session]:
        for session in entry.sessions:
            try:
                yield self.broker.session(session)
            except UnknownSessionError:
                continue

    def _check_reader(self, asked: Asked, entry: Entry | None) -> None:
        if self._has_owners and not self._has_public_reads:
            self._check_owner(asked, entry, "read")

    def _check_owner(self, asked: Asked, entry: Entry | None, what: str) -> None:
        if entry is not None and entry.owner == asked.user:
            return
        if entry is None:
            self.broker.session(asked.uuid)  # what is unknown is said to be unknown
        raise Refusal(403, f"{asked.uuid} is not yours, and can be {what} by its owner only")

    def _changed(self, session: str, update: Update) -> Session:
        if update.kind != "uri:enum-value-update" or update.path not in ("phase", "/phase"):
            return self.broker.session(session)
        verbs: dict[str | None, Callable[[str], Session]] = {
            Phase.ACCEPTED: self._accept,
            Phase.REJECTED: self._reject,
            Phase.CANCELLED: self.broker.cancel,
            Phase.FAILED: self.broker.cancel,
            Phase.RELEASING: self._release,
        }
        return verbs.get(update.value, self.broker.session)(session)

    def _accept(self, session: str) -> Session:
        try:
            self._served.mark_accepted(session)
        except OSError as error:
            raise BrokerUnavailableError("this server", f"nothing can be kept: {error.strerror}") from error
        try:
            return self.broker.accept(session)
        except OfferGoneError:
            return self.broker.session(session)

    def _release(self, session: str) -> Session:
        broker = owner_of(self.broker, session)
        return broker.release(session) if isinstance(broker, Releasing) else broker.session(session)

    def _reject(self, session: str) -> Session:
        broker = owner_of(self.broker, session)
        if isinstance(broker, Rejecting):
            return broker.reject(session)
        found = broker.session(session)
        return broker.cancel(session) if found.phase == Phase.OFFERED else found
