# SPDX-License-Identifier: Apache-2.0
"""What people do to MeasurementSets."""

import shutil
from pathlib import Path

import casacore.tables as ct
import numpy as np

from tests.provenance.survival.operation import EDITED, KEPT, LIKE, LOST, TORN, Operation, Subject


def _visibilities(path: Path) -> None:
    with ct.default_ms(str(path)) as ms:
        ms.addrows(4)
        ms.putcol("TIME", np.arange(4.0))


MS = Subject("MeasurementSet", "sky.ms", _visibilities)


def _deep_copied(source: Path, target: Path) -> None:
    with ct.table(str(source), ack=False) as table:
        table.copy(str(target), deep=True).close()


def _copied_by_value(source: Path, target: Path) -> None:
    with ct.table(str(source), ack=False) as table:
        table.copy(str(target), deep=True, valuecopy=True).close()


def _selected(source: Path, target: Path) -> None:
    with ct.table(str(source), ack=False) as table:
        table.query("TIME < 2").copy(str(target), deep=True).close()


def _keyword_edited(source: Path, target: Path) -> None:
    shutil.copytree(source, target)
    with ct.table(str(target), readonly=False, ack=False) as table:
        table.putkeyword("OBSERVER", "me")


def _cell_edited(source: Path, target: Path) -> None:
    shutil.copytree(source, target)
    with ct.table(str(target), readonly=False, ack=False) as table:
        table.putcell("TIME", 1, 99.0)


FILE_INSIDE = "The record is a file in the directory, so that no table is edited; this copies tables only."

OPERATIONS = (
    Operation("copy (`cp -r`)", MS, shutil.copytree, KEPT),
    Operation("keyword edit (casacore)", MS, _keyword_edited, EDITED),
    Operation("cell edit (casacore)", MS, _cell_edited, TORN),
    Operation("`copy`, deep (casacore)", MS, _deep_copied, KEPT),
    Operation("the same, by value", MS, _copied_by_value, LIKE, FILE_INSIDE),
    Operation("`query`, `copy` (casacore)", MS, _selected, LOST, FILE_INSIDE),
)
