# SPDX-License-Identifier: Apache-2.0
"""How our identifier travels with a submission, and how its tasks are called."""

import re

_PRELUDE = (
    'export EB_TASK="${SLURM_ARRAY_TASK_ID:-0}"\n'
    'export EB_HANDLE="${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}'
    '${SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}"\n'
)
_COMMENT = re.compile(r"eb:([0-9A-Za-z-]+)")
_TASK = re.compile(r"(?P<first>\d+)(?:_(?P<number>\d+))?")


def comment(identifier: str) -> str:
    """Return the comment that a submission gets."""
    return f"eb:{identifier}"


def identifier_of(text: str) -> str:
    """Return the identifier in a comment, empty for none."""
    found = _COMMENT.fullmatch(text.strip())
    return found.group(1) if found else ""


def name(given: str, identifier: str) -> str:
    """Return what a submission is called: its accounts are found by that where they have no comments."""
    plain = re.sub(r"[^0-9A-Za-z._+-]+", "-", given).strip("-")[:64]
    return f"{plain or 'eb'}-{identifier}"


def identifier_in(text: str) -> str:
    """Return the identifier in a name, if it has no hyphens; empty for none."""
    return text.rpartition("-")[2] if "-" in text else ""


def script(text: str) -> str:
    """Return a script that tells its tasks their numbers and handles."""
    first, _, rest = text.partition("\n")
    return f"{first}\n{_PRELUDE}{rest}"


def handle(first: str, number: int, tasks: int) -> str:
    """Return the handle of a task by the number that Slurm gave the whole."""
    return first if tasks == 1 else f"{first}_{number}"


def number_of(given: str) -> int | None:
    """Return a task's number by its handle; None for what is no handle of one task."""
    found = _TASK.fullmatch(given)
    return None if found is None else int(found["number"] or 0)


def whole_of(given: str) -> str:
    """Return the number that Slurm gave the whole that a task belongs to."""
    return given.partition("_")[0]
