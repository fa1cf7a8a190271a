# SPDX-License-Identifier: Apache-2.0
"""HDF5 and NetCDF4 keep the contract of formats, by whichever library they were written."""

from pathlib import Path
from typing import Any

import h5py
import netCDF4
import pytest
import xarray as xr

from tests.provenance.products.format_contract import FormatContract
from tests.provenance.products.hdf5_files import OURS, SHAPES


def seen(path: Path) -> dict[str, Any]:
    """Return all that h5py tells of a file, but for our attributes."""
    told: dict[str, Any] = {}
    with h5py.File(path) as file:
        told["/"] = {name: repr(value) for name, value in file.attrs.items() if name not in OURS}

        def add(name: str, item: h5py.Group | h5py.Dataset) -> None:
            told[name] = [(key, item.attrs.get_id(key).dtype) for key in item.attrs]
            if isinstance(item, h5py.Dataset):
                told[name] += [item.dtype, item.shape, item.chunks, values(item)]

        file.visititems(add)
    return told


def values(item: h5py.Dataset) -> Any:
    if item.shape is None:
        return None
    if h5py.check_ref_dtype(item.dtype):
        return [item.file[one].name for one in item[()]]
    return repr(item[()].tolist()) if item.dtype.hasobject else item[()].tobytes()


class TestHDF5(FormatContract):
    name = "product.h5"

    @pytest.fixture(autouse=True, params=["earliest", "latest", "nested", "table"])
    def shape(self, request: pytest.FixtureRequest) -> None:
        self.made_by = SHAPES[request.param]

    def make(self, path: Path) -> None:
        self.made_by(path)

    def content(self, path: Path) -> Any:
        return seen(path)

    def change(self, path: Path) -> None:
        with h5py.File(path, "r+") as file:
            data = file["data"]
            if data.dtype.names:
                data["flux", 0] = 99
            else:
                data[0] = data[0] + 1


class TestNetCDF(FormatContract):
    name = "product.nc"

    @pytest.fixture(autouse=True, params=["netcdf4", "xarray h5netcdf"])
    def shape(self, request: pytest.FixtureRequest) -> None:
        self.made_by = SHAPES[request.param]

    def make(self, path: Path) -> None:
        self.made_by(path)

    def content(self, path: Path) -> Any:
        with netCDF4.Dataset(path) as file:
            attributes = {name: file.getncattr(name) for name in file.ncattrs() if name not in OURS}
            values = {name: variable[:].tobytes() for name, variable in file.variables.items()}
            return attributes, values, {name: len(one) for name, one in file.dimensions.items()}

    def change(self, path: Path) -> None:
        with netCDF4.Dataset(path, "a") as file:
            file["data"][0, 0] = 99


@pytest.mark.parametrize("engine", ["netcdf4", "h5netcdf"])
def test_xarray_sees_the_same(tmp_path: Path, engine: str) -> None:
    from provenance.canonical import ni
    from provenance.products.found import Label
    from provenance.products.hdf5 import embed

    path = tmp_path / "product.nc"
    SHAPES["netcdf4"](path)
    before = xr.load_dataset(path, engine=engine)
    embed(path, b"{}", Label(ni(b"{}"), ni(b""), 0))
    after = xr.load_dataset(path, engine=engine)
    for name in OURS:
        del after.attrs[name]
    xr.testing.assert_identical(before, after)
