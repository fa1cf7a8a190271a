# SPDX-License-Identifier: Apache-2.0
"""ASDF files keep the contract of formats, however their arrays are stored."""

import bz2
import struct
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import asdf
import numpy as np
import pytest

from provenance.capture import capture
from provenance.errors import CanNotAttachError, ProvenanceError, UnreadableProductError
from provenance.products.asdf import embed, read
from provenance.products.extract import content_parts, extract
from provenance.products.formats import format_of
from provenance.products.found import Binding, Label, Rung
from provenance.store import Store
from tests.provenance.conftest import RunOf
from tests.provenance.products.damage import several
from tests.provenance.products.format_contract import FormatContract

LABEL = Label("ni:///sha-256;" + "a" * 43, "ni:///sha-256;" + "b" * 43, 0)

SHAPES: dict[str, dict[str, Any]] = {
    "blocks": {},
    "zlib": {"all_array_compression": "zlib"},
    "padded": {"pad_blocks": 60},
    "inline": {"all_array_storage": "inline"},
}


def content() -> dict[str, Any]:
    cube = np.arange(24.0).reshape(2, 3, 4)
    return {
        "data": cube,
        "meta": {"name": "Zo\xeb's", "exposure": 1.5, "wide": cube[:, 1:], "shared": [1, 2]},
        "errors": [np.ones(3, "f4"), np.zeros(5, ">i2")],
    }


def written(path: Path, **options: Any) -> Path:
    asdf.AsdfFile(content()).write_to(path, **options)
    return path


class TestASDF(FormatContract):
    name = "product.asdf"

    @pytest.fixture(autouse=True, params=["blocks", "zlib"])
    def shape(self, request: pytest.FixtureRequest) -> None:
        self.options = SHAPES[request.param]

    def make(self, path: Path) -> None:
        written(path, **self.options)

    def content(self, path: Path) -> Any:
        with asdf.open(path, validate_checksums=True) as file:
            tree = file.tree
            arrays = [tree["data"], tree["meta"]["wide"], *tree["errors"]]
            return (
                [(one.dtype.str, one.tolist()) for one in arrays],
                tree["meta"]["name"],
                tree["meta"]["exposure"],
            )

    def change(self, path: Path) -> None:
        with asdf.open(path, memmap=False, lazy_load=False) as file:
            file.tree["data"] = file.tree["data"] * 2
            file.write_to(path.with_name("changed"))
        path.with_name("changed").replace(path)


@pytest.fixture(params=SHAPES)
def captured(request: pytest.FixtureRequest, tmp_path: Path, run_of: RunOf, store: Store) -> Path:
    path = written(tmp_path / "product.asdf", **SHAPES[request.param])
    assert capture(run_of(path), store).attached[0].rung is Rung.EMBEDDED
    return path


def test_asdf_validates_it_and_shows_the_entry(captured: Path) -> None:
    with asdf.open(captured) as file:
        file.validate()
        assert set(file.tree["eb_provenance"]) == {"record", "content", "document"}
        assert "eb_provenance" in asdf.AsdfFile(dict(file.tree)).tree


def test_open_and_write_to_keep_the_record_and_the_binding(captured: Path) -> None:
    again = captured.with_name("again.asdf")
    with asdf.open(captured) as file:
        file.write_to(again)
    found = extract(again)
    assert (found.rung, found.binding) == (Rung.EMBEDDED, Binding.BOUND), found.parts


def test_update_keeps_the_record_and_an_edit_is_stale(captured: Path) -> None:
    with asdf.open(captured, mode="rw") as file:
        file.tree["meta"]["exposure"] = 2.5
        file.update()
    found = extract(captured)
    assert found.rung is Rung.EMBEDDED
    assert {part.name for part in found.parts if part.binding is not Binding.BOUND} == {"tree"}
    assert found.binding is Binding.STALE


def test_an_edited_array_is_named(captured: Path) -> None:
    with asdf.open(captured, memmap=False, lazy_load=False) as file:
        file.tree["errors"][0] = file.tree["errors"][0] + 1
        file.write_to(captured.with_name("again.asdf"))
    states = {part.name: part.binding for part in extract(captured.with_name("again.asdf")).parts}
    assert [name for name, state in states.items() if state is Binding.TAMPERED] == ["errors/0"]


def test_the_index_of_blocks_is_put_right(tmp_path: Path, run_of: RunOf, store: Store) -> None:
    path = written(tmp_path / "product.asdf")
    capture(run_of(path), store)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with asdf.open(path, lazy_load=True) as file:
            assert file.tree["errors"][1].tolist() == [0] * 5
    lines = path.read_bytes().rpartition(b"---\n")[2].split()
    places = [int(word) for word in lines if word.isdigit()]
    assert all(path.read_bytes()[at : at + 4] == b"\xd3BLK" for at in places)
    assert len(places) == 4


def test_padding_is_used_so_that_no_block_moves(tmp_path: Path) -> None:
    path = written(tmp_path / "product.asdf")
    head, magic, rest = path.read_bytes().partition(b"\xd3BLK")
    path.write_bytes(head + b"\0" * 500 + magic + rest.partition(b"#ASDF BLOCK INDEX")[0])
    at = path.read_bytes().index(b"\xd3BLK")
    embed(path, b'{"a": 1}', LABEL)
    assert path.read_bytes().index(b"\xd3BLK") == at
    embed(path, b"{}", LABEL)
    assert path.read_bytes().index(b"\xd3BLK") == at
    with asdf.open(path) as file:
        assert file.tree["data"].shape == (2, 3, 4)


def test_a_streamed_block_reaches_to_the_end(tmp_path: Path) -> None:
    path = tmp_path / "stream.asdf"
    asdf.AsdfFile({"rows": asdf.tags.core.Stream([4], np.float64)}).write_to(path)
    with path.open("ab") as file:
        file.write(np.ones((3, 4)).tobytes())
    before = content_parts(path)
    embed(path, b"{}", LABEL)
    assert content_parts(path) == before
    assert [(part.name, part.size) for part in before] == [("tree", 0), ("rows", 96)]
    with asdf.open(path) as opened:
        assert opened.tree["rows"].shape == (3, 4)


def test_an_exploded_form_is_read_without_its_other_files(
    tmp_path: Path, run_of: RunOf, store: Store
) -> None:
    path = written(tmp_path / "product.asdf", all_array_storage="external")
    (tmp_path / "product0000.asdf").unlink()
    capture(run_of(path), store)
    assert extract(path).binding is Binding.BOUND
    assert b"product0001.asdf" in path.read_bytes()


TREE = b"#ASDF 1.0.0\n#ASDF_STANDARD 1.5.0\n%YAML 1.1\n%TAG ! tag:stsci.edu:asdf/\n--- !core/asdf-1.1.0\n"


@pytest.mark.parametrize("tree", [b"{a: 1}\n...\n", b"[1]\n...\n", b"x\n...\n", b"\n...\n"])
def test_a_tree_without_lines_for_its_keys_takes_no_record(tree: bytes, tmp_path: Path) -> None:
    path = tmp_path / "product.asdf"
    path.write_bytes(TREE + tree)
    with pytest.raises(CanNotAttachError):
        embed(path, b"{}", LABEL)
    assert path.read_bytes() == TREE + tree


def test_a_file_without_a_tree_is_any_file(tmp_path: Path) -> None:
    path = tmp_path / "product.asdf"
    path.write_bytes(b"#ASDF 1.0.0\n#ASDF_STANDARD 1.5.0\n\xd3BLK")
    assert format_of(path).__name__ == "provenance.products.plain"  # type: ignore[attr-defined] # a format is a module


def test_other_lines_after_the_record_stay(tmp_path: Path) -> None:
    path = tmp_path / "product.asdf"
    path.write_bytes(TREE + b"  a: 1\n  eb_provenance:\n    record: old\n  # mine\n  b: 2\n...\n")
    embed(path, b"{}", LABEL)
    text = path.read_text()
    assert text.count("eb_provenance") == 1
    with asdf.open(path) as file:
        assert (file.tree["a"], file.tree["b"], file.tree["eb_provenance"]["document"]) == (1, 2, "{}")


def block(compression: bytes, used: bytes, size: int) -> bytes:
    head = struct.pack(">I4sQQQ16s", 0, compression, len(used), len(used), size, bytes(16))
    return b"\xd3BLK" + struct.pack(">H", len(head)) + head + used


LAUGHS = b"a: &a [x, x]\n" + b"".join(b"%c: &%c [*%c, *%c]\n" % (c + 1, c + 1, c, c) for c in range(97, 121))
ARRAY = b"a: !core/ndarray-1.0.0 {source: %d}\n...\n"
HOSTILE = {
    "deep": b"a: " + b"[" * 100_000 + b"\n...\n",
    "blocks": b"- " * 100_000 + b"\n...\n",
    "absent": ARRAY % 7,
    "negative": ARRAY % -7,
    "expands": ARRAY % 0 + block(b"bzp2", bz2.compress(bytes(10_000_000)), 100),
    "cut off": ARRAY % 0 + block(b"bzp2", bz2.compress(bytes(10_000_000))[:-8], 10_000_000),
    "beyond": ARRAY % 0 + block(b"\0\0\0\0", b"abc", 3)[:-1],
    "no yaml": b"a: 'b\n...\n",
    "no text": b"a: \xff\n...\n",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_would_exhaust_its_reader_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "product.asdf"
    path.write_bytes(TREE + HOSTILE[kind])
    with pytest.raises(UnreadableProductError):
        read(path)


def test_aliases_are_counted_not_followed(tmp_path: Path) -> None:
    path = tmp_path / "product.asdf"
    path.write_bytes(TREE + LAUGHS + b"...\n")
    assert [part.name for part in read(path).parts] == ["tree"]


def test_a_mutated_file_gives_errors_of_ours_only(captured: Path) -> None:
    for damaged in several(captured.read_bytes(), 100):
        captured.write_bytes(damaged)
        with suppress(ProvenanceError):
            extract(captured)
