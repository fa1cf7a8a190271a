# SPDX-License-Identifier: Apache-2.0
"""W3C PROV in its syntaxes.

The document is that of `provenance.w3c`, with names and addresses
percent-encoded, so that all syntaxes can hold them. PROV-JSON, -JSONLD, -XML
and -N are read back as the same document. The RDF syntaxes are for others to
read: we never do.
"""

import io
from collections.abc import Callable
from typing import Any

from prov.identifier import Identifier, Namespace, QualifiedName
from prov.model import Literal, ProvDocument

from provenance.exports.story import Story, for_name, for_text, for_uri, for_xml
from provenance.extras import needed
from provenance.w3c import document, merged

_RDF = ("turtle", "trig")
_LIBRARIES = {"xml": "lxml", "turtle": "rdflib", "trig": "rdflib"}


def written(story: Story, syntax: str) -> bytes:
    """Return the story, all records of it in one document.

    Raises
    ------
    ContradictionError
        The records contradict each other.
    NeedsExtraError
        The syntax needs a library that is not installed.
    """
    told = [
        document(one, carrier=story.carrier if one is story.record else None, parameters=True)
        for one in reversed(story.records)
    ]
    return serialised(told[0] if len(told) == 1 else merged(*told), syntax)


def serialised(doc: ProvDocument, syntax: str) -> bytes:
    """Return the document in a syntax of the prov library.

    Raises
    ------
    NeedsExtraError
        The syntax needs a library that is not installed.
    """
    _need(syntax)
    clean = cleaned(doc, for_xml if syntax == "xml" else for_text)
    out = io.StringIO()
    if syntax in _RDF:
        clean.serialize(out, format="rdf", rdf_format=syntax)
    else:
        clean.serialize(out, format=syntax)
    return out.getvalue().encode()


def _need(syntax: str) -> None:
    library = _LIBRARIES.get(syntax)
    if library is None:
        return
    with needed(f"PROV in {syntax}", "export"):
        __import__(library)


def cleaned(doc: ProvDocument, text: Callable[[str], str]) -> ProvDocument:
    """Return the document in names that every syntax can hold, and with ``text`` made of each text."""
    clean = ProvDocument(namespaces=sorted(doc.namespaces, key=lambda one: one.prefix))
    for record in doc.get_records():
        clean.new_record(
            record.get_type(),
            _name(record.identifier),
            [(_name(name), _value(value, text)) for name, value in record.formal_attributes],
            [(_name(name), _value(value, text)) for name, value in record.extra_attributes],
        )
    return clean


def _name(name: Any) -> Any:
    if not isinstance(name, QualifiedName):
        return name
    return Namespace(name.namespace.prefix, name.namespace.uri)[for_name(name.localpart)]


def _value(value: Any, text: Callable[[str], str]) -> Any:
    match value:
        case QualifiedName():
            return _name(value)
        case Identifier():
            return Identifier(for_uri(value.uri))
        case Literal():
            return Literal(text(value.value), value.datatype, value.langtag)
        case str():
            return text(value)
        case _:
            return value
