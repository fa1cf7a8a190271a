# SPDX-License-Identifier: Apache-2.0
"""Where a location is."""

from pathlib import Path
from urllib.parse import unquote, urlsplit


def local(location: str | None) -> Path | None:
    """Return the path of a ``file`` URL on this machine; None for any other place."""
    if location is None:
        return None
    parts = urlsplit(location)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        return None
    return Path(unquote(parts.path))
