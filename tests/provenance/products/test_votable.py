# SPDX-License-Identifier: Apache-2.0
"""VOTables keep the contract of formats, in every serialisation and encoding."""

import warnings
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io.votable import parse, parse_single_table
from astropy.table import Table
from lxml import etree

from provenance.capture import capture
from provenance.errors import CanNotAttachError, ProvenanceError, UnreadableProductError
from provenance.products.extract import content_parts, extract
from provenance.products.formats import format_of
from provenance.products.found import Binding, Label, Rung
from provenance.products.votable import embed, read
from provenance.store import Store
from tests.provenance.conftest import RunOf
from tests.provenance.products.damage import several
from tests.provenance.products.format_contract import FormatContract

RECORD = "ni:///sha-256;" + "a" * 43
LABEL = Label(RECORD, "ni:///sha-256;" + "b" * 43, 0)

PLAIN = """<VOTABLE version="1.1">
 <RESOURCE>
  <TABLE name="catalogue">
   <FIELD name="flux" datatype="float"/>
   <FIELD name="who" datatype="char" arraysize="*"/>
   <DATA><TABLEDATA><TR><TD>1.50</TD><TD>Zo\xeb &amp; co</TD></TR><TR><TD/><TD>b</TD></TR></TABLEDATA></DATA>
  </TABLE>
 </RESOURCE>
</VOTABLE>
"""


def table() -> Table:
    made = Table(
        {
            "a": [1, 2, 3],
            "b": [0.1, np.nan, 3.0],
            "s": ["x", "yy", "z"],
            "f": np.ones(3, "f4") / 3,
            "v": np.eye(3),
        }
    )
    made["b"].unit = "Jy"
    return made


PREFIXED = PLAIN.replace("</", "</v:").replace("<", "<v:").replace("<v:/v:", "</v:")
ENCODINGS = {"latin": ("latin-1", "ISO-8859-1"), "utf16": ("utf-16", "UTF-16"), "bom": ("utf-8-sig", "UTF-8")}
SERIALISATIONS = ("tabledata", "binary", "binary2")


def written(path: Path, kind: str) -> None:
    """Write a table in a serialisation of astropy's, or by hand in an encoding and with a prefix."""
    if kind in SERIALISATIONS:
        table().write(path, format="votable", tabledata_format=kind)
        return
    encoding, declared = ENCODINGS[kind]
    text = PREFIXED.replace("<v:VOTABLE", '<v:VOTABLE xmlns:v="http://www.ivoa.net/xml/VOTable/v1.3"')
    path.write_bytes(f'<?xml version="1.0" encoding="{declared}"?>\n{text}'.encode(encoding))


class TestVOTable(FormatContract):
    name = "product.xml"

    @pytest.fixture(autouse=True, params=["tabledata", "binary2", "utf16"])
    def shape(self, request: pytest.FixtureRequest) -> None:
        self.kind = request.param

    def make(self, path: Path) -> None:
        written(path, self.kind)

    def content(self, path: Path) -> Any:
        tree = etree.parse(path)
        name = etree.QName(tree.getroot())
        named = f"{{{name.namespace}}}INFO" if name.namespace else "INFO"
        for info in list(tree.iter(named)):
            info.getparent().remove(info)
        for element in tree.iter():
            if str(element.get("ID", "")).startswith("ebprov."):
                del element.attrib["ID"]
            element.tail = (element.tail or "").strip()
        return etree.tostring(tree, encoding="unicode")

    def change(self, path: Path) -> None:
        whole = path.read_bytes()
        for codec in ("ascii", "utf-16-le"):
            old, new = ("TD>1".encode(codec), "TD>7".encode(codec))
            if old in whole:
                path.write_bytes(whole.replace(old, new, 1))
                return
        at = whole.index(b">", whole.index(b"<STREAM")) + 40
        path.write_bytes(whole[:at] + (b"B" if whole[at : at + 1] == b"A" else b"A") + whole[at + 1 :])


@pytest.fixture
def captured(tmp_path: Path, run_of: RunOf, store: Store) -> Path:
    path = tmp_path / "table.xml"
    written(path, "tabledata")
    capture(run_of(path), store)
    return path


@pytest.mark.parametrize("kind", [*SERIALISATIONS, *ENCODINGS])
def test_every_writing_of_a_table_takes_a_record(
    kind: str, tmp_path: Path, run_of: RunOf, store: Store
) -> None:
    path = tmp_path / "table"
    written(path, kind)
    record = capture(run_of(path), store).record
    found = extract(path)
    assert (found.rung, found.binding, found.digest) == (Rung.EMBEDDED, Binding.BOUND, record.digest)
    etree.parse(path)


@pytest.mark.parametrize("version", ["1.1", "1.2", "1.3", "1.4", "1.5"])
def test_what_comes_out_is_valid_by_the_schema(
    version: str, tmp_path: Path, run_of: RunOf, store: Store
) -> None:
    from astropy.io.votable import from_table

    path = tmp_path / "table.xml"
    tree = from_table(table()["a", "s"])
    tree.version = version
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree.to_xml(str(path))
    schema = etree.XMLSchema(etree.parse(files("astropy.io.votable") / "data" / f"VOTable.v{version}.xsd"))
    schema.assertValid(etree.parse(path))
    assert capture(run_of(path), store).attached[0].rung is Rung.EMBEDDED
    schema.assertValid(etree.parse(path))


def test_no_other_byte_changes(tmp_path: Path) -> None:
    path = tmp_path / "table.xml"
    path.write_text(PLAIN)
    embed(path, b'{"a": "<&>"}', LABEL)
    put = f'<INFO name="eb:provenance" value="{RECORD}">{{"a": "&lt;&amp;&gt;"}}</INFO>\n'
    named = f' ID="ebprov.{"a" * 43}.{"b" * 43}"'
    assert path.read_text() == PLAIN.replace("<RESOURCE", put + "<RESOURCE").replace(
        "<TABLE ", f"<TABLE{named} "
    )


def test_astropy_reads_what_it_read_before(captured: Path) -> None:
    again = Table.read(captured)
    assert again["a"].tolist() == [1, 2, 3]
    assert again["b"].unit == "Jy"
    assert parse_single_table(captured).ID.startswith("ebprov.")


def test_numbers_written_another_way_are_the_same_values(tmp_path: Path, run_of: RunOf, store: Store) -> None:
    path, again = tmp_path / "table.xml", tmp_path / "again.xml"
    path.write_text(PLAIN)
    capture(run_of(path), store)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parse(path).to_xml(str(again))
    assert "1.50" not in again.read_text()
    assert extract(again).binding is Binding.BOUND


def test_an_id_of_the_tables_own_stays(tmp_path: Path) -> None:
    path = tmp_path / "table.xml"
    path.write_text(PLAIN.replace("<TABLE ", '<TABLE ID="mine" '))
    embed(path, b"{}", LABEL)
    assert b'ID="mine"' in path.read_bytes()
    assert b'ID="ebprov' not in path.read_bytes()


def test_an_older_record_that_lost_its_text_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "table.xml"
    lost = f'<INFO name="eb:provenance" value="{RECORD}"/>'
    path.write_text(PLAIN.replace("<RESOURCE", lost + "<RESOURCE"))
    assert read(path).signpost == RECORD
    embed(path, b"{}", LABEL)
    assert lost not in path.read_text()
    assert path.read_text().count("eb:provenance") == 1
    assert read(path).embedded is not None


def test_values_count_and_space_around_them_does_not(tmp_path: Path) -> None:
    path = tmp_path / "table.xml"
    path.write_text(PLAIN)
    before = content_parts(path)
    path.write_text(PLAIN.replace("<TD>b<", "<TD>\n b <").replace("<TR>", "\n <TR>"))
    assert content_parts(path) == before
    path.write_text(PLAIN.replace("<TD>b<", "<TD>c<"))
    assert content_parts(path)[1].data != before[1].data


def test_what_a_link_leads_to_is_not_fetched(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("secret")
    path = tmp_path / "table.xml"
    path.write_text(
        '<VOTABLE><RESOURCE><TABLE><FIELD name="a" datatype="int"/><DATA><BINARY>'
        f'<STREAM href="{(tmp_path / "data").as_uri()}"/></BINARY></DATA></TABLE></RESOURCE></VOTABLE>'
    )
    before = content_parts(path)
    (tmp_path / "data").write_text("other")
    assert content_parts(path) == before
    assert before[1].size == 0


BOMB = '<!DOCTYPE VOTABLE [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'
OUTSIDE = '<!DOCTYPE VOTABLE [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("begin", [BOMB, OUTSIDE, '<!DOCTYPE VOTABLE SYSTEM "http://127.0.0.1:9/x.dtd">'])
def test_a_document_type_makes_it_any_file(begin: str, tmp_path: Path, run_of: RunOf, store: Store) -> None:
    path = tmp_path / "table.xml"
    path.write_text(begin + PLAIN)
    assert format_of(path).__name__ == "provenance.products.plain"  # type: ignore[attr-defined] # a format is a module
    with pytest.raises(UnreadableProductError, match="document type"):
        read(path)
    assert capture(run_of(path), store).attached[0].rung is Rung.SIDECAR


HOSTILE = {
    "deep": "<VOTABLE>" + "<RESOURCE>" * 10_000,
    "tag": "<VOTABLE><RESOURCE name='" + "x" * (3 << 20),
    "comment": "<VOTABLE><!--" + "x" * (3 << 20),
    "names": "<VOTABLE>" + "".join(f"<a{n}/>" for n in range(60_000)),
    "tables": "<VOTABLE><RESOURCE>" + "<TABLE/>" * 20_000,
    "record": "<VOTABLE><INFO name='eb:provenance'>" + "x" * (3 << 20),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_would_exhaust_its_reader_is_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "table.xml"
    path.write_text(HOSTILE[kind])
    with pytest.raises(UnreadableProductError):
        read(path)


def test_a_table_without_a_resource_takes_no_record(tmp_path: Path) -> None:
    path = tmp_path / "table.xml"
    path.write_text("<VOTABLE/>")
    with pytest.raises(CanNotAttachError):
        embed(path, b"{}", LABEL)
    path.write_text("<VOTABLE></VOTABLE>")
    embed(path, b"{}", LABEL)
    assert read(path).embedded is not None


def test_a_mutated_file_gives_errors_of_ours_only(captured: Path) -> None:
    for damaged in several(captured.read_bytes(), 200):
        captured.write_bytes(damaged)
        with suppress(ProvenanceError):
            extract(captured)
