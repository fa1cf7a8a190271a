# SPDX-License-Identifier: Apache-2.0
"""What a person says of a batch system that it does not say of itself."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class BatchSettings:
    """How sessions are put on a batch system.

    ``queues`` are those to make offers of, in the order of preference; none
    means all that are open. ``options`` are added to each submission, as on
    the batch system's own command line, for example ``--account=ska``.
    ``setup`` are lines of shell that each node runs first, such as ``module
    load podman``; with them the program's environment is what they make.
    ``directory`` is for sessions, on a file system that login node and nodes
    share; ``python`` (3.10 or later, nothing installed) is on the nodes. None is a
    directory of this user's, and the Python that runs this or ``python3``.
    ``runtime`` is the container runtime of the nodes, by name or path.
    ``interval`` is the seconds between two questions to the batch system about
    all sessions, ``accounts_within`` how long its books are waited for once a
    session has ended, ``lost_after`` how long a session may be unknown to it
    before it is called lost. ``linger`` is how many seconds an accept waits
    for others to be submitted with it; while many come it grows up to ``interval``.
    """

    queues: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()
    directory: str | None = None
    python: str | None = None
    runtime: str | None = None
    interval: float = 2.0
    accounts_within: float = 30.0
    lost_after: float = 60.0
    linger: float = 0.02
    offers: int = 6
    offer_life: timedelta = timedelta(minutes=30)
