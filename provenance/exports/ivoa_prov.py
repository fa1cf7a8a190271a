# SPDX-License-Identifier: Apache-2.0
"""IVOA ProvenanceDM in W3C PROV, mapped as the library voprov does.

Each record has its class as ``prov:type``, as in ``voprov:Activity``.
Descriptions and configurations are entities; the links to them, for which
W3C PROV has no word, are influences of a type.
"""

from typing import Any

from prov.identifier import Identifier, Namespace, QualifiedName
from prov.model import ProvDocument

from provenance.exports import ivoa
from provenance.exports.prov_text import serialised
from provenance.exports.story import Story, other_uri

_VOPROV = Namespace("voprov", "http://www.ivoa.net/documents/ProvenanceDM/index.html#")
_PROV = Namespace("prov", "http://www.w3.org/ns/prov#")
_SPACES = (Namespace("uu", "urn:uuid:"), Namespace("sha", "ni:///sha-256;"))
_OTHER = Namespace("ref", "https://www.purl.org/ivoa.net/EB/prov#name-")


def written(story: Story, syntax: str) -> bytes:
    """Return the story in a syntax of the prov library.

    Raises
    ------
    NeedsExtraError
        The syntax needs a library that is not installed.
    """
    return serialised(document(story), syntax)


def document(story: Story) -> ProvDocument:
    """Return the story as a document of the prov library."""
    doc = ProvDocument(namespaces=[_VOPROV, *_SPACES, _OTHER])
    for row in ivoa.rows(story):
        _tell(doc, row)
    return doc


def _tell(doc: ProvDocument, row: ivoa.Row) -> None:
    match row:
        case ivoa.Activity():
            about = _about("Activity", name=row.name, comment=row.comment)
            doc.activity(_id(row.id), row.start, row.stop, about)
            _describe(doc, row.id, row.description)
        case ivoa.Entity():
            about = _about("DatasetEntity", name=row.name, location=row.location, comment=row.comment)
            doc.entity(_id(row.id), about)
            _describe(doc, row.id, row.description)
        case ivoa.Agent():
            about = _about("Agent", name=row.name, type=row.type, url=row.url)
            doc.agent(_id(row.id), [*about, (_PROV["type"], _PROV[row.type])])
        case ivoa.ActivityDescription():
            said = {"name": row.name, "version": row.version, "type": row.type, "subtype": row.subtype}
            doc.entity(_id(row.id), _about("ActivityDescription", **said))
        case ivoa.EntityDescription():
            about = _about("DatasetDescription", name=row.name, contentType=row.content_type)
            doc.entity(_id(row.id), about)
        case ivoa.Parameter():
            about = _about("Parameter", name=row.name)
            doc.entity(_id(row.id), [*about, (_PROV["value"], row.value)])
        case ivoa.ConfigFile():
            about = _about("ConfigFile", name=row.name)
            doc.entity(_id(row.id), [*about, (_PROV["location"], Identifier(row.location))])
        case _:
            _relate(doc, row)


def _relate(doc: ProvDocument, row: ivoa.Relation) -> None:
    first, second, *more = row
    one, other, tie = _id(str(first)), _id(str(second)), _id(other_uri("tie", type(row).__name__, *row))
    role = [(_PROV["role"], str(more[0]))] if more else []
    match row:
        case ivoa.Used():
            doc.usage(one, other, identifier=tie, other_attributes=[*_kind("Usage"), *role])
        case ivoa.WasGeneratedBy():
            doc.generation(one, other, identifier=tie, other_attributes=[*_kind("Generation"), *role])
        case ivoa.WasAssociatedWith():
            doc.association(one, other, identifier=tie, other_attributes=[*_kind("Association"), *role])
        case ivoa.WasDerivedFrom():
            doc.derivation(one, other, identifier=tie, other_attributes=_kind("Derivation"))
        case ivoa.WasInformedBy():
            doc.communication(one, other, tie, _kind("Communication"))
        case ivoa.WasConfiguredBy():
            kind = [*_kind("ConfigurationRelation"), (_VOPROV["artefactType"], row.artefact_type)]
            doc.influence(one, other, tie, kind)


def _describe(doc: ProvDocument, thing: str, description: str | None) -> None:
    if description:
        tie = _id(other_uri("tie", "description", thing, description))
        doc.influence(_id(thing), _id(description), tie, _kind("DescriptionRelation"))


def _kind(kind: str) -> list[tuple[QualifiedName, Any]]:
    return [(_PROV["type"], _VOPROV[kind])]


def _about(kind: str, *, name: str | None = None, **said: str | None) -> list[tuple[QualifiedName, Any]]:
    named = [(_PROV["name"], name)] if name is not None else []
    return [
        *_kind(kind),
        *named,
        *((_VOPROV[key], value) for key, value in said.items() if value is not None),
    ]


def _id(uri: str) -> QualifiedName:
    for space in _SPACES:
        if uri.startswith(space.uri):
            return space[uri.removeprefix(space.uri)]
    return _OTHER[uri]
