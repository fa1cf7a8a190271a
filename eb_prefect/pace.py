# SPDX-License-Identifier: Apache-2.0
"""How often a broker may be asked how its sessions are."""

from typing import NamedTuple, Protocol, runtime_checkable


class Pace(NamedTuple):
    """What a look costs, and the bounds within which looks are taken; all times in seconds.

    ``price`` is the mean delay that one request is worth: the smaller, the
    more often. ``shortest`` and ``longest`` bound the time between two looks
    at one session. ``settle`` is how long the components of a session that
    has ended are given to end too. ``budget`` is how many requests a second
    the broker gets at most for all sessions together, and ``hands`` how many
    at the same time. ``doubts`` is how often in a row an answer that a
    session is unknown is not believed, as one may come from a proxy whose
    broker restarts. ``patience`` is how long offers are asked for again while
    the broker can't be reached.
    """

    price: float
    shortest: float
    longest: float
    settle: float = 10.0
    budget: float = 1000.0
    hands: int = 8
    doubts: int = 0
    patience: float = 0.0


LOCAL = Pace(price=0.0005, shortest=0.002, longest=1.0)
"""For brokers of this machine, where a look costs next to nothing."""

REMOTE = Pace(price=0.12, shortest=0.5, longest=120.0, budget=20.0, doubts=2, patience=60.0)
"""For brokers over a network, which many people share."""


@runtime_checkable
class Paced(Protocol):
    """A broker that says how it wants to be asked."""

    @property
    def pace(self) -> Pace:
        """How often it may be asked."""
        ...


def pace_of(broker: object) -> Pace:
    """Return the pace that the broker wants, else that for brokers of this machine."""
    return broker.pace if isinstance(broker, Paced) else LOCAL
