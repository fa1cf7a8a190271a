# SPDX-License-Identifier: Apache-2.0
"""What people do to Parquet files."""

import shutil
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from astropy.table import Table

from tests.provenance.survival.operation import (
    EDITED,
    KEPT,
    LIKE,
    LIKENED,
    LOST,
    TORN,
    Operation,
    Subject,
)

ROWS = {"x": [1.5, 2.5], "n": [1, 2]}


def _arrow(path: Path) -> None:
    pq.write_table(pa.table(ROWS), path)


def _bare(path: Path) -> None:
    pq.write_table(pa.table(ROWS), path, store_schema=False)


ARROW = Subject("Parquet", "rows.parquet", _arrow)
BARE = Subject("Parquet without an Arrow schema", "rows.parquet", _bare)


def _by_arrow(source: Path, target: Path) -> None:
    pq.write_table(pq.read_table(source), target)


def _by_dataset(source: Path, target: Path) -> None:
    ds.write_dataset(ds.dataset(source), target.parent / "set", format="parquet")
    (target.parent / "set" / "part-0.parquet").rename(target)


def _by_pandas(source: Path, target: Path) -> None:
    pd.read_parquet(source).to_parquet(target)


def _by_astropy(source: Path, target: Path) -> None:
    Table.read(source).write(target)


def _cut(source: Path, target: Path) -> None:
    pq.write_table(pq.read_table(source).slice(0, 1), target)


def _texts_kept(source: Path, target: Path) -> None:
    with pq.ParquetWriter(target, pq.read_schema(source)) as writer:
        writer.write_table(pq.read_table(source))
        writer.add_key_value_metadata({"note": "mine", **_texts(source)})


def _texts(path: Path) -> dict[bytes, bytes]:
    return {name: text for name, text in pq.read_metadata(path).metadata.items() if name[:3] == b"eb:"}


BY_SCHEMA = (
    "Arrow takes the texts of a file from its Arrow schema, which holds the column types and is left alone."
)
OTHER_TEXTS = "The rows are those that were recorded; the program drops all texts and writes its own."
SCHEMA_ADDED = "pyarrow adds an Arrow schema to the texts."

OPERATIONS = (
    Operation("copy (`cp`)", ARROW, shutil.copy, KEPT),
    Operation("read and written (pyarrow)", ARROW, _by_arrow, LIKE, BY_SCHEMA),
    Operation("read and written (pyarrow `dataset`)", ARROW, _by_dataset, LIKE, BY_SCHEMA),
    Operation("some rows, written (pyarrow)", ARROW, _cut, LOST, BY_SCHEMA),
    Operation("its texts taken along, one added", ARROW, _texts_kept, EDITED),
    Operation("read and written (pandas)", ARROW, _by_pandas, LIKENED, OTHER_TEXTS),
    Operation("`Table.read`, `write` (astropy)", ARROW, _by_astropy, LIKENED, OTHER_TEXTS),
    Operation("read and written (pyarrow)", BARE, _by_arrow, EDITED, SCHEMA_ADDED),
    Operation("some rows, written (pyarrow)", BARE, _cut, TORN),
    Operation("read and written (pandas)", BARE, _by_pandas, LIKENED, OTHER_TEXTS),
)
