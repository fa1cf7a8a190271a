# SPDX-License-Identifier: Apache-2.0
"""How a session ends, and the words for it."""

import os
from _signal import strsignal

from .watching import CANCELLED, DURATION, MEMORY, RELEASED

DATA = "data"
COMPUTE = "compute"
EXECUTABLE = "executable"
TOLD_TO_END = "the supervisor was told to end by a signal; the machine may be going down"


class Verdict(Exception):  # noqa: N818 - not always an error; it ends what is going on
    """The final phase of a session, the part of it that failed, and why."""

    def __init__(self, phase: str, part: str = "", text: str = "") -> None:
        self.phase = phase
        self.part = part
        self.text = text
        super().__init__(text)


def failed(part: str, text: str) -> Verdict:
    """Return the verdict that a part failed."""
    return Verdict("FAILED", part, text)


def of_stop(reason: str, *, duration: float, memory: int, peak: int) -> Verdict:
    """Return the verdict of a session that was stopped for a reason of `watching`."""
    if reason == CANCELLED:
        return Verdict("CANCELLED", "", "the session was cancelled")
    if reason == RELEASED:
        return Verdict("CANCELLED", "", "the session was released before it was available")
    if reason == DURATION:
        return failed(COMPUTE, f"the program ran longer than the {duration:g} s that it had, and was ended")
    if reason == MEMORY:
        return of_memory(memory, peak)
    return failed(COMPUTE, TOLD_TO_END)


def of_service(reason: str, duration: float) -> Verdict | None:
    """Return the verdict of a session that was available and stopped, where that was its proper end."""
    if reason == RELEASED:
        return Verdict("COMPLETED", "", "the session was released")
    if reason == DURATION:
        return Verdict("COMPLETED", "", f"the {duration:g} s that the session had are over")
    return None


def of_memory(memory: int, peak: int) -> Verdict:
    """Return the verdict of a session that used more memory than it had, in GiB and bytes."""
    used = f"{peak / (1 << 30):.2f}"
    return failed(
        COMPUTE,
        f"the session needed more memory ({used} GiB) than the {memory} GiB that it had, and was ended",
    )


def of_status(status: int, failures: dict[str, str]) -> Verdict:
    """Return the verdict on a program's wait status."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return failed(EXECUTABLE, f"the program was ended by signal {number} ({strsignal(number)})")
    code = os.WEXITSTATUS(status)
    if code == 0:
        return Verdict("COMPLETED")
    why = failures.get(str(code), "")
    return failed(EXECUTABLE, f"the program ended with exit code {code}" + (f": {why}" if why else ""))
