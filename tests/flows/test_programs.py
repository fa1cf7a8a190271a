# SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table


def run(program: str, *words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    script = str(files("flows.programs") / f"{program}.py")
    command = [sys.executable, script, *map(str, words)]
    return subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )


def write_stars(path: Path, stars: list[tuple[float, float, float]]) -> None:
    """Write an image with noise of 1 and a star at each position, counted from 1."""
    y, x = np.mgrid[1:201, 1:301]
    image = np.random.default_rng(7).normal(0, 1, x.shape)
    for at_x, at_y, peak in stars:
        image += peak * np.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / (2 * 2.0**2))
    fits.writeto(path, image.astype(np.float32))


def test_a_frame_loses_bias_sky_and_margins(frame: Path, tmp_path: Path) -> None:
    ended = run("smooth_frame", frame, tmp_path / "smoothed.fits", SMOOTHING="0")
    assert ended.returncode == 0, ended.stderr
    with fits.open(tmp_path / "smoothed.fits") as hdus:
        assert hdus[0].data.shape == (512, 512)
        assert abs(np.median(hdus[0].data)) < 1
        assert hdus[0].header["OBJECT"] == "rf0420"
        assert "TRIMSEC" not in hdus[0].header
        assert "bias of 214 subtracted" in str(hdus[0].header["HISTORY"])


def test_a_trimmed_image_keeps_its_places_in_the_sky(tmp_path: Path) -> None:
    frame = np.full((60, 80), 100.0, dtype=np.float32) + np.arange(80, dtype=np.float32) / 100
    frame[:5] = frame[55:] = 0.0
    header = fits.Header({"CRPIX1": 40.0, "CRPIX2": 30.0, "TRIMSEC": "[11:80,1:60]"})
    fits.writeto(tmp_path / "frame.fits", frame, header)
    run("smooth_frame", tmp_path / "frame.fits", tmp_path / "smoothed.fits", SKY_CELL="16")
    with fits.open(tmp_path / "smoothed.fits") as hdus:
        assert hdus[0].data.shape == (50, 70)
        assert (hdus[0].header["CRPIX1"], hdus[0].header["CRPIX2"]) == (30.0, 25.0)


def test_blank_pixels_stay_out_of_the_sky(tmp_path: Path) -> None:
    frame = np.random.default_rng(3).normal(100, 1, (128, 128)).astype(np.float32)
    frame[40:60, 40:60] = np.nan
    fits.writeto(tmp_path / "frame.fits", frame)
    run("smooth_frame", tmp_path / "frame.fits", tmp_path / "smoothed.fits")
    smoothed = fits.getdata(tmp_path / "smoothed.fits")
    assert np.isfinite(smoothed).all()
    assert np.abs(smoothed).max() < 3


def test_smoothing_keeps_the_flux_and_lessens_the_noise(frame: Path, tmp_path: Path) -> None:
    images = []
    for sigma in ("0", "1"):
        run("smooth_frame", frame, tmp_path / f"{sigma}.fits", SMOOTHING=sigma)
        images.append(fits.getdata(tmp_path / f"{sigma}.fits").astype(float))
    rough, smooth = images
    inner = np.s_[100:400, 100:400]
    assert smooth[inner].sum() == pytest.approx(rough[inner].sum(), rel=0.02)
    assert np.abs(np.diff(smooth)).mean() < np.abs(np.diff(rough)).mean() / 2


def test_the_same_input_makes_the_same_bytes(frame: Path, tmp_path: Path) -> None:
    for name in ("one.fits", "two.fits"):
        run("smooth_frame", frame, tmp_path / name)
    assert (tmp_path / "one.fits").read_bytes() == (tmp_path / "two.fits").read_bytes()


def test_stars_are_found_where_they_are(tmp_path: Path) -> None:
    stars = [(50.0, 40.0, 300.0), (200.5, 150.25, 100.0), (120.0, 100.0, 50.0)]
    write_stars(tmp_path / "image.fits", stars)
    ended = run("extract_sources", tmp_path / "image.fits", tmp_path / "found.fits", THRESHOLD="5")
    assert ended.returncode == 0, ended.stderr
    found = Table.read(tmp_path / "found.fits", hdu="SOURCES")
    assert list(found["NUMBER"]) == [1, 2, 3]
    for row, (x, y, peak) in zip(found, stars, strict=True):
        assert (row["X_IMAGE"], row["Y_IMAGE"]) == pytest.approx((x, y), abs=0.2)
        assert row["FLUX_MAX"] == pytest.approx(peak, rel=0.1)
    assert found.meta["NOISE"] == pytest.approx(1.0, rel=0.1)


def test_a_higher_threshold_finds_fewer(tmp_path: Path) -> None:
    write_stars(tmp_path / "image.fits", [(50.0, 40.0, 300.0), (200.0, 150.0, 8.0)])
    counts = []
    for threshold in ("3", "20"):
        run("extract_sources", tmp_path / "image.fits", tmp_path / f"{threshold}.fits", THRESHOLD=threshold)
        counts.append(len(Table.read(tmp_path / f"{threshold}.fits", hdu="SOURCES")))
    assert counts == [2, 1]


def test_a_file_without_an_image_is_named(tmp_path: Path) -> None:
    Table({"a": [1]}).write(tmp_path / "table.fits")
    ended = run("smooth_frame", tmp_path / "table.fits", tmp_path / "smoothed.fits")
    assert ended.returncode == 1
    assert ended.stderr.strip() == f"{tmp_path}/table.fits holds no image of two dimensions"
    assert not (tmp_path / "smoothed.fits").exists()
