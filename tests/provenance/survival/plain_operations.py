# SPDX-License-Identifier: Apache-2.0
"""What people do to directories, and to files that have no place for a record."""

import shutil
import tarfile
from pathlib import Path

import numpy as np

from provenance.products.sidecar import sidecar
from tests.provenance.survival.operation import (
    BESIDE,
    EDITED,
    EDITED_BESIDE,
    KEPT,
    LIKE,
    LOST,
    TORN,
    Operation,
    Subject,
)


def _few(path: Path) -> None:
    (path / "sub").mkdir(parents=True)
    (path / "a.txt").write_text("one\n")
    (path / "sub" / "b.bin").write_bytes(bytes(range(256)))


def _array(path: Path) -> None:
    np.save(path, np.arange(10.0))


DIRECTORY = Subject("directory", "products", _few)
OTHER = Subject("any other file, with a sidecar", "array.npy", _array)


def _archived(source: Path, target: Path) -> None:
    archive = target.parent / "archive.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(source, source.name)
    with tarfile.open(archive) as tar:
        tar.extractall(target.parent, filter="data")


def _file_edited(source: Path, target: Path) -> None:
    shutil.copytree(source, target)
    (target / "a.txt").write_text("another\n")


def _file_added(source: Path, target: Path) -> None:
    shutil.copytree(source, target)
    (target / "new").write_text("new\n")


def _file_lost(source: Path, target: Path) -> None:
    shutil.copytree(source, target)
    (target / "a.txt").unlink()


def _contents_copied(source: Path, target: Path) -> None:
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.prov.json"))


def _with_sidecar(source: Path, target: Path) -> None:
    shutil.copy(source, target)
    shutil.copy(sidecar(source), sidecar(target))


def _edited(source: Path, target: Path) -> None:
    np.save(target, np.load(source) * 2)


def _edited_with_sidecar(source: Path, target: Path) -> None:
    _edited(source, target)
    shutil.copy(sidecar(source), sidecar(target))


LEFT_BEHIND = "The record was in the file that was left behind; the store knows the content."
NO_TIE = "The data are others, and the record was in the file that was left behind."

OPERATIONS = (
    Operation("copy (`cp -r`)", DIRECTORY, shutil.copytree, KEPT),
    Operation("`tar` there and back", DIRECTORY, _archived, KEPT),
    Operation("a file added", DIRECTORY, _file_added, EDITED),
    Operation("a file edited", DIRECTORY, _file_edited, TORN),
    Operation("a file deleted", DIRECTORY, _file_lost, TORN),
    Operation("copied without `eb.prov.json`", DIRECTORY, _contents_copied, LIKE, LEFT_BEHIND),
    Operation("copy with the sidecar (`cp`)", OTHER, _with_sidecar, BESIDE),
    Operation("copy of the file alone (`cp`)", OTHER, shutil.copy, LIKE, LEFT_BEHIND),
    Operation("edited, the sidecar beside it", OTHER, _edited_with_sidecar, EDITED_BESIDE),
    Operation("edited, without the sidecar", OTHER, _edited, LOST, NO_TIE),
)
