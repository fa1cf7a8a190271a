# SPDX-License-Identifier: Apache-2.0
"""Sessions as tasks of JEDI, with one job each."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from eb_prefect.brokers.embedded.refusal import refusal, warning
from eb_prefect.brokers.panda.job import described
from eb_prefect.brokers.panda.mode import (
    Record,
    Seen,
    SubmissionPostponedError,
    SubmissionRefusedError,
)
from eb_prefect.brokers.panda.phases import TASK_PHASES
from eb_prefect.brokers.panda.plan import Plan
from eb_prefect.brokers.panda.record import recorded
from eb_prefect.brokers.panda.values import identifier, text, whole
from eb_prefect.brokers.panda.wire import Answer, NoSuchCallError, Wire, printable
from eb_prefect.model.phase import Phase

_NUMBER = re.compile(r"jediTaskID=(\d{1,18})\b")
_TOO_MANY = 10
_NOT_YET = "waiting"
_NAMESAKES = 20
_MOST_JOBS = 2000


@dataclass(frozen=True)
class Tasks:
    """Each session is a task, which JEDI gives to a site.

    A task has a name, which PanDA has only once for each user: so one whose
    answer was lost is found again. ``site`` and ``working_group`` narrow where
    it runs. ``transformation`` is what starts the command on a node, JEDI's own
    choice without; one whose name begins with ``bash-c`` takes the command as
    it is, any other percent-encoded, as ``runGen`` does. ``destination`` is
    where logs and outputs go: a storage element of Rucio, or ``local`` for
    where the site leaves them.
    """

    site: str | None = None
    working_group: str | None = None
    transformation: str | None = None
    destination: str | None = None

    @property
    def together(self) -> int:
        """One: PanDA's call for many reads four tables for each, and that for one a single row."""
        return 1

    @property
    def takes_datasets(self) -> bool:
        """JEDI finds the files of a dataset."""
        return True

    def submit(self, wire: Wire, plan: Plan) -> str:
        """Register the task; where one of its name is known already, return that one's handle.

        Raises
        ------
        SubmissionRefusedError
            It will not be run.
        SubmissionPostponedError
            The user has too many tasks that have not ended.
        AnswerLostError
            There was no answer; it may run.
        """
        answer = wire.post("task/submit", {"task_parameters": self.parameters(plan)}, repeatable=False)
        found = identifier(answer.data) if answer.success else None
        if found is None and (answer.success or plan.name in answer.message):
            found = _number(answer)  # where one of the name is known already, it is told so in words
        if found is not None:
            return str(found)
        if answer.success:
            raise wire.unusable(f"it took a task and gave it no number: {printable(answer.message)}")
        reason = printable(answer.message) or "it gives no reason"
        raise (SubmissionPostponedError if whole(answer.data) == _TOO_MANY else SubmissionRefusedError)(
            reason
        )

    def find(self, wire: Wire, plan: Plan) -> str | None:
        """Return the handle of the task of the plan's name, if JEDI has taken it to its books.

        One that waits for JEDI is not found; to submit it again is safe then,
        as PanDA has each name once and tells which it is.
        """
        query = {"filters": json.dumps({"taskName": plan.name}), "n_tasks": _NAMESAKES}
        known = wire.listed(wire.get("task/get_tasks_detailed_info_since", **query))
        ours = [each for each in known if isinstance(each, dict) and each.get("taskName") == plan.name]
        numbers = [identifier(each.get("jediTaskID")) for each in ours]
        if len(ours) != len(known) or None in numbers:
            raise wire.unusable("it tells of tasks by another name, or without a number")
        first = min(filter(None, numbers), default=None)
        return None if first is None else str(first)

    def look(self, wire: Wire, handles: Collection[str]) -> Mapping[str, Seen]:
        """Return how each task is; one that JEDI has not taken up yet is ``waiting``."""
        return {handle: seen for handle in handles if (seen := _seen(wire, handle)) is not None}

    def kill(self, wire: Wire, handle: str) -> bool:
        """Ask JEDI to kill the task, which it does within minutes.

        What JEDI has not taken up yet can't be killed; PanDA says then that
        it is not the user's own.
        """
        return wire.post("task/kill", {"task_id": int(handle)}).success

    def record(self, wire: Wire, handle: str, seen: Seen) -> Record:
        """Return what the books say about the task and its jobs."""
        task = _details(wire, handle)
        known = wire.listed(wire.get("task/get_job_ids", task_id=handle))
        numbers = [number for each in known if (number := identifier(each))]
        jobs = list(described(wire, [str(each) for each in sorted(numbers)[:_MOST_JOBS]]).values())
        found = recorded(handle, seen.state, jobs)
        if len(numbers) > _MOST_JOBS:
            text_ = f"what it used is told of {_MOST_JOBS} of its {len(numbers)} jobs"
            found = replace(found, messages=(*found.messages, warning("partly-told", text_)))
        killed = "kill" in (text(task.get("errorDialog")) or "")
        return replace(found, messages=(*found.messages, *_said(task, seen)), killed=killed)

    def parameters(self, plan: Plan) -> dict[str, Any]:
        """Return the task as PanDA takes it.

        JEDI would try a job that failed again: told not to, as a session runs once.
        """
        given = {
            "taskName": plan.name,
            "uniqueTaskName": True,
            "vo": plan.vo,
            "prodSourceLabel": "user",
            "taskType": "anal",
            "taskPriority": 1000,
            "processingType": "eb-prefect",
            "architecture": "",
            "transUses": "",
            "transHome": None,
            "transPath": self.transformation,
            "site": self.site,
            "workingGroup": self.working_group,
            "container_name": plan.image,
            "coreCount": plan.cores,
            "ramCount": plan.memory or None,
            "ramUnit": "MBPerCore" if plan.memory else None,
            "walltime": plan.walltime or None,
            "workDiskCount": plan.disk or None,
            "workDiskUnit": "MB" if plan.disk else None,
            "noInput": None if plan.inputs else True,
            "nFiles": None if plan.inputs else 1,
            "nFilesPerJob": None if plan.inputs else 1,
            "maxAttempt": 1,
            "disableAutoRetry": 1,
            "skipScout": True,
            "noEmail": True,
            "cliParams": plan.command,
            "log": self._template("log", plan.log, f"{plan.log}.$JEDITASKID.${{SN}}.log.tgz"),
            "jobParameters": list(self._job(plan)),
        }
        kept = {"transHome"}
        return {key: item for key, item in given.items() if item is not None or key in kept}

    def _job(self, plan: Plan) -> Iterator[dict[str, Any]]:
        encoded = not (self.transformation or "").rpartition("/")[2].startswith("bash-c")
        yield {"type": "constant", "value": f'-j "" {plan.pieces}' if encoded else plan.command}
        for number, dataset in enumerate(plan.inputs):
            name = f"IN{number}" if number else "IN"
            value = f'-i "${{{name}/T}}"' if encoded else f"${{{name}}}"
            given = {"type": "template", "param_type": "input", "value": value, "dataset": dataset}
            yield given | {"expand": True, "hidden": not encoded}
        names = {output: f"{plan.made(output)}.$JEDITASKID._${{SN/P}}" for output in plan.outputs}
        for output, name in names.items():
            yield self._template("output", f"{plan.made(output)}/", name) | {
                "hidden": True,
                "allowNoOutput": True,
            }
        if names and encoded:
            yield {"type": "constant", "value": f'-o "{names}"'}

    def _template(self, kind: str, dataset: str, value: str) -> dict[str, Any]:
        given = {
            "type": "template",
            "param_type": kind,
            "dataset": dataset,
            "container": dataset,
            "value": value,
        }
        if self.destination is None:
            return given
        token = {"token": "local"} if self.destination == "local" else {}
        return given | {"destination": self.destination} | token


def _seen(wire: Wire, handle: str) -> Seen | None:
    answer = wire.get("task/get_status", task_id=handle)
    if answer.success:
        state = text(answer.data)
        if state is None:
            raise wire.unusable(f"task {handle} has the status {printable(repr(answer.data))}")
        return Seen(TASK_PHASES.get(state), state)
    # what waits for JEDI is not in its books, and has its parameters all the same
    waits = wire.get("task/get_task_parameters", task_id=handle).success
    return Seen(Phase.WAITING, _NOT_YET) if waits else None


def _details(wire: Wire, handle: str) -> Mapping[str, Any]:
    try:
        answer = wire.get("task/get_detailed_info", task_id=handle)
    except NoSuchCallError:  # servers of before tell less
        return {}
    return answer.data if isinstance(answer.data, dict) else {}


def _number(answer: Answer) -> int | None:
    found = _NUMBER.search(answer.message)
    return int(found.group(1)) if found else None


def _said(task: Mapping[str, Any], seen: Seen) -> Iterator[Any]:
    if reason := text(task.get("errorDialog")):
        say = refusal if seen.phase is Phase.FAILED else warning
        yield say("panda-task", f"JEDI says of the task: {printable(reason)}")
    if seen.state == "finished":
        yield warning("partly-done", "PanDA calls the task finished and not done: some of its input failed")
