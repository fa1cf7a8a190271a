# SPDX-License-Identifier: Apache-2.0
"""The directory of one session, and the one decision about its offer.

What is decided about an offer (accepted, rejected, expired, cancelled) is a
symbolic link that points to its own text: the kernel makes it whole or not at
all, and only once. Whoever comes second reads what the first decided. Offers
of one set are alternatives, so before one is accepted it is made the choice of
its set the same way, in the directory of the set's first offer.
"""

import os
import shutil
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from eb_prefect.brokers.embedded.supervisor.diary import LOG, reserve
from eb_prefect.brokers.embedded.supervisor.locks import SESSION, holder
from eb_prefect.brokers.embedded.supervisor.main import DECISION, LOCK, QUEUED
from eb_prefect.brokers.embedded.supervisor.plan import PLAN
from eb_prefect.brokers.embedded.supervisor.service import RELEASE
from eb_prefect.brokers.embedded.supervisor.spawn import ERRORS
from eb_prefect.brokers.embedded.supervisor.text import instant
from eb_prefect.durable import sync
from eb_prefect.model.phase import Phase

OFFER = "offer.json"
_CHOSEN = "chosen"
CANCEL = "cancel"


class Decision(NamedTuple):
    """What became of an offer, and when."""

    phase: Phase
    at: str


class Directory:
    """The files of one session; ``first`` is the session of its set that keeps the choice."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.session = path.name

    def write_offer(self, offer: str, plan: str) -> None:
        """Make the directory whole at once; what is in it is durable when it is accepted."""
        partial = self.path.with_name(f".{self.session}")
        partial.mkdir(mode=0o700)
        (partial / OFFER).write_text(offer)
        (partial / PLAN).write_text(plan)
        partial.rename(self.path)

    def offer(self) -> str | None:
        """Return the text of the offer, None if there is no such session."""
        try:
            return (self.path / OFFER).read_text()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def decision(self) -> Decision | None:
        """Return what was decided, None while it is an open offer."""
        try:
            phase, _, at = os.readlink(self.path / DECISION).partition("@")  # noqa: PTH115 - text, no path
        except FileNotFoundError:
            return None
        return Decision(Phase(phase), at)

    def decide(self, phase: Phase) -> Decision:
        """Decide about the offer, durably, unless that was done; return what holds."""
        made = Decision(phase, instant())
        return made if _link(self.path / DECISION, f"{made.phase}@{made.at}") else (self.decision() or made)

    def choose(self, first: str) -> bool:
        """Make this the chosen offer of its set, unless another is; return whether it is."""
        chosen = self.path.with_name(first) / _CHOSEN
        return _link(chosen, self.session) or os.readlink(chosen) == self.session  # noqa: PTH115 - text, no path

    def other_is_chosen(self, first: str) -> bool:
        """Return whether another offer of its set was chosen."""
        try:
            return os.readlink(self.path.with_name(first) / _CHOSEN) != self.session  # noqa: PTH115 - text, no path
        except FileNotFoundError:
            return False

    def ask_to_cancel(self) -> None:
        """Leave word, durably, that the session is to end."""
        _link(self.path / CANCEL, instant())

    def ask_to_release(self) -> None:
        """Leave word, durably, that nobody needs the session any more."""
        _link(self.path / RELEASE, instant())

    @property
    def is_released(self) -> bool:
        """Whether word was left that nobody needs the session any more."""
        return os.path.lexists(self.path / RELEASE)

    @property
    def is_cancelled(self) -> bool:
        """Whether the session was asked to end."""
        return os.path.lexists(self.path / CANCEL)

    def make_ready(self) -> None:
        """Keep room for the log of a supervisor here, and let nothing of the offer be lost.

        Raises
        ------
        OSError
            There is no room.
        """
        reserve(str(self.path))
        self.make_durable()

    def make_durable(self) -> None:
        """Let nothing of the offer be lost if the machine goes down now."""
        for path in (self.path / OFFER, self.path / PLAN, self.path, self.path.parent):
            sync(path)

    @property
    def is_queued(self) -> bool:
        """Whether it was put into the queue behind another session."""
        return (self.path / QUEUED).exists()

    def mark_queued(self) -> None:
        """Keep in mind that it waits behind another session."""
        (self.path / QUEUED).touch()

    def log(self) -> bytes:
        """Return all that the supervisor has written, empty for nothing."""
        try:
            return (self.path / LOG).read_bytes()
        except FileNotFoundError:
            return b""

    def trouble(self) -> str:
        """Return the last words of a supervisor that broke down, empty for none."""
        try:
            words = (self.path / ERRORS).read_text(errors="replace").split("\n")
        except FileNotFoundError:
            return ""
        return next((line for line in reversed(words) if line.strip()), "")

    def supervisor(self) -> int:
        """Return the pid of the session's supervisor, 0 for none."""
        return holder(str(self.path / LOCK), SESSION)

    def remove(self) -> None:
        """Remove all of it, and what a kill left of that; a reader sees the whole of it or nothing."""
        gone = self.path.with_name(f".{self.session}")
        with suppress(FileNotFoundError):
            self.path.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)

    def age(self, decision: Decision) -> float:
        """Return how many seconds ago something was decided."""
        return (datetime.now(UTC) - datetime.fromisoformat(decision.at)).total_seconds()


def _link(path: Path, text: str) -> bool:
    try:
        path.symlink_to(text)
    except FileExistsError:
        return False
    sync(path.parent)
    return True
