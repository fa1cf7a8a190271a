# SPDX-License-Identifier: Apache-2.0
import json
import os
import random
import signal
import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest

from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.brokers.embedded.directory import Directory
from eb_prefect.brokers.embedded.supervisor.tree import descendants, kill_marked
from eb_prefect.errors import OutputGoneError
from eb_prefect.model.executable import JupyterServer, Program
from eb_prefect.model.moment import duration
from eb_prefect.model.parts import Checksum
from eb_prefect.model.request import ExecutionRequest
from tests.brokers.embedded.conftest import GIVEN
from tests.brokers.embedded.lab import Lab, end_all, holding, wait_phase, wait_up
from tests.brokers.embedded.steps import products, request, said

pytestmark = pytest.mark.timeout(300)  # servers start, on a machine that may be busy
pytest.importorskip("jupyterlab", reason="the extra notebook is not installed")

TRIALS = int(os.environ.get("EB_KILL_TRIALS", "2"))
SEED = int(os.environ.get("EB_KILL_SEED", "1"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def broker(home: Path) -> Iterator[EmbeddedBroker]:
    yield EmbeddedBroker(home)
    end_all(home)


def begun(broker: EmbeddedBroker, wanted: ExecutionRequest) -> str:
    answer = broker.request_offers(wanted)
    assert answer.result == "YES", answer.messages
    return broker.accept(answer.offers[0].uuid).uuid


def lab(given: Path, *, lasts: str = "PT10M", **more: object) -> ExecutionRequest:
    return request(JupyterServer(**more), given, lasts=lasts)


def processes(session: str) -> int:
    """How many processes there are that were started in the session; they are ended by this."""
    return kill_marked(session)


def test_a_person_works_in_it_and_releases_it(broker: EmbeddedBroker, home: Path, given: Path) -> None:
    session = begun(broker, lab(given, environment={"GREETING": "hello"}))
    with pytest.raises(OutputGoneError, match="a way into"):
        broker.way_in(session)
    inside = wait_up(broker, session)
    up = broker.session(session)
    [door] = [each for each in up.connectors if each.kind == "urn:jupyter-notebook"]
    assert (door.status, door.protocol) == ("AVAILABLE", "HTTP")
    assert inside.link == f"{door.location}?token={inside.token}"
    assert up.schedule.available.duration == duration("PT10M")
    assert inside.visit() == 200
    assert inside.run("import os; print(os.environ['GREETING'], open('given/frames.txt').read())") == (
        f"hello {GIVEN}\n"
    )
    assert inside.token not in inside.run(
        "import os; print(dict(os.environ), open('/proc/self/cmdline').read())"
    )
    inside.save("untitled.ipynb", "1 + 1")
    inside.save("made/kept.ipynb", "2 + 2")
    with pytest.raises(urllib.error.HTTPError, match="403"):
        Lab(inside.link.replace(inside.token, "guessed")).call("GET", "contents")
    assert broker.release(session).phase == "RELEASING"
    assert broker.release(session).phase in ("RELEASING", "COMPLETED")
    final = wait_phase(broker, session, "COMPLETED")
    assert said(final) == "the session was released"
    assert set(products(final)) == {"untitled.ipynb", "kept.ipynb"}
    assert json.loads(products(final)["kept.ipynb"])["cells"][0]["source"] == ["2 + 2"]
    assert [each.status for each in final.connectors if each.kind == "urn:jupyter-notebook"] == ["FINISHED"]
    assert broker.release(session) == final
    assert inside.token not in final.model_dump_json()
    assert holding(inside.token, home) == []
    assert not processes(session)


def test_its_time_ends_it_well_and_what_it_opened_is_no_product(
    home: Path, given: Path, tmp_path: Path
) -> None:
    notebook = tmp_path / "look here.ipynb"
    notebook.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    broker = EmbeddedBroker(home, may_mount=False)
    session = begun(broker, lab(given, lasts="PT4S", location=notebook.as_uri()))
    inside = wait_up(broker, session)
    assert "/lab/tree/look%20here.ipynb?" in inside.link
    assert inside.call("GET", "contents/given/frames.txt")["content"] == GIVEN
    assert inside.call("GET", "contents/look%20here.ipynb")["type"] == "notebook"
    final = wait_phase(broker, session, "COMPLETED")
    assert said(final).endswith("the 4 s that the session had are over")
    assert products(final) == {}
    assert final.executable.checksum.type == "sha-256"
    assert final.outcome.ended >= final.schedule.releasing.start


def test_a_server_that_dies_is_a_failure_and_what_was_saved_is_kept(
    broker: EmbeddedBroker, home: Path, given: Path
) -> None:
    session = begun(broker, lab(given))
    inside = wait_up(broker, session)
    inside.save("made/kept.ipynb")
    server, *_ = descendants(Directory(home / "sessions" / session).supervisor())
    os.kill(server, signal.SIGKILL)
    final = wait_phase(broker, session, "FAILED")
    assert "signal 9" in said(final)
    assert set(products(final)) == {"kept.ipynb"}


def test_a_lost_supervisor_leaves_no_server_and_no_kernel(
    broker: EmbeddedBroker, home: Path, given: Path
) -> None:
    session = begun(broker, lab(given))
    inside = wait_up(broker, session)
    inside.save("made/kept.ipynb")
    inside.call("POST", "kernels", {"name": "python3"})
    os.kill(Directory(home / "sessions" / session).supervisor(), signal.SIGKILL)
    final = wait_phase(broker, session, "FAILED")
    assert "the supervisor was lost while the program ran" in said(final)
    assert set(products(final)) == {"kept.ipynb"}
    assert not processes(session)
    assert holding(inside.token, home) == []


def test_released_before_it_is_available_it_is_cancelled(broker: EmbeddedBroker, given: Path) -> None:
    session = begun(broker, lab(given))
    broker.release(session)
    final = wait_phase(broker, session, "CANCELLED")
    assert said(final) == "the session was released before it was available"


def test_what_is_not_interactive_is_not_released(broker: EmbeddedBroker, given: Path) -> None:
    session = begun(broker, request(Program(command=("sleep", "60")), given))
    wait_phase(broker, session, "RUNNING")
    assert broker.release(session).phase == "RUNNING"
    with pytest.raises(OutputGoneError, match="it is RUNNING"):
        broker.way_in(session)
    broker.cancel(session)
    wait_phase(broker, session, "CANCELLED")


def test_supervisors_killed_at_any_moment_leave_nothing_and_lose_no_release(
    tmp_path: Path, given: Path
) -> None:
    chance = random.Random(SEED)
    for trial in range(TRIALS):
        home = tmp_path / str(trial)
        broker = EmbeddedBroker(home)
        session = begun(broker, lab(given))
        is_released = trial % 2 == 0
        if is_released:
            wait_up(broker, session).save("made/kept.ipynb")
            broker.release(session)
        time.sleep(chance.uniform(0, 4))
        if pid := Directory(home / "sessions" / session).supervisor():
            os.kill(pid, signal.SIGKILL)
        if is_released:
            assert set(products(wait_phase(broker, session, "COMPLETED"))) == {"kept.ipynb"}
        elif wait_phase(broker, session, "FAILED", "AVAILABLE").phase == "AVAILABLE":
            broker.cancel(session)
            # FAILED where the look before came too soon to tell of the kill
            wait_phase(broker, session, "CANCELLED", "FAILED")
        assert not processes(session)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"location": "ftp://host/a.ipynb"}, "is not file://, http:// or https://"),
        ({"location": "file:///no/such.ipynb"}, "/no/such.ipynb is not a file"),
        ({"checksum": Checksum(type="sha-256", value="0")}, "executable.location names none"),
    ],
)
def test_what_can_not_be_opened_is_refused(
    broker: EmbeddedBroker, given: Path, more: dict[str, object], reason: str
) -> None:
    answer = broker.request_offers(lab(given, **more))
    assert answer.result == "NO"
    assert reason in "\n".join(message.text for message in answer.messages)
