# SPDX-License-Identifier: Apache-2.0
"""The dialects of the Execution Broker, and the URIs that each writes for a kind."""

import re
from enum import StrEnum

from eb_prefect.model.kind import OUR_URNS, short_kind


class Dialect(StrEnum):
    """How a document is written.

    A0 (until October 2025) is read only. A is the seed's (November 2025),
    B1 that of November 2025 to June 2026, written as its last form was, and
    B2 that of June 2026 and later, "v1.0". NEUTRAL is this model's own form.
    """

    A0 = "A0"
    A = "A"
    B1 = "B1"
    B2 = "B2"
    NEUTRAL = "neutral"


BASES = {
    Dialect.A: "https://www.purl.org/ivoa.net/EB/schema/types/",
    Dialect.B1: "https://www.purl.org/ivoa.net/EB/schema/v1.0/types/",
    Dialect.B2: "https://www.purl.org/ivoa.net/Calycopis-openapi/schema/v1.0/kinds/",
}
"""What the URIs of a dialect's kinds begin with."""

_SUFFIXES = {Dialect.A: "-1.0", Dialect.B1: "-1.0", Dialect.B2: ".yaml"}

# a doubled slash was sent in November 2025; a version other than 1.0 is another kind
_URIS = {
    Dialect.A: re.compile(r"https?://www\.purl\.org/ivoa\.net/EB/schema/+types/+([\w-]+)/+([\w-]+?)-1\.0"),
    Dialect.B1: re.compile(
        r"https?://www\.purl\.org/ivoa\.net/EB/schema/v1\.0/+types/+([\w-]+)/+([\w-]+?)-1\.0"
    ),
    Dialect.B2: re.compile(
        r"https?://www\.purl\.org/ivoa\.net/Calycopis-openapi/schema/v1\.0/+kinds/+([\w-]+)/+([\w-]+)\.yaml"
    ),
}
_SHORT = re.compile(r"[\w-]+/[\w-]+")


def dialect_of(uri: str) -> Dialect | None:
    """Return the dialect whose base the URI of a kind has; None if it has none."""
    for dialect, pattern in _URIS.items():
        if match := pattern.fullmatch(uri):
            old = dialect is Dialect.A and match.group(1) == "computer"
            return Dialect.A0 if old else dialect
    return Dialect.NEUTRAL if _SHORT.fullmatch(uri) else None


def neutral_kind(uri: str) -> str:
    """Return ``<family>/<name>`` of a kind with a dialect's base or a known name, else the URI."""
    for pattern in _URIS.values():
        if match := pattern.fullmatch(uri):
            family, name = match.groups()
            return f"{'compute' if family == 'computer' else family}/{name}"
    return short_kind(uri)


def kind_uri(kind: str, dialect: Dialect) -> str:
    """Return the kind as the dialect writes it; a kind that is a URI stays as it is."""
    if dialect is Dialect.NEUTRAL or not _SHORT.fullmatch(kind):
        return kind
    if kind in OUR_URNS:
        return OUR_URNS[kind]
    return f"{BASES[dialect]}{kind}{_SUFFIXES[dialect]}"
