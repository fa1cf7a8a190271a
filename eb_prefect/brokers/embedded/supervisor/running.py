# SPDX-License-Identifier: Apache-2.0
"""The program itself: started once, watched, judged."""

import os
import time
from _signal import SIGKILL

from .cgroup import MemoryGroup
from .diary import Diary
from .plan import Plan
from .preparing import Prepared, last_line
from .process import Place, Program
from .service import ENDS_WITHIN, judged, serve
from .system import PR_SET_CHILD_SUBREAPER, prctl
from .text import instant
from .tree import boot, started
from .verdict import COMPUTE, EXECUTABLE, Verdict, failed, of_memory, of_status, of_stop
from .watching import GRACE, Watch

Ended = tuple[Verdict, dict[str, object]]
_FULL = 1 << 20
_WORDS = 500


def run(plan: Plan, prepared: Prepared, diary: Diary, watch: Watch, cpus: list[int]) -> Ended:
    """Start the program and return the verdict and the outcome once all of it has ended.

    That it starts is in the log before it does, so it never starts twice.

    Raises
    ------
    Verdict
        It was not started.
    """
    group = MemoryGroup(plan.session, plan.limit) if plan.has_asked_memory else None
    members = group.members if group else []
    place = Place(f"{plan.directory}/work", cpus, view=prepared.view, groups=members)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    try:
        program = _ready(plan, prepared, watch, place)
        began = _let_go(program, plan, diary, watch)
        watch.counts, watch.group = plan.counts, group
        status = serve(program.pid, plan, diary, watch)
        if status is None:
            grace = ENDS_WITHIN if plan.serves else GRACE
            status = watch.over(program.pid, duration=plan.duration, memory=plan.limit, grace=grace)
    finally:
        prctl(PR_SET_CHILD_SUBREAPER, 0)
        if group is not None:
            group.remove()
    verdict = judged(plan, diary, watch, status) or _judged(status, plan, watch)
    return verdict, _outcome(status, began, watch)


def _ready(plan: Plan, prepared: Prepared, watch: Watch, place: Place) -> Program:
    streams = (f"{plan.directory}/stdout", f"{plan.directory}/stderr")
    program = Program(prepared.argv, prepared.environment, streams, place)
    why = program.wait_ready()
    watch.look()
    if why or watch.stop:
        os.kill(program.pid, SIGKILL)
        watch.over(program.pid)
        raise (
            stopped(plan, watch) if watch.stop else failed(COMPUTE, f"the program has no place to run: {why}")
        )
    return program


def _let_go(program: Program, plan: Plan, diary: Diary, watch: Watch) -> float:
    began = time.time()
    ticks = started(program.pid)
    if plan.serves:  # its phase is PREPARING until it answers
        diary.note(at=instant(began), pid=program.pid, ticks=ticks, boot=boot())
    else:
        diary.enter("RUNNING", at=instant(began), pid=program.pid, ticks=ticks, boot=boot())
    if why := program.let_go():
        watch.over(program.pid)
        raise failed(EXECUTABLE, f"program {plan.argv[0]!r} can't be executed: {why}")
    watch.cpu, watch.peak = 0.0, 0
    return began


def _outcome(status: int, began: float, watch: Watch) -> dict[str, object]:
    ended = (
        {"signal": os.WTERMSIG(status)} if os.WIFSIGNALED(status) else {"exit_code": os.WEXITSTATUS(status)}
    )
    return {
        **ended,
        "started": instant(began),
        "ended": instant(),
        "cpu_seconds": round(watch.cpu, 6) if watch.counts != "none" else None,
        "peak_memory": watch.peak or None,
        "nodes": [os.uname().nodename],
    }


def stopped(plan: Plan, watch: Watch) -> Verdict:
    """Return the verdict of a session that its watch stopped."""
    return of_stop(watch.stop, duration=plan.duration, memory=plan.memory, peak=watch.peak)


def _judged(status: int, plan: Plan, watch: Watch) -> Verdict:
    if watch.stop:
        return stopped(plan, watch)
    if plan.limit and watch.peak > plan.limit:
        return of_memory(plan.memory, watch.peak)
    verdict = of_status(status, plan.failures)
    if verdict.phase == "FAILED" and (said := last_line(f"{plan.directory}/stderr")):
        verdict.text += f"; its last words on stderr: {said[:_WORDS]}"
    room = os.statvfs(plan.directory)
    if verdict.phase == "FAILED" and room.f_bavail * room.f_frsize < _FULL:
        verdict.text += f"; the disk that holds {plan.directory} is full"
    return verdict
