# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from provenance.cli.main import COMMANDS, eb

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_with_an_example(name: str) -> None:
    said = CliRunner().invoke(eb, [name, "--help"])
    assert said.exit_code == 0
    assert f"Example: eb {name} " in said.output
    assert "--json" in said.output or name in {
        "convert",
        "export",
        "logs",
    }  # what they write is a document or a stream


def test_the_group_lists_every_command() -> None:
    said = CliRunner().invoke(eb, ["--help"]).output
    assert [name for name in COMMANDS if name not in said] == []


@pytest.mark.parametrize("words", [("--help",), ("show", "nothing.fits")])
def test_light_commands_import_nothing_heavy(words: tuple[str, ...]) -> None:
    script = (
        "import sys\nfrom provenance.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print(sorted({'prefect', 'astropy', 'numpy', 'sqlalchemy', 'prov'} & set(sys.modules)))"
    )
    told = subprocess.run(
        [sys.executable, "-c", script, *words],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert told.stdout.splitlines()[-1] == "[]"
