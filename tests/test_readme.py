# SPDX-License-Identifier: Apache-2.0
"""What the read-me shows is run as it stands there."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from shutil import which

import pytest

from eb_prefect.brokers.configuration import configuration
from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.server.run import serving
from eb_prefect.testing.scripted import ScriptedBroker
from eb_prefect.testing.terms import Terms, costs
from eb_prefect.testing.wireserver import ScriptedServer
from provenance.cli.exits import Exit
from provenance.cli.main import COMMANDS
from provenance.policy import policy, policy_path

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()
COMMANDS_RUN = "check|convert|run|offers|show|extract|rerun|lineage|history|export|validate"
# what waits for a person is run in tests/examples
COMMAND_LINE = rf"^eb (?!run examples/interactive)((?:{COMMANDS_RUN}).*?)(?: +#.*)?$"
SMOOTH = """
import os, sys
from pathlib import Path
Path(sys.argv[2]).write_bytes(Path(sys.argv[1]).read_bytes() + os.environ["SIGMA"].encode())
"""


def block(language: str, containing: str) -> str:
    blocks = re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)
    (found,) = [text for text in blocks if containing in text]
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "smooth.py").write_text(SMOOTH)
    (tmp_path / "frame.fits").write_bytes(b"no stars")
    (tmp_path / "brokers.toml").write_text("")
    request = block("yaml", "name: smooth").replace("file:///home/me", tmp_path.as_uri())
    (tmp_path / "smooth.yaml").write_text(request.replace("file:///data", tmp_path.as_uri()))
    return tmp_path


def environment(folder: Path) -> dict[str, str]:
    places = {"EB_HOME": str(folder / "eb"), "EB_CONFIG": str(folder / "brokers.toml")}
    return {**os.environ, "PYTHONPATH": str(ROOT), **places}


@pytest.fixture
def sites(folder: Path) -> Iterator[None]:
    """Two brokers elsewhere, by the names that the read-me gives them."""
    offered = Terms(starts_in=0.0, lasts=600.0, costs=costs(monetary=0.2, carbon=5.0))
    with ExitStack() as both:
        urls = {
            name: both.enter_context(ScriptedServer(ScriptedBroker(offers=(offered,)))).url
            for name in ("spsrc", "chsrc")
        }
        text = "".join(f'[brokers.{name}]\nurl = "{url}"\n' for name, url in urls.items())
        (folder / "brokers.toml").write_text(f'{text}[brokers.cluster]\nkind = "slurm"\n')
        yield


@pytest.mark.usefixtures("sites")
@pytest.mark.parametrize("command", re.findall(COMMAND_LINE, TEXT, re.MULTILINE))
def test_each_command_line_does_what_it_says(
    folder: Path, command: str, request: pytest.FixtureRequest
) -> None:
    if re.search("--broker (slurm|cluster)", command):
        request.getfixturevalue("slurm")

    def eb(words: list[str]) -> int:
        script = "from provenance.cli.main import main; main()"
        return subprocess.run(
            [sys.executable, "-c", script, *words], cwd=folder, env=environment(folder), check=False
        ).returncode

    for other in ("m31.fits", "other.fits"):
        (folder / other).write_bytes(b"other stars")
    words = shlex.split(command)
    if "made/smooth.fits" in words:
        eb(["run", "smooth.yaml", "--out", "made"])
    consents = words[0] != "rerun" or "--yes" in words
    assert eb(words) == (Exit.DONE if consents else Exit.CONSENT)


def test_the_configuration_is_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EB_CONFIG", str(folder / "brokers.toml"))
    (folder / "brokers.toml").write_text(block("toml", "[brokers.spsrc]"))
    assert set(configuration().brokers) == {"spsrc", "chsrc", "cluster", "grid"}


def test_the_policy_is_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EB_CONFIG", str(folder / "brokers.toml"))
    policy_path().write_text(block("toml", "[signing]"))
    assert policy().rerun.images == ("registry.example/ska/*",)


@pytest.mark.skipif(which("curl") is None, reason="needs curl")
@pytest.mark.parametrize("lines", ['\'{"kind"', '\'{"update"'], ids=["B2", "A"])
def test_curl_alone_runs_a_request(folder: Path, lines: str) -> None:
    with serving(EmbeddedBroker(folder / "served")) as url:
        script = block("bash", lines).replace("http://127.0.0.1:8082", url)
        subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=folder, check=True, timeout=60)
    assert (folder / "smooth.fits").read_bytes() == b"no stars2"


def test_the_flow_makes_its_product(folder: Path, prefect_environment: dict[str, str]) -> None:
    script = folder / "flow.py"
    script.write_text(block("python", "@flow"))
    settings = {name: text for name, text in prefect_environment.items() if name.startswith("PREFECT_")}
    subprocess.run([sys.executable, script], cwd=folder, env=environment(folder) | settings, check=True)
    assert (folder / "made" / "smooth.fits").read_bytes() == b"no stars2"


def test_every_command_and_exit_code_is_in_the_read_me() -> None:
    assert [name for name in COMMANDS if not re.search(rf"^eb {name}\b", TEXT, re.MULTILINE)] == []
    told = {int(code) for code in re.findall(r"^\| (\d+) \|", TEXT, re.MULTILINE)}
    assert told == {int(code) for code in Exit if code is not Exit.INTERRUPTED}


def test_the_map_names_what_is_there() -> None:
    (house,) = re.findall(r"## Map\n\n```\n(.*?)```", TEXT, re.DOTALL)
    package = Path()
    for line in house.splitlines():
        words = re.split(r"\s{2,}", line.strip())
        if not line.startswith(" "):
            package = ROOT / words[0]
            assert package.is_dir(), line
            continue
        for name in re.split(r", ", words[0]):
            assert (package / name).exists() or (package / f"{name}.py").exists(), line
