# SPDX-License-Identifier: Apache-2.0
"""What a step asked for, what it was granted, what it used and what that costs."""

from collections.abc import Iterator

from eb_prefect.choice.amounts import amounts_of
from eb_prefect.choice.table import span_text
from eb_prefect.model.compute import Compute, SimpleCompute
from eb_prefect.model.parts import Range, Schedule
from eb_prefect.model.session import Outcome, Session
from eb_prefect.model.steprun import StepRun
from eb_prefect.reports.lengths import length_text, size_text
from eb_prefect.reports.markdown import words
from eb_prefect.reports.spans import lasted

Row = tuple[str, str, str, str]
_WATT_HOUR = 3600.0


def resources(run: StepRun) -> Iterator[Row]:
    """Yield rows of what it is, what was asked, granted and used; only what is known of at all."""
    asked, granted = run.request.compute, run.session.compute
    outcome = run.session.outcome or Outcome()
    wall = _wall(run, outcome)
    rows = (
        ("cores", _range(asked, "cores"), _range(granted, "cores"), _busy(outcome, wall)),
        (
            "memory",
            _range(asked, "memory"),
            _range(granted, "memory"),
            _size(outcome.peak_memory, " at most"),
        ),
        ("GPUs", _range(asked, "gpus"), _range(granted, "gpus"), ""),
        ("time", _asked_time(run), _planned(run.session.schedule), _length(wall)),
        ("CPU time", "", "", _length(outcome.cpu_seconds)),
        ("read", "", "", _size(outcome.read_bytes)),
        ("written", "", "", _size(outcome.written_bytes)),
        ("energy", "", "", _energy(outcome.energy)),
        ("CO2", "", "", "" if outcome.carbon is None else f"{outcome.carbon:.3g} g"),
    )
    yield from (row for row in rows if any(row[1:]))


def costs(run: StepRun) -> Iterator[tuple[str, str, str]]:
    """Yield each cost and metric of the offer that was chosen: its name, how much, and what that is."""
    offer = next((one for one in run.offers.offers if one.uuid == run.chosen), None)
    for name, told in amounts_of(offer or run.session).items():
        low, high = f"{told.low:.6g}", f"{told.high:.6g}"
        yield words(name, 40), low if low == high else f"{low} to {high}", words(told.description or "")


def _wall(run: StepRun, outcome: Outcome) -> float | None:
    """Return how long the program ran, by the broker or else as it was seen."""
    if outcome.started and outcome.ended:
        return max((outcome.ended - outcome.started).total_seconds(), 0.0)
    running = [
        one.seconds for one in lasted(run.changes) if one.phase == "RUNNING" and one.seconds is not None
    ]
    return sum(running) if running else None


def _range(compute: Compute | None, name: str) -> str:
    given: Range | None = getattr(compute, name) if isinstance(compute, SimpleCompute) else None
    ends = [str(end) for end in (given.min, given.max) if end is not None] if given else []
    unit = " GiB" if name == "memory" and ends else ""
    return (ends[0] if len(set(ends)) == 1 else " to ".join(ends)) + unit


def _busy(outcome: Outcome, wall: float | None) -> str:
    if outcome.cpu_seconds is None or not wall:
        return ""
    return f"{outcome.cpu_seconds / wall:.2g} busy"


def _asked_time(run: StepRun) -> str:
    wanted = run.request.schedule
    length = wanted.requested.duration if wanted and wanted.requested else None
    return "" if length is None else span_text(length.total_seconds())


def _planned(plan: Schedule | None) -> str:
    length = plan.available.duration if plan and plan.available else None
    return "" if length is None else span_text(length.total_seconds())


def _length(seconds: float | None) -> str:
    return "" if seconds is None else length_text(seconds)


def _size(size: int | None, more: str = "") -> str:
    return "" if size is None else size_text(size) + more


def _energy(joules: float | None) -> str:
    return "" if joules is None else f"{joules:.3g} J ({joules / _WATT_HOUR:.3g} Wh)"


def granted_by(session: Session) -> str:
    """Return where a session ran: the nodes, the site and the batch system's own name for it."""
    outcome = session.outcome or Outcome()
    said = [
        f"node {', '.join(outcome.nodes[:4])}" if outcome.nodes else "",
        f"and {len(outcome.nodes) - 4} more" if len(outcome.nodes) > 4 else "",
        f"site {outcome.site}" if outcome.site else "",
        f"as {outcome.identifier}" if outcome.identifier else "",
    ]
    return words(", ".join(filter(None, said)))
