# SPDX-License-Identifier: Apache-2.0
"""What is exported: a step, the product it is told of, and the steps before."""

import re
from base64 import urlsafe_b64decode
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from provenance.canonical import canonical, ni
from provenance.diff import flat
from provenance.names import EB, name_of, product_name, session_name
from provenance.parts import Input, ProductEntry, sha256_name
from provenance.record import StepRecord
from provenance.strangers import mapping

UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC)
"""What stands where a syntax demands a time that nobody told; brokers write it so, too."""

_NO_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NO_TEXT = re.compile("[\ud800-\udfff]")
_KEPT_IN_URIS = "!#$%&'()*+,/:;=?@[]~"
_SHA256 = re.compile(r"ni:///sha-256;(?P<ni>[\w-]{43})|(?:sha256:)?(?P<hex>[0-9a-fA-F]{64})", re.ASCII)
_PARAMETERS = ("executable.", "compute.")
_NO_PARAMETERS = re.compile(r"(?:^|\.)(?:kind|name|description)$|^compute\.volumes|^executable\.image")


class Story(NamedTuple):
    """A record to export; ``carrier`` is the name of the product at hand, and ``file`` where it is.

    ``before`` are the records of the steps that it comes from.
    """

    record: StepRecord
    before: tuple[StepRecord, ...] = ()
    carrier: str | None = None
    file: Path | None = None

    @property
    def records(self) -> tuple[StepRecord, ...]:
        """All records, each once; that of the step itself comes first."""
        return tuple({one.digest: one for one in (self.record, *self.before)}.values())


def for_xml(text: str) -> str:
    r"""Return the text with what XML can't hold written as ``\uXXXX``, as JSON does."""
    return _NO_XML.sub(_escape, text)


def for_text(text: str) -> str:
    r"""Return the text with what is no character written as ``\uXXXX``, as JSON does."""
    return _NO_TEXT.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def for_uri(text: str) -> str:
    """Return the URI with what no URI has percent-encoded (RFC 3986); what is encoded stays so."""
    encoded = quote(text, safe=_KEPT_IN_URIS, errors="backslashreplace")
    encoded = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", encoded)
    try:
        urlsplit(encoded)
    except ValueError:  # brackets that are not of an address
        return encoded.replace("[", "%5B").replace("]", "%5D")
    return encoded


def for_name(text: str) -> str:
    """Return the text as the last part of a name that every syntax can hold."""
    return quote(text, safe="", errors="backslashreplace").replace(".", "%2E").replace("~", "%7E")


def session_uri(record: StepRecord) -> str:
    """Return the name of the session."""
    return f"urn:uuid:{session_name(record.broker.name, record.session.uuid)}"


def product_uri(record: str, product: str) -> str:
    """Return the name of a product as the step of that record made it."""
    return f"urn:uuid:{product_name(record, product)}"


def input_uri(record: StepRecord, data: Input) -> str:
    """Return the name of data; that of the product, where they are one of a recorded step."""
    if data.made_by:
        return product_uri(data.made_by.record, data.made_by.product)
    return data.file or other_uri("data", data.location or (record.request_digest, data.name))


def broker_uri(record: StepRecord) -> str:
    """Return the name of the broker."""
    broker = record.broker
    return other_uri("broker", broker.kind, broker.name, broker.url)


def digest_uri(digest: str) -> str:
    """Return the digest, which is a name; one made of it where it is none of ours."""
    return digest if digest.startswith("ni:") and hex_sha256(digest) else other_uri("digest", digest)


def other_uri(*parts: object) -> str:
    """Return the name of a thing that the parts tell apart from all others."""
    return f"urn:uuid:{name_of(*map(str, parts))}"


def our_url(kind: str, *parts: object) -> str:
    """Return a name for a thing where a syntax wants one of the web."""
    return f"{EB}{kind}-{name_of(kind, *map(str, parts))}"


class Executable(NamedTuple):
    """What ran, in words that hold for every kind.

    ``version`` is the surest that is known of it, ``image`` where its
    container image was had, and ``sha256`` the digest of image or notebook
    in hexadecimal.
    """

    kind: str
    name: str
    version: str
    digest: str
    location: str | None = None
    image: str | None = None
    sha256: str | None = None


def executable(record: StepRecord) -> Executable:
    """Return what the session ran: as requested, else as the broker tells."""
    told = (record.request.executable if record.request else None) or record.session.executable
    neutral = told.neutral() if told else {}
    image, checksum = mapping(neutral.get("image")), mapping(neutral.get("checksum"))
    command = [str(word) for word in neutral.get("command") or ()]
    locations = [str(one) for one in image.get("locations") or ()]
    location = neutral.get("location") or (locations[0] if locations else None)
    own = next((one for one in record.software if command and one.name == command[0]), None)
    digest = ni(canonical(neutral))
    pinned = image.get("digest") or checksum.get("value")
    version = pinned or (own and (own.version or own.digest)) or digest
    return Executable(
        kind=str(neutral.get("kind") or "unknown"),
        name=str(neutral.get("name") or location or (command[0] if command else record.name)),
        version=str(version),
        digest=digest,
        location=str(location) if location else None,
        image=str(locations[0]) if locations else None,
        sha256=hex_sha256(str(pinned)) if pinned else None,
    )


def parameters(record: StepRecord) -> dict[str, str]:
    """Return what the step could have been run with otherwise, by path in the request."""
    asked = record.request.neutral() if record.request else {}
    leaves = flat({part: asked[part] for part in ("executable", "compute") if part in asked})
    return {
        path: _written(value)
        for path, value in sorted(leaves.items())
        if path.startswith(_PARAMETERS) and not _NO_PARAMETERS.search(path)
    }


def moment(record: StepRecord) -> datetime:
    """Return when the step ended, or the nearest time that is known."""
    seen = record.changes[-1].seen if record.changes else None
    session = record.session
    return record.ended or record.started or seen or session.modified or session.created or UNKNOWN_TIME


def complaints(record: StepRecord) -> str:
    """Return what the broker said of the session's end, one message a line."""
    return "\n".join(message.text for message in record.session.messages if message.text)


def hex_sha256(name: str | None) -> str | None:
    """Return the SHA-256 in a name by content, or of an image; None if there is none."""
    found = _SHA256.fullmatch(name or "")
    if found is None:
        return None
    return found["hex"].lower() if found["hex"] else urlsafe_b64decode(f"{found['ni']}=").hex()


def product_sha256(product: ProductEntry) -> str | None:
    """Return the SHA-256 of the file as the program left it, if that is known."""
    return hex_sha256(sha256_name(product.checksum))


def unique(names: Iterable[str]) -> list[str]:
    """Return the names, each once, in the order of their first appearance."""
    return list(dict.fromkeys(names))


def _written(value: Any) -> str:
    return value if isinstance(value, str) else canonical(value).decode()
