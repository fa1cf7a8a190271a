# SPDX-License-Identifier: Apache-2.0
"""Libraries that come with an extra, which may not be installed."""

from collections.abc import Iterator
from contextlib import contextmanager

from provenance.errors import NeedsExtraError


@contextmanager
def needed(what: object, extra: str) -> Iterator[None]:
    """Import inside: what can't be imported is told as what needs which extra.

    Raises
    ------
    NeedsExtraError
        A library is not installed.
    """
    try:
        yield
    except ImportError as reason:
        raise NeedsExtraError(what, extra) from reason
