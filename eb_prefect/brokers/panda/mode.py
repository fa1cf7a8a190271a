# SPDX-License-Identifier: Apache-2.0
"""How sessions become work of PanDA's: what tasks and single jobs have in common."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from eb_prefect.brokers.panda.plan import Plan
from eb_prefect.brokers.panda.wire import Wire
from eb_prefect.model.parts import Message
from eb_prefect.model.phase import Phase
from eb_prefect.model.session import Outcome, Product


class Seen(NamedTuple):
    """How something was when it was looked at.

    ``state`` is PanDA's word for it, and ``phase`` what that means, None where
    it means nothing that is known. ``document`` is all that was told with it.
    """

    phase: Phase | None
    state: str
    document: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Record:
    """What PanDA has on its books about what has ended.

    ``killed`` is whether they say that somebody ended it. ``datasets`` are the
    Rucio DIDs of what its logs and outputs are in.
    """

    outcome: Outcome
    messages: tuple[Message, ...] = ()
    products: tuple[Product, ...] = ()
    datasets: tuple[str, ...] = ()
    killed: bool = False


class SubmissionRefusedError(Exception):
    """PanDA will not run it; the text is its reason. Nothing was submitted."""


class SubmissionPostponedError(Exception):
    """PanDA does not take it now, for example because there is too much of this user already."""


class Mode(Protocol):
    """Tasks or jobs, each named by its *handle*, the number that PanDA gave it, as text.

    All verbs raise what `Wire` raises.
    """

    @property
    def together(self) -> int:
        """How many can be looked at with one call."""
        ...

    @property
    def takes_datasets(self) -> bool:
        """Whether what is submitted can have input datasets."""
        ...

    def submit(self, wire: Wire, plan: Plan) -> str:
        """Submit it, and return its handle.

        Not safe to repeat where no answer came: look with `find` first.

        Raises
        ------
        SubmissionRefusedError
            It will not be run.
        SubmissionPostponedError
            It may be taken later.
        AnswerLostError
            There was no answer; it may run.
        """
        ...

    def find(self, wire: Wire, plan: Plan) -> str | None:
        """Return the handle of what was submitted with the plan's name, None for nothing."""
        ...

    def look(self, wire: Wire, handles: Collection[str]) -> Mapping[str, Seen]:
        """Return how each is now; what PanDA does not know (any more) is not in the answer."""
        ...

    def kill(self, wire: Wire, handle: str) -> bool:
        """Ask for its end, and return whether PanDA has taken that to its books.

        What has ended stays as it is.
        """
        ...

    def record(self, wire: Wire, handle: str, seen: Seen) -> Record:
        """Return what the books say about what has ended."""
        ...
