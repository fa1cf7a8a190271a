# SPDX-License-Identifier: Apache-2.0
"""The 80 byte cards of a FITS header: read, written, and what they mean together."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence

CARD = 80
END = b"END".ljust(CARD)
BLANK = b" " * CARD

NOT_MEANING = frozenset(
    (
        "", "SIMPLE", "XTENSION", "EXTEND", "PCOUNT", "GCOUNT", "LONGSTRN", "END",
        "CHECKSUM", "DATASUM", "ZHECKSUM", "ZDATASUM", "DATE", "COMMENT", "HISTORY",
        "EBPROVID", "EBPRDSUM", "EBPRVER", "EBPRODCT",
    )
)  # fmt: skip
"""Keywords that may come, go and change without changing what the data mean."""

Value = str | int | float | bool | None


def keyword(card: bytes) -> str:
    """Return the keyword, that of ESO's HIERARCH convention too; empty for a comment without."""
    name = card[:8].rstrip().decode("latin-1")
    if name == "HIERARCH" and b"=" in card:
        return card[8 : card.index(b"=")].strip().decode("latin-1")
    return name


def value(card: bytes) -> Value:
    """Return the value; text that is no value of FITS as it stands."""
    if card[8:10] == b"= ":
        return _value(card[10:])
    if card[:9] == b"HIERARCH ":
        return _value(card.partition(b"=")[2])
    return _value(card[8:]) if card[:8] == b"CONTINUE" else None


def _value(field: bytes) -> Value:
    text = field.decode("latin-1").strip()
    if text[:1] == "'":
        return _string(text)
    text = text.partition("/")[0].strip()
    if text in ("T", "F"):
        return text == "T"
    return _number(text)


def _string(text: str) -> str:
    """Return the string up to its closing quote; two quotes inside stand for one."""
    inner: list[str] = []
    at = 1
    while (end := text.find("'", at)) >= 0:
        inner.append(text[at:end])
        if text[end + 1 : end + 2] != "'":
            return "".join(inner).rstrip()
        inner.append("'")
        at = end + 2
    return ("".join(inner) + text[at:]).rstrip()


def _number(text: str) -> Value:
    for read in (int, lambda given: float(given.upper().replace("D", "E"))):
        try:
            return read(text)
        except ValueError:
            continue
    return text or None


def card(name: str, given: str | int | bool, comment: str = "") -> bytes:  # noqa: FBT001 -- a value, not a switch
    """Return a card in the fixed format.

    Raises
    ------
    ValueError
        It needs more than the 80 bytes, or characters that FITS has not.
    """
    match given:
        case bool():
            field = f"{'T' if given else 'F':>20}"
        case int():
            field = f"{given:>20}"
        case str():
            quoted = given.replace("'", "''")
            field = f"'{quoted:<8}'".ljust(20)
    text = f"{name:<8}= {field}" + (f" / {comment}" if comment else "")
    if len(text) > CARD or not text.isascii() or not text.isprintable():
        raise ValueError(f"{text!r} is no card")
    return text.encode().ljust(CARD)


def meaning(cards: Sequence[bytes]) -> bytes:
    """Return the digest of what a header says about its data.

    Comments, HISTORY, DATE, checksums, the order of the cards and the way a
    number is written are left out: programs change them when they copy.
    """
    said = sorted(f"{name}={json.dumps(what)}" for name, what in _joined(cards) if name not in NOT_MEANING)
    return hashlib.sha256("\n".join(said).encode()).digest()


def _joined(cards: Iterable[bytes]) -> Iterator[tuple[str, Value]]:
    """Yield keywords with values; a string that CONTINUEs is one."""
    name, what = "", None
    for one in cards:
        if one[:8] == b"CONTINUE" and isinstance(what, str):
            more = value(one)
            what = what.removesuffix("&") + (more if isinstance(more, str) else "")
            continue
        yield name, what
        name, what = keyword(one), value(one)
    yield name, what
