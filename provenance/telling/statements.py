# SPDX-License-Identifier: Apache-2.0
"""Statements of W3C PROV as they gather into a PROV-JSON document.

Every element and relation has a name made of what it says, so a document
that is imported twice merges with itself. No prefix is the scheme of a URI:
that misleads readers of RDF (prov 3.2).
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from provenance.canonical import short
from provenance.names import EB, name_of

PREFIXES = {"eb": EB, "uu": "urn:uuid:", "sha": "ni:///sha-256;"}

_DIGEST = re.compile(r"[A-Za-z0-9_-]{43}")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^:]")
_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_INT, _LONG = 2**31, 2**63
_URI = "%!#$&'()*+,/:;=?@[]~-._"


class Name(str):
    """A qualified name, ``prefix:local``."""

    __slots__ = ()


class Url(str):
    """An address; a bare text would be none in RDF."""

    __slots__ = ()


class Exact(str):
    """A text that stays as it is, even where XML has no way to write it."""

    __slots__ = ()


def thing(*parts: object) -> Name:
    """Return the name of what the parts tell apart from all else."""
    return Name("uu:" + name_of(*map(str, parts)))


def content(digest: str) -> Name:
    """Return the name of something by its digest, ``ni:///sha-256;...``."""
    text = short(digest)
    return Name("sha:" + text) if _DIGEST.fullmatch(text) else thing("digest", digest)


def place(location: str | None) -> dict[str, Any]:
    """Return how to say where something is: an address, with what no URI may have encoded, or a text."""
    if location is None:
        return {}
    if _ABSOLUTE.match(location):
        return {"prov:location": Url(quote(location, safe=_URI, errors="replace"))}
    return {"eb:location": location}


class Statements:
    """The statements of a document, each once, in the order of PROV-JSON.

    A value that is None is not told.
    """

    def __init__(self) -> None:
        self.document: dict[str, Any] = {"prefix": PREFIXES}

    def element(self, kind: str, name: Name, said: Mapping[str, Any]) -> Name:
        """Tell of an entity, activity or agent; what is told twice is told together."""
        attributes = self.document.setdefault(kind, {}).setdefault(name, {})
        for key, value in said.items():
            if value is None:
                continue
            values = [_value(one) for one in value] if isinstance(value, list) else [_value(value)]
            if key in attributes:
                known = attributes[key] if isinstance(attributes[key], list) else [attributes[key]]
                values = known + [one for one in values if one not in known]
            if values:
                attributes[key] = values if len(values) > 1 else values[0]
        return name

    def entity(self, name: Name, kind: str, /, **said: Any) -> Name:
        """Tell of an entity of a kind of ours, with attributes of ours."""
        return self.element("entity", name, _ours(kind, said))

    def activity(self, name: Name, kind: str, /, **said: Any) -> Name:
        """Tell of an activity of a kind of ours, with attributes of ours."""
        return self.element("activity", name, _ours(kind, said))

    def relation(
        self, kind: str, name: Name, args: Mapping[str, Name | None], said: Mapping[str, Any] | None = None
    ) -> Name:
        """Tell of a relation, once."""
        told = {"prov:" + key: str(value) for key, value in args.items() if value is not None}
        for key, value in (said or {}).items():
            if value is not None:
                told[key] = _value(value)
        self.document.setdefault(kind, {})[name] = told
        return name

    def pair(self, kind: str, args: Mapping[str, Name]) -> None:
        """Tell of a relation that PROV gives no name: the name in the document tells it from others there."""
        blank = Name("_:" + name_of(kind, *args.values()))
        self.relation(kind, blank, args)

    def use(self, activity: Name, entity: Name, role: str) -> Name:
        """Tell that an activity used an entity, in a role."""
        name = thing("usage", activity, entity, role)
        return self.relation("used", name, {"activity": activity, "entity": entity}, {"prov:role": role})

    def generation(self, entity: Name, activity: Name, role: str | None = None) -> Name:
        """Tell that an activity made an entity, in a role."""
        name = thing("generation", entity, activity)
        args = {"entity": entity, "activity": activity}
        return self.relation("wasGeneratedBy", name, args, {"prov:role": role})

    def specialization(self, special: Name, general: Name) -> None:
        """Tell that one entity is a special case of another."""
        self.pair("specializationOf", {"specificEntity": special, "generalEntity": general})


def _ours(kind: str, said: Mapping[str, Any]) -> dict[str, Any]:
    return {"prov:type": Name("eb:" + kind)} | {"eb:" + key: value for key, value in said.items()}


def _value(given: Any) -> Any:
    match given:
        case bool():
            return given
        case int() if abs(given) < _LONG:
            return {"$": str(given), "type": "xsd:int" if abs(given) < _INT else "xsd:long"}
        case Name():
            return {"$": str(given), "type": "xsd:QName"}
        case Url():
            return {"$": str(given), "type": "xsd:anyURI"}
        case Exact():
            return str(given)
        case _:
            return _UNSAFE.sub("\ufffd", str(given))
