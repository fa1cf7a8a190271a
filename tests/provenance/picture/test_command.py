# SPDX-License-Identifier: Apache-2.0
"""`eb lineage` draws."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from lxml import etree

from provenance.capture import capture
from provenance.cli.lineage import lineage
from provenance.store import Store
from tests.provenance.conftest import RunOf


@pytest.fixture
def recorded(run_of: RunOf, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EB_HOME", str(tmp_path / "state"))
    capture(run_of(image), Store())
    return image


def eb_lineage(*words: object) -> Result:
    return CliRunner().invoke(lineage, [*map(str, words)])


def test_a_picture_is_drawn_into_a_file(recorded: Path, tmp_path: Path) -> None:
    assert eb_lineage(recorded, "--svg", tmp_path / "out.svg").exit_code == 0
    root = etree.parse(tmp_path / "out.svg").getroot()
    assert "image.fits" in "".join(root.itertext())


def test_a_file_that_is_there_is_replaced_by_force_alone(recorded: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.svg"
    out.write_text("mine")
    refused = eb_lineage(recorded, "--svg", out)
    assert (refused.exit_code, out.read_text()) == (2, "mine")
    assert "--force" in refused.output
    assert eb_lineage(recorded, "--svg", out, "--force").exit_code == 0
    assert out.read_text().startswith("<svg")


def test_a_directory_that_is_not_there_is_told(recorded: Path, tmp_path: Path) -> None:
    assert eb_lineage(recorded, "--svg", tmp_path / "no" / "out.svg").exit_code == 2


def test_a_flowchart_is_printed(recorded: Path) -> None:
    told = eb_lineage(recorded, "--mermaid").output
    assert told.startswith("flowchart LR\n")
    assert '["smooth<br/>COMPLETED"]' in told
