# SPDX-License-Identifier: Apache-2.0
"""PanDA's own client, doing what a user does; it reads its environment when it is imported, and may exit.

Its arguments are a command that a task runs and one that a job runs. What it
got is printed as JSON, after what the client prints itself.
"""

import json
import sys
import time
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from pandaclient import Client
from pandaclient.JobSpec import JobSpec


def parameters(command: str, name: str) -> dict[str, Any]:
    given = f'-r . -p "{quote(command)}"'
    return {
        "taskName": name,
        "uniqueTaskName": True,
        "vo": "eb",
        "prodSourceLabel": "user",
        "noInput": True,
        "nFiles": 1,
        "nFilesPerJob": 1,
        "jobParameters": [{"type": "constant", "value": given}],
    }


def job(command: str) -> JobSpec:
    spec = JobSpec()
    spec.jobName, spec.computingSite, spec.prodSourceLabel = f"user.peer.{uuid4()}", "EB_TEST", "user"
    spec.jobParameters, spec.VO, spec.attemptNr, spec.maxAttempt = f'-p "{quote(command)}"', "eb", 0, -1
    spec.jobDefinitionID, spec.destinationSE, spec.transformation = 0, "local", "runGen-00-00-02"
    return spec


def until(look: Any, *ends: str) -> Any:
    for _ in range(200):
        found = look()
        if found in ends:
            return found
        time.sleep(0.1)
    raise TimeoutError(found)


def tasks(command: str) -> dict[str, Any]:
    given = parameters(command, f"user.peer.{uuid4()}")
    submitted, again = Client.insertTaskParams(given), Client.insertTaskParams(given)
    number = int(submitted[1][1].rpartition("=")[2])
    end = until(lambda: Client.getTaskStatus(number)[1], "done", "failed")
    late = Client.killTask(number)
    doomed = Client.insertTaskParams(parameters("sleep 60", f"user.peer.{uuid4()}"))
    condemned = int(doomed[1][1].rpartition("=")[2])
    early = Client.killTask(condemned)
    until(lambda: Client.getTaskStatus(condemned)[1], "running")
    killed = Client.killTask(condemned)
    aborted = until(lambda: Client.getTaskStatus(condemned)[1], "aborted")
    jobs = Client.getPandaIDsWithTaskID(number)
    return {
        "submitted": submitted,
        "again": again,
        "end": end,
        "late": late,
        "early": early,
        "killed": killed,
        "aborted": aborted,
        "jobs": jobs,
    }


def jobs(command: str) -> dict[str, Any]:
    submitted = Client.submitJobs([job(command), job("sleep 60")])
    first, second = (each[0] for each in submitted[1])
    end = until(lambda: Client.getJobStatus([first])[1][0].jobStatus, "finished", "failed")
    whole = Client.getFullJobStatus([first])[1][0]
    until(lambda: Client.getJobStatus([second])[1][0].jobStatus, "running")
    killed = Client.killJobs([second])
    cancelled = until(lambda: Client.getJobStatus([second])[1][0].jobStatus, "cancelled")
    told = {name: getattr(whole, name) for name in ("PandaID", "jobName", "maxRSS", "transExitCode", "VO")}
    return {"submitted": submitted, "end": end, "killed": killed, "cancelled": cancelled, "whole": told}


if __name__ == "__main__":
    print(json.dumps({"tasks": tasks(sys.argv[1]), "jobs": jobs(sys.argv[2])}))
