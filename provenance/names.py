# SPDX-License-Identifier: Apache-2.0
"""Names for what a record tells of: the same thing has the same name in every document."""

import hashlib
from uuid import UUID, uuid5

EB = "https://www.purl.org/ivoa.net/EB/prov#"
"""Our terms in W3C PROV."""

_SPACE = uuid5(UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8"), EB).bytes  # RFC 4122's name space of URLs


def name_of(*parts: str) -> str:
    """Return the UUID (version 5) of the thing that the parts tell apart from all others."""
    # what uuid.uuid5 does, in a third of the time: a document has dozens of names
    text = "\n".join(parts).encode("utf-8", "replace")  # as canonical text has it
    raw = bytearray(hashlib.sha1(_SPACE + text, usedforsecurity=False).digest()[:16])
    raw[6] = raw[6] & 0x0F | 0x50
    raw[8] = raw[8] & 0x3F | 0x80
    name = raw.hex()
    return f"{name[:8]}-{name[8:12]}-{name[12:16]}-{name[16:20]}-{name[20:]}"


def session_name(broker: str, session: str) -> str:
    """Return the session's own UUID; one made of its text, where that is none."""
    try:
        return str(UUID(session))
    except ValueError:
        return name_of("session", broker, session)


def product_name(record: str, product: str) -> str:
    """Return the UUID of a product as the step of that record made it."""
    return name_of("product", record, product)
