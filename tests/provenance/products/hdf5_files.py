# SPDX-License-Identifier: Apache-2.0
"""HDF5 files as programs of the field write them; each has a dataset ``data``."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import netCDF4
import numpy as np
import xarray as xr

OURS = ("eb_provenance", "eb_record", "eb_content")


def plain(path: Path, **how: Any) -> None:
    with h5py.File(path, "w", **how) as file:
        file["data"] = np.arange(1000.0)
        file["data"].attrs["unit"] = "Jy"
        file.attrs["telescope"] = "SKA"


def nested(path: Path) -> None:
    with h5py.File(path, "w", libver="latest") as file:
        for number in range(12):
            file.attrs[f"note {number}"] = "text " * 9
        file.create_dataset(
            "data",
            data=np.arange(60_000, dtype=">f4").reshape(200, 300),
            chunks=(50, 70),
            compression="gzip",
            shuffle=True,
            fletcher32=True,
        )
        file.create_dataset("a/b/c/deep", data=[1, 2, 3])
        file.create_dataset("a/scalar", data=7)
        file["a/empty"] = h5py.Empty("f8")
        file["a/again"] = file["data"]
        file["a/up"] = file["/"]
        file["soft"] = h5py.SoftLink("/a/b")
        file["outside"] = h5py.ExternalLink("/etc/passwd", "/x")


def table(path: Path) -> None:
    kind = np.dtype([("index", "<i8"), ("flux", ">f8"), ("name", "S8"), ("box", "<f4", (2,))])
    with h5py.File(path, "w", userblock_size=512) as file:
        data = file.create_dataset("data", 20, kind, chunks=(8,), maxshape=(None,))
        data["flux"] = np.arange(20)
        file["text"] = ["é", "", "long" * 50]
        file["text"].attrs["refers to"] = data.ref
        lists = file.create_dataset("lists", 2, h5py.vlen_dtype("i4"))
        lists[0], lists[1] = [1, 2, 3], []
        file["kind"] = np.array([0, 1], h5py.enum_dtype({"NO": 0, "YES": 1}, "i1"))
        file["refs"] = np.array([data.ref, file.ref], h5py.ref_dtype)


def netcdf4(path: Path) -> None:
    with netCDF4.Dataset(path, "w") as file:
        file.title, file.Conventions, file.institution = "sky", "CF-1.11", "SKAO"
        for number in range(8):
            file.setncattr(f"attribute_{number}", "some text " * 5)
        file.createDimension("time", None)
        file.createDimension("x", 20)
        times = file.createVariable("time", "f8", ("time",))
        times.units, times[:] = "days since 2026-01-01", np.arange(5)
        data = file.createVariable("data", "f4", ("time", "x"), zlib=True, chunksizes=(2, 10))
        data.units, data[:] = "Jy", np.arange(100).reshape(5, 20)


def xarray(path: Path, engine: str) -> None:
    sky = xr.Dataset(
        {"data": (("y", "x"), np.arange(12.0).reshape(3, 4), {"units": "Jy"})},
        {"x": np.arange(4), "y": ("y", [1.5, 2.5, 3.5], {"units": "deg"})},
        {"title": "sky"},
    )
    sky.to_netcdf(path, engine=engine)


SHAPES: dict[str, Callable[[Path], None]] = {
    "earliest": partial(plain, libver="earliest"),
    "latest": partial(plain, libver="latest"),
    "nested": nested,
    "table": table,
    "netcdf4": netcdf4,
    "xarray netcdf4": partial(xarray, engine="netcdf4"),
    "xarray h5netcdf": partial(xarray, engine="h5netcdf"),
}
