# SPDX-License-Identifier: Apache-2.0
"""How long each phase of a step lasted, as far as it was seen."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from eb_prefect.model.phase import FINAL
from eb_prefect.model.steprun import PhaseChange


class Lasted(NamedTuple):
    """A phase from when it was seen to when the next one was; the last has no end.

    It was certainly there until ``until``: then or later the next one came.
    """

    phase: str
    seen: datetime
    after: datetime | None
    until: datetime | None
    end: datetime | None

    @property
    def seconds(self) -> float | None:
        """How long it was seen to last."""
        return None if self.end is None else max((self.end - self.seen).total_seconds(), 0.0)

    @property
    def doubt(self) -> float:
        """How many seconds before it was seen it may have begun."""
        return 0.0 if self.after is None else max((self.seen - self.after).total_seconds(), 0.0)

    @property
    def is_final(self) -> bool:
        """Whether nothing comes after it."""
        return self.phase in FINAL


def lasted(changes: Sequence[PhaseChange]) -> tuple[Lasted, ...]:
    """Return each phase with its end."""
    return tuple(_lasted(changes))


def _lasted(changes: Sequence[PhaseChange]) -> Iterator[Lasted]:
    for now, then in pairwise(changes):
        until = max(now.seen, then.after) if then.after else now.seen
        yield Lasted(str(now.phase), now.seen, now.after, min(until, then.seen), then.seen)
    for last in changes[-1:]:
        yield Lasted(str(last.phase), last.seen, last.after, None, None)
