# SPDX-License-Identifier: Apache-2.0
"""Zarr stores of both versions keep the contract of formats."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr

from provenance.capture import capture
from provenance.ladder import climb
from provenance.products.extract import extract
from provenance.products.found import Binding, Rung
from provenance.store import Store
from tests.provenance.conftest import RunOf
from tests.provenance.products.format_contract import FormatContract

pytestmark = pytest.mark.filterwarnings(
    "ignore:Object at .?eb.prov.json[.a-f0-9]*(.eb)? is not recognized",
    "ignore:Consolidated metadata is currently not part",
)


def nested(path: Path, version: int, **how: Any) -> None:
    root = zarr.open_group(
        path, mode="w", zarr_format=version, attributes={"title": "sky", "bad": float("nan")}
    )
    image = root.create_array("image", shape=(40, 30), chunks=(20, 10), dtype="f4", **how)
    image[:] = np.arange(1200).reshape(40, 30)
    sub = root.create_group("sub", attributes={"deep": [1, {"x": 2}]})
    sub.create_array("many", shape=(64,), chunks=(1,), dtype="i2")[:] = np.arange(64)
    sub.create_array("scalar", shape=(), dtype="f8")[...] = 2.5


def flat_array(path: Path, version: int) -> None:
    zarr.create_array(path, shape=(10,), chunks=(5,), dtype="i4", zarr_format=version)[:] = np.arange(10)


def dataset(path: Path, version: int) -> None:
    times = xr.DataArray(np.arange(4.0), dims="t", attrs={"units": "s"})
    xr.Dataset({"flux": (("t", "f"), np.ones((4, 6))), "t": times}, attrs={"gap": float("nan")}).to_zarr(
        path, zarr_format=version
    )


def sharded(path: Path) -> None:
    root = zarr.open_group(path, mode="w", zarr_format=3)
    root.create_array("cube", shape=(8, 8), chunks=(2, 2), shards=(4, 8), dtype="u2")[:] = np.arange(
        64
    ).reshape(8, 8)


SHAPES: dict[str, Callable[[Path], None]] = {
    "2": lambda path: nested(path, 2),
    "3": lambda path: nested(path, 3),
    "2-array": lambda path: flat_array(path, 2),
    "3-array": lambda path: flat_array(path, 3),
    "2-xarray": lambda path: dataset(path, 2),
    "3-xarray": lambda path: dataset(path, 3),
    "3-sharded": sharded,
}


def said(node: Any) -> dict[str, str]:
    return {key: repr(value) for key, value in node.attrs.asdict().items() if not key.startswith("EBPR")}


def arrays(path: Path) -> dict[str, zarr.Array]:
    root = zarr.open(path, mode="r")
    if isinstance(root, zarr.Array):
        return {"": root}
    found = dict(root.members(max_depth=None))
    return {name: one for name, one in found.items() if isinstance(one, zarr.Array)}


CONTRACT = ("2", "3-xarray")


class TestZarr(FormatContract):
    name = "product.zarr"

    @pytest.fixture(autouse=True, params=CONTRACT)
    def shape(self, request: pytest.FixtureRequest) -> None:
        self.made_of = SHAPES[request.param]

    def make(self, path: Path) -> None:
        self.made_of(path)

    def content(self, path: Path) -> Any:
        return said(zarr.open(path, mode="r")), {
            name: (one[...].tobytes(), said(one)) for name, one in sorted(arrays(path).items())
        }

    def change(self, path: Path) -> None:
        root = zarr.open(path, mode="r+")
        name = min(arrays(path))
        array = root[name] if name else root
        array[(0,) * array.ndim] = 77


@pytest.fixture(params=SHAPES)
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "sky.zarr"
    SHAPES[request.param](path)
    return path


@pytest.fixture
def recorded(stored: Path, run_of: RunOf, store: Store) -> Path:
    capture(run_of(stored), store)
    return stored


def test_every_shape_is_bound_and_read_as_before(recorded: Path) -> None:
    assert extract(recorded).binding is Binding.BOUND
    assert arrays(recorded)


def test_the_root_points_to_the_record(recorded: Path, store: Store) -> None:
    found = extract(recorded)
    attributes = zarr.open(recorded, mode="r").attrs.asdict()
    assert attributes["EBPROVID"] == found.digest
    (recorded / "eb.prov.json").unlink()
    pointed = climb(recorded, database=store.place)
    assert (pointed.rung, pointed.binding) == (Rung.POINTER, Binding.BOUND)


def test_consolidating_later_changes_nothing(recorded: Path) -> None:
    if isinstance(zarr.open(recorded, mode="r"), zarr.Array):
        pytest.skip("only groups are consolidated")
    zarr.consolidate_metadata(recorded)
    assert extract(recorded).binding is Binding.BOUND


def test_only_the_pointer_is_added_to_the_text_of_the_root(stored: Path, run_of: RunOf, store: Store) -> None:
    names = [name for name in ("zarr.json", ".zattrs", ".zmetadata") if (stored / name).exists()]
    before = {name: (stored / name).read_text() for name in names}
    capture(run_of(stored), store)
    for name in names:
        after = (stored / name).read_text()
        lines = re.sub(r',?\s*"EBPR(OVID|DSUM)": "[^"]*"', "", after)
        assert re.sub(r"\s|\"attributes\": {}", "", lines) == re.sub(
            r"\s|\"attributes\": {}", "", before[name]
        )


def test_the_data_of_one_chunk_are_told_apart(tmp_path: Path, run_of: RunOf, store: Store) -> None:
    path = tmp_path / "sky.zarr"
    nested(path, 3)
    capture(run_of(path), store)
    zarr.open(path, mode="r+")["image"][0, 0] = 5
    states = {part.name: part.binding for part in extract(path).parts}
    assert {name for name, state in states.items() if state is not Binding.BOUND} == {"image/c/0/0"}
    assert states["sub/many"] is Binding.BOUND


def test_edited_attributes_are_stale_and_an_edited_type_is_tampered(
    tmp_path: Path, run_of: RunOf, store: Store
) -> None:
    path = tmp_path / "sky.zarr"
    nested(path, 3)
    capture(run_of(path), store)
    zarr.open(path, mode="r+")["image"].attrs["units"] = "Jy"
    assert extract(path).binding is Binding.STALE
    document = path / "sub" / "many" / "zarr.json"
    document.write_text(document.read_text().replace("int16", "uint16"))
    assert {part.name: part.binding for part in extract(path).parts}["sub/many"] is Binding.TAMPERED


@pytest.mark.parametrize("version", [2, 3])
def test_consolidated_metadata_that_say_other_things_are_noticed(
    version: int, tmp_path: Path, run_of: RunOf, store: Store
) -> None:
    path = tmp_path / "sky.zarr"
    dataset(path, version)
    capture(run_of(path), store)
    document = path / (".zmetadata" if version == 2 else "zarr.json")
    document.write_text(document.read_text().replace('"s"', '"h"'))
    assert xr.open_zarr(path).t.attrs["units"] == "h"
    assert {part.name: part.binding for part in extract(path).parts}["t"] is Binding.STALE


def test_a_chunk_that_is_gone_is_noticed(tmp_path: Path, run_of: RunOf, store: Store) -> None:
    path = tmp_path / "sky.zarr"
    nested(path, 2)
    capture(run_of(path), store)
    (path / "sub" / "many" / "7").unlink()
    assert {part.name: part.binding for part in extract(path).parts}["sub/many"] is Binding.TAMPERED


def test_links_out_of_the_store_are_never_followed(tmp_path: Path, run_of: RunOf, store: Store) -> None:
    path = tmp_path / "sky.zarr"
    nested(path, 3)
    capture(run_of(path), store)
    chunk = path / "sub" / "many" / "c" / "7"
    chunk.rename(tmp_path / "outside")
    chunk.symlink_to(tmp_path / "outside")
    assert extract(path).binding is Binding.TAMPERED
    os.mkfifo(path / "pipe")
    (path / "root").symlink_to("/")
    assert [part.binding for part in extract(path).parts if part.name == "root"] == [Binding.STALE]


def test_another_file_of_the_documents_name_is_left_alone(
    tmp_path: Path, run_of: RunOf, store: Store
) -> None:
    path = tmp_path / "sky.zarr"
    nested(path, 3)
    (path / "eb.prov.json").write_text("mine")
    done = capture(run_of(path), store)
    assert done.attached[0].rung is Rung.SIDECAR
    assert (path / "eb.prov.json").read_text() == "mine"
    assert extract(path).binding is Binding.BOUND


def test_a_store_in_a_zip_file_is_a_plain_file(tmp_path: Path, run_of: RunOf, store: Store) -> None:
    path = tmp_path / "sky.zip"
    with zarr.storage.ZipStore(path, mode="w") as zipped:
        zarr.create_array(zipped, shape=(4,), dtype="i4")[:] = 1
    assert capture(run_of(path), store).attached[0].rung is Rung.SIDECAR
