# SPDX-License-Identifier: Apache-2.0
import json
import os
import subprocess
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import pytest

from provenance.exports.export import FORMATS
from tests.cli.walking import EB, Eb, calling, environment, request


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which two steps made copy.fits out of another's."""
    import numpy as np
    from astropy.io import fits

    folder = tmp_path_factory.mktemp("exported")
    fits.PrimaryHDU(np.arange(12.0).reshape(3, 4)).writeto(folder / "frame.fits")
    eb = calling(folder, folder / "eb home")
    assert eb("run", request(folder), "--out", "first").returncode == 0
    first = f"frame={folder / 'first' / 'copy.fits'}"
    assert eb("run", folder / "request.yaml", "--input", first, "--out", "second").returncode == 0
    return folder


@pytest.fixture
def eb(folder: Path) -> Eb:
    return calling(folder, folder / "eb home")


def test_every_format_is_listed_and_can_be_written(eb: Eb, folder: Path, tmp_path: Path) -> None:
    told = eb("export", "--help").stdout
    for form in FORMATS:
        assert f"  {form} " in told
    for form in ("prov-n", "caom"):
        assert eb("export", "second/copy.fits", "--format", form, "--out", tmp_path / form).returncode == 0
    assert ET.parse(tmp_path / "caom").getroot().tag.endswith("Observation")


def test_text_goes_to_the_standard_output_and_nothing_else_does(eb: Eb) -> None:
    done = eb("export", "second/copy.fits", "--format", "in-toto")
    assert json.loads(done.stdout)["subject"][0]["name"] == "copy.fits"
    assert (done.returncode, done.stderr) == (0, "")


def test_a_crate_holds_the_product(eb: Eb, folder: Path, tmp_path: Path) -> None:
    done = eb("export", "second/copy.fits", "--format", "ro-crate", "--out", tmp_path / "crate.zip")
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(tmp_path / "crate.zip") as crate:
        assert crate.read("data/copy.fits") == (folder / "second" / "copy.fits").read_bytes()


def test_a_crate_needs_a_place_or_goes_without_data(eb: Eb) -> None:
    assert eb("export", "second/copy.fits", "--format", "ro-crate").returncode == 2
    done = eb("export", "second/copy.fits", "--format", "ro-crate", "--no-data")
    assert json.loads(done.stdout)["@graph"]


def test_the_steps_before_are_told_when_asked_for(eb: Eb) -> None:
    counts = [
        len(json.loads(eb("export", "second/copy.fits", "--format", "ivoa-prov", *more).stdout)["activity"])
        for more in ((), ("--lineage",))
    ]
    assert counts == [1, 2]


def test_a_format_of_one_step_says_that_it_is_one(eb: Eb) -> None:
    done = eb("export", "second/copy.fits", "--format", "caom", "--lineage")
    assert (done.returncode, done.stdout) == (2, "")
    assert "one step" in done.stderr


@pytest.mark.parametrize("force", [False, True])
def test_a_file_is_replaced_only_by_force(eb: Eb, tmp_path: Path, force: bool) -> None:
    (tmp_path / "out").write_text("mine")
    words = ("export", "second/copy.fits", "--format", "prov-json", "--out", tmp_path / "out")
    done = eb(*words, *(["--force"] if force else []))
    assert done.returncode == (0 if force else 2)
    assert ((tmp_path / "out").read_text() == "mine") is not force
    assert [one.name for one in tmp_path.iterdir()] == ["out"]


def test_a_changed_file_is_not_said_to_be_the_product(eb: Eb, folder: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed.fits"
    data = bytearray((folder / "second" / "copy.fits").read_bytes())
    data[2880] ^= 1
    changed.write_bytes(data)
    done = eb("export", changed, "--format", "in-toto")
    assert "TAMPERED" in done.stderr
    assert "changed.fits" not in done.stdout


def test_a_missing_library_is_named_with_its_extra(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "caom2.py").write_text("raise ImportError('not here')")
    own = environment(folder / "eb home")
    own["PYTHONPATH"] = f"{tmp_path}{os.pathsep}{own['PYTHONPATH']}"
    words = ["export", str(folder / "second" / "copy.fits"), "--format", "caom"]
    done = subprocess.run([*EB, *words], env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install 'eb-prefect[export]'" in done.stderr
