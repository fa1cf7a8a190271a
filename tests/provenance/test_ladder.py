# SPDX-License-Identifier: Apache-2.0
"""A record is found wherever it still is."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from provenance.capture import capture
from provenance.errors import NoRecordError
from provenance.ladder import climb
from provenance.products.extract import extract
from provenance.products.found import Binding, Rung
from provenance.products.sidecar import sidecar
from provenance.store import Store
from tests.provenance.conftest import RunOf


@pytest.fixture
def captured(run_of: RunOf, image: Path, store: Store) -> Path:
    capture(run_of(image), store)
    return image


def rewritten(path: Path, factor: float = 1) -> Path:
    """Return what a program that keeps the first header and its data alone makes of the file."""
    data, header = fits.getdata(path, header=True)
    fits.writeto(path.with_name("rewritten.fits"), data * factor, header)
    return path.with_name("rewritten.fits")


def test_the_record_inside_is_the_first_rung(captured: Path, store: Store) -> None:
    found = climb(captured, database=store.place)
    assert (found.rung, found.binding) == (Rung.EMBEDDED, Binding.BOUND)


def test_a_pointer_leads_to_the_store(captured: Path, store: Store) -> None:
    record = extract(captured).digest
    found = climb(rewritten(captured), database=store.place)
    assert (found.rung, found.digest) == (Rung.POINTER, record)
    assert found.binding is Binding.BOUND


def test_a_pointer_on_other_data_tells_of_descent(captured: Path, store: Store) -> None:
    found = climb(rewritten(captured, 2), database=store.place)
    assert (found.rung, found.binding) == (Rung.POINTER, Binding.STALE)
    assert "came of" in found.parts[0].reason


def test_other_data_beside_the_record_itself_are_tampered_with(captured: Path, store: Store) -> None:
    with fits.open(captured, mode="update") as hdus:
        hdus[0].data[0, 0] = 99
    found = climb(captured, database=store.place)
    assert (found.rung, found.binding) == (Rung.EMBEDDED, Binding.TAMPERED)


def test_content_alone_is_found_in_the_store(captured: Path, store: Store) -> None:
    bare = captured.with_name("bare.fits")
    fits.writeto(bare, fits.getdata(captured))
    found = climb(bare, database=store.place)
    assert (found.rung, found.binding) == (Rung.STORE, Binding.BOUND)


def test_the_sidecar_is_the_last_rung(run_of: RunOf, tmp_path: Path, store: Store) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("x")
    capture(run_of(text), store)
    assert climb(text, database=tmp_path / "no.db").rung is Rung.SIDECAR
    sidecar(text).unlink()
    assert climb(text, database=store.place).rung is Rung.STORE


def test_a_record_that_fits_is_taken_before_one_that_does_not(
    captured: Path, run_of: RunOf, store: Store, tmp_path: Path
) -> None:
    other = tmp_path / "other.fits"
    fits.writeto(other, np.zeros((3, 4), "f4"))
    made = capture(run_of(other), store).record
    with fits.open(captured, mode="update") as hdus:
        hdus[0].data[:] = 0
    found = climb(captured, database=store.place)
    assert (found.rung, found.digest) == (Rung.STORE, made.digest)


def test_without_any_rung_the_pointer_is_named(captured: Path, tmp_path: Path) -> None:
    record = extract(captured).digest
    with pytest.raises(NoRecordError, match="points to") as none:
        climb(rewritten(captured), database=tmp_path / "no.db")
    assert none.value.pointer == record
    assert not (tmp_path / "no.db").exists()


def test_a_damaged_record_is_replaced_by_that_of_the_store(captured: Path, store: Store) -> None:
    whole = captured.read_bytes()
    broken = captured.with_name("broken.fits")
    broken.write_bytes(whole.replace(b'"eb:SessionRecord"', b'"eb:SessionRecorD"'))
    shutil.copystat(captured, broken)
    assert climb(broken, database=store.place).rung in (Rung.POINTER, Rung.STORE)
