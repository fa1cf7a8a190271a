# SPDX-License-Identifier: Apache-2.0
"""Steps, what they worked on and what they made, as nodes and edges to draw."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from provenance.entries import Lineage
from provenance.errors import UnknownRecordError
from provenance.parts import Input, Maker, ProductEntry
from provenance.plain import short_digest, size_text
from provenance.products.found import Found
from provenance.record import StepRecord, read_record

LIMIT = 200
"""Nodes beyond which earlier steps are only counted."""

_INPUTS = 8
_PRODUCTS = 3


class Kind(StrEnum):
    """What a node stands for: ELSEWHERE is a step without its record here, MORE what is only counted."""

    ENTITY = "entity"
    ACTIVITY = "activity"
    ELSEWHERE = "elsewhere"
    MORE = "more"


class Node(NamedTuple):
    """One thing to draw: two short lines, and all there is to say of it."""

    kind: Kind
    label: str
    note: str = ""
    detail: str = ""
    is_this: bool = False


class Edge(NamedTuple):
    """What came first, and what came of it; ``is_rerun`` where a step was taken from an earlier one."""

    start: str
    end: str
    is_rerun: bool = False


class Graph(NamedTuple):
    """Nodes by name, edges in the direction of time, and a note on what is left out."""

    nodes: Mapping[str, Node]
    edges: tuple[Edge, ...]
    note: str = ""


class Source(Protocol):
    """What a store of records answers."""

    def find(self, digest: str) -> StepRecord:
        """Return the record of that digest, or raise `UnknownRecordError`."""
        ...

    def by_content(self, digest: str) -> tuple[Maker, ...]:
        """Return who made a content, or a whole file."""
        ...

    def ancestors(self, digest: str) -> Lineage:
        """Return all that a record comes from, or raise `UnknownRecordError`."""
        ...


class Asked(NamedTuple):
    """Records that are drawn, the nearest first, who made which input, and how many are left out.

    ``earlier`` are those that a step was taken from, drawn without what they worked on.
    """

    records: Mapping[str, StepRecord]
    makers: Mapping[tuple[str, str], Maker]
    earlier: Mapping[str, StepRecord]
    left_out: int = 0


def graph_of(record: StepRecord, *, this: str | None = None, source: Source | None = None) -> Graph:
    """Return the step of a record, and those before it as far as ``source`` knows them.

    ``this`` names the product that it is about. Not more than `LIMIT` nodes
    or so come out, whatever the ancestry.

    Raises
    ------
    StoreError
        The store can't be used.
    """
    asked = _asked(record, source)
    drawing = _Drawing(asked, (record.digest, this))
    for one in asked.records.values():
        drawing.add(one)
    note = f"and {asked.left_out} earlier steps that are not shown" if asked.left_out else ""
    return Graph(drawing.nodes, tuple(dict.fromkeys(drawing.edges)), note)


def graph_of_records(records: Iterable[StepRecord], note: str = "") -> Graph:
    """Return the steps of these records and their data; other steps are only named."""
    known = {record.digest: record for record in records}
    made = ((one.digest, data) for one in known.values() for data in one.inputs)
    makers = {(digest, data.name): data.made_by for digest, data in made if data.made_by}
    drawing = _Drawing(Asked(known, makers, {}), ("", None))
    for one in known.values():
        drawing.add(one)
    return Graph(drawing.nodes, tuple(dict.fromkeys(drawing.edges)), note)


def steps_alone(graph: Graph) -> Graph:
    """Return the graph without its data: arrows lead from each step to those that used what it made."""
    kept = {name: node for name, node in graph.nodes.items() if node.kind not in (Kind.ENTITY, Kind.MORE)}
    after: dict[str, list[str]] = {}
    for edge in graph.edges:
        if edge.end in kept:
            after.setdefault(edge.start, []).append(edge.end)
    edges: list[Edge] = []
    for edge in graph.edges:
        if edge.start in kept:
            ends = [edge.end] if edge.end in kept else after.get(edge.end, [])
            edges.extend(edge._replace(end=end) for end in ends)
    return Graph(kept, tuple(dict.fromkeys(edges)), graph.note)


def graph_of_product(found: Found, source: Source | None = None) -> Graph:
    """Return the step of the record that was found with a file, and those before it.

    Raises
    ------
    MalformedRecordError
        The record is one of a newer schema, or none.
    StoreError
        The store can't be used.
    """
    name = (found.product or {}).get("name")
    return graph_of(read_record(found.text, found.place), this=name, source=source)


def _asked(record: StepRecord, source: Source | None) -> Asked:
    """Walk from the record to those before it, nearest first, until there is enough to draw."""
    records: dict[str, StepRecord] = {}
    makers: dict[tuple[str, str], Maker] = {}
    earlier: dict[str, StepRecord] = {}
    waiting, room = deque([record]), LIMIT
    seen = {record.digest}
    while waiting and room > 0:
        one = waiting.popleft()
        records[one.digest] = one
        room -= 1 + min(len(one.inputs), _INPUTS) + min(len(one.products), _PRODUCTS)
        if one.based_on:
            earlier |= {old.digest: old for old in _found(source, one.based_on.record)}
        for data in one.inputs:
            if maker := _maker(one, data, source):
                makers[one.digest, data.name] = maker
                if maker.record not in seen:
                    seen.add(maker.record)
                    waiting.extend(_found(source, maker.record))
    left_out = max(len(waiting), _ancestors(record, source) - len(records)) if waiting else 0
    return Asked(records, makers, earlier, left_out)


def _maker(record: StepRecord, data: Input, source: Source | None) -> Maker | None:
    if data.made_by or not (source and data.file):
        return data.made_by
    return next((one for one in source.by_content(data.file) if one.record != record.digest), None)


def _found(source: Source | None, digest: str) -> Iterator[StepRecord]:
    try:
        yield from (source.find(digest),) if source else ()
    except UnknownRecordError:
        return


def _ancestors(record: StepRecord, source: Source | None) -> int:
    try:
        return len(source.ancestors(record.digest).records) if source else 0
    except UnknownRecordError:
        return 0


class _Drawing:
    """Nodes and edges, filled record by record."""

    def __init__(self, asked: Asked, this: tuple[str, str | None]) -> None:
        self.nodes: dict[str, Node] = {}
        self.edges: list[Edge] = []
        self._asked = asked
        self._this = this
        self._used = {_key(maker) for maker in asked.makers.values()}

    def add(self, record: StepRecord) -> None:
        """Add a step, what it made and what it worked on."""
        self.nodes[record.digest] = _step(record)
        if record.based_on:
            self._earlier(record.based_on.record)
            self.edges.append(Edge(record.based_on.record, record.digest, is_rerun=True))
        self._products(record)
        self._inputs(record)

    def _products(self, record: StepRecord) -> None:
        keys = {one.name: _key(Maker(record=record.digest, product=one.name)) for one in record.products}
        wanted = [one for one in record.products if self._is_wanted(record, one, keys[one.name])]
        others = [one for one in record.products if one not in wanted]
        shown = wanted + others[: _folded(len(others), _PRODUCTS)]
        for one in shown:
            is_this = (record.digest, one.name) == self._this
            self.nodes[keys[one.name]] = _product(one, is_this=is_this)
            self.edges.append(Edge(record.digest, keys[one.name]))
        if more := len(record.products) - len(shown):
            self._more(f"{more} more products", Edge(record.digest, f"{record.digest} more products"))

    def _is_wanted(self, record: StepRecord, product: ProductEntry, key: str) -> bool:
        return key in self._used or (record.digest, product.name) == self._this

    def _inputs(self, record: StepRecord) -> None:
        makers = {data.name: self._asked.makers.get((record.digest, data.name)) for data in record.inputs}
        known = [data for data in record.inputs if self._is_drawn(makers[data.name])]
        others = [data for data in record.inputs if data not in known]
        shown = known + others[: _folded(len(others), _INPUTS)]
        for data in shown:
            self._input(record, data, makers[data.name])
        if more := len(record.inputs) - len(shown):
            name = f"{record.digest} more inputs"
            self._more(f"{more} more inputs", Edge(name, record.digest))

    def _is_drawn(self, maker: Maker | None) -> bool:
        return maker is not None and maker.record in self._asked.records

    def _input(self, record: StepRecord, data: Input, maker: Maker | None) -> None:
        key = _key(maker) if maker else data.file or f"{data.name} {data.location}"
        self.nodes.setdefault(
            key, Node(Kind.ENTITY, data.name, _size(data.size) or _base(data), _about(data))
        )
        self.edges.append(Edge(key, record.digest))
        if maker:
            self._elsewhere(maker.record, "a step before")
            self.edges.append(Edge(maker.record, key))

    def _earlier(self, digest: str) -> None:
        """Add the step that another was taken from, unless it is, or will be, drawn whole."""
        if old := self._asked.earlier.get(digest):
            told = _step(old)._replace(kind=Kind.ELSEWHERE, note=f"{old.session.phase}, earlier run")
            self.nodes.setdefault(digest, told)
        self._elsewhere(digest, "an earlier run")

    def _elsewhere(self, digest: str, label: str) -> None:
        """Add a step that is only named, unless it is, or will be, drawn."""
        if digest not in self._asked.records:
            self.nodes.setdefault(
                digest, Node(Kind.ELSEWHERE, label, short_digest(digest), f"record {digest}")
            )

    def _more(self, label: str, edge: Edge) -> None:
        name = edge.start if edge.start.endswith("inputs") else edge.end
        self.nodes[name] = Node(Kind.MORE, label)
        self.edges.append(edge)


def _folded(count: int, limit: int) -> int:
    """Return how many to show: one that is left out alone would need as much room as itself."""
    return count if count <= limit + 1 else limit


def _key(maker: Maker) -> str:
    return f"{maker.record} {maker.product}"


def _step(record: StepRecord) -> Node:
    verb = f", {record.based_on.verb}" if record.based_on else ""
    told = _lines(
        ("step", record.name),
        ("broker", record.broker.name),
        ("started", record.started),
        ("ended", record.ended),
        ("record", record.digest),
    )
    return Node(Kind.ACTIVITY, record.name, f"{record.session.phase}{verb}", told)


def _product(product: ProductEntry, *, is_this: bool) -> Node:
    told = _lines(("product", product.name), ("type", product.media_type), ("content", product.content))
    note = "this file" if is_this else _size(product.size)
    return Node(Kind.ENTITY, product.name, note, told, is_this=is_this)


def _about(data: Input) -> str:
    return _lines(("input", data.name), ("from", data.location), ("file", data.file))


def _base(data: Input) -> str:
    """Return the last part of where an input came from, if that says more than its name."""
    last = urlsplit(data.location or "").path.rpartition("/")[2]
    return "" if last == data.name else last


def _lines(*said: tuple[str, object]) -> str:
    return "\n".join(f"{what}: {value}" for what, value in said if value is not None)


def _size(size: int | None) -> str:
    return "" if size is None else size_text(size)
