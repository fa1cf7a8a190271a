# SPDX-License-Identifier: Apache-2.0
import base64
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from provenance.errors import CanNotAttachError, UnreadableProductError
from provenance.products import thrift
from provenance.products.formats import format_of
from provenance.products.found import content_digest
from provenance.products.parquet import embed, read
from provenance.products.parquet_footer import footer, length
from tests.provenance.products.damage import flipped
from tests.provenance.products.hostile import withstood
from tests.provenance.products.shapes_contract import DOCUMENT, LABEL, ShapesContract

ROWS = {"ra": [1.5, 2.5, 3.5] * 50, "name": ["a", "b", "c"] * 50, "n": list(range(150))}


def groups(path: Path) -> None:
    table = pa.table(ROWS).replace_schema_metadata({"unit": "deg"})
    pq.write_table(table, path, row_group_size=40, compression={"ra": "zstd", "name": "snappy", "n": "none"},
                   write_page_index=True)  # fmt: skip


def frame(path: Path) -> None:
    pd.DataFrame(ROWS).set_index("n").to_parquet(path, compression="gzip")


def empty(path: Path) -> None:
    pq.write_table(pa.table({"x": pa.array([], pa.int32())}), path)


def nested(path: Path) -> None:
    lists = pa.array([[{"a": 1, "b": ["x"]}], None, []])
    pq.write_table(
        pa.table({"lists": lists, "maps": pa.array([[("k", 1)]] * 3, pa.map_(pa.string(), pa.int8()))}), path
    )


def many(path: Path) -> None:
    pq.write_table(pa.table(ROWS), path, row_group_size=3, use_dictionary=False)


SHAPES = {"groups": groups, "frame": frame, "nested": nested, "many": many}


class TestParquet(ShapesContract):
    name = "product.parquet"
    shapes = SHAPES

    def content(self, path: Path) -> Any:
        file = pq.ParquetFile(path, page_checksum_verification=True)
        texts = {name: text for name, text in (file.metadata.metadata or {}).items() if b"eb:" not in name}
        groups = [file.metadata.row_group(n).to_dict() for n in range(file.num_row_groups)]
        return file.read().to_pydict(), texts, groups, file.schema.to_arrow_schema().remove_metadata()

    def change(self, path: Path) -> None:
        flipped(path, pq.ParquetFile(path).metadata.row_group(0).column(0).data_page_offset + 30)


OURS = ("eb:provenance", "eb:record", "eb:content")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table.parquet"
    groups(path)
    return path


def test_pyarrow_reads_the_document_among_the_texts(table: Path) -> None:
    embed(table, DOCUMENT, LABEL)
    texts = pq.read_metadata(table).metadata
    assert texts[b"eb:provenance"] == DOCUMENT
    assert texts[b"eb:record"].decode() == LABEL.record


def test_pandas_reads_the_same_frame(tmp_path: Path) -> None:
    frame(tmp_path / "frame.parquet")
    before = pd.read_parquet(tmp_path / "frame.parquet")
    embed(tmp_path / "frame.parquet", DOCUMENT, LABEL)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "frame.parquet"), before)


def test_all_fields_but_the_texts_are_kept_byte_for_byte(table: Path) -> None:
    before = fields(table)
    embed(table, DOCUMENT, LABEL)
    assert fields(table) == before


def fields(path: Path) -> list[tuple[int, int, bytes]]:
    with path.open("rb") as file:
        found = footer(path, file.fileno())
    others = [(one.id, one.type, found.text.data[one.start : one.end]) for one in found.fields]
    texts = [(5, 0, one.written) for one in found.texts if one.key.decode() not in OURS]
    return [*others, *texts]


def test_data_do_not_move_and_indexes_are_where_they_were(table: Path) -> None:
    with table.open("rb") as file:
        start = length(table, file.fileno())[0]
    before = table.read_bytes()[:start]
    embed(table, DOCUMENT, LABEL)
    assert table.read_bytes()[:start] == before
    column = pq.ParquetFile(table).metadata.row_group(0).column(0)
    assert column.has_column_index
    assert column.has_offset_index


def test_a_file_without_texts_gets_some(tmp_path: Path) -> None:
    path = tmp_path / "bare.parquet"
    pq.write_table(pa.table(ROWS), path, store_schema=False)
    assert pq.read_metadata(path).metadata is None
    embed(path, DOCUMENT, LABEL)
    assert read(path).signpost == LABEL.record
    assert pq.read_table(path).to_pydict() == ROWS


def test_an_empty_table_has_its_columns_as_content(tmp_path: Path) -> None:
    digests = set()
    for name in ("a", "b"):
        pq.write_table(pa.table({name: pa.array([], pa.int32())}), tmp_path / name)
        embed(tmp_path / name, DOCUMENT, LABEL)
        digests.add(content_digest(read(tmp_path / name).parts))
    assert len(digests) == 2


def test_another_unit_of_a_column_is_another_header(tmp_path: Path) -> None:
    for unit in ("deg", "rad"):
        pq.write_table(pa.table(ROWS).replace_schema_metadata({"unit": unit}), tmp_path / unit)
    (one,), (other,) = read(tmp_path / "deg").parts, read(tmp_path / "rad").parts
    assert one.data == other.data
    assert one.header != other.header


@pytest.mark.parametrize("plain", [True, False])
def test_an_encrypted_file_has_no_place(tmp_path: Path, plain: bool) -> None:
    path = encrypted(tmp_path, plain=plain)
    before = path.read_bytes()
    with pytest.raises(CanNotAttachError):
        format_of(path).embed(path, DOCUMENT, LABEL)
    assert path.read_bytes() == before


def encrypted(directory: Path, *, plain: bool) -> Path:
    import pyarrow.parquet.encryption as pe

    class Keys(pe.KmsClient):
        def wrap_key(self, key: bytes, _: str) -> bytes:
            return base64.b64encode(key)

        def unwrap_key(self, key: bytes, _: str) -> bytes:
            return base64.b64decode(key)

    factory = pe.CryptoFactory(lambda _: Keys())
    settings = pe.EncryptionConfiguration(footer_key="f", column_keys={"c": ["ra"]}, plaintext_footer=plain)
    properties = factory.file_encryption_properties(pe.KmsConnectionConfig(), settings)
    path = directory / "secret.parquet"
    with pq.ParquetWriter(path, pa.table(ROWS).schema, encryption_properties=properties) as writer:
        writer.write_table(pa.table(ROWS))
    return path


def hostile(written: bytes, start: bytes = b"PAR1") -> bytes:
    return start + written + len(written).to_bytes(4, "little") + b"PAR1"


def column(**said: int) -> bytes:
    numbers = {"size": 7, "data": 9}
    written, last = b"", 0
    for name, value in said.items():
        written += thrift.head(last, numbers[name], thrift.I64) + thrift.varint(value << 1)
        last = numbers[name]
    return b"\x3c" + written + b"\0\0"


def of_columns(*columns: bytes, row_groups: int = 1) -> bytes:
    group = thrift.head(0, 1, thrift.LIST) + thrift.struct_list(list(columns)) + b"\0"
    rows = thrift.head(0, 3, thrift.I64) + thrift.varint(2)
    return rows + thrift.head(3, 4, thrift.LIST) + thrift.struct_list([group] * row_groups) + b"\0"


HOSTILE = {
    "lists in lists": hostile(b"\x19" + b"\x19" * 100_000),
    "structs in structs": hostile(b"\x1c" * 100_000),
    "maps in maps": hostile(b"\x1b\x01\xbb" + b"\x01\xbb" * 100_000),
    "list of 2^31 items": hostile(b"\x19\xfc\xff\xff\xff\xff\x07" + b"\0" * 100),
    "text of 2^31 bytes": hostile(b"\x18\xff\xff\xff\xff\x07" + b"\0" * 100),
    "number without end": hostile(b"\x16" + b"\xff" * 100_000),
    "nothing": hostile(b""),
    "no end": hostile(b"\x15\x02"),
    "type 14": hostile(b"\x1e\0"),
    "footer longer than the file": b"PAR1" + b"\xff\xff\xff\x7fPAR1",
    "many texts": hostile(b"\x59\xfc" + thrift.varint(20_000) + b"\0" * 20_001),
    "texts that are numbers": hostile(b"\x59\x15\0\0"),
    "column outside": hostile(of_columns(column(size=1 << 40, data=4))),
    "column before": hostile(of_columns(column(size=4, data=(1 << 64) - 9))),
    "column of no place": hostile(of_columns(column(size=4))),
    "columns in one another": hostile(of_columns(*[column(size=9000, data=4)] * 900), b"PAR1" + b"x" * 9000),
    "many row groups": hostile(of_columns(column(size=1, data=4), row_groups=10_000)),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_give_errors_of_ours_and_take_no_memory(tmp_path: Path, name: str) -> None:
    path = tmp_path / "hostile.parquet"
    withstood(path, HOSTILE[name], read, lambda path: embed(path, DOCUMENT, LABEL))


@pytest.mark.parametrize(
    "name", ["columns in one another", "column outside", "number without end", "lists in lists"]
)
def test_a_hostile_footer_is_said_to_be_damaged(tmp_path: Path, name: str) -> None:
    (tmp_path / "hostile").write_bytes(HOSTILE[name])
    with pytest.raises(UnreadableProductError):
        read(tmp_path / "hostile")
