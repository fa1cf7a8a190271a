# SPDX-License-Identifier: Apache-2.0
"""The offers of a step as a table in its run, the chosen one marked."""

from datetime import UTC, datetime
from functools import partial

from eb_prefect.artifacts import key_of
from eb_prefect.brokers.protocol import Broker
from eb_prefect.model.phase import Phase
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.model.steprun import PhaseChange
from eb_prefect.onlooking import Onlooker
from eb_prefect.reports.offers import Offered, offer_notes, offer_table
from eb_prefect.runs.here import Here
from eb_prefect.runs.shown import beside, is_shown, make_table


class ShownOffers(Onlooker):
    """Shows what was offered once one of the offers is taken, or none."""

    def __init__(self, at: Here) -> None:
        self._at = at
        self._offered: Offered | None = None

    def offered(self, broker: Broker, offers: OfferSet) -> None:
        """Hear what the broker offers."""
        self._offered = Offered(broker, offers, datetime.now(UTC))

    def changed(self, broker: Broker, session: Session, change: PhaseChange) -> None:  # noqa: ARG002 -- as in Onlooker
        """Hear which offer was chosen."""
        if change.phase == Phase.OFFERED:
            self._show(session.uuid)

    def left(self, reason: BaseException) -> None:
        """Hear that none was, and why; if the step has got further this has been shown."""
        self._show(None, str(reason))

    def _show(self, chosen: str | None, reason: str = "") -> None:
        offered, self._offered = self._offered, None
        if offered is not None and is_shown(self._at):
            beside(partial(_show, self._at, offered._replace(chosen=chosen, reason=reason)))


def _show(at: Here, offered: Offered) -> None:
    notes = offer_notes(offered, f"Offers for {at.name}")
    make_table(at, key_of("offers", at.name), offer_table(offered), notes)
