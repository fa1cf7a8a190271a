# SPDX-License-Identifier: Apache-2.0
"""An interactive session from a terminal, on a broker of this machine that is served."""

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.server.run import serving
from provenance.products.extract import extract
from provenance.record import read_record
from tests.brokers.embedded.lab import Lab, end_all, holding, wait_phase
from tests.cli.walking import EB, Eb, calling, environment

REQUEST = """
name: look
executable:
  kind: urn:eb-prefect:kind/executable/jupyter-server
compute:
  volumes:
    - {path: /output, mode: READWRITE, resources: [products]}
storage:
  - name: products
schedule:
  requested: {duration: PT1H}
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def eb(tmp_path: Path, home: Path) -> Eb:
    return calling(tmp_path, home)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    yield EmbeddedBroker(tmp_path / "there")
    end_all(tmp_path / "there")


@pytest.fixture
def url(broker: EmbeddedBroker, tmp_path: Path) -> Iterator[str]:
    with serving(broker, home=tmp_path / "there") as served:
        yield served


def running(folder: Path, home: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*EB, *words],
        cwd=folder,
        env=environment(home),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def link_told(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line
        if "enter at " in line:
            return line.partition("enter at ")[2].split()[0]
    raise AssertionError(said)


@pytest.mark.timeout(300)  # many commands, and a server, on a machine that may be busy
def test_the_link_is_told_and_the_session_outlives_its_terminal(
    tmp_path: Path, home: Path, eb: Eb, broker: EmbeddedBroker, url: str
) -> None:
    pytest.importorskip("jupyterlab", reason="the extra notebook is not installed")
    (tmp_path / "look.yaml").write_text(REQUEST)
    words = ("run", "look.yaml", "--broker", url, "--out", "made", "--json")
    first = running(tmp_path, home, *words)
    inside = Lab(link_told(first))
    inside.save("output/stars.ipynb", "1 + 1")
    first.send_signal(signal.SIGINT)
    _, left = first.communicate(timeout=60)
    command = left.partition("look goes on; the same command finds it again, ")[2]
    _, verb, session, *_ = command.split()
    assert verb == "release"
    told = eb("session", session, "--broker", url).stdout
    assert f"{session}: AVAILABLE" in told
    assert f"enter at   {inside.link}" in told
    again = running(tmp_path, home, *words)
    assert link_told(again) == inside.link
    released = eb("release", session, "--broker", url, "--json")
    assert (released.returncode, json.loads(released.stdout)["session"]) == (0, session)
    out, _ = again.communicate(timeout=120)
    made = json.loads(out)
    assert (made["phase"], made["session"]) == ("COMPLETED", session)
    wait_phase(broker, session, "COMPLETED")
    record = read_record(extract(tmp_path / "made" / "stars.ipynb").text)
    phases = [change.phase for change in record.changes]
    assert phases.index("AVAILABLE") < phases.index("COMPLETED")
    assert holding(inside.token, tmp_path) == []
    asked = eb("rerun", "made/stars.ipynb", "--broker", url)
    assert asked.returncode == 7
    assert (
        "it is interactive: it stays until its time is over or you release it" in asked.stdout + asked.stderr
    )
    gone = eb("session", session, "--broker", url, "--link")
    assert (gone.returncode, gone.stdout) == (1, "")


def test_what_is_not_interactive_is_not_released(tmp_path: Path, eb: Eb) -> None:
    broker = EmbeddedBroker(tmp_path / "home")
    text = REQUEST.replace("jupyter-server", "program\n  command: [sleep, '60']")
    (tmp_path / "sleep.yaml").write_text(text)
    started = running(tmp_path, tmp_path / "home", "run", "sleep.yaml")
    assert started.stderr is not None
    session = next(line for line in started.stderr if "RUNNING" in line).split()[-1]
    told = eb("release", session)
    assert told.returncode == 1
    assert "it is not interactive, or its broker has no release: eb cancel ends it" in told.stdout
    broker.cancel(session)
    started.communicate(timeout=60)
