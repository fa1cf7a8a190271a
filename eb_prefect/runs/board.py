# SPDX-License-Identifier: Apache-2.0
"""Many steps of one task run: its name, its log and one table tell how they are."""

import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

from prefect import get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Running
from prefect.utilities.engine import emit_task_run_state_change_event

from eb_prefect.artifacts import key_of
from eb_prefect.brokers.protocol import Broker
from eb_prefect.crew import default_crew
from eb_prefect.ending import StepFailedError
from eb_prefect.errors import RunCancelledError
from eb_prefect.model.phase import Phase
from eb_prefect.model.session import Session
from eb_prefect.model.steprun import PhaseChange, StepRun
from eb_prefect.onlooking import Onlooker
from eb_prefect.reports.markdown import cell
from eb_prefect.runs.here import Here
from eb_prefect.runs.shown import beside, change_table, make_table
from eb_prefect.steps import Looking, nobody
from eb_prefect.watching.follow import Wait

_EVERY = 10.0
_ROWS = 1000
"""How many rows a table has before all have ended; a longer one is a second's work for the server."""
_LINES = 10
"""How many lines of the log tell how far it is."""
_FAILURES = 100
"""How many failures have a line of their own in the log."""

_FIRST = 2.0
_ERROR = "ERROR"
_SECOND = "%Y-%m-%d %H:%M:%SZ"  # all that a page has room for
_NOT_BEGUN = "NOT BEGUN"
_FAILED, _CANCELLED = "failed", "cancelled"
_OVER = GeneratorExit("all have ended")


class Seat(Onlooker):
    """One step of many as far as it is known; looks on at it."""

    __slots__ = (
        "_board",
        "broker",
        "ended_at",
        "fate",
        "is_counted",
        "name",
        "note",
        "phase",
        "session",
        "started_at",
    )

    def __init__(self, board: "Board", name: str) -> None:
        self.name = name
        self.phase = self.broker = self.session = self.note = self.fate = ""
        self.started_at: datetime | None = None
        self.ended_at: datetime | None = None
        self.is_counted = False
        self._board = board

    def changed(self, broker: Broker, session: Session, change: PhaseChange) -> None:
        """Note a phase."""
        before, self.phase = self.phase, str(change.phase)
        self.session, self.broker = session.uuid, broker.identity.name
        if change.phase != Phase.OFFERED and self.started_at is None:
            self.started_at = change.seen
        self._board.noted(before, self.phase)

    def ended(self, run: StepRun) -> None:
        """Note the end; a call that takes over a session that has ended hears of nothing else."""
        before, self.phase = self.phase, str(run.session.phase)
        self.session, self.broker = run.session.uuid, run.broker.name
        seen = [change.seen for change in run.changes if change.phase != Phase.OFFERED]
        self.started_at, self.ended_at = (seen[0], seen[-1]) if seen else (None, None)
        if run.session.phase != Phase.COMPLETED:
            self.note = str(StepFailedError(run))
            self.fate = _CANCELLED if run.session.phase == Phase.CANCELLED else _FAILED
        self._board.noted(before, self.phase)
        self._board.counted(self)

    def left(self, reason: BaseException) -> None:
        """Note that it ended with an error of its own; one that is stopped with all others tells nothing."""
        if not isinstance(reason, Exception):
            return
        before, self.note = self.phase, str(reason) or type(reason).__name__
        if isinstance(reason, RunCancelledError):
            self.fate = _CANCELLED
            self.phase = self.phase if reason.session else _NOT_BEGUN
        else:
            self.fate, self.phase = _FAILED, _ERROR
        self.ended_at = self.ended_at or datetime.now(UTC)
        self._board.noted(before, self.phase)
        self._board.counted(self)

    def row(self, now: datetime) -> dict[str, str]:
        """Return it as a line of the table."""
        began = self.started_at
        lasted = ((self.ended_at or now) - began).total_seconds() if began else None
        return {
            "step": cell(self.name),
            "phase": cell(self.phase),
            "seconds": f"{lasted:.1f}" if lasted is not None else "",
            "started": f"{began:{_SECOND}}" if began else "",
            "broker": cell(self.broker),
            "session": cell(self.session),
            "note": cell(self.note),
        }


Others = Callable[[Here], Sequence[Onlooker]]


def nobody_else(at: Here) -> Sequence[Onlooker]:  # noqa: ARG001 -- the signature of `Others`
    """Let nobody look on but the board."""
    return ()


class Board:
    """Shows how many steps of a task run have ended, and each of them in one table.

    However many there are: the server hears of them every ten seconds at
    most, and at the end.
    """

    def __init__(self, at: Here, count: int, others: Others = nobody_else) -> None:
        self._at = at
        self._others = others
        self._count = count
        self._seats: list[Seat] = []
        self._phases: Counter[str] = Counter()
        self._fates: Counter[str] = Counter()
        self._ended = self._logged = 0
        self._is_over = self._is_new = False
        self._logger = get_run_logger()
        self._table: UUID | None = None
        self._lock = threading.Lock()
        at.task_run.name = self.title
        self._ticking = default_crew().start(self._ticks())

    @property
    def title(self) -> str:
        """What the task run is called."""
        fates = [f", {self._fates[fate]} {fate}" for fate in (_FAILED, _CANCELLED) if self._fates[fate]]
        return f"{self._at.name} x{self._count}: {self._ended} of {self._count}{''.join(fates)}"

    def seat(self, name: str) -> tuple[Onlooker, ...]:
        """Return who looks on at a step."""
        seat = Seat(self, name)
        self._seats.append(seat)
        return (*self._others(self._at._replace(name=name)), seat)

    def noted(self, before: str, phase: str) -> None:
        """Count a step in another phase."""
        with self._lock:
            self._phases[before] -= 1
            self._phases[phase] += 1
            self._is_new = True

    def counted(self, seat: Seat) -> None:
        """Count a step that has ended; called again, it has failed after all."""
        with self._lock:  # lines come in the order of what they tell
            is_first, seat.is_counted = not seat.is_counted, True
            self._ended += is_first
            if seat.fate and (is_first or seat.phase == _ERROR):
                self._fates[seat.fate] += 1
                if self._fates.total() <= _FAILURES:
                    self._logger.warning("%s: %s", seat.name, seat.note)
            part = self._ended * _LINES // self._count
            if part > self._logged:
                self._logged = part
                self._logger.info("%s: %s", self.title, self._phases_now())

    def finish(self) -> None:
        """Show how all have ended; the table comes beside."""
        with self._lock:
            self._is_over = True
            self._at.task_run.name = self.title
        self._ticking.stop(_OVER)
        beside(partial(self._show, len(self._seats)))

    def _now(self) -> str:
        with self._lock:
            return self._phases_now()

    def _phases_now(self) -> str:
        return ", ".join(f"{count} {phase}" for phase, count in self._phases.items() if phase and count > 0)

    def _ticks(self) -> Generator[Wait, None, None]:
        wait = _FIRST
        while True:
            yield Wait(wait)
            wait = _EVERY
            if self._is_new and self._tell():
                beside(partial(self._show, _ROWS))

    def _tell(self) -> bool:
        """Tell the server the name as a change of state, see `eb_prefect.runs.phases`; not after the end."""
        state: State[Any] = Running(message=self._now())
        with self._lock:
            if self._is_over:
                return False
            self._is_new = False
            task_run = self._at.task_run
            task_run.name = self.title
            emit_task_run_state_change_event(task_run, task_run.state, state)
        return True

    def _show(self, most: int) -> None:
        rows = self._rows(most)
        said = f"{self.title}; {self._now()}"
        if len(rows) < len(self._seats):
            said += f"; {len(rows)} of them"
        if self._table is None:
            self._table = make_table(self._at, key_of("steps", self._at.name), rows, said)
        else:
            change_table(self._table, rows, said)

    def _rows(self, most: int) -> list[dict[str, str]]:
        """Return lines of the table: first what failed, then what is under way."""
        now = datetime.now(UTC)
        return [seat.row(now) for seat in sorted(self._seats, key=_order)[:most]]


@contextmanager
def shown(board: Board | None) -> Iterator[Looking]:
    """Let a board look on at steps, where there is one, and finish it when they have ended."""
    if board is None:
        yield nobody
        return
    try:
        yield board.seat
    finally:
        board.finish()


def _order(seat: Seat) -> int:
    if seat.is_counted:
        return 0 if seat.fate else 2
    return 1
