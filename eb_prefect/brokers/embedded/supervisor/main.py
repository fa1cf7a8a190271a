# SPDX-License-Identifier: Apache-2.0
"""Where a supervisor starts."""

import os

from .locks import SESSION, open_lock, take
from .plan import PLAN, Plan
from .supervision import Supervision
from .turn import Queued, Waiting

DECISION = "decision"
LOCK = "lock"
QUEUED = "queued"


def main(directory: str) -> None:
    """Supervise the session in ``directory``, unless another process does."""
    os.closerange(3, 65536)  # whatever the caller left open is not ours to hold
    os.chdir("/")
    lock = open_lock(f"{directory}/{LOCK}")
    phase, _, accepted = os.readlink(f"{directory}/{DECISION}").partition("@")
    if phase != "ACCEPTED" or not take(lock, SESSION):
        return
    with open(f"{directory}/{PLAN}", "rb") as file:
        plan = Plan(file.read().decode())
    try:
        waiting = Waiting(plan, accepted)
        Supervision(plan, accepted, waiting, was_queued=os.path.exists(f"{directory}/{QUEUED}")).carry_on()
    except Queued:
        return
