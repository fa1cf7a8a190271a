# SPDX-License-Identifier: Apache-2.0
"""What counts as content of HDF5 and NetCDF4 files, and what is not followed or read."""

from collections.abc import Callable
from pathlib import Path

import h5py
import netCDF4
import numpy as np
import pytest
import xarray as xr

from provenance.capture import capture
from provenance.errors import NoRecordError, ProvenanceError, UnreadableProductError
from provenance.products.extract import extract
from provenance.products.found import Binding
from provenance.products.hdf5 import read
from provenance.store import Store
from tests.provenance.conftest import RunOf
from tests.provenance.products.hdf5_files import SHAPES, netcdf4, plain


@pytest.fixture(params=["netcdf4", "xarray netcdf4", "xarray h5netcdf"])
def netcdf(request: pytest.FixtureRequest, tmp_path: Path, run_of: RunOf, store: Store) -> Path:
    return recorded(tmp_path, run_of, store, SHAPES[request.param])


@pytest.fixture
def hdf5(tmp_path: Path, run_of: RunOf, store: Store) -> Path:
    return recorded(tmp_path, run_of, store, plain)


def recorded(tmp_path: Path, run_of: RunOf, store: Store, make: Callable[[Path], None]) -> Path:
    path = tmp_path / "product.nc"
    make(path)
    capture(run_of(path), store)
    return path


@pytest.mark.parametrize("engine", ["netcdf4", "h5netcdf"])
def test_a_rewrite_by_xarray_stays_bound(netcdf: Path, engine: str) -> None:
    with xr.open_dataset(netcdf, engine=engine) as sky:
        sky.to_netcdf(netcdf.with_name("again.nc"), engine=engine)
    parts = extract(netcdf.with_name("again.nc")).parts
    # of a time it tells the calendar, and so edits the header
    assert {part.name for part in parts if part.binding is not Binding.BOUND} <= {"/time"}
    assert Binding.TAMPERED not in {part.binding for part in parts}


def test_another_attribute_is_stale(netcdf: Path) -> None:
    with netCDF4.Dataset(netcdf, "a") as file:
        file["data"].units = "mJy"
    found = extract(netcdf)
    assert found.binding is Binding.STALE
    assert [part.name for part in found.parts if part.binding is Binding.STALE] == ["/data"]


def test_without_its_document_a_file_still_points_to_the_record(hdf5: Path) -> None:
    digest = extract(hdf5).digest
    with h5py.File(hdf5, "r+") as file:
        del file.attrs["eb_provenance"]
    with pytest.raises(NoRecordError) as told:
        extract(hdf5)
    assert told.value.pointer == digest


@pytest.mark.parametrize("how", [{}, {"chunks": (7,)}])
def test_how_datasets_are_laid_out_is_no_content(hdf5: Path, how: dict[str, object]) -> None:
    again = hdf5.with_name("again.h5")
    with h5py.File(hdf5) as old, h5py.File(again, "w", libver="latest") as new:
        new.attrs.update(old.attrs)
        new.create_dataset("data", data=old["data"][:], **how).attrs.update(old["data"].attrs)
    assert extract(again).binding is Binding.BOUND


def test_links_to_other_files_are_told_and_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "links.h5"
    netcdf4(tmp_path / "other.h5")
    digests = []
    for target in ("/data", "/time"):
        with h5py.File(path, "w") as file:
            file["there"] = h5py.ExternalLink("other.h5", target)
        digests.append(read(path).parts)
    assert [part.name for part in digests[0]] == ["/"]
    assert digests[0] != digests[1]


def test_data_in_other_files_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "outside.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("data", (10,), "u1", external=[("/etc/passwd", 0, 10)])
    assert read(path).unchecked == "/data: its data are in other files"


def test_virtual_data_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "virtual.h5"
    layout = h5py.VirtualLayout((10,), "f8")
    layout[:] = h5py.VirtualSource("other.h5", "data", (10,))
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("data", layout)
    assert read(path).unchecked == "/data: its data are those of other datasets"


def test_a_filter_that_is_not_here_leaves_the_file_unchecked(tmp_path: Path) -> None:
    path = tmp_path / "packed.h5"
    with h5py.File(path, "w") as file:
        storage = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        storage.set_chunk((10,))
        storage.set_filter(32123, h5py.h5z.FLAG_OPTIONAL)
        space = h5py.h5s.create_simple((10,))
        data = h5py.h5d.create(file.id, b"data", h5py.h5t.NATIVE_INT8, space, storage)
        data.write_direct_chunk((0,), b"0123456789")
    assert "filter 32123, which is not here" in read(path).unchecked


def test_a_dataset_that_expands_without_end_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "bomb.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("data", (1 << 50,), "f8", chunks=(1 << 10,))
    assert "and is read up to" in read(path).unchecked


@pytest.mark.parametrize("shape", SHAPES)
def test_a_damaged_file_gives_errors_of_ours_only(
    tmp_path: Path, run_of: RunOf, store: Store, shape: str
) -> None:
    path = recorded(tmp_path, run_of, store, SHAPES[shape])
    whole, random, refused = path.read_bytes(), np.random.default_rng(5), 0
    for _ in range(50):
        damaged = bytearray(whole)
        for at in random.integers(0, min(len(whole), random.choice([300, 3000, 1 << 20])), 4):
            damaged[at] ^= 1 << int(random.integers(8))
        path.write_bytes(damaged)
        try:
            extract(path)
        except ProvenanceError as told:
            refused += isinstance(told, UnreadableProductError)
    assert refused
