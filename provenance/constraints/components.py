# SPDX-License-Identifier: Apache-2.0
"""The parts of a graph in which everything leads to everything."""

from collections.abc import Iterable


def components(size: int, edges: Iterable[tuple[int, int]]) -> list[int]:
    """Return the number of each node's strongly connected component (Tarjan 1972).

    An edge never leads to a component of a higher number. It takes time
    linear in nodes and edges, and no recursion.
    """
    following: list[list[int]] = [[] for _ in range(size)]
    for here, there in edges:
        following[here].append(there)
    walk = _Walk(following)
    for node in range(size):
        if walk.seen[node] < 0:
            walk.from_(node)
    return walk.component


class _Walk:
    """A walk over the graph, with what it has seen so far."""

    def __init__(self, following: list[list[int]]) -> None:
        self.following = following
        self.seen = [-1] * len(following)
        self.low = [0] * len(following)
        self.component = [-1] * len(following)
        self.count = 0
        self.found = 0
        self.open: list[int] = []

    def from_(self, start: int) -> None:
        path = [(start, 0)]
        self.enter(start)
        while path:
            node, at = path.pop()
            if at < len(self.following[node]):
                path.append((node, at + 1))
                there = self.following[node][at]
                if self.seen[there] < 0:
                    self.enter(there)
                    path.append((there, 0))
                elif self.component[there] < 0:
                    self.low[node] = min(self.low[node], self.seen[there])
                continue
            if self.low[node] == self.seen[node]:
                self.close(node)
            if path:
                above = path[-1][0]
                self.low[above] = min(self.low[above], self.low[node])

    def enter(self, node: int) -> None:
        self.seen[node] = self.low[node] = self.count
        self.count += 1
        self.open.append(node)

    def close(self, node: int) -> None:
        while True:
            member = self.open.pop()
            self.component[member] = self.found
            if member == node:
                break
        self.found += 1
