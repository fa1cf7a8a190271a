# SPDX-License-Identifier: Apache-2.0
"""How large a document may be, and the numbers in it.

The largest requests known name ten thousand data resources in about 2 MB,
twelve levels deep.
"""

from eb_prefect.errors import UnreadableDocumentError

MAX_BYTES = 16 << 20
MAX_DEPTH = 64
MAX_NODES = 500_000
MAX_DIGITS = 40


class Real(float):
    """A float whose text is as the document wrote it, so ``VERSION: 1.10`` stays 1.10."""

    __slots__ = ("written",)
    written: str

    def __str__(self) -> str:
        return self.written


def whole(written: str) -> int:
    """Return the integer; far larger ones than any count are refused."""
    if len(written) > MAX_DIGITS:
        raise UnreadableDocumentError(f"has a number of {len(written)} digits")
    return int(written)


def real(written: str) -> float:
    """Return the number, which remembers its text."""
    number = Real(written)
    if number in (float("inf"), float("-inf")):
        raise UnreadableDocumentError(f"has the number {written[:MAX_DIGITS]}, which is too large")
    number.written = written
    return number
