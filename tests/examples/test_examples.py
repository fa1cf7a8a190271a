# SPDX-License-Identifier: Apache-2.0
import asyncio
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.check import faults
from eb_prefect.edit import patch_of, patched
from eb_prefect.model.executable import Program
from eb_prefect.person import AGAIN
from eb_prefect.step import run_step
from eb_prefect.testing.contract import wait_until
from eb_prefect.wire.document import read_request
from tests.brokers.embedded.lab import wait_up
from tests.serving import in_force
from tests.slurm import Slurm
from tests.tasks.answering import answer

EXAMPLES = Path(__file__).parents[2] / "examples"
BRIGHTEST = "Sirius,-1.46\nCanopus,-0.74\nVega,0.03\n"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EB_HOME", str(tmp_path / "home"))


def run(name: str, *words: str, says: str = "", **environment: str) -> str:
    command = [sys.executable, str(EXAMPLES / name), *words]
    ended = subprocess.run(
        command, env={**os.environ, **environment}, input=says, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.parametrize("document", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_every_request_can_be_used(document: Path) -> None:
    assert faults(read_request(document.read_text())) == ()


@pytest.mark.parametrize("script", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_every_script_is_short(script: Path) -> None:
    assert len(script.read_text().splitlines()) <= 60


@pytest.mark.parametrize("may_mount", [True, False], ids=["mounted", "rewritten"])
@pytest.mark.parametrize("name", ["sort", "brightest"])
def test_a_program_runs_with_and_without_mounts(tmp_path: Path, name: str, may_mount: bool) -> None:
    request = read_request((EXAMPLES / f"{name}.yaml").read_text())
    assert isinstance(request.executable, Program)
    request = patched(request, patch_of(request, (), {"table": str(EXAMPLES / "stars.csv")}))
    ended = run_step(EmbeddedBroker(tmp_path, may_mount=may_mount), request, name=name)
    assert ended.session.phase == "COMPLETED", ended.session.messages
    (product,) = ended.session.products
    first = Path(product.location.removeprefix("file://")).read_text().splitlines()[0]
    assert first == {"sort": "Sirius,-1.46", "brightest": "Rigel,0.13"}[name]


def test_two_steps_make_a_product_that_runs_again(
    tmp_path: Path, prefect_environment: dict[str, str]
) -> None:
    home = {"EB_HOME": str(tmp_path / "home")}
    made = run("two_steps.py", str(tmp_path / "made"), **{**prefect_environment, **home}).strip()
    assert Path(made).read_text() == BRIGHTEST
    told = run("extract_and_rerun.py", made, "executable.environment.COUNT=1", says="y\n", **home)
    assert f"{made} is BOUND" in told
    assert "executable.environment.COUNT: '3' -> '1'" in told
    again = told.rsplit("COMPLETED: ", 1)[1].strip()
    assert Path(again).read_text() == "Sirius,-1.46\n"


def test_a_step_runs_where_its_offer_is_best(tmp_path: Path, prefect_environment: dict[str, str]) -> None:
    home = {"EB_HOME": str(tmp_path / "home")}
    made = run("choose_offer.py", str(tmp_path / "made"), **{**prefect_environment, **home}).strip()
    assert Path(made).read_text().startswith("Sirius,-1.46")
    assert len(list((tmp_path / "made").glob("broker-*/sessions/*/log*"))) == 1


def test_a_product_is_told_of_in_every_form(tmp_path: Path, prefect_environment: dict[str, str]) -> None:
    home = {"EB_HOME": str(tmp_path / "home")}
    made = run("two_steps.py", str(tmp_path / "made"), **{**prefect_environment, **home}).strip()
    told = run("export_all.py", made, str(tmp_path / "told"), **home).splitlines()
    assert len(told) == len(list((tmp_path / "told").iterdir())) - 1 > 12
    assert (tmp_path / "told" / "crate.zip").stat().st_size > 1000


@pytest.mark.timeout(300)  # a Jupyter server starts in it, on a machine that may be busy
def test_a_flow_goes_on_with_what_a_person_saved(tmp_path: Path, prefect_environment: dict[str, str]) -> None:
    pytest.importorskip("jupyterlab", reason="the extra notebook is not installed")
    home, made = tmp_path / "home", tmp_path / "made"
    broker = EmbeddedBroker(home)

    def person() -> str:
        sessions = home / "sessions"
        wait_until(lambda: bool([*sessions.glob("*/jupyter/door.json")]), 200)
        (door,) = sessions.glob("*/jupyter/door.json")
        session = door.parents[1].name
        inside = wait_up(broker, session)
        table = inside.call("GET", "contents/input/stars.csv")["content"]
        inside.save("output/looked.ipynb", "1 + 1")
        broker.release(session)
        return table

    with ThreadPoolExecutor() as people:
        looking = people.submit(person)
        told = run("interactive.py", str(made), **{**prefect_environment, "EB_HOME": str(home)})
        assert looking.result().startswith("Sirius,-1.46")
    assert told.split() == [str(made / "looked.ipynb")]


def test_a_rerun_needs_consent(tmp_path: Path, prefect_environment: dict[str, str]) -> None:
    home = {"EB_HOME": str(tmp_path / "home")}
    made = run("two_steps.py", str(tmp_path / "made"), **{**prefect_environment, **home}).strip()
    assert "COMPLETED" not in run("extract_and_rerun.py", made, says="n\n", **home)


def test_many_steps_are_one_task(tmp_path: Path, prefect_environment: dict[str, str]) -> None:
    home = {"EB_HOME": str(tmp_path / "home")}
    words = ("embedded", "5", str(tmp_path / "made"))
    made = run("thousand.py", *words, **{**prefect_environment, **home}).split("\n")[:5]
    assert [len(Path(path).read_text().splitlines()) for path in made] == [1, 2, 3, 4, 5]


def test_many_steps_on_a_cluster_that_the_configuration_names(
    tmp_path: Path, prefect_environment: dict[str, str], slurm: Slurm
) -> None:
    home, configuration = tmp_path / "home", tmp_path / "brokers.toml"
    configuration.write_text('[brokers.cluster]\nkind = "slurm"\nqueues = ["brief"]\n')
    own = {**prefect_environment, **os.environ, "EB_HOME": str(home), "EB_CONFIG": str(configuration)}
    own["PREFECT_API_URL"] = prefect_environment["PREFECT_API_URL"]
    made = run("many_on_slurm.py", "cluster", "30", str(tmp_path / "made"), **own).split()
    assert (len(made), Path(made[2]).read_text()) == (30, BRIGHTEST)
    scripts = [path for path in (home / "slurm" / "submissions").iterdir() if path.suffix != ".log"]
    assert len(scripts) <= 10


def test_a_person_chooses_where_a_step_runs(tmp_path: Path, prefect_environment: dict[str, str]) -> None:
    environment = {**prefect_environment, "EB_HOME": str(tmp_path / "home")}
    command = [sys.executable, str(EXAMPLES / "person_chooses.py"), str(tmp_path)]
    flows = {"state": {"type": {"any_": ["PAUSED"]}}}
    with subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True
    ) as ours:
        with in_force(prefect_environment):
            form, _ = asyncio.run(answer(flows, "south offer 1"))
        said, _ = ours.communicate(timeout=120)
    assert form["choices"] == ["1: north offer 1", "2: south offer 1", AGAIN]
    assert Path(said.strip()).read_text().splitlines()[0] == "Sirius,-1.46"
    assert list(tmp_path.glob("broker-south/sessions/*/stdout"))
    assert not list(tmp_path.glob("broker-north/sessions/*/stdout"))
