# SPDX-License-Identifier: Apache-2.0
"""The parts of a record that no broker writes."""

import re
from typing import Any, Literal

from eb_prefect.model.parts import Checksum
from eb_prefect.model.value import Value
from provenance.canonical import ni_of_hex

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")

Verb = Literal["repeat", "revise", "apply"]


def sha256_name(checksum: Checksum | None) -> str | None:
    """Return ``ni:///sha-256;...`` for a checksum, if it is a SHA-256 in hexadecimal."""
    if checksum is None or checksum.type not in ("sha-256", "sha256", "SHA-256") or checksum.value is None:
        return None
    return ni_of_hex(checksum.value) if _SHA256.fullmatch(checksum.value) else None


class Raw(Value):
    """A document as it came over a wire: its text where it was kept, and the digest of its bytes.

    Of a text with secrets the digest is that of the text without them.
    """

    text: str | None = None
    digest: str


class Agent(Value):
    """Who or what stood behind the step: a ``person``, or a public ``host``."""

    kind: str
    name: str
    url: str | None = None


class Software(Value):
    """A program, library or file of code, as it was when the record was made."""

    name: str
    version: str | None = None
    location: str | None = None
    digest: str | None = None


class Maker(Value):
    """The digest of the record of the step that made something, and its name there."""

    record: str
    product: str


class Input(Value):
    """A data resource that the step worked on.

    ``checksum`` is of the whole file as the broker staged it, or of the
    manifest of a directory. ``mount`` is
    where the program found it. ``made_by`` is known where the file's own
    record, or the store, tells.
    """

    name: str
    mount: str | None = None
    location: str | None = None
    size: int | None = None
    checksum: Checksum | None = None
    content: str | None = None
    made_by: Maker | None = None

    @property
    def file(self) -> str | None:
        """The name of the staged file by its content, where the checksum is a SHA-256."""
        return sha256_name(self.checksum)


class PartDigest(Value):
    """One part of a product: digests of its data and of what its header means; bytes of data."""

    name: str
    data: str
    header: str | None = None
    size: int


class ProductEntry(Value):
    """A file, or a directory that is one thing, that the step made.

    ``path`` is relative to where its products were put. ``content`` is one
    digest for all its data, ``parts`` are part by part; neither counts
    records of ours. ``checksum`` and ``size`` are of the file as the program
    left it, or of the manifest and the files of the directory. One that was
    too large to read is ``undigested``: there is only the checksum that the
    broker, or the data lake, tells.
    """

    name: str
    path: str
    volume: str | None = None
    media_type: str | None = None
    size: int | None = None
    checksum: Checksum | None = None
    content: str | None = None
    undigested: bool | None = None
    parts: tuple[PartDigest, ...] = ()


class Link(Value):
    """The earlier record that a request was taken from, and what was changed.

    ``patch`` (RFC 6902) leads from the old request to the new one, but for
    the inputs' checksums, which are the old record's where ``pinned`` is true.
    """

    record: str
    verb: Verb
    session: str | None = None
    request: str | None = None
    products: tuple[str, ...] = ()
    patch: tuple[dict[str, Any], ...] = ()
    pinned: bool | None = None
