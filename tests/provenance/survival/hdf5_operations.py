# SPDX-License-Identifier: Apache-2.0
"""What people do to HDF5 files."""

import shutil
from pathlib import Path

import h5py
import numpy as np

from tests.provenance.survival.operation import (
    EDITED,
    KEPT,
    LIKENED,
    LOST,
    POINTED,
    TORN,
    Operation,
    Subject,
)


def _made(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["data"], file["weights"] = np.arange(1000.0), np.ones(1000, "f4")
        file["data"].attrs["unit"] = "Jy"
        file.attrs["telescope"] = "SKA"


FILE = Subject("HDF5", "product.h5", _made)


def _attribute_edited(source: Path, target: Path) -> None:
    shutil.copy(source, target)
    with h5py.File(target, "r+") as file:
        file.attrs["telescope"] = "other"


def _dataset_added(source: Path, target: Path) -> None:
    shutil.copy(source, target)
    with h5py.File(target, "r+") as file:
        file["mask"] = np.zeros(10, "u1")


def _value_edited(source: Path, target: Path) -> None:
    shutil.copy(source, target)
    with h5py.File(target, "r+") as file:
        file["data"][3] = 0


def _dataset_left_out(source: Path, target: Path) -> None:
    shutil.copy(source, target)
    with h5py.File(target, "r+") as file:
        del file["weights"]


def _repacked(source: Path, target: Path) -> None:
    with h5py.File(source) as old, h5py.File(target, "w", libver="latest") as new:
        new.attrs.update(old.attrs)
        for name, one in old.items():
            how = {"chunks": (100,), "compression": "gzip", "dtype": one.dtype.newbyteorder(">")}
            new.create_dataset(name, data=one[:], **how).attrs.update(one.attrs)


def _all_copied_out(source: Path, target: Path) -> None:
    with h5py.File(source) as old, h5py.File(target, "w") as new:
        for name in old:
            old.copy(name, new)


def _one_copied_out(source: Path, target: Path) -> None:
    with h5py.File(source) as old, h5py.File(target, "w") as new:
        old.copy("data", new)


def _document_deleted(source: Path, target: Path) -> None:
    shutil.copy(source, target)
    with h5py.File(target, "r+") as file:
        del file.attrs["eb_provenance"]


OF_THE_ROOT = "The record is an attribute of the root; programs that copy datasets leave those behind."

OPERATIONS = (
    Operation("copy (`cp`)", FILE, shutil.copy, KEPT),
    Operation("attribute edit (h5py)", FILE, _attribute_edited, EDITED),
    Operation("a dataset added (h5py)", FILE, _dataset_added, EDITED),
    Operation("value edit (h5py)", FILE, _value_edited, TORN),
    Operation("a dataset deleted (h5py)", FILE, _dataset_left_out, TORN),
    Operation("other chunks, filter and byte order (h5py)", FILE, _repacked, KEPT),
    Operation("the record's attribute deleted", FILE, _document_deleted, POINTED),
    Operation("all datasets copied (h5py `copy`)", FILE, _all_copied_out, LIKENED, OF_THE_ROOT),
    Operation("one dataset copied (h5py `copy`)", FILE, _one_copied_out, LOST, OF_THE_ROOT),
)
