# SPDX-License-Identifier: Apache-2.0
"""What goes over the wire for a request."""

import shlex
import subprocess
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

import pytest

from eb_prefect.brokers.panda.job import Jobs
from eb_prefect.brokers.panda.mode import Mode
from eb_prefect.brokers.panda.task import Tasks
from eb_prefect.model.phase import Phase
from eb_prefect.testing.contract import offered
from tests.brokers.panda.bench import SITE, PandaBench, program
from tests.brokers.panda.serving import StandIn
from tests.brokers.panda.test_offers import DIGEST, SIMPLE, container, rucio

SIZED = SIMPLE | {"cores": {"min": 4}, "memory": {"min": 10}}
HOURS = {"requested": {"duration": "PT1H30M"}}
ROOM = [{"kind": "storage/simple-storage-resource", "name": "room", "size": {"min": 5}}]


def task(bench: PandaBench, standin: StandIn, request: Any, mode: Mode | None = None, **options: Any) -> Any:
    """Accept what is offered, and return the parameters of the task."""
    broker = replace(bench, mode=mode or bench.mode).broker(**options)
    broker.accept(offered(broker, request).uuid)
    [made] = standin.panda.tasks.values()
    return made.parameters


def job(bench: PandaBench, standin: StandIn, request: Any, mode: Mode | None = None) -> Any:
    """Accept what is offered, and return the description of the job."""
    broker = replace(bench, mode=mode or bench.mode).broker()
    broker.accept(offered(broker, request).uuid)
    [made] = standin.panda.jobs.values()
    return made.document


def test_a_task_has_the_name_of_its_session_and_is_unique(tasks: PandaBench, standin: StandIn) -> None:
    broker = tasks.broker()
    offer = offered(broker, tasks.succeeding())
    broker.accept(offer.uuid)
    [made] = standin.panda.tasks.values()
    assert made.parameters["taskName"] == f"user.stargazer.{offer.uuid}"
    assert made.parameters["uniqueTaskName"] is True


def test_a_task_is_tried_once(tasks: PandaBench, standin: StandIn) -> None:
    given = task(tasks, standin, tasks.succeeding())
    assert (given["maxAttempt"], given["disableAutoRetry"], given["skipScout"]) == (1, 1, True)


def test_a_task_gets_cores_memory_a_core_time_and_room(tasks: PandaBench, standin: StandIn) -> None:
    given = task(tasks, standin, program("true", compute=SIZED, schedule=HOURS, storage=ROOM))
    assert (given["coreCount"], given["ramCount"], given["ramUnit"]) == (4, 2560, "MBPerCore")
    assert (given["walltime"], given["workDiskCount"], given["workDiskUnit"]) == (5400, 5120, "MB")


def test_a_task_gets_its_image_by_digest(tasks: PandaBench, standin: StandIn) -> None:
    given = task(tasks, standin, container())
    assert given["container_name"] == f"docker://registry.example/stars@{DIGEST}"


def test_a_task_without_input_is_one_job(tasks: PandaBench, standin: StandIn) -> None:
    given = task(tasks, standin, tasks.succeeding())
    assert (given["noInput"], given["nFiles"], given["nFilesPerJob"]) == (True, 1, 1)


def test_a_dataset_is_input_of_a_task(tasks: PandaBench, standin: StandIn) -> None:
    given = task(tasks, standin, rucio(scope="ska", object="frames"))
    [made] = [each for each in given["jobParameters"] if each.get("param_type") == "input"]
    assert (made["dataset"], made["value"]) == ("ska:frames", '-i "${IN/T}"')
    assert "noInput" not in given


def test_logs_and_outputs_of_a_task_are_datasets(tasks: PandaBench, standin: StandIn) -> None:
    given = task(tasks, standin, tasks.succeeding(), Tasks(destination="local"), outputs=("stars.fits",))
    name = given["taskName"]
    assert (given["log"]["dataset"], given["log"]["destination"]) == (f"{name}.log", "local")
    [made] = [each for each in given["jobParameters"] if each.get("param_type") == "output"]
    assert made["dataset"] == f"{name}_stars.fits/"
    assert any(each["value"].startswith('-o "') for each in given["jobParameters"])


def test_a_task_goes_where_its_user_says(tasks: PandaBench, standin: StandIn) -> None:
    given = task(tasks, standin, tasks.succeeding(), Tasks(site=SITE, working_group="stars"))
    assert (given["site"], given["workingGroup"]) == (SITE, "stars")


def test_a_transformation_of_bash_gets_the_command_as_it_is(tasks: PandaBench, standin: StandIn) -> None:
    mode = Tasks(transformation="https://panda.example/trf/bash-c")
    given = task(tasks, standin, program("echo", "a b"), mode)
    assert [each["value"] for each in given["jobParameters"]] == ["echo 'a b'"]


def test_a_job_has_the_name_of_its_session_and_a_number_of_ours(jobs: PandaBench, standin: StandIn) -> None:
    broker = jobs.broker()
    offer = offered(broker, jobs.succeeding())
    broker.accept(offer.uuid)
    [made] = standin.panda.jobs.values()
    assert made.document["jobName"] == f"user.stargazer.{offer.uuid}"
    assert 50_000_000_000 <= made.document["jediTaskID"] < 100_000_000_000


def test_a_job_gets_cores_memory_time_room_and_its_image(jobs: PandaBench, standin: StandIn) -> None:
    request = container().model_copy(
        update={
            "compute": program("x", compute=SIZED).compute,
            "schedule": program("x", schedule=HOURS).schedule,
            "storage": program("x", storage=ROOM).storage,
        }
    )
    given = job(jobs, standin, request)
    assert (given["coreCount"], given["minRamCount"], given["minRamUnit"]) == (4, 10240, "MB")
    assert (given["maxWalltime"], given["maxDiskCount"]) == (5400, 5120)
    assert given["container_name"] == f"docker://registry.example/stars@{DIGEST}"


def test_a_job_is_tried_once_at_its_site(jobs: PandaBench, standin: StandIn) -> None:
    given = job(jobs, standin, jobs.succeeding(), Jobs(site="ELSEWHERE", cloud="EB"))
    assert (given["maxAttempt"], given["computingSite"], given["cloud"]) == (-1, "ELSEWHERE", "EB")


@pytest.mark.parametrize("word", ["a b", "'", '"', "$HOME", "%41", "x;y", "\N{GREEK SMALL LETTER ALPHA}", ""])
def test_words_and_environment_arrive_as_they_were_sent(
    tasks: PandaBench, standin: StandIn, word: str
) -> None:
    given = task(tasks, standin, program("printf", "%s", word, environment={"A": word}))
    sent = given["jobParameters"][0]["value"].partition('-p "')[2].removesuffix('"')
    line = unquote(sent)
    assert shlex.split(line) == ["env", f"A={word}", "printf", "%s", word]
    assert subprocess.check_output(["sh", "-c", line], text=True) == word


def test_an_entry_point_comes_before_the_command(tasks: PandaBench, standin: StandIn) -> None:
    given = task(tasks, standin, container(entrypoint="python3 -u", command=["-c", "1"]))
    assert given["cliParams"] == "python3 -u -c 1"


def test_a_refused_submission_is_a_failed_session_with_the_reason(
    tasks: PandaBench, standin: StandIn
) -> None:
    broker = replace(tasks, mode=Tasks()).broker()
    offer = offered(broker, tasks.succeeding())
    standin.panda.refuses = "the working group is unknown here"
    final = broker.accept(offer.uuid)
    assert final.phase == Phase.FAILED
    assert any("the working group is unknown here" in message.text for message in final.messages)
    assert broker.session(offer.uuid) == final


def test_too_many_tasks_of_a_user_are_submitted_later(tasks: PandaBench, standin: StandIn) -> None:
    broker = tasks.broker()
    offer = offered(broker, tasks.succeeding())
    standin.panda.most_tasks = -1
    waiting = broker.accept(offer.uuid)
    assert waiting.phase == Phase.ACCEPTED
    assert any("Too many active tasks" in message.text for message in waiting.messages)
    standin.panda.most_tasks = None
    assert broker.session(offer.uuid).phase != Phase.ACCEPTED
