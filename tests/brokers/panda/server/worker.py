# SPDX-License-Identifier: Apache-2.0
"""The least that JEDI, a pilot and the adder do, for a PanDA server of tests.

Tasks become one job each, jobs run as processes of this machine, and what they
report is added by the server's own adder. All that is asked of the server
itself goes through its own calls and classes.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import psycopg2
import requests
from pandaserver.brokerage.SiteMapper import SiteMapper
from pandaserver.config import panda_config
from pandaserver.dataservice.adder_gen import AdderGen
from pandaserver.taskbuffer.JobSpec import JobSpec
from pandaserver.taskbuffer.TaskBuffer import taskBuffer

ROOT = Path(os.environ["PANDA_TEST_DIR"])
PORT = int(os.environ["PANDA_TEST_PORT"])
SITE = "EB_TEST"
COMMAND = re.compile(r'-p "([^"]*)"')
ENDS = {"finished": "done", "failed": "failed", "closed": "failed", "cancelled": "aborted"}
KILLED_BY_JEDI = 50


class Jedi:
    """Takes tasks up, gives each one job, and kills those that are to be killed."""

    def __init__(self) -> None:
        self.db = psycopg2.connect(host="127.0.0.1", port=PORT + 1, user="panda", dbname="panda")
        self.db.autocommit = True

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with self.db.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []

    def turn(self) -> None:
        for number, text in self.rows(
            "SELECT taskid, jedi_task_parameters FROM doma_deft.t_task WHERE status = 'waiting'"
        ):
            self.refine(int(number), json.loads(text))
        for number, command, comment in self.rows(
            "DELETE FROM doma_deft.prodsys_comm RETURNING comm_task, comm_cmd, comm_comment"
        ):
            if command == "kill":
                self.kill(int(number), comment)
        for (number,) in self.rows(
            "SELECT jeditaskid FROM doma_panda.jedi_tasks WHERE status IN ('running', 'aborting')"
        ):
            self.close(int(number))

    def refine(self, number: int, task: dict[str, Any]) -> None:
        columns = {"jediTaskID": number, "status": "running"}
        for name in ("taskName", "userName", "vo", "prodSourceLabel", "taskType", "processingType"):
            columns[name] = task.get(name)
        for name in ("coreCount", "ramCount", "ramUnit", "walltime", "container_name", "taskPriority"):
            columns[name] = task.get(name)
        names = [*columns, "creationDate", "modificationTime"]
        marks = ", ".join(["%s"] * len(columns) + ["now() AT TIME ZONE 'UTC'"] * 2)
        self.rows(
            f"INSERT INTO doma_panda.jedi_tasks ({', '.join(names)}) VALUES ({marks})", *columns.values()
        )
        self.rows("INSERT INTO doma_panda.jedi_taskparams VALUES (%s, %s)", number, json.dumps(task))
        self.rows("UPDATE doma_deft.t_task SET status = 'registered' WHERE taskid = %s", number)
        taskBuffer.storeJobs([job_of(number, task)], task["userName"], userVO=task["vo"], trust_user=True)

    def kill(self, number: int, comment: str) -> None:
        self.rows(
            "UPDATE doma_panda.jedi_tasks SET status = 'aborting', errordialog = %s WHERE jeditaskid = %s"
            " AND status = 'running'",
            comment,
            number,
        )
        jobs = taskBuffer.getPandaIDsWithTaskID(number)
        taskBuffer.killJobs(jobs, "jedi", KILLED_BY_JEDI, True)

    def close(self, number: int) -> None:
        jobs = [job for job in taskBuffer.getFullJobStatus(taskBuffer.getPandaIDsWithTaskID(number)) if job]
        if jobs and all(job.jobStatus in ENDS for job in jobs):
            self.rows(
                "UPDATE doma_panda.jedi_tasks SET status = %s, endtime = now() AT TIME ZONE 'UTC',"
                " modificationtime = now() AT TIME ZONE 'UTC' WHERE jeditaskid = %s",
                ENDS[jobs[-1].jobStatus],
                number,
            )


def job_of(number: int, task: dict[str, Any]) -> JobSpec:
    """Return the job of a task."""
    job = JobSpec()
    job.jobName = f"{task['taskName']}.{number}"
    job.jediTaskID, job.computingSite, job.destinationSE = number, SITE, "local"
    job.prodSourceLabel, job.VO, job.processingType = "user", task["vo"], task.get("processingType", "eb")
    job.jobDefinitionID, job.attemptNr, job.maxAttempt, job.currentPriority = number, 0, -1, 1000
    job.transformation = task.get("transPath") or "runGen-00-00-02"
    job.coreCount, job.container_name = task.get("coreCount", 1), task.get("container_name")
    job.jobParameters = " ".join(
        each["value"] for each in task["jobParameters"] if each["type"] == "constant"
    )
    return job


@dataclass
class Running:
    """A job's process."""

    process: "subprocess.Popen[bytes]"
    since: str


class Pilot:
    """Asks for jobs, runs them, and says how they are."""

    def __init__(self) -> None:
        self.running: dict[int, Running] = {}

    def call(self, path: str, document: dict[str, Any]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {(ROOT / 'pilot').read_text()}", "Origin": "eb.production"}
        headers |= {"Accept": "application/json"}
        answer = requests.post(f"http://127.0.0.1:{PORT}/api/v1/pilot/{path}", json=document, headers=headers)
        return answer.json()["data"] or {}

    def turn(self) -> None:
        wanted = {"site_name": SITE, "prod_source_label": "user", "node": "wn01", "n_jobs": 1}
        for job in self.call("acquire_jobs", wanted).get("jobs", []):
            self.start(job)
        for number, running in list(self.running.items()):
            self.see_to(number, running)

    def start(self, job: dict[str, Any]) -> None:
        number = job["PandaID"]
        self.update(number, "starting")
        given = COMMAND.search(job["jobPars"])
        line = unquote(given.group(1)) if given else job["jobPars"]
        process = subprocess.Popen(["sh", "-c", line], start_new_session=True, cwd=ROOT)
        self.running[number] = Running(process, now())
        self.update(number, "running")

    def see_to(self, number: int, running: Running) -> None:
        code = running.process.poll()
        if code is None:
            if "tobekilled" not in str(self.update(number, "running").get("command")):
                return
            os.killpg(running.process.pid, signal.SIGKILL)
            running.process.wait()
            self.end(number, running, "failed", pilot_error_code=1200, pilot_error_diag="killed by server")
        elif code == 0:
            self.end(number, running, "finished", trans_exit_code=0)
        else:
            said = {"pilot_error_code": 1305, "pilot_error_diag": "Failed to execute payload"}
            self.end(number, running, "failed", trans_exit_code=code, exe_error_code=code, **said)

    def end(self, number: int, running: Running, status: str, **more: object) -> None:
        del self.running[number]
        used = {"cpu_consumption_time": 500, "cpu_consumption_unit": "s", "max_rss": 123456, "core_count": 1}
        used |= {"tot_rbytes": 4096, "tot_wbytes": 8192, "start_time": running.since, "end_time": now()}
        self.update(number, status, **used, **more)

    def update(self, number: int, status: str, **more: object) -> dict[str, Any]:
        return self.call("update_job", {"job_id": number, "job_status": status, "node": "wn01.eb", **more})


def now() -> str:
    """Return the time as pilots write it."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime())


def add(mapper: SiteMapper) -> None:
    """Let the server's adder have what pilots reported."""
    given = {"only_unlocked": True, "time_limit": 10, "limit": 100, "grace_period": 0, "labels": ["user"]}
    for number, status, attempt, _ in taskBuffer.listJobOutputReport(**given):
        lock = {"panda_id": number, "attempt_nr": attempt, "pid": "worker", "time_limit": 10}
        if taskBuffer.lockJobOutputReport(**lock):
            pids = {"pid": "worker", "prelock_pid": "worker", "lock_offset": 9}
            AdderGen(taskBuffer, number, status, attempt, siteMapper=mapper, **pids).run()


def main() -> None:
    """Work until it is ended."""
    taskBuffer.init(panda_config.dbhost, panda_config.dbpasswd, nDBConnection=2, requester="worker")
    mapper, jedi, pilot = SiteMapper(taskBuffer), Jedi(), Pilot()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        while True:
            jedi.turn()
            pilot.turn()
            add(mapper)
            time.sleep(0.1)
    finally:
        for running in pilot.running.values():
            os.killpg(running.process.pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
