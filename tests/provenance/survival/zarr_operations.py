# SPDX-License-Identifier: Apache-2.0
"""What people do to Zarr stores of both versions."""

import shutil
from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr
import zarr

from tests.provenance.survival.operation import (
    EDITED,
    KEPT,
    LOST,
    OTHERS,
    POINTED,
    TORN,
    Operation,
    Subject,
)


def _sky(path: Path, version: int) -> None:
    data = xr.Dataset({"flux": (("t", "f"), np.arange(24.0).reshape(4, 6))}, attrs={"who": "me"})
    data.to_zarr(path, zarr_format=version)


def _attribute_edited(source: Path, target: Path) -> None:
    shutil.copytree(source, target)
    zarr.open_group(target, mode="r+", use_consolidated=False).attrs["who"] = "you"


def _chunk_edited(source: Path, target: Path) -> None:
    shutil.copytree(source, target)
    zarr.open_group(target, mode="r+", use_consolidated=False)["flux"][0, 0] = 7


def _array_added(source: Path, target: Path) -> None:
    shutil.copytree(source, target)
    root = zarr.open_group(target, mode="r+", use_consolidated=False)
    root.create_array("mask", shape=(4,), dtype="u1")[:] = 1


def _consolidated(source: Path, target: Path) -> None:
    shutil.copytree(source, target)
    zarr.consolidate_metadata(target)


def _rewritten(source: Path, target: Path, version: int) -> None:
    xr.open_zarr(source).load().drop_encoding().to_zarr(target, zarr_format=version)


def _doubled(source: Path, target: Path, version: int) -> None:
    with xr.set_options(keep_attrs=True):
        (xr.open_zarr(source).load().drop_encoding() * 2).to_zarr(target, zarr_format=version)


def _array_by_array(source: Path, target: Path, version: int) -> None:
    new = zarr.open_group(target, mode="w", zarr_format=version)
    for name, array in zarr.open_group(source, mode="r").arrays():
        new.create_array(name, data=array[...])


OF_THE_GROUP = "The pointer is of the root group, which is left out; the new arrays have other fill values."
AS_THEY_LIE = "The digests are of chunks as they lie in the store; the other version packs them otherwise."


def _operations(version: int) -> tuple[Operation, ...]:
    store = Subject(f"Zarr {version}", "sky.zarr", partial(_sky, version=version))
    other = partial(_rewritten, version=5 - version)
    rewritten, doubled, copied = (
        partial(one, version=version) for one in (_rewritten, _doubled, _array_by_array)
    )
    return (
        Operation("copy (`cp -r`)", store, shutil.copytree, KEPT),
        Operation("attribute edit (zarr)", store, _attribute_edited, EDITED),
        Operation("an array added (zarr)", store, _array_added, EDITED),
        Operation("value edit (zarr)", store, _chunk_edited, TORN),
        Operation("`zarr.consolidate_metadata`", store, _consolidated, KEPT),
        Operation("read and written (xarray)", store, rewritten, POINTED),
        Operation("the same, values times 2", store, doubled, OTHERS),
        Operation("written as the other version (xarray)", store, other, OTHERS, AS_THEY_LIE),
        Operation("array by array (zarr)", store, copied, LOST, OF_THE_GROUP),
    )


OPERATIONS = (*_operations(2), *_operations(3))
