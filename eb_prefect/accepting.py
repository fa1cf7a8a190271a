# SPDX-License-Identifier: Apache-2.0
"""Accepting an offer so that it runs once, without doing the waiting.

See `eb_prefect.watching.follow` for who does.
"""

from collections.abc import Generator
from datetime import UTC, datetime

from eb_prefect.brokers.protocol import Batching, Broker
from eb_prefect.errors import BrokerUnavailableError, OfferGoneError, UnknownSessionError
from eb_prefect.journal import Entry
from eb_prefect.model.phase import NOT_ACCEPTED, Phase
from eb_prefect.model.session import Session
from eb_prefect.outputs import owner_of
from eb_prefect.watching.follow import Wait

_SOONEST = 0.5
_LATEST = 15.0


def accept(
    broker: Broker, entry: Entry, *, is_left: bool, is_again: bool
) -> Generator[Wait, None, Session | None]:
    """Accept until the phase proves it; None when the offer is gone and nobody has accepted it.

    ``is_left`` is whether an earlier call left the entry behind, and may have
    accepted. ``is_again`` is whether an offer was gone just before: one that
    comes with its time over then comes from a broker whose clock differs.

    Raises
    ------
    UnknownSessionError
        The broker knows it no more, and it may have been accepted. The entry is dropped.
    """
    delay, is_asked = _SOONEST, False
    while True:
        try:
            now = yield from _accepted(broker, entry, is_asked=is_asked, is_again=is_again)
        except OfferGoneError:
            return None
        except UnknownSessionError:
            entry.drop()
            if is_left or is_asked:
                raise
            return None
        except BrokerUnavailableError as error:
            # the answer may be lost and the accept not: accepting again is safe
            is_asked = is_asked or not error.is_unsent
            yield Wait(max(delay, error.retry_after or 0.0))
            delay = min(delay * 2, _LATEST)
            continue
        return now if now.phase not in NOT_ACCEPTED or now.phase == Phase.INITIAL else None


def _accepted(
    broker: Broker, entry: Entry, *, is_asked: bool, is_again: bool
) -> Generator[Wait, None, Session]:
    """Accept, but for an offer whose time is over: some brokers would run it, at a time nobody asked for.

    What may have been accepted is accepted again whatever the time.
    """
    wanted = entry.handle.session
    if is_asked or not _is_over(entry, is_again=is_again):
        return (yield from _begun(owner_of(broker, wanted), wanted))
    now = broker.session(wanted)
    if now.phase == Phase.OFFERED:
        raise OfferGoneError(wanted, Phase.EXPIRED)
    return now


def _begun(broker: Broker, wanted: str) -> Generator[Wait, None, Session]:
    if not isinstance(broker, Batching):
        return broker.accept(wanted)
    begun = broker.begin_accept(wanted)
    while begun.arrival is not None and not begun.arrival.done():
        yield Wait(arrival=begun.arrival)
    return begun.result()


def _is_over(entry: Entry, *, is_again: bool) -> bool:
    offers = entry.handle.offers.offers
    expires = next((each.expires for each in offers if each.uuid == entry.handle.session), None)
    if expires is None or expires > datetime.now(UTC):
        return False
    return not (is_again and entry.changes and entry.changes[0].seen >= expires)
