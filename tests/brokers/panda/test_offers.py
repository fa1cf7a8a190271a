# SPDX-License-Identifier: Apache-2.0
"""What PanDA can run, and the reasons where it can't."""

import pickle
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from eb_prefect.brokers.panda.broker import PandaBroker
from eb_prefect.brokers.panda.job import Jobs
from eb_prefect.errors import AccessDeniedError, BrokerUnavailableError, NotABrokerError
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.pace import pace_of
from eb_prefect.testing.contract import offered
from tests.brokers.panda.bench import PandaBench, program
from tests.brokers.panda.serving import StandIn

DIGEST = "sha256:" + "a" * 64


def container(**parts: Any) -> ExecutionRequest:
    image = {"locations": ["registry.example/stars:1"], "digest": DIGEST}
    executable = {"kind": "executable/docker-container", "image": image, "command": ["find-stars"]}
    return ExecutionRequest.model_validate({"executable": executable | parts})


def with_data(**data: Any) -> ExecutionRequest:
    return program("true", data=[{"name": "frames", **data}])


def rucio(**did: str) -> ExecutionRequest:
    return with_data(kind="data/rucio-data-resource", rucio={"endpoint": "https://rucio.example", **did})


SIMPLE = {"kind": "compute/simple-compute-resource"}
VOLUME = {"kind": "volume/simple-volume-mount", "path": "/made", "mode": "READWRITE", "resources": ["room"]}
ROOM = {"kind": "storage/simple-storage-resource", "name": "room"}
REFUSED = {
    "start": (
        program("true", schedule={"requested": {"start": "2030-01-01T00:00:00Z/PT1H"}}),
        "PanDA is a batch platform and promises no time",
    ),
    "volume": (
        program("true", compute=SIMPLE | {"volumes": [VOLUME]}, storage=[ROOM]),
        "a volume at /made was asked for; PanDA mounts none",
    ),
    "notebook": (
        ExecutionRequest.model_validate(
            {"executable": {"kind": "executable/jupyter-notebook", "location": "https://x.example/a.ipynb"}}
        ),
        "through PanDA run executable/program and docker-container",
    ),
    "no command": (container(command=[]), "say in executable.command what to run"),
    "entry point that is none": (container(entrypoint="'half"), "say in executable.command what to run"),
    "privileged": (container(privileged=True), "a privileged container was asked for"),
    "no digest": (
        container(image={"locations": ["registry.example/stars:1"]}),
        "executable.image.digest: is missing",
    ),
    "data at a URL": (
        with_data(kind="data/simple-data-resource", location="https://x.example/a.fits"),
        "'frames' is no dataset of Rucio",
    ),
    "a file": (rucio(scope="ska", object="a.fits", type="FILE"), "is the file ska:a.fits"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_no_says_why(tasks: PandaBench, what: str) -> None:
    request, reason = REFUSED[what]
    answer = tasks.broker().request_offers(request)
    assert (answer.result, answer.offers) == ("NO", ())
    assert reason in "\n".join(message.text for message in answer.messages)


def test_no_has_all_reasons_at_once(tasks: PandaBench) -> None:
    request = program(
        "true",
        compute=SIMPLE | {"volumes": [VOLUME]},
        storage=[ROOM],
        schedule={"requested": {"start": "2030-01-01T00:00:00Z/PT1H"}},
    )
    kinds = {message.kind for message in tasks.broker().request_offers(request).messages}
    assert kinds == {"urn:eb-prefect:message/no-schedule", "urn:eb-prefect:message/no-volumes"}


def test_no_asks_nobody(tasks: PandaBench, standin: StandIn) -> None:
    tasks.broker().request_offers(tasks.impossible())
    assert standin.panda.calls == []


def test_a_single_job_has_no_datasets(jobs: PandaBench, tasks: PandaBench) -> None:
    wanted = rucio(scope="ska", object="frames", type="DATASET")
    assert tasks.broker().request_offers(wanted).result == "YES"
    answer = jobs.broker().request_offers(wanted)
    assert answer.result == "NO"
    assert "submit tasks instead of jobs" in answer.messages[0].text


def test_an_offer_promises_no_time(bench: PandaBench) -> None:
    request = program("true", schedule={"requested": {"duration": "PT2H"}})
    offer = offered(bench.broker(), request)
    assert offer.schedule is None
    assert offer.expires is not None
    assert offer.expires - datetime.now(UTC) > timedelta(minutes=59)


def test_an_offer_says_what_is_given_and_what_nobody_knows(bench: PandaBench) -> None:
    compute = SIMPLE | {"cores": {"min": 2, "max": 4}, "memory": {"min": 8, "max": 16}}
    offer = offered(bench.broker(), program("find-stars", compute=compute))
    assert offer.compute is not None
    dumped = offer.compute.neutral()
    assert (dumped["cores"], dumped["memory"]) == ({"min": 4, "max": 4}, {"min": 8, "max": 8})
    assert ["find-stars" in message.text for message in offer.messages] == [True]


def test_a_broker_that_does_not_know_the_user_denies_access(tasks: PandaBench) -> None:
    url, home = tasks.url, tasks.root / "other"
    for token in (None, "wrong"):
        broker = PandaBroker(url, vo="eb", token=token, home=home)
        with pytest.raises(AccessDeniedError):
            broker.request_offers(tasks.succeeding())


def test_a_broker_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    broker = PandaBroker("http://127.0.0.1:1", vo="eb", token="token", home=tmp_path)
    with pytest.raises(BrokerUnavailableError) as caught:
        broker.request_offers(program("true"))
    assert caught.value.is_unsent


@pytest.mark.parametrize("url", ["ftp://panda.example", "no url", ""])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(NotABrokerError):
        PandaBroker(url, vo="eb")


def test_a_collaboration_that_can_not_be_is_refused() -> None:
    with pytest.raises(NotABrokerError):
        PandaBroker("https://panda.example", vo="eb\r\nX: y")


@pytest.mark.parametrize("path", ["", "/", "/server/panda", "/api/v1", "/api/v1/"])
def test_a_server_is_known_by_any_of_its_addresses(path: str, tmp_path: Path) -> None:
    broker = PandaBroker(f"https://panda.example:25443{path}", vo="eb", home=tmp_path)
    assert broker.identity.url == "https://panda.example:25443/api/v1"


def test_it_crosses_processes_with_all_its_options(tmp_path: Path) -> None:
    broker = PandaBroker("https://panda.example", vo="eb", mode=Jobs(site="X"), home=tmp_path, name="ours")
    copy = pickle.loads(pickle.dumps(broker))
    assert (copy.identity, pace_of(copy)) == (broker.identity, pace_of(broker))


def test_the_token_is_in_no_text_of_it(tmp_path: Path) -> None:
    broker = PandaBroker("https://panda.example", vo="eb", token="abc-secret", home=tmp_path)
    assert "abc-secret" not in repr(broker)
    assert repr(broker) == "PandaBroker('https://panda.example/api/v1')"
