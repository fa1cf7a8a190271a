# SPDX-License-Identifier: Apache-2.0
"""Where a supervisor starts that a batch system runs: one task of a submission.

A session may have been submitted twice, when an answer was lost. The first of
its tasks to get here claims it, by a symbolic link to its handle: the kernel
makes that once, on network file systems too, where locks may not work.
"""

import os
from _signal import SIG_BLOCK, pthread_sigmask

from .granted import Granted
from .main import DECISION
from .plan import PLAN, Plan
from .spawn import SIGNALS
from .supervision import Supervision

CLAIM = "claim"
TASK = "EB_TASK"
HANDLE = "EB_HANDLE"
TAKEN = 75
"""The exit code of a task whose session is another's, or nobody's any more."""


def main(manifest: str) -> int:
    """Supervise the session of this task; return the exit code that its batch system is to see.

    ``manifest`` is a file with the directory of each task's session, a line each.
    """
    pthread_sigmask(SIG_BLOCK, SIGNALS)
    directory = _directory(manifest, int(os.environ[TASK]))
    phase, _, accepted = os.readlink(f"{directory}/{DECISION}").partition("@")
    if phase != "ACCEPTED" or not _claimed(f"{directory}/{CLAIM}", os.environ[HANDLE]):
        return TAKEN
    with open(f"{directory}/{PLAN}", "rb") as file:
        plan = Plan(file.read().decode())
    plan.environment = {**_around(plan), **plan.environment}
    supervision = Supervision(plan, accepted, Granted())
    supervision.carry_on()
    return supervision.exit_code


def _directory(manifest: str, number: int) -> str:
    with open(manifest, "rb") as file:
        return file.read().decode().splitlines()[number]


def _claimed(path: str, handle: str) -> bool:
    try:
        os.symlink(handle, path)
    except FileExistsError:
        return os.readlink(path) == handle  # requeued; what it did is in the log
    return True


def _around(plan: Plan) -> dict[str, str]:
    """Return what a program is to know of where the batch system put it."""
    return {
        name: text
        for name, text in os.environ.items()
        if name not in (TASK, HANDLE) and (plan.inherits == "all" or name.startswith(_ITS_OWN))
    }


# what batch systems and their nodes say to programs, of the task and of its devices
_ITS_OWN = (
    "SLURM_",
    "PBS_",
    "LSB_",
    "FLUX_",
    "_CONDOR_",
    "CUDA_VISIBLE_DEVICES",
    "GPU_DEVICE_ORDINAL",
    "ROCR_VISIBLE_DEVICES",
    "ZE_AFFINITY_MASK",
    "HOSTNAME",
    "TMPDIR",
)
