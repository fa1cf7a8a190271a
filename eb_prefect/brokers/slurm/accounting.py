# SPDX-License-Identifier: Apache-2.0
"""What ``sacct -P`` says about what has ended.

Never ``sacct --json``: that of Slurm 22.05 loses exit codes.
"""

import math
import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta

from eb_prefect.brokers.batch.scheduler import Account
from eb_prefect.brokers.slurm.naming import identifier_in
from eb_prefect.brokers.slurm.nodes import node_names
from eb_prefect.brokers.slurm.states import phase_of
from eb_prefect.model.phase import FINAL

FIELDS = (
    "JobID",
    "State",
    "ExitCode",
    "Start",
    "End",
    "TotalCPU",
    "MaxRSS",
    "NodeList",
    "ConsumedEnergyRaw",
    "MaxDiskRead",
    "MaxDiskWrite",
    "Reason",
    "JobName",
)
_LAST_SIGNAL = 64
_BRIEF = timedelta(seconds=2)
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SIZE = re.compile(r"([0-9.]+)([KMGT]?)")
_BATCH = re.compile(r"\.(batch|extern|\d+)$")

Row = Mapping[str, str]


def accounts_of(text: str, handles: Collection[str]) -> dict[str, Account]:
    """Return what is told of those tasks that have ended; text is of `FIELDS`, in this order, with steps."""
    whole: dict[str, Row] = {}
    steps: dict[str, list[Row]] = {}
    for line in text.splitlines():
        row = dict(zip(FIELDS, line.split("|", len(FIELDS) - 1), strict=False))
        name = row.get("JobID", "")
        step = _BATCH.search(name)
        if step:
            steps.setdefault(name[: step.start()], []).append(row)
        else:
            whole[name] = row
    wanted = ((handle, whole[handle]) for handle in handles if handle in whole)
    found = ((handle, _account(row, steps.get(handle, []))) for handle, row in wanted)
    return {handle: account for handle, account in found if account.phase in FINAL}


def _account(row: Row, steps: list[Row]) -> Account:
    code, _, signal = row.get("ExitCode", "").partition(":")
    nodes = node_names(row.get("NodeList", ""))
    started, ended = _instant(row.get("Start", "")), _instant(row.get("End", ""))
    return Account(
        phase=phase_of(row.get("State", ""), row.get("Reason", "")),
        state=row.get("State", ""),
        reason=_reason(row.get("Reason", "")),
        nodes=nodes,
        exit_code=int(code) if code.isdigit() else None,
        signal=_signal(signal),
        started=started,
        ended=ended,
        cpu_seconds=_seconds(row.get("TotalCPU", "")),
        peak_memory=_most(step.get("MaxRSS", "") for step in steps),
        energy=_number(row.get("ConsumedEnergyRaw", "")),
        read_bytes=_most(step.get("MaxDiskRead", "") for step in steps),
        written_bytes=_most(step.get("MaxDiskWrite", "") for step in steps),
        identifier=identifier_in(row.get("JobName", "")),
        is_whole=not nodes or _was_brief(started, ended) or _have_ended(steps),
    )


def _signal(text: str) -> int | None:
    """Return a signal; what is none, such as Slurm's own mark for a lack of memory, is left out."""
    return int(text) if text.isdigit() and 0 < int(text) <= _LAST_SIGNAL else None


def _was_brief(started: datetime | None, ended: datetime | None) -> bool:
    """Return whether it ended before Slurm looked at what it used: its steps have nothing to add."""
    return started is not None and ended is not None and ended - started < _BRIEF


def _have_ended(steps: list[Row]) -> bool:
    """Return whether the books have all steps: those of what it was and what it used may come later."""
    return bool(steps) and all(phase_of(step.get("State", "")) in FINAL for step in steps)


def _reason(text: str) -> str:
    return "" if text in {"None", "Unknown"} else text


def _instant(text: str) -> datetime | None:
    return datetime.fromtimestamp(int(text), UTC) if text.isdigit() and int(text) else None


def _seconds(text: str) -> float | None:
    """Return the seconds of ``[D-][HH:]MM:SS[.fraction]``."""
    days, _, clock = text.rpartition("-")
    try:
        parts = [float(part) for part in clock.split(":")]
        whole = float(days or 0) * 86400
    except ValueError:
        return None
    return whole + math.fsum(part * 60.0**n for n, part in enumerate(reversed(parts)))


def _number(text: str) -> float | None:
    """Return a number that was measured; Slurm has 0 for what no plugin measures."""
    try:
        return float(text) or None
    except ValueError:
        return None


def _most(texts: Iterable[str]) -> int | None:
    return max(filter(None, map(_bytes, texts)), default=None)


def _bytes(text: str) -> int | None:
    found = _SIZE.fullmatch(text)
    return int(float(found[1]) * _UNITS[found[2]]) if found else None
