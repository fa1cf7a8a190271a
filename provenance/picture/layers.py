# SPDX-License-Identifier: Apache-2.0
"""Put the nodes of a graph into layers, in an order in which few edges cross.

An edge over several layers becomes a line of points, one a layer, so that
it is drawn between nodes and never over them; edges that leave one node
share these points.
"""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

_SWEEPS = 12

Pair = tuple[str, str]


class Point(NamedTuple):
    """Where an edge that left ``origin`` passes a layer."""

    origin: str
    layer: int


Slot = str | Point


class Layers(NamedTuple):
    """Nodes and points layer by layer, each from top to bottom, and the links between neighbouring layers.

    ``routes`` are the slots that each edge passes; an edge that closes a
    circle is passed backwards.
    """

    layers: tuple[tuple[Slot, ...], ...]
    links: tuple[tuple[Slot, Slot], ...]
    routes: Mapping[Pair, tuple[Slot, ...]]

    @property
    def crossings(self) -> int:
        """How often links cross."""
        return _crossings(self.layers, _below(self.links))


def layered(nodes: Sequence[str], edges: Sequence[Pair]) -> Layers:
    """Return the nodes in layers: each after all that lead to it. The same graph always gives the same."""
    forward = _without_circles(nodes, edges)
    depth = _depths(nodes, set(forward.values()))
    routes = {edge: _route(way, depth) for edge, way in forward.items()}
    links = tuple(dict.fromkeys(pair for route in routes.values() for pair in pairwise(route)))
    layers: list[list[Slot]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for slot in dict.fromkeys((*nodes, *(slot for route in routes.values() for slot in route))):
        layers[depth[slot] if isinstance(slot, str) else slot.layer].append(slot)
    return Layers(_ordered(layers, links), links, routes)


def _without_circles(nodes: Sequence[str], edges: Sequence[Pair]) -> dict[Pair, Pair]:
    """Return each edge with the way that it has in a graph without circles: its own, or backwards."""
    after: dict[str, list[str]] = {node: [] for node in nodes}
    for start, end in edges:
        if start != end:
            after[start].append(end)
    backwards = _closing(nodes, after)
    return {
        edge: edge[::-1] if edge in backwards else edge for edge in dict.fromkeys(edges) if edge[0] != edge[1]
    }


def _closing(nodes: Sequence[str], after: Mapping[str, Sequence[str]]) -> set[Pair]:
    """Return the edges that lead back to a node from which they were reached."""
    found: set[Pair] = set()
    done: set[str] = set()
    for root in nodes:
        stack = [] if root in done else [(root, iter(after[root]))]
        above = {root}
        while stack:
            node, rest = stack[-1]
            child = next(rest, None)
            if child is None:
                stack.pop()
                above.discard(node)
                done.add(node)
            elif child in above:
                found.add((node, child))
            elif child not in done:
                above.add(child)
                stack.append((child, iter(after[child])))
    return found


def _depths(nodes: Sequence[str], ways: set[Pair]) -> dict[str, int]:
    """Return the layer of each node: the length of the longest path to it; what begins stands by its use."""
    before: dict[str, list[str]] = defaultdict(list)
    after: dict[str, list[str]] = defaultdict(list)
    for start, end in ways:
        before[end].append(start)
        after[start].append(end)
    left = {node: len(before[node]) for node in nodes}
    depth = dict.fromkeys(nodes, 0)
    ready = [node for node in nodes if not left[node]]
    for node in ready:
        for end in after[node]:
            depth[end] = max(depth[end], depth[node] + 1)
            left[end] -= 1
            if not left[end]:
                ready.append(end)
    for node in nodes:
        if after[node] and not before[node]:
            depth[node] = min(depth[end] for end in after[node]) - 1
    return depth


def _route(way: Pair, depth: Mapping[str, int]) -> tuple[Slot, ...]:
    start, end = way
    return (start, *(Point(start, layer) for layer in range(depth[start] + 1, depth[end])), end)


_Neighbours = Mapping[Slot, Sequence[Slot]]


def _below(links: Sequence[tuple[Slot, Slot]]) -> _Neighbours:
    below: dict[Slot, list[Slot]] = defaultdict(list)
    for start, end in links:
        below[start].append(end)
    return below


def _ordered(layers: list[list[Slot]], links: Sequence[tuple[Slot, Slot]]) -> tuple[tuple[Slot, ...], ...]:
    """Return the layers in the best order of several sweeps by the mean of the neighbours."""
    below, above = _below(links), _below([(end, start) for start, end in links])
    best, fewest = [list(layer) for layer in layers], _crossings(layers, below)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        forwards = sweep % 2 == 0
        _sweep(layers if forwards else layers[::-1], above if forwards else below)
        _exchanged(layers, above, below)
        if (count := _crossings(layers, below)) < fewest:
            best, fewest = [list(layer) for layer in layers], count
    return tuple(tuple(layer) for layer in best)


def _sweep(layers: Sequence[list[Slot]], towards: _Neighbours) -> None:
    for fixed, layer in pairwise(layers):
        at = {slot: index for index, slot in enumerate(fixed)}
        here = {slot: index for index, slot in enumerate(layer)}
        mean = {
            slot: sum(at[one] for one in near) / len(near) if (near := towards.get(slot)) else here[slot]
            for slot in layer
        }
        layer.sort(key=lambda slot: (mean[slot], here[slot]))


def _exchanged(layers: Sequence[list[Slot]], above: _Neighbours, below: _Neighbours) -> None:
    """Exchange neighbours in a layer where that takes away crossings."""
    for number, layer in enumerate(layers):
        sides = []
        for other, towards in ((number - 1, above), (number + 1, below)):
            if 0 <= other < len(layers):
                sides.append(({slot: index for index, slot in enumerate(layers[other])}, towards))
        for index in range(len(layer) - 1):
            one, two = layer[index], layer[index + 1]
            gain = sum(_pair(at, towards, one, two) - _pair(at, towards, two, one) for at, towards in sides)
            if gain > 0:
                layer[index], layer[index + 1] = two, one


def _pair(at: Mapping[Slot, int], towards: _Neighbours, upper: Slot, lower: Slot) -> int:
    """Return how many links of two slots cross where one is above the other."""
    ends = sorted(at[slot] for slot in towards.get(lower, ()))
    return sum(bisect_left(ends, at[slot]) for slot in towards.get(upper, ()))


def _crossings(layers: Sequence[Sequence[Slot]], below: _Neighbours) -> int:
    return sum(_between(upper, lower, below) for upper, lower in pairwise(layers))


def _between(layer: Sequence[Slot], following: Sequence[Slot], below: _Neighbours) -> int:
    at = {slot: index for index, slot in enumerate(following)}
    passed: list[int] = []
    count = 0
    for slot in layer:
        ends = sorted(at[one] for one in below.get(slot, ()))
        count += sum(len(passed) - bisect_left(passed, end + 1) for end in ends)
        for end in ends:
            insort(passed, end)
    return count
