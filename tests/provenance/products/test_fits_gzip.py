# SPDX-License-Identifier: Apache-2.0
"""FITS in gzip keeps the contract of formats, and is what gunzip, astropy and cfitsio read."""

import gzip
import subprocess
from pathlib import Path
from typing import Any

import fitsio
import numpy as np
import pytest
from astropy.io import fits

from provenance.capture import capture
from provenance.errors import CanNotAttachError
from provenance.products import fits_gzip
from provenance.products.extract import content_parts, extract
from provenance.products.formats import format_of
from provenance.products.found import Binding, Label, Rung
from provenance.store import Store
from tests.provenance.conftest import SHAPES, RunOf, science_of
from tests.provenance.products.format_contract import FormatContract


class TestFITSInGzip(FormatContract):
    name = "product.fits.gz"

    def make(self, path: Path) -> None:
        SHAPES["many"]().writeto(path, checksum=True)

    def content(self, path: Path) -> Any:
        subprocess.run(["gzip", "--test", path], check=True)
        return science_of(path)

    def change(self, path: Path) -> None:
        with fits.open(path) as hdus:
            hdus["SCI", 1].data[0, 0] += 1
            hdus.writeto(path, overwrite=True)


@pytest.fixture
def packed(image: Path) -> Path:
    path = image.with_name("packed.fits.gz")
    path.write_bytes(gzip.compress(image.read_bytes()))
    return path


def test_unpacked_it_is_a_file_with_its_record(packed: Path, run_of: RunOf, store: Store) -> None:
    capture(run_of(packed), store)
    subprocess.run(["gunzip", packed], check=True)
    found = extract(packed.with_suffix(""))
    assert (found.rung, found.binding) == (Rung.EMBEDDED, Binding.BOUND)
    with fits.open(packed.with_suffix(""), checksum=True) as hdus:
        hdus.verify("exception")


def test_cfitsio_reads_what_it_read_before(packed: Path, run_of: RunOf, store: Store) -> None:
    before = fitsio.read(packed)
    capture(run_of(packed), store)
    assert np.array_equal(fitsio.read(packed), before)


def test_its_content_is_that_of_the_file_unpacked(packed: Path, image: Path) -> None:
    assert content_parts(packed) == content_parts(image)


def test_a_last_block_that_is_not_filled_is_filled(packed: Path, image: Path) -> None:
    packed.write_bytes(gzip.compress(image.read_bytes()[: 2880 + 48]))
    fits_gzip.embed(packed, b"{}", Label("ni:///sha-256;x", "c", 0))
    with fits.open(packed) as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "PROVENANCE"]


def test_what_follows_the_last_hdu_stays(packed: Path, image: Path) -> None:
    packed.write_bytes(gzip.compress(image.read_bytes() + b"a note of mine" * 400))
    before = packed.read_bytes()
    with pytest.raises(CanNotAttachError, match="goes on after its last HDU"):
        fits_gzip.embed(packed, b"{}", Label("ni:///sha-256;x", "c", 0))
    assert packed.read_bytes() == before


def test_a_record_is_read_from_a_compressed_copy(product: Path, run_of: RunOf, store: Store) -> None:
    capture(run_of(product), store)
    copy = product.with_suffix(".fits.gz")
    copy.write_bytes(gzip.compress(product.read_bytes()))
    assert fits_gzip.read(copy) == format_of(product).read(product)


def test_what_was_packed_in_pieces_is_read(packed: Path, image: Path) -> None:
    whole = image.read_bytes()
    packed.write_bytes(gzip.compress(whole[:1000]) + gzip.compress(whole[1000:]) + b"\0" * 512)
    fits_gzip.embed(packed, b"{}", Label("ni:///sha-256;x", "c", 0))
    embedded = fits_gzip.read(packed).embedded
    assert embedded is not None
    assert embedded.document == "{}"
