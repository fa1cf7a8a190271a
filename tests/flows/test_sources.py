# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
from astropy.io import fits
from astropy.table import Table

from eb_prefect.check import faults
from eb_prefect.ending import StepFailedError
from flows.sources import detect_sources, extraction_request, smoothing_request
from provenance.products.extract import extract
from provenance.products.found import Binding
from provenance.store import Store

pytestmark = pytest.mark.usefixtures("prefect_api")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EB_HOME", str(tmp_path / "home"))


def test_its_requests_have_no_faults(frame: Path) -> None:
    assert faults(smoothing_request(str(frame))) == ()
    assert faults(extraction_request("https://example.org/image.fits")) == ()


async def test_a_real_frame_becomes_a_catalogue_that_knows_its_origin(frame: Path, tmp_path: Path) -> None:
    made = await detect_sources(str(frame), threshold=4.0, into=tmp_path / "products")
    catalogue = Path(made.catalogue.products["sources.fits"])
    table = Table.read(catalogue, hdu="SOURCES")
    assert table.meta["THRESHLD"] == 4.0
    assert 10 < len(table) < 100
    peaks = fits.getdata(made.smoothed.products["smoothed.fits"])
    at = peaks[round(table["Y_IMAGE"][0]) - 1, round(table["X_IMAGE"][0]) - 1]
    assert at > 0.9 * peaks.max()
    found = extract(catalogue)
    assert (found.binding, found.digest) == (Binding.BOUND, made.catalogue.record)
    origins = Store().ancestors(made.catalogue.record)
    assert {entry.digest for entry in origins.records} == {made.catalogue.record, made.smoothed.record}


async def test_a_frame_that_is_none_fails_its_step_with_the_reason(tmp_path: Path) -> None:
    Table({"a": [1]}).write(tmp_path / "table.fits")
    with pytest.raises(StepFailedError, match="holds no image of two dimensions"):
        await detect_sources(str(tmp_path / "table.fits"))
    assert [entry.phase for entry in Store().history()] == ["FAILED"]


async def test_a_missing_frame_is_told_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no-such\.fits"):
        await detect_sources(str(tmp_path / "no-such.fits"))
    assert not (tmp_path / "home").exists()
