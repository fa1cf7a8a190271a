# SPDX-License-Identifier: Apache-2.0
"""The jobs and tasks of the stand-in: states as on a real server, work as processes of this machine."""

import os
import re
import signal
import subprocess
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from tests.brokers.panda.documents import body, moment

COMMAND = re.compile(r'-p "([^"]*)"')
ENDS = {"finished": "done", "failed": "failed", "cancelled": "aborted"}
STEP = 0.03
"""Seconds that a state lasts at least."""


@dataclass
class Job:
    """One job; ``document`` is its description, from that of a real one."""

    document: dict[str, Any]
    since: float = field(default_factory=time.monotonic)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def state(self) -> str:
        return str(self.document["jobStatus"])

    @property
    def number(self) -> int:
        return int(self.document["PandaID"])

    def enter(self, state: str, **changes: Any) -> None:
        self.since = time.monotonic()
        now = moment(datetime.now(UTC))
        self.document |= {"jobStatus": state, "stateChangeTime": now, "modificationTime": now} | changes

    def turn(self) -> None:
        """Do what the dispatcher, the pilot and the adder do next."""
        if time.monotonic() - self.since < STEP:
            return
        match self.state:
            case "activated":
                self.enter("sent")
            case "sent":
                self.enter("starting", modificationHost="wn01.eb")
            case "starting":
                self.start()
            case "running":
                self.see()
            case "holding":
                self.add()

    def start(self) -> None:
        given = COMMAND.search(self.document["jobParameters"])
        line = unquote(given.group(1)) if given else self.document["jobParameters"]
        self.process = subprocess.Popen(["sh", "-c", line], start_new_session=True)
        self.enter("running", startTime=moment(datetime.now(UTC)))

    def see(self) -> None:
        assert self.process is not None
        code = self.process.poll()
        if code is None and self.document["commandToPilot"] == "tobekilled":
            self.end()
            self.report("job-cancelled")
        elif code is not None:
            said = {"transExitCode": code, "exeErrorCode": code} if code else {}
            self.report("job-failed" if code else "job-finished", **said)

    def report(self, like: str, **changes: Any) -> None:
        """Report as a real pilot did; the adder makes the state of it."""
        real = body(like)["data"][0]
        used = ("cpuConsumptionTime", "maxRSS", "totRBYTES", "totWBYTES", "gco2_regional", "gco2_global")
        said = (
            "transExitCode",
            "exeErrorCode",
            "exeErrorDiag",
            "pilotErrorCode",
            "pilotErrorDiag",
            "hs06sec",
        )
        told = {name: real[name] for name in (*used, *said)}
        now = moment(datetime.now(UTC))
        self.enter("holding", endTime=now, actualCoreCount=1, **(told | changes))

    def add(self) -> None:
        failed = self.document["pilotErrorCode"] or self.document["exeErrorCode"]
        killed = self.document["commandToPilot"] == "tobekilled" and failed
        self.enter("cancelled" if killed else "failed" if failed else "finished")

    def kill(self, user: str) -> bool:
        """Kill it, if it has not ended and was not killed before."""
        if self.state in ENDS or self.document["commandToPilot"] == "tobekilled":
            return False
        self.document |= {"commandToPilot": "tobekilled", "taskBufferErrorDiag": f"killed by {user}"}
        if self.state == "activated":
            self.enter("cancelled", taskBufferErrorCode=100, endTime=moment(datetime.now(UTC)))
        return True

    def end(self) -> None:
        """End the process, and reap it."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@dataclass
class Task:
    """One task; JEDI takes it up after a while, and gives it one job."""

    number: int
    parameters: dict[str, Any]
    status: str = "waiting"
    said: str | None = None
    jobs: list[Job] = field(default_factory=list)
    since: float = field(default_factory=time.monotonic)

    def enter(self, status: str) -> None:
        self.status, self.since = status, time.monotonic()

    def turn(self) -> None:
        """Do what JEDI does next."""
        if self.status == "running" and self.said:
            self.enter("aborting")
            for job in self.jobs:
                job.kill("jedi")
        elif self.status in {"running", "aborting"} and all(job.state in ENDS for job in self.jobs):
            self.enter(ENDS[self.jobs[-1].state])
