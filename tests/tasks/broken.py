# SPDX-License-Identifier: Apache-2.0
"""A flow that dies, and can't be loaded any more when it has."""

import os
import signal
from pathlib import Path

from prefect import flow

RUNS = Path(os.environ["EB_FOLDER"]) / "broken.runs"
if RUNS.exists():
    with RUNS.open("a") as file:
        file.write("not loaded\n")
    raise ImportError(RUNS)


@flow
def broken() -> None:
    RUNS.write_text("begun\n")
    os.kill(os.getpid(), signal.SIGKILL)
