# SPDX-License-Identifier: Apache-2.0
"""Runs, products and stores to remember."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from eb_prefect.model.compute import SimpleCompute, VolumeMount
from eb_prefect.model.data import SimpleData
from eb_prefect.model.executable import Program
from eb_prefect.model.parts import Checksum
from eb_prefect.model.phase import Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet, Outcome, Product, Session
from eb_prefect.model.steprun import BrokerIdentity, PhaseChange, StepRun
from provenance.store import Store

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
RunOf = Callable[..., StepRun]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "state" / "records.db")


@pytest.fixture
def run_of() -> RunOf:
    """Return what builds the run of a small step."""

    def build(
        *products: Path, phase: Phase = Phase.COMPLETED, environment: dict[str, str] | None = None,
        location: str = "file:///nowhere/image.fits", checksum: str | None = None, at: datetime = NOON,
    ) -> StepRun:  # fmt: skip
        request = ExecutionRequest(
            name="smooth",
            executable=Program(command=("sh", "-c", "true"), environment=environment or {"SIGMA": "3"}),
            compute=SimpleCompute(
                volumes=(
                    VolumeMount(path="/in", mode="READONLY", resources=("image",)),
                    VolumeMount(path="/out", mode="READWRITE", resources=("room",)),
                )
            ),
            data=(SimpleData(name="image", location=location),),
        )
        pinned = Checksum(type="sha-256", value=checksum) if checksum else None
        session = Session(
            uuid=str(uuid4()),
            phase=phase,
            executable=request.executable,
            compute=request.compute,
            data=(SimpleData(name="image", location=location, checksum=pinned),),
            outcome=Outcome(exit_code=0, started=at, ended=at + timedelta(seconds=3)),
            products=tuple(Product(name=one.name, volume="/out", location=one.as_uri()) for one in products),
        )
        offer = Session(uuid=session.uuid, phase=Phase.OFFERED)
        return StepRun(
            name="smooth",
            broker=BrokerIdentity(kind="embedded", name="this machine"),
            request=request,
            offers=OfferSet(result="YES", offers=(offer,)),
            chosen=session.uuid,
            changes=(
                PhaseChange(phase=Phase.RUNNING, seen=at),
                PhaseChange(phase=phase, seen=at + timedelta(seconds=4), after=at + timedelta(seconds=2)),
            ),
            session=session,
        )

    return build


def _image() -> fits.HDUList:
    return fits.HDUList([fits.PrimaryHDU(np.arange(12, dtype="f4").reshape(3, 4))])


def _table() -> fits.HDUList:
    return fits.HDUList(
        [fits.PrimaryHDU(), fits.BinTableHDU(Table({"x": [1.5, 2.5], "name": ["a", "b"]}), name="CAT")]
    )


def _many() -> fits.HDUList:
    return fits.HDUList(
        [
            fits.PrimaryHDU(),
            fits.ImageHDU(np.ones((5, 7)), name="SCI", ver=1),
            fits.ImageHDU(np.zeros((5, 7)), name="SCI", ver=2),
            fits.ImageHDU(np.zeros(3, dtype="u1")),
            fits.BinTableHDU(Table({"n": [1]}), name="T"),
        ]
    )


def _compressed() -> fits.HDUList:
    pixels = np.arange(10_000, dtype="i4").reshape(100, 100)
    return fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(pixels, name="SCI")])


SHAPES = {"image": _image, "table": _table, "many": _many, "compressed": _compressed}


def science_of(path: Path) -> list[tuple[str, bytes | None]]:
    """Return the HDUs of a valid file, but for records, by name and data."""
    with fits.open(path) as hdus:
        hdus.verify("exception")
        return [
            (hdu.name, None if hdu.data is None else hdu.data.tobytes())
            for hdu in hdus
            if hdu.name != "PROVENANCE"
        ]


@pytest.fixture(params=SHAPES)
def product(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a FITS file of each shape in turn, with checksums."""
    path = tmp_path / f"{request.param}.fits"
    SHAPES[request.param]().writeto(path, checksum=True)
    return path


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "image.fits"
    _image().writeto(path, checksum=True)
    return path


@pytest.fixture
def fitscheck() -> Callable[[Path], subprocess.CompletedProcess[str]]:
    """Return the program that astropy installs."""
    program = Path(sys.executable).with_name("fitscheck")

    def check(path: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run([program, path], capture_output=True, text=True, check=False, timeout=60)

    return check
