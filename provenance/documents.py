# SPDX-License-Identifier: Apache-2.0
"""Read a PROV document that somebody else wrote: PROV-JSON, PROV-XML or PROV-N, never RDF.

The library's readers of RDF fetch what a document names and expand what it
defines, so they are not for documents of strangers.
"""

import re
import warnings
from enum import StrEnum
from pathlib import Path
from typing import Any

from prov import Error
from prov.model import ProvDocument

from provenance.errors import NotProvError
from provenance.extras import needed

_BYTES = 8 << 20
_TOKENS = 60_000  # the library takes about 1 kB of memory for each
_HEAD = 4096
_SIGNS = {"json": b"{,", "xml": b"<", "provn": b"(,"}

_BLANK = re.compile(rb"\A(?:\xef\xbb\xbf)?(?:\s+|//[^\n]*\n|/\*.*?\*/)*", re.DOTALL)
_XML = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?document[\s>]")
_XML_SPACE = b"http://www.w3.org/ns/prov#"
_KEYS = re.compile(
    rb'"(?:prefix|entity|activity|agent|bundle|used|was[A-Z]\w+|actedOnBehalfOf|hadMember|alternateOf'
    rb'|specializationOf|mentionOf)"\s*:\s*[{]'
)
_COMMENT = b"<!--"

_UNREADABLE = (
    Error,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    SyntaxError,
    RecursionError,
)
"""What the readers of prov 3.2 raise for documents that are none; lxml's errors are syntax errors."""


class Syntax(StrEnum):
    """How a document is written."""

    JSON = "json"
    XML = "xml"
    PROVN = "provn"

    @property
    def label(self) -> str:
        """The name that W3C gave it."""
        return {"json": "PROV-JSON", "xml": "PROV-XML", "provn": "PROV-N"}[self]


def syntax_of(path: Path) -> Syntax | None:
    """Return how the document in the file is written, told by its content; None where it is none."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    start = _BLANK.sub(b"", head, count=1)
    if start.startswith(b"{") and (_KEYS.search(head) or start.rstrip() == b"{}"):
        return Syntax.JSON
    if start.startswith(b"<") and _XML_SPACE in head and _XML.search(head):
        return Syntax.XML
    return Syntax.PROVN if re.match(rb"document\b", start) else None


def read_document(path: Path, syntax: Syntax, *, large: bool = False) -> ProvDocument:
    """Return the document in the file.

    A document that would take more than some 64 MB of memory is refused,
    unless ``large`` says that it is to be trusted.

    Raises
    ------
    NotProvError
        It can't be read, or is too large.
    NeedsExtraError
        PROV-XML needs a library that is not installed.
    """
    with path.open("rb") as file:
        data = file.read() if large else file.read(_BYTES + 1)
    if not large and (len(data) > _BYTES or sum(map(data.count, _signs(syntax))) > _TOKENS):
        raise NotProvError(str(path), "it is larger than a document of a stranger may be; --large reads it")
    return parsed_document(data, syntax, str(path))


def _signs(syntax: Syntax) -> list[bytes]:
    return [bytes([sign]) for sign in _SIGNS[syntax]]


def parsed_document(data: bytes, syntax: Syntax, where: str) -> ProvDocument:
    """Return the document that is written so.

    Raises
    ------
    NotProvError
        It is no such document.
    NeedsExtraError
        PROV-XML needs a library that is not installed.
    """
    try:
        text = (_xml(data, where) if syntax is Syntax.XML else data).decode("utf-8-sig")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what the library will refuse one day it reads today
            document = ProvDocument.deserialize(content=text, format=syntax)
    except _UNREADABLE as fault:
        raise NotProvError(where, f"it is no {syntax.label}: {_short(fault)}") from fault
    if not isinstance(document, ProvDocument):
        raise NotProvError(where, "it has no document")
    return document


def _short(fault: Exception) -> str:
    text = str(fault) or type(fault).__name__
    return text if len(text) < 300 else f"{text[:300]}..."


def _xml(data: bytes, where: str) -> bytes:
    """Return the XML without comments, some of which the library can't read; refuse what defines entities."""
    with needed(where, "export"):
        from lxml import etree  # noqa: PLC0415 -- an extra
    if b"<!DOCTYPE" in data:
        raise NotProvError(where, "it has a document type, which no PROV document needs")
    if _COMMENT not in data:
        return data
    parser = etree.XMLParser(remove_comments=True, remove_pis=True, resolve_entities=False, no_network=True)
    written: Any = etree.tostring(etree.fromstring(data, parser=parser), encoding="utf-8")
    return bytes(written)
