# SPDX-License-Identifier: Apache-2.0
"""What people do to tables in text: VOTable and ECSV files."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from astropy.io.votable import parse
from astropy.table import Table

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


def _table() -> Table:
    columns = {"a": [1, 2, 3], "b": [0.1, np.nan, 3.0], "who": ["a b", 'say "x"', "z"]}
    return Table(columns, meta={"observer": "Zo\xeb"})


def _votable(path: Path) -> None:
    _table().write(path, format="votable")


def _ecsv(path: Path) -> None:
    _table().write(path, format="ascii.ecsv")


VOTABLE = Subject("VOTable", "table.xml", _votable)
ECSV = Subject("ECSV", "table.ecsv", _ecsv)


def _parsed(source: Path, target: Path) -> None:
    parse(source).to_xml(str(target))


def _cell_edited(source: Path, target: Path) -> None:
    tree = parse(source)
    tree.get_first_table().array["a"][0] = 9
    tree.to_xml(str(target))


def _description_edited(source: Path, target: Path) -> None:
    tree = parse(source)
    tree.get_first_table().get_field_by_id("a").description = "another"
    tree.to_xml(str(target))


def _binary(source: Path, target: Path) -> None:
    tree = parse(source)
    tree.get_first_table().format = "binary2"
    tree.to_xml(str(target))


def _votable_rewritten(source: Path, target: Path) -> None:
    Table.read(source).write(target, format="votable")


def _votable_filtered(source: Path, target: Path) -> None:
    Table.read(source)[:2].write(target, format="votable")


def _ecsv_rewritten(source: Path, target: Path) -> None:
    Table.read(source).write(target)


def _ecsv_with_commas(source: Path, target: Path) -> None:
    Table.read(source).write(target, delimiter=",")


def _ecsv_filtered(source: Path, target: Path) -> None:
    Table.read(source)[:2].write(target)


def _unit_added(source: Path, target: Path) -> None:
    table = Table.read(source)
    table["b"].unit = "Jy"
    table.write(target)


def _row_edited(source: Path, target: Path) -> None:
    table = Table.read(source)
    table["a"][0] = 9
    table.write(target)


def _by_pandas(source: Path, target: Path) -> None:
    pd.read_csv(source, comment="#", sep=" ").to_csv(target, index=False)


STREAM = "Of cells in text the values count, of a binary stream the bytes."
NO_HEADER = "What is written has no header, so it is no ECSV."

OPERATIONS = (
    Operation("copy (`cp`)", VOTABLE, shutil.copy, KEPT),
    Operation("`parse`, `to_xml` (astropy)", VOTABLE, _parsed, KEPT),
    Operation("the same, as BINARY2", VOTABLE, _binary, TORN, STREAM),
    Operation("the same, a description edited", VOTABLE, _description_edited, EDITED),
    Operation("the same, a cell edited", VOTABLE, _cell_edited, TORN),
    Operation("`Table.read`, `write` (astropy)", VOTABLE, _votable_rewritten, POINTED),
    Operation("`Table.read`, some rows, `write`", VOTABLE, _votable_filtered, OTHERS),
    Operation("copy (`cp`)", ECSV, shutil.copy, KEPT),
    Operation("`Table.read`, `write` (astropy)", ECSV, _ecsv_rewritten, KEPT),
    Operation("the same, with commas", ECSV, _ecsv_with_commas, KEPT),
    Operation("the same, a unit added", ECSV, _unit_added, EDITED),
    Operation("the same, a cell edited", ECSV, _row_edited, TORN),
    Operation("`Table.read`, some rows, `write`", ECSV, _ecsv_filtered, TORN),
    Operation("`read_csv`, `to_csv` (pandas)", ECSV, _by_pandas, LOST, NO_HEADER),
)
