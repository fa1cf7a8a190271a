# SPDX-License-Identifier: Apache-2.0
"""What the read-me shows is run as it stands there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from provenance.cli.exits import Exit
from provenance.cli.main import COMMANDS

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()
COMMAND_LINE = r"^eb ((?:check|convert|run|show|extract|rerun|lineage|history).*?)(?: +#.*)?$"
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
    request = block("yaml", "name: smooth").replace("file:///home/me", tmp_path.as_uri())
    (tmp_path / "smooth.yaml").write_text(request.replace("file:///data", tmp_path.as_uri()))
    return tmp_path


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "EB_HOME": str(folder / "eb")}


@pytest.mark.parametrize("command", re.findall(COMMAND_LINE, TEXT, re.MULTILINE))
def test_each_command_line_does_what_it_says(folder: Path, command: str) -> None:
    def eb(words: list[str]) -> int:
        script = "from provenance.cli.main import main; main()"
        return subprocess.run(
            [sys.executable, "-c", script, *words], cwd=folder, env=environment(folder), check=False
        ).returncode

    for other in ("m31.fits", "other.fits"):
        (folder / other).write_bytes(b"other stars")
    words = command.split()
    if "made/smooth.fits" in words:
        eb(["run", "smooth.yaml", "--out", "made"])
    consents = words[0] != "rerun" or "--yes" in words
    assert eb(words) == (Exit.DONE if consents else Exit.CONSENT)


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
