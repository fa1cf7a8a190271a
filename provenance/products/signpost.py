# SPDX-License-Identifier: Apache-2.0
"""A line that points to a record, where programs keep short texts and drop what they do not know."""

import re
from typing import NamedTuple

from provenance.canonical import short
from provenance.names import EB
from provenance.products.found import Label

_LINE = re.compile(rb'eb:record="(ni:///sha-256;[\w-]{43})"(?:\s+eb:content="([\w-]{0,43})")?')
_XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
    '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:eb="{}" {}/>'
    '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
)


class Signpost(NamedTuple):
    """The digests of a record and, without what all begin with, of the content it describes."""

    record: str | None = None
    content: str | None = None


def written(label: Label) -> bytes:
    """Return the line."""
    return f'eb:record="{label.record}" eb:content="{short(label.content)}"'.encode()


def in_xmp(label: Label) -> bytes:
    """Return an XMP packet with the line and nothing else."""
    return _XMP.format(EB, written(label).decode()).encode()


def found(text: bytes) -> Signpost:
    """Return the first line in a text, which may be anything."""
    line = _LINE.search(text)
    if line is None:
        return Signpost()
    return Signpost(line[1].decode(), line[2].decode() if line[2] else None)


def is_ours(packet: bytes) -> bool:
    """Whether an XMP packet has the line and nothing else."""
    record, content = found(packet)
    return record is not None and packet == in_xmp(Label(record, content or "", 0))
