# SPDX-License-Identifier: Apache-2.0
"""What people do to NetCDF4 files."""

import shutil
from pathlib import Path

import netCDF4
import numpy as np
import xarray as xr

from tests.provenance.survival.operation import EDITED, KEPT, LIKENED, LOST, TORN, Operation, Subject


def _sky(path: Path) -> None:
    flux = (("y", "x"), np.arange(12.0).reshape(3, 4), {"units": "Jy"})
    xr.Dataset({"flux": flux, "weight": ("y", np.ones(3))}, {"x": np.arange(4)}, {"title": "sky"}).to_netcdf(
        path
    )


def _series(path: Path) -> None:
    with netCDF4.Dataset(path, "w") as file:
        file.title, file.Conventions = "sky", "CF-1.11"
        file.createDimension("time", None)
        times = file.createVariable("time", "f8", ("time",))
        times.units, times[:] = "days since 2026-01-01", np.arange(5)
        flux = file.createVariable("flux", "f4", ("time",), zlib=True)
        flux.units, flux[:] = "Jy", np.arange(5)


SKY = Subject("NetCDF4", "sky.nc", _sky)
SERIES = Subject("NetCDF4 with a time axis", "series.nc", _series)


def _unit_edited(source: Path, target: Path) -> None:
    shutil.copy(source, target)
    with netCDF4.Dataset(target, "a") as file:
        file["flux"].units = "mJy"


def _history_added(source: Path, target: Path) -> None:
    shutil.copy(source, target)
    with netCDF4.Dataset(target, "a") as file:
        file.history = "Tue Nov 24 ncatted"


def _variable_added(source: Path, target: Path) -> None:
    shutil.copy(source, target)
    with netCDF4.Dataset(target, "a") as file:
        file.createVariable("more", "f4", ("x",))


def _value_edited(source: Path, target: Path) -> None:
    shutil.copy(source, target)
    with netCDF4.Dataset(target, "a") as file:
        file["flux"][0, 0] = 7


def _rewritten(source: Path, target: Path) -> None:
    with xr.open_dataset(source) as sky:
        sky.to_netcdf(target)


def _by_h5netcdf(source: Path, target: Path) -> None:
    with xr.open_dataset(source, engine="h5netcdf") as sky:
        sky.to_netcdf(target, engine="h5netcdf")


def _doubled(source: Path, target: Path) -> None:
    with xr.open_dataset(source) as sky, xr.set_options(keep_attrs=True):
        (sky * 2).to_netcdf(target)


def _cut(source: Path, target: Path) -> None:
    with xr.open_dataset(source) as sky:
        sky.isel(x=slice(0, 2)).to_netcdf(target)


def _bare(source: Path, target: Path) -> None:
    with xr.open_dataset(source) as sky:
        sky.drop_attrs().to_netcdf(target)


def _one_variable(source: Path, target: Path) -> None:
    with xr.open_dataset(source) as sky:
        sky["flux"].to_netcdf(target)


CALENDAR = "xarray tells the calendar of a time, which is an edit of its attributes."
GLOBAL = "The record is a global attribute, and this leaves those out."

OPERATIONS = (
    Operation("copy (`cp`)", SKY, shutil.copy, KEPT),
    Operation("unit edit (netCDF4)", SKY, _unit_edited, EDITED),
    Operation("history added (netCDF4)", SKY, _history_added, KEPT),
    Operation("a variable added (netCDF4)", SKY, _variable_added, EDITED),
    Operation("value edit (netCDF4)", SKY, _value_edited, TORN),
    Operation("read and written (xarray, netcdf4)", SKY, _rewritten, KEPT),
    Operation("read and written (xarray, h5netcdf)", SKY, _by_h5netcdf, KEPT),
    Operation("the same, values times 2", SKY, _doubled, TORN),
    Operation("a part of it (xarray `isel`)", SKY, _cut, TORN),
    Operation("one variable (xarray)", SKY, _one_variable, LOST, GLOBAL),
    Operation("without attributes (xarray `drop_attrs`)", SKY, _bare, LIKENED, GLOBAL),
    Operation("read and written (xarray, netcdf4)", SERIES, _rewritten, EDITED, CALENDAR),
)
