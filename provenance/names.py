# SPDX-License-Identifier: Apache-2.0
"""Names for what a record tells of: the same thing has the same name in every document."""

from uuid import UUID, uuid5

EB = "https://www.purl.org/ivoa.net/EB/prov#"
"""Our terms in W3C PROV."""

_SPACE = uuid5(UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8"), EB)  # RFC 4122's name space of URLs


def name_of(*parts: str) -> str:
    """Return the UUID of the thing that the parts tell apart from all others."""
    return str(uuid5(_SPACE, "\n".join(parts)))


def session_name(broker: str, session: str) -> str:
    """Return the session's own UUID; one made of its text, where that is none."""
    try:
        return str(UUID(session))
    except ValueError:
        return name_of("session", broker, session)


def product_name(record: str, product: str) -> str:
    """Return the UUID of a product as the step of that record made it."""
    return name_of("product", record, product)
