# SPDX-License-Identifier: Apache-2.0
"""Where a broker has what, below its own address."""

import re
from typing import NamedTuple

from eb_prefect.wire.dialect import Dialect

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Paths(NamedTuple):
    """Paths below the broker's address, without a slash before or after.

    ``submit`` takes requests; ``direct`` takes those that are to run at once,
    None where the broker takes none.
    """

    submit: str
    direct: str | None
    sessions: str = "sessions"
    offersets: str = "offersets"


PATHS = {
    Dialect.A: Paths("offersets", None),
    Dialect.B1: Paths("offersets", "sessions"),
    Dialect.B2: Paths("requests", "direct"),
    Dialect.NEUTRAL: Paths("requests", "direct"),
}
"""Where the brokers of each dialect have things."""


WAY_IN = "way-in"
"""Where, below a session, our own servers tell its owner how a person gets in."""


def is_identifier(session: str) -> bool:
    """Return whether the text is a UUID as brokers write them, and nothing a path could do harm with."""
    return _UUID.fullmatch(session) is not None


def identifier_in(location: str) -> str | None:
    """Return the UUID that a location ends with."""
    last = location.partition("?")[0].partition("#")[0].rstrip("/").rpartition("/")[2]
    return last if is_identifier(last) else None
