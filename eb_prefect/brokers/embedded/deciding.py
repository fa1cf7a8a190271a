# SPDX-License-Identifier: Apache-2.0
"""What becomes of an offer, by what was decided and by time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from eb_prefect.brokers.embedded.catalogue import Kept
from eb_prefect.brokers.embedded.directory import Decision
from eb_prefect.errors import BrokerUnavailableError
from eb_prefect.model.phase import Phase


def settled(kept: Kept) -> Decision | None:
    """Return what became of the offer, None while it is open; time decides here too."""
    directory, expires = kept.directory, kept.offer.expires
    if decision := directory.decision():
        return decision
    if kept.first and directory.other_is_chosen(kept.first):
        return directory.decide(Phase.REJECTED)
    if expires is not None and expires < datetime.now(UTC):
        return directory.decide(Phase.EXPIRED)
    return None


def take(kept: Kept, ready: Callable[[], None]) -> Decision:
    """Accept the offer, durably, unless something else became of it; return what holds.

    ``ready`` is done before, once nothing else can stand in the way but another who accepts.
    """
    if found := settled(kept):
        return found
    ready()
    if kept.first and not kept.directory.choose(kept.first):
        return kept.directory.decide(Phase.REJECTED)
    return kept.directory.decide(Phase.ACCEPTED)


def reject(kept: Kept) -> None:
    """Decline the offer, unless something became of it."""
    if settled(kept) is None:
        kept.directory.decide(Phase.REJECTED)


@contextmanager
def usable(broker: str) -> Iterator[None]:
    """Tell what can't be read or written of a ledger as a broker that is not there now."""
    try:
        yield
    except OSError as error:
        raise BrokerUnavailableError(broker, str(error)) from error
