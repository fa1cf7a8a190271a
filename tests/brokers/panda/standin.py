# SPDX-License-Identifier: Apache-2.0
"""A stand-in for a PanDA server: what it knows and answers, with a real one's documents, shapes and habits.

Tasks and jobs go through the states of a real server, in tenths of a second,
and run as processes of this machine.
"""

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from inspect import Parameter, signature
from types import UnionType
from typing import Any, get_origin

from tests.brokers.panda.documents import Recorded, body, moment, recorded
from tests.brokers.panda.work import Job, Task

VO = "eb"
USER = "Star Gazer"
DN = "Star Gazer/CN=nickname:stargazer"
FIRST = 6001
_ACTIVE = {"running", "aborting"}


@dataclass
class Fault:
    """What goes wrong with calls of a path, so many times; ``answer`` None is none at all.

    ``before`` is whether it goes wrong before the call is done; ``until`` is
    awaited before anything is answered.
    """

    path: str
    answer: Recorded | None = None
    times: int = 1
    before: bool = False
    until: threading.Event | None = None


@dataclass
class Panda:
    """The state of the server, and its calls by their paths."""

    tokens: set[str] = field(default_factory=lambda: {"token"})
    faults: list[Fault] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    tasks: dict[int, Task] = field(default_factory=dict)
    jobs: dict[int, Job] = field(default_factory=dict)
    mangle: Callable[[str, bytes], bytes] | None = None
    most_tasks: int | None = None
    refuses: str = ""
    refines_after: float = 0.1
    lock: threading.RLock = field(default_factory=threading.RLock)
    ended: threading.Event = field(default_factory=threading.Event)

    def work(self) -> None:
        """Let time pass until the end."""
        while not self.ended.wait(0.01):
            with self.lock:
                self.turn()
        for job in self.jobs.values():
            job.end()

    def turn(self) -> None:
        for job in list(self.jobs.values()):
            job.turn()
        for task in list(self.tasks.values()):
            if task.status == "waiting" and time.monotonic() - task.since > self.refines_after:
                self.refine(task)
            task.turn()

    def refine(self, task: Task) -> None:
        given = {each["type"]: each["value"] for each in task.parameters["jobParameters"]}
        name = f"{task.parameters['taskName']}.{task.number}"
        job = self.new_job(jobName=name, jobParameters=given["constant"], jediTaskID=task.number)
        task.jobs.append(job)
        task.enter("running")

    def new_job(self, **attributes: Any) -> Job:
        number = FIRST + len(self.jobs)
        document = body("job-running")["data"][0]
        now = moment(datetime.now(UTC))
        fresh = {"commandToPilot": None, "startTime": None, "endTime": None, "creationTime": now}
        self.jobs[number] = job = Job(document | fresh | attributes | {"PandaID": number})
        job.enter("activated", modificationHost=None)
        return job

    # the calls; each has the names and types of a real server's

    def get_system_is_alive(self) -> Any:
        return body("alive")

    def get_system_get_user_attributes(self) -> Any:
        return body("user")

    def post_task_submit(self, task_parameters: dict[str, Any], parent_tid: int | None = None) -> Any:
        if self.refuses:
            return {"success": False, "message": self.refuses, "data": 11}
        known = ("taskName", "vo", "prodSourceLabel")
        if any(name not in task_parameters for name in known):
            return body("task-unregistered")
        if self.most_tasks is not None and self.active() > self.most_tasks:
            return {"success": False, "message": f"Too many active tasks for {USER}", "data": 10}
        if task_parameters.get("uniqueTaskName") is True and (old := self.named(task_parameters["taskName"])):
            return self.again(old)
        number = FIRST + len(self.tasks)
        self.tasks[number] = task = Task(number, task_parameters | {"userName": USER})
        return _about(body("task-submitted"), task)

    def active(self) -> int:
        return sum(task.status in _ACTIVE for task in self.tasks.values())

    def named(self, name: str) -> Task | None:
        return next((each for each in self.tasks.values() if each.parameters["taskName"] == name), None)

    def again(self, old: Task) -> Any:
        """Answer to a second task of the same name; one that has ended is run again."""
        if old.status == "waiting":
            return _about(body("task-queued"), old)
        if old.status in _ACTIVE:
            return _about(body("task-active"), old)
        self.refine(old)
        return _about(body("task-reactivated"), old)

    def get_task_get_status(self, task_id: Any) -> Any:
        task = self.taken_up(task_id)
        return body("task-running") | {"data": task.status} if task else body("task-unknown")

    def get_task_get_task_parameters(self, task_id: int) -> Any:
        task = self.tasks.get(task_id)
        known = body("task-waiting-parameters")
        return known | {"data": task.parameters} if task else body("task-unknown-parameters")

    def get_task_get_detailed_info(self, task_id: int) -> Any:
        task = self.taken_up(task_id)
        return body("task-details") | {"data": _details(task)} if task else body("task-unknown-details")

    def get_task_get_job_ids(self, task_id: int) -> Any:
        numbers = [job.number for job in self.jobs.values() if job.document["jediTaskID"] == task_id]
        return body("task-jobs") | {"data": numbers}

    def get_task_get_tasks_detailed_info_since(
        self,
        filters: str = "{}",
        n_tasks: int = 500,
        since: str | None = None,
    ) -> Any:
        wanted = json.loads(filters)
        found = [task for task in self.tasks.values() if task.status != "waiting"]
        known = [_details(task) for task in found]
        kept = [each for each in known if all(str(each.get(key)) == wanted[key] for key in wanted)]
        return body("task-found") | {"data": kept[:n_tasks]}

    def post_task_kill(self, task_id: int, broadcast: bool = False) -> Any:
        task = self.taken_up(task_id)
        if task is None:
            return body("task-kill-early")
        if task.status not in _ACTIVE:
            late = body("task-kill-late")
            return late | {"message": late["message"].replace("done", task.status)}
        task.said = f"kill by {USER}"
        return body("task-killed")

    def taken_up(self, number: Any) -> Task | None:
        task = self.tasks.get(int(number))
        return task if task and task.status != "waiting" else None

    def post_job_submit(self, jobs: str) -> Any:
        given = json.loads(jobs)
        if not given:
            return body("job-none")
        names = list(body("job-running")["data"][0])[:-1]
        made = []
        for values in given:
            attributes = dict(zip(names, values[:-1], strict=False))
            kept = {key: item for key, item in attributes.items() if item not in (None, "NULL")}
            made.append(self.new_job(**kept | {"prodUserID": DN, "prodUserName": USER}))
        told = [[job.number, job.number, {"jobsetID": "NULL"}] for job in made]
        return body("job-submitted") | {"data": told}

    def post_job_get_description(self, job_ids: list[int]) -> Any:
        found = [self.jobs.get(number) for number in job_ids]
        return body("job-running") | {"data": [each and each.document for each in found]}

    post_job_get_description_incl_archive = post_job_get_description

    def post_job_kill(self, job_ids: list[int], code: int | None = None) -> Any:
        found = [self.jobs.get(number) for number in job_ids]
        return body("job-killed") | {"data": [bool(job and job.kill(DN)) for job in found]}

    def answer(self, method: str, path: str, given: dict[str, Any], headers: Any) -> Recorded:
        """Answer a call as a real server does."""
        if refused := self.refusal(headers):
            return refused
        verb = path.replace("/", "_")
        if not any(hasattr(self, f"{each}_{verb}") for each in ("get", "post")):
            return recorded("method-unknown")
        call = getattr(self, f"{method.lower()}_{verb}", None)
        if call is None:
            return recorded("method-wrong")
        found = self.checked(call, given)
        with self.lock:
            return Recorded(200, "text/plain", found if found is not None else call(**given))

    def refusal(self, headers: Any) -> Recorded | None:
        authorization = headers.get("Authorization")
        if authorization is None:
            return recorded("token-missing")
        if authorization.removeprefix("Bearer ") not in self.tokens:
            return recorded("token-expired")
        return None if headers.get("Origin") == VO else recorded("vo-unknown")

    def checked(self, call: Callable[..., Any], given: dict[str, Any]) -> Any:
        """Cast what came with GET, and return what is said of a wrong type or a missing argument."""
        known = signature(call, eval_str=True).parameters
        needed = {name for name, each in known.items() if each.default is Parameter.empty}
        if needed - given.keys() or given.keys() - known.keys():
            return body("argument-missing")
        for name, value in given.items():
            kind = known[name].annotation
            kind = kind if get_origin(kind) is UnionType else get_origin(kind) or kind
            if kind is int and isinstance(value, str) and call.__name__.startswith("get_"):
                given[name] = int(value)
            elif kind is not Any and value != known[name].default and not isinstance(value, kind):
                return body("type-wrong")
        return None


def _about(found: dict[str, Any], task: Task) -> dict[str, Any]:
    """Return an answer about a task as one about another."""
    told = re.sub(r"jediTaskID=\d+", f"jediTaskID={task.number}", found["message"])
    told = re.sub(r"outDS=user\.stargazer\.[0-9a-f-]{36}", f"outDS={task.parameters['taskName']}", told)
    return found | {"message": told} | ({"data": task.number} if found["success"] else {})


def _details(task: Task) -> dict[str, Any]:
    own = {"jediTaskID": task.number, "status": task.status, "taskName": task.parameters["taskName"]}
    more = {"errorDialog": task.said, "raw_task_params": task.parameters, "userName": USER}
    return {**body("task-details")["data"], **own, **more}
