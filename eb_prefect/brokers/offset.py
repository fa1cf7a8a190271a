# SPDX-License-Identifier: Apache-2.0
"""Reading on from an offset where all comes again from the start."""

from collections.abc import Iterable, Iterator


def after(pieces: Iterable[bytes], offset: int) -> Iterator[bytes]:
    """Yield what follows the first ``offset`` bytes."""
    for piece in pieces:
        if len(piece) > offset:
            yield piece[offset:]
        offset = max(offset - len(piece), 0)
