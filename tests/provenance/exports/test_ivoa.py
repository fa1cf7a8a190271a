# SPDX-License-Identifier: Apache-2.0
import io
from collections import Counter
from pathlib import Path

import astropy.io.votable
import pytest
from lxml import etree
from prov.model import ProvActivity, ProvAgent, ProvDocument, ProvEntity, ProvInfluence

from provenance.exports.export import export
from provenance.exports.ivoa import Entity, WasDerivedFrom, rows
from provenance.exports.ivoa_prov import document
from provenance.exports.story import Story
from provenance.record import StepRecord

SCHEMAS = Path(astropy.io.votable.__file__).with_name("data")
VOPROV = "http://www.ivoa.net/documents/ProvenanceDM/index.html#"


@pytest.mark.parametrize("version", ["1.4", "1.5"])
def test_the_votable_is_valid_by_the_schema(record: StepRecord, version: str) -> None:
    schema = etree.XMLSchema(etree.parse(SCHEMAS / f"VOTable.v{version}.xsd"))
    schema.assertValid(etree.fromstring(export(record, "ivoa-votable")))


def test_the_votable_has_no_fault_that_a_validator_finds(record: StepRecord, tmp_path: Path) -> None:
    path = tmp_path / "provenance.vot"
    path.write_bytes(export(record, "ivoa-votable"))
    said = io.StringIO()
    assert astropy.io.votable.validate(path, output=said), said.getvalue()


def test_the_tables_hold_each_thing_once(program: StepRecord, later: StepRecord) -> None:
    text = export(later, "ivoa-votable", before=(program,))
    tables = {
        table.name: table.to_table() for table in astropy.io.votable.parse(io.BytesIO(text)).iter_tables()
    }
    entities = list(tables["DatasetEntity"]["e_id"])
    assert len(entities) == len(set(entities))
    assert set(tables["Used"]["u_entity_id"]) <= set(entities)
    assert len(tables["Activity"]) == 2
    assert set(tables["Used"]["u_entity_id"]) & set(tables["WasGeneratedBy"]["wgb_entity_id"])


@pytest.mark.parametrize("syntax", ["json", "provn", "xml"])
def test_the_w3c_form_is_read_back_as_the_same(record: StepRecord, syntax: str) -> None:
    form = {"json": "ivoa-prov", "provn": "ivoa-prov-n", "xml": "ivoa-prov-xml"}[syntax]
    again = ProvDocument.deserialize(content=export(record, form).decode(), format=syntax)
    kinds = (ProvActivity, ProvEntity, ProvAgent)
    told = {kind: {one.identifier for one in document(Story(record)).get_records(kind)} for kind in kinds}
    assert {kind: {one.identifier for one in again.get_records(kind)} for kind in kinds} == told
    assert len(again.unified().get_records()) == len(again.get_records())


def test_descriptions_and_settings_are_influences_of_a_type(program: StepRecord) -> None:
    links = document(Story(program)).get_records(ProvInfluence)
    kinds = Counter(kind.uri.removeprefix(VOPROV) for one in links for kind in one.get_asserted_types())
    assert kinds["DescriptionRelation"] == 2
    assert kinds["ConfigurationRelation"] == 5


def test_every_record_has_its_class(program: StepRecord) -> None:
    for one in document(Story(program)).get_records():
        assert any(kind.uri.startswith(VOPROV) for kind in one.get_asserted_types()), one


def test_many_products_of_many_inputs_are_not_derived_one_by_one(records: dict[str, StepRecord]) -> None:
    told = rows(Story(records["many inputs"]))
    assert len([row for row in told if isinstance(row, Entity)]) == 102
    assert not [row for row in told if isinstance(row, WasDerivedFrom)]
