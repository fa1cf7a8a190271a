# SPDX-License-Identifier: Apache-2.0
"""The YAML in the comments that an ECSV file begins with.

The text that is parsed has a space for each ``#``, so places in it are
places in the file.
"""

import hashlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from provenance.products import cells
from provenance.products.yaml_text import RefusedYAML, events

KEY = "eb_provenance"
_NODE_LIMIT = 100_000
_RECORD_LIMIT = 1 << 20
_FLOAT = "tag:yaml.org,2002:float"


class Node(NamedTuple):
    """A piece of YAML; ``inside`` is where the first item of a flow collection goes.

    The items of a mapping are its keys and values in turn.
    """

    kind: str
    tag: str
    value: str
    items: list["Node"]
    start: int
    inside: int
    end: int
    flow: bool

    def pairs(self) -> list[tuple["Node", "Node"]]:
        """Return keys with values; of a list of single pairs, as ``!!omap`` is, those."""
        if self.kind == "map":
            return list(zip(self.items[::2], self.items[1::2], strict=True))
        return [pair for item in self.items if item.kind == "map" for pair in item.pairs()]

    def get(self, key: str) -> "Node | None":
        """Return the last value of that key."""
        return next((value for name, value in reversed(self.pairs()) if name.value == key), None)

    @property
    def last(self) -> int:
        """Where its text ends; the parser counts to a block what follows it."""
        if self.kind == "scalar" or self.flow or not self.items:
            return self.end
        return self.items[-1].last


def parsed(lines: str) -> Node:
    """Return the header, given as it stands in the file, as a mapping.

    Raises
    ------
    RefusedYAML
        It is no mapping, or built to exhaust its reader.
    """
    root = _Composer("".join(map(_bare, lines.splitlines(keepends=True)))).root()
    if root is None or root.kind != "map":
        raise RefusedYAML("its header is no mapping")
    return root


def _bare(line: str) -> str:
    """Return the line without ``#``, and without what is no YAML of ours, as long as it was."""
    body = line.rstrip("\r\n")
    if body[1:].strip() == "---" or body[1:].lstrip().startswith("%"):
        return " " * len(body) + line[len(body) :]
    return " " + line[1:]


class _Composer:
    """Makes nodes of events; an alias stays a scalar, so nothing is there twice."""

    def __init__(self, text: str) -> None:
        import yaml  # noqa: PLC0415 -- only files with YAML in them need it

        self.yaml: Any = yaml
        self.resolver: Any = yaml.resolver.Resolver()
        self.events = events(text)
        self.count = 0

    def root(self) -> Node | None:
        for event in self.events:
            if isinstance(event, self.yaml.NodeEvent):
                return self.node(event)
        return None

    def node(self, event: Any) -> Node:
        self.count += 1
        if self.count > _NODE_LIMIT:
            raise RefusedYAML(f"its header has more than {_NODE_LIMIT} pieces")
        start, inside = event.start_mark.index, event.end_mark.index
        if isinstance(event, self.yaml.ScalarEvent):
            tag = event.tag or self.resolver.resolve(self.yaml.ScalarNode, event.value, event.implicit)
            return Node("scalar", tag, event.value, [], start, inside, inside, flow=False)
        if isinstance(event, self.yaml.AliasEvent):
            return Node("scalar", "*", "", [], start, inside, inside, flow=False)
        kind = "map" if isinstance(event, self.yaml.MappingStartEvent) else "seq"
        items: list[Node] = []
        end = inside
        for inner in self.events:
            if isinstance(inner, self.yaml.CollectionEndEvent):
                end = inner.end_mark.index
                break
            items.append(self.node(inner))
        return Node(kind, event.tag or "", "", items, start, inside, end, bool(event.flow_style))


def meaning(root: Node) -> Iterator[bytes]:
    """Yield the digests of what the header says: of its columns, then of each entry of its meta but ours."""
    columns, meta = root.get("datatype"), root.get("meta")
    yield _digest(columns) if columns else b""
    pairs = meta.pairs() if meta else []
    yield from sorted(_digest(key) + _digest(value) for key, value in pairs if key.value != KEY)


def _digest(node: Node) -> bytes:
    sha = hashlib.sha256(cells.framed(node.kind) + cells.framed(node.tag))
    if node.kind == "map":
        sha.update(b"".join(sorted(_digest(key) + _digest(value) for key, value in node.pairs())))
    elif node.kind == "seq":
        sha.update(b"".join(map(_digest, node.items)))
    else:
        sha.update(cells.framed(cells.double(node.value) if node.tag == _FLOAT else node.value))
    return sha.digest()


def said(root: Node) -> dict[str, str]:
    """Return our entry of the meta."""
    meta = root.get("meta")
    ours = meta.get(KEY) if meta else None
    pairs = ours.pairs() if ours else []
    return {key.value: value.value for key, value in pairs if len(value.value) <= _RECORD_LIMIT}


def put(root: Node, lines: str, entry: str) -> tuple[int, int, str] | None:
    """Return from where to where of the header goes what, so that our entry is in the meta.

    None says that the header is written in a way that has no place for it.
    """
    meta = root.get("meta")
    newline = "\r\n" if "\r\n" in lines[:4096] else "\n"
    if meta is None:
        if root.flow:
            return None
        start = "#".ljust(_column(root.items[0], lines))
        return len(lines), len(lines), f"{start}meta: !!omap{newline}{start}- {KEY}: {entry}{newline}"
    ours = meta.get(KEY)
    if ours is not None:
        return ours.start, ours.last, entry
    item = f"{KEY}: {entry}"
    if meta.flow:
        item = f"{{{item}}}" if meta.kind == "seq" else item
        return meta.inside, meta.inside, item + (", " if meta.items else "")
    if meta.kind == "scalar" or not meta.items:
        return None
    at = meta.items[0].start
    if meta.kind == "seq":
        at = lines.rindex("-", 0, at)
        item = f"- {item}"
    return at, at, item + newline + "#".ljust(_column_of(at, lines))


def _column(node: Node, lines: str) -> int:
    return _column_of(node.start, lines)


def _column_of(at: int, lines: str) -> int:
    return at - (lines.rfind("\n", 0, at) + 1)
