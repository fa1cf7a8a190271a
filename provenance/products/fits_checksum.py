# SPDX-License-Identifier: Apache-2.0
"""The checksum of FITS, section 4.4.2.7 and appendix J of the standard.

It is a sum that is all ones for a whole HDU, so a change in one place is
made good in another without reading what lies between.
"""

import struct

_ALL = 0xFFFFFFFF
_PUNCTUATION = frozenset(b":;<=>?@[\\]^_`")


def summed(data: bytes, start: int = 0) -> int:
    """Return the ones' complement sum of the 32 bit words; the length is a multiple of 4."""
    return _folded(start + sum(struct.unpack(f">{len(data) // 4}I", data)))


def rest(total: int) -> int:
    """Return the sum that all else must have had for ``total`` to belong to a valid HDU."""
    return _ALL ^ total


def joined(one: int, other: int) -> int:
    """Return the sum of two spans from the sums of each."""
    return _folded(one + other)


def encoded(total: int) -> bytes:
    """Return the 16 characters that make an HDU with the sum ``total`` valid.

    ``total`` is that of the HDU with 16 zeros (the character) as its CHECKSUM.
    """
    text = bytearray(16)
    for at, byte in enumerate((_ALL ^ total).to_bytes(4, "big")):
        for row, char in enumerate(_letters(byte)):
            text[4 * row + at] = char
    return bytes(text[-1:] + text[:-1])


def _letters(byte: int) -> list[int]:
    """Return four letters or digits that add up to the byte and four times the character 0."""
    quarter, left = divmod(byte, 4)
    four = [48 + quarter + left, 48 + quarter, 48 + quarter, 48 + quarter]
    while _PUNCTUATION.intersection(four):
        for low in (0, 2):
            if _PUNCTUATION.intersection(four[low : low + 2]):
                four[low] += 1
                four[low + 1] -= 1
    return four


def _folded(total: int) -> int:
    while total > _ALL:
        total = (total & _ALL) + (total >> 32)
    return total
