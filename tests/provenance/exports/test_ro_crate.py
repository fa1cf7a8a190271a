# SPDX-License-Identifier: Apache-2.0
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from rocrate.rocrate import ROCrate

from provenance.canonical import ni
from provenance.errors import CanNotExportError
from provenance.exports.crate import pack
from provenance.exports.export import export
from provenance.exports.story import Story
from provenance.record import StepRecord

JUDGE = Path(__file__).with_name("judge_crates.py")


@pytest.fixture
def story(program: StepRecord, tmp_path: Path) -> Story:
    product = tmp_path / "renamed.fits"
    product.write_bytes(b"pixels")
    return Story(program, (), "out.fits", product)


@pytest.mark.timeout(300)
def test_a_crate_passes_all_that_the_public_validator_requires_and_recommends(
    story: Story, records: dict[str, StepRecord], tmp_path: Path
) -> None:
    pack(story._replace(before=tuple(records.values())), tmp_path / "crate")
    command = [sys.executable, str(JUDGE), str(tmp_path / "cache"), str(tmp_path / "crate")]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    (found,) = json.loads(ended.stdout.splitlines()[-1]).values()
    assert len([name for name in found["checks"] if name.startswith("process-run-crate")]) > 40
    assert (found.get("REQUIRED", []), found.get("RECOMMENDED", [])) == ([], [])


def test_a_crate_holds_the_file_and_the_record(story: Story, tmp_path: Path) -> None:
    pack(story, tmp_path / "crate")
    crate = ROCrate(tmp_path / "crate")
    product, record = (
        crate.get("data/out.fits"),
        crate.get(f"records/{story.record.digest.rpartition(';')[2]}.json"),
    )
    assert (tmp_path / "crate" / product.id).read_bytes() == b"pixels"
    assert ni((tmp_path / "crate" / record.id).read_bytes()) == story.record.digest
    (action,) = [one for one in crate.get_entities() if one.type == "CreateAction"]
    assert {product.id, record.id} <= {one.id for one in action["result"]}


def test_the_same_crate_has_the_same_bytes(story: Story, tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        pack(story, tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


@pytest.mark.parametrize(
    "name",
    ["../../evil", "/etc/evil", "a/../../evil", "con\x00", "x" * 5000, "a\\..\\evil", "\x1b[2J", "", "."],
)
def test_a_product_of_any_name_stays_in_the_crate(story: Story, tmp_path: Path, name: str) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    pack(story._replace(carrier=name), tmp_path / "a" / "b" / "crate")
    pack(story._replace(carrier=name), tmp_path / "a" / "b" / "crate.zip")
    names = zipfile.ZipFile(tmp_path / "a" / "b" / "crate.zip").namelist()
    there = {str(one.relative_to(tmp_path)) for one in tmp_path.rglob("*") if one.is_file()}
    assert there == {f"a/b/crate/{one}" for one in names} | {"a/b/crate.zip", "renamed.fits"}
    assert "data/product" in names


@pytest.mark.parametrize("name", ["crate", "crate.zip"])
def test_what_is_there_already_stays(story: Story, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(CanNotExportError, match="already"):
        pack(story, tmp_path / name)
    assert (tmp_path / name).read_text() == "mine"
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted([name, "renamed.fits"])


def test_a_crate_that_can_not_be_finished_is_not_there(story: Story, tmp_path: Path) -> None:
    Path(str(story.file)).unlink()
    for name in ("crate", "crate.zip"):
        with pytest.raises(CanNotExportError):
            pack(story, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_the_metadata_alone_hold_the_records_text(program: StepRecord) -> None:
    graph = json.loads(export(program, "ro-crate", carrier="out.fits"))["@graph"]
    assert [one["text"] for one in graph if "text" in one] == [program.text]
    assert not [one for one in graph if one["@type"] == "File"]


def test_a_failed_session_says_why(records: dict[str, StepRecord]) -> None:
    graph = json.loads(export(records["failed"], "ro-crate"))["@graph"]
    (action,) = [one for one in graph if one["@type"] == "CreateAction"]
    assert action["actionStatus"] == "http://schema.org/FailedActionStatus"
    assert action["error"] == "No such file\nin <here> & there"


def test_a_container_is_told_with_its_registry_tag_and_digest(records: dict[str, StepRecord]) -> None:
    graph = json.loads(export(records["container"], "ro-crate"))["@graph"]
    (image,) = [one for one in graph if one["@type"] == "ContainerImage"]
    told = (image["registry"], image["name"], image["tag"], image["sha256"])
    assert told == ("ghcr.io", "team/smooth", "1.2", "cd" * 32)
