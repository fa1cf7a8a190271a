# SPDX-License-Identifier: Apache-2.0
"""Choosing one offer out of a set."""

from eb_prefect.errors import NoOfferError
from eb_prefect.model.phase import Phase
from eb_prefect.model.session import OfferSet, Session


def open_offers(offers: OfferSet, *, broker: str) -> tuple[Session, ...]:
    """Return the offers that can be accepted, in the broker's order.

    Raises
    ------
    NoOfferError
        The broker said NO, or YES without an offer that is OFFERED.
    """
    found = tuple(offer for offer in offers.offers if offer.phase == Phase.OFFERED)
    if offers.result != "YES" or not found:
        raise NoOfferError(broker, [message.text for message in offers.messages])
    return found


def first_offer(offers: tuple[Session, ...]) -> Session:
    """Return the first: brokers list their earliest start first, and each offer meets the request."""
    return offers[0]
