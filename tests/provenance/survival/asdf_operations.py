# SPDX-License-Identifier: Apache-2.0
"""What people do to ASDF files."""

import shutil
from pathlib import Path

import asdf
import numpy as np

from tests.provenance.survival.operation import EDITED, KEPT, LOST, TORN, Operation, Subject


def _made(path: Path) -> None:
    tree = {"data": np.arange(24.0).reshape(4, 6), "meta": {"exposure": 1.5}, "errors": np.ones(3, "f4")}
    asdf.AsdfFile(tree).write_to(path)


FILE = Subject("ASDF", "product.asdf", _made)


def _rewritten(source: Path, target: Path) -> None:
    with asdf.open(source) as file:
        file.write_to(target)


def _packed(source: Path, target: Path) -> None:
    with asdf.open(source) as file:
        file.write_to(target, all_array_compression="bzp2")


def _inlined(source: Path, target: Path) -> None:
    with asdf.open(source) as file:
        file.write_to(target, all_array_storage="inline")


def _entry_edited(source: Path, target: Path) -> None:
    shutil.copy(source, target)
    with asdf.open(target, mode="rw") as file:
        file.tree["meta"]["exposure"] = 2.5
        file.update()


def _array_edited(source: Path, target: Path) -> None:
    with asdf.open(source, memmap=False, lazy_load=False) as file:
        file.tree["errors"] = file.tree["errors"] + 1
        file.write_to(target)


def _one_array(source: Path, target: Path) -> None:
    with asdf.open(source, memmap=False, lazy_load=False) as file:
        asdf.AsdfFile({"data": file.tree["data"]}).write_to(target)


OF_THE_TREE = "The record is an entry at the top of the tree; a new tree with some of the others has none."
IN_TEXT = "Arrays in blocks are parts of their own; one in the text belongs to the tree."

OPERATIONS = (
    Operation("copy (`cp`)", FILE, shutil.copy, KEPT),
    Operation("`open`, `write_to`", FILE, _rewritten, KEPT),
    Operation("the same, compressed", FILE, _packed, KEPT),
    Operation("the same, arrays inline", FILE, _inlined, TORN, IN_TEXT),
    Operation("the same, an array edited", FILE, _array_edited, TORN),
    Operation("entry edit (`update`)", FILE, _entry_edited, EDITED),
    Operation("one array in a new tree", FILE, _one_array, LOST, OF_THE_TREE),
)
