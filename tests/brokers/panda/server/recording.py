# SPDX-License-Identifier: Apache-2.0
"""Write what a real PanDA server answers to ``answers/``, for the stand-in: see ``tests/panda.sh``."""

import json
import os
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from eb_prefect.brokers.panda.job import Jobs
from eb_prefect.brokers.panda.plan import Plan
from eb_prefect.brokers.panda.task import Tasks

ANSWERS = Path(__file__).parents[1] / "answers"
URL = f"{os.environ['PANDA_TEST_URL']}/api/v1"
ROOT = Path(os.environ["PANDA_TEST_DIR"])
TOKEN = {"Authorization": f"Bearer {os.environ['PANDA_TEST_TOKEN']}", "Origin": "eb"}
JSON = {"Accept": "application/json"}


def ask(name: str, path: str, body: Any = None, headers: dict[str, str] = TOKEN, **params: Any) -> Any:
    """Ask, write the answer down under a name if it has one, and return the document in it."""
    method = "GET" if body is None else "POST"
    answer = httpx.request(
        method, f"{URL}/{path}", json=body, params=params or None, headers=JSON | headers, timeout=60
    )
    try:
        found = answer.json()
    except ValueError:
        found = answer.text
    if name:
        kept = {"call": f"{method} {path}", "status": answer.status_code}
        kept |= {"type": answer.headers["content-type"], "body": found}
        (ANSWERS / f"{name}.json").write_text(json.dumps(kept, indent=1) + "\n")
    return found


def until(holds: Any) -> None:
    """Wait until something holds."""
    for _ in range(300):
        if holds():
            return
        time.sleep(0.1)
    raise TimeoutError


def plan(command: str) -> Plan:
    """Return a new plan."""
    session = uuid4()
    label = 50_000_000_000 + session.int % 49_999_999_999
    return Plan(name=f"user.stargazer.{session}", vo="eb", label=label, command=command)


def tokens() -> None:
    bad = TOKEN | {"Authorization": "Bearer no.such.token"}
    late = TOKEN | {"Authorization": f"Bearer {(ROOT / 'expired').read_text()}"}
    ask("alive", "system/is_alive")
    ask("user", "system/get_user_attributes")
    ask("token-missing", "system/get_user_attributes", headers={})
    ask("token-bad", "system/get_user_attributes", headers=bad)
    ask("token-expired", "system/get_user_attributes", headers=late)
    ask("vo-unknown", "system/get_user_attributes", headers=TOKEN | {"Origin": "other"})
    ask("method-unknown", "task/nonsense")
    ask("method-wrong", "task/submit")
    ask("type-wrong", "task/kill", {"task_id": "1"})
    ask("argument-missing", "task/submit", {})


def tasks() -> None:
    given = {"task_parameters": Tasks().parameters(plan("sleep 4"))}
    name = given["task_parameters"]["taskName"]
    number = ask("task-submitted", "task/submit", given)["data"]
    ask("task-queued", "task/submit", given)  # refused, as it waits already: unless JEDI was faster
    ask("task-waiting-parameters", "task/get_task_parameters", task_id=number)
    until(lambda: ask("", "task/get_status", task_id=number)["data"] == "running")
    ask("task-running", "task/get_status", task_id=number)
    ask("task-active", "task/submit", given)
    ask("task-found", "task/get_tasks_detailed_info_since", filters=json.dumps({"taskName": name}))
    ask("task-jobs", "task/get_job_ids", task_id=number)
    until(lambda: ask("", "task/get_status", task_id=number)["data"] == "done")
    ask("task-details", "task/get_detailed_info", task_id=number)
    ask("task-kill-late", "task/kill", {"task_id": number})
    ask("task-reactivated", "task/submit", given)
    doomed = ask("", "task/submit", {"task_parameters": Tasks().parameters(plan("sleep 60"))})["data"]
    ask("task-kill-early", "task/kill", {"task_id": doomed})
    until(lambda: ask("", "task/get_status", task_id=doomed)["data"] == "running")
    ask("task-killed", "task/kill", {"task_id": doomed})
    until(lambda: ask("", "task/get_status", task_id=doomed)["data"] == "aborted")
    ask("task-aborted", "task/get_detailed_info", task_id=doomed)
    ask("task-unknown", "task/get_status", task_id=1)
    ask("task-unknown-parameters", "task/get_task_parameters", task_id=1)
    ask("task-unknown-details", "task/get_detailed_info", task_id=1)
    ask("task-not-found", "task/get_tasks_detailed_info_since", filters=json.dumps({"taskName": "none"}))
    ask("task-unregistered", "task/submit", {"task_parameters": {"taskName": "no more"}})


def job(name: str, *numbers: int) -> Any:
    return ask(name, "job/get_description", {"job_ids": list(numbers)})["data"][0]


def jobs() -> None:
    def submit(name: str, command: str) -> int:
        given = json.dumps([Jobs(site="EB_TEST").attributes(plan(command))])
        number: int = ask(name, "job/submit", {"jobs": given})["data"][0][0]
        return number

    doomed = submit("job-submitted", "sleep 60")
    until(lambda: job("", doomed)["jobStatus"] == "running")
    job("job-running", doomed)
    ask("job-killed", "job/kill", {"job_ids": [doomed]})
    ask("job-kill-late", "job/kill", {"job_ids": [doomed]})
    until(lambda: job("", doomed)["jobStatus"] == "cancelled")
    job("job-cancelled", doomed)
    for name, command in (("finished", "sleep 3"), ("failed", "exit 65")):
        number = submit("", command)
        until(lambda number=number, name=name: job("", number)["jobStatus"] == name)
        job(f"job-{name}", number)
    job("job-unknown", 1)
    ask("job-none", "job/submit", {"jobs": "[]"})


if __name__ == "__main__":
    ANSWERS.mkdir(exist_ok=True)
    tokens()
    tasks()
    jobs()
