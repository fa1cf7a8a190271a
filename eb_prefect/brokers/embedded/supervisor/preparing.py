# SPDX-License-Identifier: Apache-2.0
"""From a plan to a program that could start: directories, data, files, commands."""

import os

from .diary import Diary
from .mounts import can_enter
from .plan import Plan
from .process import Helper, Place, Program
from .rewriting import rewritten
from .staging import stage
from .text import instant
from .verdict import COMPUTE, DATA, EXECUTABLE, failed
from .watching import Watch


class Prepared:
    """What the program is started with.

    ``view`` is None where nothing is mounted by the supervisor; ``has_mounts``
    tells whether volumes are where the request wants them.
    """

    def __init__(self, plan: Plan, *, has_mounts: bool) -> None:
        self.has_mounts = has_mounts
        self.view = (f"{plan.directory}/root", plan.binds) if has_mounts and _wants_view(plan) else None
        if has_mounts:
            self.argv, self.environment = plan.argv, plan.environment
        else:
            copies = {item.location: item.path for item in plan.stage if item.may_stay}
            binds = [[copies.get(source, source), target, mode] for source, target, mode in plan.binds]
            self.argv = [rewritten(word, binds) for word in plan.argv]
            self.environment = {name: rewritten(text, binds) for name, text in plan.environment.items()}


def prepare(plan: Plan, diary: Diary, watch: Watch, cpus: list[int]) -> Prepared:
    """Make all ready that the program needs.

    Raises
    ------
    Verdict
        Something can't be had. Where the session is to stop, the return is
        early and the caller is to look.
    """
    for directory in plan.directories:
        os.makedirs(directory, exist_ok=True)
    why = _why_no_view(plan, watch) if _wants_view(plan) else ""
    if why and plan.must_mount:
        raise failed(COMPUTE, f"the machine can't mount the volumes of the container: {why}")
    if why:
        diary.note(at=instant(), level="WARN", kind="no-mounts", text=_NO_MOUNTS.format(why=why))
    copied = {item.path for item in plan.stage} if why else set()
    for point, source in plan.links:
        if point not in copied:
            _link(point, source, has_mounts=not why)
    for path, content in plan.files.items():
        _write(path, content)
    _stage(plan, diary, watch, in_place=not why)
    for command in plan.prepare:
        if not watch.stop:
            _run(command, plan, watch, cpus)
    return Prepared(plan, has_mounts=not why)


_NO_MOUNTS = (
    "this machine can't mount volumes at their paths ({why}); paths in the command and the environment"
    " were replaced by those where the volumes really are"
)


def _wants_view(plan: Plan) -> bool:
    return plan.uses_mounts and bool(plan.binds)


def _why_no_view(plan: Plan, watch: Watch) -> str:
    if not plan.may_mount:
        return "the broker was told not to"
    root = f"{plan.directory}/root"
    helper = Helper(lambda report: report({"why": can_enter(root)}))
    watch.over(helper.pid)
    return "".join(str(result.get("why", "")) for result in helper.results())


def _link(point: str, source: str, *, has_mounts: bool) -> None:
    """Make a mount point for the source, or a link to it where nothing can be mounted."""
    if os.path.lexists(point):  # by a supervisor that was lost
        return
    if not has_mounts:
        os.symlink(source, point)
    elif os.path.isdir(source):
        os.mkdir(point)
    else:
        _write(point, "")


def _write(path: str, content: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, content.encode())
    finally:
        os.close(fd)


def _stage(plan: Plan, diary: Diary, watch: Watch, *, in_place: bool) -> None:
    if not plan.stage:
        return
    helper = Helper(lambda report: stage(plan.stage, in_place=in_place, report=report))
    status = watch.over(helper.pid)
    results = helper.results()
    error = next((str(result["error"]) for result in results if "error" in result), "")
    if watch.stop:
        return
    if error or status:
        raise failed(DATA, error or f"staging ended with wait status {status}")
    diary.note(at=instant(), staged=results)


def _run(command: list[str], plan: Plan, watch: Watch, cpus: list[int]) -> None:
    """Run one command of the preparation, and take its stderr as the reason if it fails."""
    errors = f"{plan.directory}/prepare.err"
    place = Place(plan.directory, cpus)
    program = Program(command, plan.environment, (os.devnull, errors), place)
    why = program.wait_ready() or program.let_go()
    status = watch.over(program.pid)
    if (why or status) and not watch.stop:
        said = why or last_line(errors) or f"it ended with wait status {status}"
        raise failed(EXECUTABLE, f"{' '.join(command[:2])} failed while preparing: {said}")


def last_line(path: str) -> str:
    """Return the last line that is not blank in the last 4 KiB of a file, empty for none."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.lseek(fd, max(os.fstat(fd).st_size - 4096, 0), os.SEEK_SET)
        lines = os.read(fd, 4096).decode(errors="replace").strip().splitlines()
    finally:
        os.close(fd)
    return lines[-1] if lines else ""
