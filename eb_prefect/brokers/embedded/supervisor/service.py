# SPDX-License-Identifier: Apache-2.0
"""A program that serves something to a person: until it answers, and how that ends."""

import os
import time

from .diary import Diary
from .plan import Plan
from .text import instant, scan
from .tree import read
from .verdict import COMPUTE, EXECUTABLE, Verdict, failed, of_service
from .watching import DURATION, Watch

RELEASE = "release"
ENDS_WITHIN = 15.0
"""Seconds that it is given to end what it serves in good order."""
_ANSWERS_WITHIN = 300.0


def serve(pid: int, plan: Plan, diary: Diary, watch: Watch) -> int | None:
    """Wait until a program answers that serves something, and enter AVAILABLE.

    The wait status is returned if it has ended before, with all that came of
    it. Its time begins when it answers.
    """
    if plan.serves is None:
        return None
    door = plan.serves["door"]
    status = watch.up(pid, door, seconds=_ANSWERS_WITHIN, memory=plan.limit)
    if status is None:
        now = time.time()
        told = {key: plan.serves[key] for key in ("kind", "protocol")}
        connector = {**told, "location": scan(read(door), 0)[0]["location"]}
        until = instant(now + plan.duration) if plan.duration else ""
        diary.enter("AVAILABLE", at=instant(now), connector=connector, until=until)
    return status


def judged(plan: Plan, diary: Diary, watch: Watch, status: int) -> Verdict | None:
    """Return how a session ended that served something; None where it ended as any other would."""
    if plan.serves is None:
        return None
    if diary.entered("AVAILABLE"):
        return of_service(watch.stop, plan.duration)
    if watch.stop == DURATION:
        return failed(COMPUTE, f"the program did not answer within {_ANSWERS_WITHIN:g} s, and was ended")
    if not watch.stop and os.waitstatus_to_exitcode(status) == 0:
        return failed(EXECUTABLE, "the program ended before it answered")
    return None


def was_released(plan: Plan) -> bool:
    """Whether somebody asked for the session's proper end."""
    return os.path.lexists(f"{plan.directory}/{RELEASE}")
