# SPDX-License-Identifier: Apache-2.0
"""IVOA ProvenanceDM as one VOTable 1.4 with a table a class.

The tables, their utypes and UCDs are in the shape of the ProvTAP draft, with
the names of the classes in ProvenanceDM 1.0. ProvTAP is no standard: nothing
checks that shape but people.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from xml.etree import ElementTree as ET

from provenance.exports import ivoa
from provenance.exports.story import Story, for_xml

_NAMESPACE = "http://www.ivoa.net/xml/VOTable/v1.3"  # of VOTable 1.4 and 1.5, too
_ABOUT = (
    "Provenance of a product in the classes of the IVOA Provenance Data Model 1.0, "
    "one table a class, in the shape of a draft of ProvTAP."
)


class _Column(NamedTuple):
    name: str
    attribute: str
    ucd: str


class _Table(NamedTuple):
    name: str
    columns: tuple[_Column, ...]


def _columns(prefix: str, *columns: tuple[str, str]) -> tuple[_Column, ...]:
    return tuple(_Column(f"{prefix}_{name}", name, ucd) for name, ucd in columns)


_ID, _NAME, _TEXT, _KIND = ("id", "meta.id"), ("name", "meta.title"), "meta.note", "meta.code.class"

_TABLES = {
    ivoa.Activity: _Table("Activity", _columns(
        "a", _ID, _NAME, ("startTime", "time.start"), ("endTime", "time.end"), ("comment", _TEXT),
        ("description_id", "meta.id"))),
    ivoa.ActivityDescription: _Table("ActivityDescription", _columns(
        "ad", _ID, _NAME, ("version", "meta.version"), ("type", _KIND), ("subtype", _KIND))),
    ivoa.Entity: _Table("DatasetEntity", _columns(
        "e", _ID, _NAME, ("location", "meta.ref.url"), ("comment", _TEXT), ("description_id", "meta.id"))),
    ivoa.EntityDescription: _Table("DatasetDescription", _columns(
        "ed", _ID, _NAME, ("contentType", "meta.code.mime"))),
    ivoa.Agent: _Table("Agent", _columns("ag", _ID, _NAME, ("type", _KIND), ("url", "meta.ref.url"))),
    ivoa.Parameter: _Table("Parameter", _columns("p", _ID, _NAME, ("value", "meta.note"))),
    ivoa.ConfigFile: _Table("ConfigFile", _columns("cf", _ID, _NAME, ("location", "meta.ref.url"))),
    ivoa.Used: _Table("Used", _columns(
        "u", ("activity_id", "meta.id"), ("entity_id", "meta.id"), ("role", _KIND))),
    ivoa.WasGeneratedBy: _Table("WasGeneratedBy", _columns(
        "wgb", ("entity_id", "meta.id"), ("activity_id", "meta.id"), ("role", _KIND))),
    ivoa.WasDerivedFrom: _Table("WasDerivedFrom", _columns(
        "wdf", ("generatedEntity_id", "meta.id"), ("usedEntity_id", "meta.id"))),
    ivoa.WasInformedBy: _Table("WasInformedBy", _columns(
        "wib", ("informed_id", "meta.id"), ("informant_id", "meta.id"))),
    ivoa.WasAssociatedWith: _Table("WasAssociatedWith", _columns(
        "waw", ("activity_id", "meta.id"), ("agent_id", "meta.id"), ("role", _KIND))),
    ivoa.WasConfiguredBy: _Table("WasConfiguredBy", _columns(
        "wcb", ("activity_id", "meta.id"), ("artefact_id", "meta.id"), ("artefactType", _KIND))),
}  # fmt: skip


def written(story: Story, syntax: str) -> bytes:  # noqa: ARG001 -- as all formats have it
    """Return the story as a VOTable; classes of which there is none have an empty table."""
    root = ET.Element("VOTABLE", version="1.4", xmlns=_NAMESPACE)
    resource = ET.SubElement(root, "RESOURCE", name="provenance", utype="voprov:Provenance")
    ET.SubElement(resource, "DESCRIPTION").text = _ABOUT
    ET.SubElement(resource, "INFO", name="record", value=for_xml(story.record.digest))
    told = ivoa.rows(story)
    for kind, table in _TABLES.items():
        _table(resource, table, [row for row in told if isinstance(row, kind)])
    ET.indent(root)
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _table(resource: ET.Element, table: _Table, rows: Sequence[ivoa.Row]) -> None:
    element = ET.SubElement(resource, "TABLE", name=table.name, utype=f"voprov:{table.name}")
    for column in table.columns:
        utype = f"voprov:{table.name}.{column.attribute.removesuffix('_id')}"
        told = {"name": column.name, "ucd": column.ucd, "utype": utype, "datatype": "unicodeChar"}
        ET.SubElement(element, "FIELD", told, arraysize="*")
    data = ET.SubElement(ET.SubElement(element, "DATA"), "TABLEDATA")
    for row in rows:
        line = ET.SubElement(data, "TR")
        for cell in row:
            ET.SubElement(line, "TD").text = for_xml(_cell(cell))


def _cell(value: str | datetime | None) -> str:
    match value:
        case None:
            return ""
        case datetime():
            # DALI 3.3.3: no zone is UTC
            return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
        case _:
            return value
