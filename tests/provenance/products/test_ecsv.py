# SPDX-License-Identifier: Apache-2.0
"""ECSV files keep the contract of formats, however their header is written."""

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from astropy.table import Table
from astropy.time import Time

from provenance.capture import capture
from provenance.errors import CanNotAttachError, ProvenanceError, UnreadableProductError
from provenance.products.ecsv import embed, read
from provenance.products.extract import content_parts, extract
from provenance.products.formats import format_of
from provenance.products.found import Binding, Label, Rung
from provenance.store import Store
from tests.provenance.conftest import RunOf
from tests.provenance.products.damage import several
from tests.provenance.products.format_contract import FormatContract

LABEL = Label("ni:///sha-256;" + "a" * 43, "ni:///sha-256;" + "b" * 43, 0)
META = {"observer": "Zo\xeb's", "nested": {"a": [1, 2.50], "b": "x y"}}


def table(**meta: Any) -> Table:
    columns = {
        "a": [1, 2, 3],
        "b": [0.1, np.nan, 3.0],
        "who": ["a b", 'say "x"', ""],
        "f": np.ones(3, "f4") / 3,
        "v": np.eye(3),
    }
    return Table(columns, meta=meta)


DATA = "a,f\n1,1.50\n2,2.5\n"
COLUMNS = "# datatype:\n# - {name: a, datatype: int64}\n# - {name: f, datatype: float32}\n"
HEAD = "# %ECSV 1.0\n# ---\n# delimiter: ','\n" + COLUMNS
METAS = {
    "none": "",
    "omap": "# meta: !!omap\n# - {x: 1}\n# - y: [1, 2]\n",
    "indented": "# meta: !!omap\n#   -   {x: 1}\n#   - y: 2\n# schema: astropy-2.0\n",
    "flow omap": "# meta: !!omap [{x: 1}]\n",
    "empty omap": "# meta: !!omap []\n",
    "block": "# meta:\n#   x: 1\n#   y:\n#   - 2\n# schema: astropy-2.0\n",
    "flow": "# meta: {x: 1,\n#   y: Zo\xeb}\n",
    "empty flow": "# meta: {}\n",
}


class TestECSV(FormatContract):
    name = "product.ecsv"

    @pytest.fixture(autouse=True, params=["astropy", "bare"])
    def shape(self, request: pytest.FixtureRequest) -> None:
        self.made_of = table(**META) if request.param == "astropy" else table()

    def make(self, path: Path) -> None:
        self.made_of.write(path, format="ascii.ecsv")

    def content(self, path: Path) -> Any:
        made = Table.read(path, format="ascii.ecsv")
        made.meta.pop("eb_provenance", None)
        return dict(made.meta), [made[name].tolist() for name in made.colnames if name != "b"], str(made["b"])

    def change(self, path: Path) -> None:
        made = Table.read(path, format="ascii.ecsv")
        made["a"][0] = 7
        made.write(path, format="ascii.ecsv", overwrite=True)


@pytest.fixture
def captured(tmp_path: Path, run_of: RunOf, store: Store) -> Path:
    path = tmp_path / "table.ecsv"
    table(**META).write(path)
    capture(run_of(path), store)
    return path


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("meta", METAS)
def test_every_writing_of_the_meta_takes_a_record(meta: str, newline: str, tmp_path: Path) -> None:
    path = tmp_path / "table.ecsv"
    path.write_text(HEAD + METAS[meta] + DATA, newline=newline)
    before = Table.read(path, format="ascii.ecsv")
    parts = content_parts(path)
    for document in (b'{"a": "it\'s"}', b'{"b": 2}'):
        embed(path, document, LABEL)
        again = Table.read(path, format="ascii.ecsv")
        assert again.meta.pop("eb_provenance")["document"] == document.decode()
        assert (again.meta, again["f"].tolist()) == (before.meta, before["f"].tolist())
        assert content_parts(path) == parts
    assert pd.read_csv(path, comment="#")["f"].tolist() == [1.5, 2.5]
    assert path.read_bytes().count(b"eb_provenance") == 1


def test_no_other_byte_changes(tmp_path: Path) -> None:
    path = tmp_path / "table.ecsv"
    path.write_text(HEAD + DATA)
    embed(path, b"{}", LABEL)
    entry = f"{{record: '{LABEL.record}', content: '{LABEL.content}', document: '{{}}'}}"
    assert path.read_text() == HEAD + f"# meta: !!omap\n# - eb_provenance: {entry}\n" + DATA


def test_what_is_no_collection_takes_no_record(tmp_path: Path) -> None:
    path = tmp_path / "table.ecsv"
    path.write_text(HEAD + "# meta: nothing\n" + DATA)
    with pytest.raises(CanNotAttachError):
        embed(path, b"{}", LABEL)


@pytest.mark.parametrize("delimiter", [" ", ","])
def test_astropy_rewrites_it_and_it_stays_bound(delimiter: str, captured: Path) -> None:
    Table.read(captured).write(captured, overwrite=True, delimiter=delimiter)
    found = extract(captured)
    assert (found.rung, found.binding) == (Rung.EMBEDDED, Binding.BOUND), found.parts
    again = captured.with_name("again.ecsv")
    shutil.copy(captured, again)
    embed(again, b"{}", LABEL)
    assert Table.read(again).meta["eb_provenance"]["document"] == "{}"


def test_numbers_written_another_way_are_the_same_values(tmp_path: Path, run_of: RunOf, store: Store) -> None:
    path = tmp_path / "table.ecsv"
    path.write_text(HEAD + METAS["block"] + DATA)
    capture(run_of(path), store)
    Table.read(path).write(path, overwrite=True)
    assert "1.50" not in path.read_text().rpartition("#")[2]
    assert extract(path).binding is Binding.BOUND


def test_columns_of_times_are_read_as_before(tmp_path: Path, run_of: RunOf, store: Store) -> None:
    path = tmp_path / "table.ecsv"
    Table({"t": Time(["2026-11-24T12:00:00"])}).write(path)
    capture(run_of(path), store)
    assert Table.read(path)["t"][0].isot == "2026-11-24T12:00:00.000"
    Table.read(path).write(path, overwrite=True)
    assert extract(path).binding is Binding.BOUND


LAUGHS = "# a: &a [x, x]\n" + "".join(
    f"# {chr(c + 1)}: &{chr(c + 1)} [*{chr(c)}, *{chr(c)}]\n" for c in range(97, 121)
)


def test_aliases_are_counted_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "table.ecsv"
    path.write_text(HEAD + LAUGHS + "# meta: {x: *y}\n" + DATA)
    assert read(path).parts[0].name == "table"


HOSTILE = {
    "deep": "# meta: " + "[" * 100_000 + "\n",
    "pieces": "# meta: [" + "1," * 300_000 + "]\n",
    "no yaml": "# meta: 'x\n",
    "no mapping": "",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_would_exhaust_its_reader_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "table.ecsv"
    path.write_text((HEAD if HOSTILE[kind] else "# %ECSV 1.0\n# ---\n") + HOSTILE[kind] + DATA)
    with pytest.raises(UnreadableProductError):
        read(path)


def test_a_header_without_end_makes_it_any_file(tmp_path: Path) -> None:
    path = tmp_path / "table.ecsv"
    path.write_text(HEAD + "# " + "x" * (3 << 20))
    assert format_of(path).__name__ == "provenance.products.plain"  # type: ignore[attr-defined] # a format is a module


def test_a_line_of_any_length_is_digested(tmp_path: Path) -> None:
    path = tmp_path / "table.ecsv"
    path.write_text(HEAD + 'a,f\n1,"' + "x" * (3 << 20) + '"\n')
    before = content_parts(path)
    path.write_text(HEAD + 'a,f\n1,"' + "x" * (3 << 20) + 'y"\n')
    assert content_parts(path)[0].data != before[0].data


def test_a_mutated_file_gives_errors_of_ours_only(captured: Path) -> None:
    for damaged in several(captured.read_bytes(), 200):
        captured.write_bytes(damaged)
        with suppress(ProvenanceError):
            extract(captured)
