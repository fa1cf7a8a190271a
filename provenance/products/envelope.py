# SPDX-License-Identifier: Apache-2.0
"""Find the record in a PROV-JSON document, with nothing but JSON.

The document may have been written by another PROV program, with prefixes of
its own. Nothing in it is believed: the record is taken as its text says, and
its digest is reckoned anew.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from provenance.canonical import canonical, ni, parsed
from provenance.errors import MalformedRecordError
from provenance.names import EB

_PROV = "http://www.w3.org/ns/prov#"


class Envelope(NamedTuple):
    """A record's text, its digest, the digest it should have, the product it came with, and signatures."""

    text: str
    record: dict[str, Any]
    digest: str
    said: str
    product: str | None
    signatures: tuple[str, ...] = ()

    @property
    def is_canonical(self) -> bool:
        """Whether the text is the one text for what it means."""
        return canonical(self.record) == self.text.encode("utf-8", "replace")


def opened(document: str, where: str) -> Envelope:
    """Return what the document holds.

    Raises
    ------
    MalformedRecordError
        It is no PROV-JSON, or holds no record, or one that is no JSON.
    """
    try:
        return _opened(_mapping(parsed(document)), where)
    except (ValueError, RecursionError) as fault:
        raise MalformedRecordError(where, f"it is no JSON that can be a record: {fault}") from fault


def _opened(prov: dict[str, Any], where: str) -> Envelope:
    prefixes = {"prov": _PROV} | {name: str(uri) for name, uri in _mapping(prov.get("prefix")).items()}
    text, name = None, ""
    product = None
    signatures: list[str] = []
    for entity, said in _entities(prov):
        kinds = [_expanded(kind, prefixes) for kind in _values(said, "type", prefixes)]
        if EB + "SessionRecord" in kinds:
            for value in _values(said, "value", prefixes):
                text, name = _plain(value), _expanded(entity, prefixes)
        if EB + "Signature" in kinds:
            signatures += map(_plain, _values(said, "value", prefixes))
        if EB + "Carrier" in kinds:
            product = next(map(_plain, _values(said, "product", prefixes)), None)
    if text is None:
        raise MalformedRecordError(where, "it has no entity of type eb:SessionRecord with a prov:value")
    record = parsed(text)
    if not isinstance(record, dict):
        raise MalformedRecordError(where, "its text is no JSON object")
    canonical(record)
    return Envelope(text, record, ni(text.encode("utf-8", "replace")), name, product, tuple(signatures))


def _entities(prov: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the entities; one that is told in several parts comes once a part."""
    for name, told in _mapping(prov.get("entity")).items():
        for part in told if isinstance(told, list) else [told]:
            yield name, _mapping(part)


def _values(said: dict[str, Any], term: str, prefixes: dict[str, str]) -> Iterator[Any]:
    wanted = (_PROV + term, EB + term)
    for name, value in said.items():
        if _expanded(name, prefixes) in wanted:
            yield from value if isinstance(value, list) else [value]


def _plain(value: Any) -> str:
    return str(value.get("$", "")) if isinstance(value, dict) else str(value)


def _expanded(name: Any, prefixes: dict[str, str]) -> str:
    prefix, colon, local = _plain(name).partition(":")
    if not colon:
        return prefixes.get("default", "") + prefix
    return prefixes.get(prefix, prefix + ":") + local


def _mapping(given: Any) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise ValueError(f"{type(given).__name__} where an object should be")  # noqa: TRY004 -- bad data, not a bad call
    return given
