# SPDX-License-Identifier: Apache-2.0
"""Nodes stand apart, in the order of time, and few edges cross."""

from collections.abc import Callable
from itertools import combinations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.picture.layers import Layers, Pair, layered
from provenance.picture.places import placed

Shape = tuple[list[str], list[Pair]]


def _shape(edges: list[Pair]) -> Shape:
    return list(dict.fromkeys(node for edge in edges for node in edge)), edges


def chain() -> Shape:
    """Each step works on what the one before made, and all on the same flat field."""
    made = [(f"step{n}", f"image{n}") for n in range(12)]
    used = [(f"image{n}", f"step{n + 1}") for n in range(11)]
    return _shape([*made, *used, *(("flat", f"step{n}") for n in range(12))])


def tree() -> Shape:
    """Forty frames are calibrated one by one and stacked."""
    each = [
        pair
        for n in range(40)
        for pair in ((f"raw{n}", f"calibrate{n}"), (f"calibrate{n}", f"out{n}"), (f"out{n}", "stack"))
    ]
    return _shape([*each, ("stack", "deep"), ("deep", "find"), ("find", "catalogue")])


def diamond() -> Shape:
    """One image is measured in four ways, which are joined."""
    ways = [
        pair
        for n in range(4)
        for pair in (("image", f"step{n}"), (f"step{n}", f"out{n}"), (f"out{n}", "join"))
    ]
    return _shape([("make", "image"), *ways, ("image", "join")])


def tangled() -> Shape:
    """Two hundred nodes, each of which comes of three before."""
    random = Random(3)
    return _shape([(f"n{random.randrange(n)}", f"n{n}") for n in range(1, 200) for _ in range(3)])


SHAPES = (chain, tree, diamond, tangled)
graphs = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=24).map(
    lambda pairs: ([str(n) for n in range(10)], [(str(start), str(end)) for start, end in pairs])
)


def boxes_of(layers: Layers) -> list[tuple[float, float, float, float]]:
    return [tuple(box) for box in placed(layers).boxes.values()]


@pytest.mark.parametrize("shape", SHAPES)
def test_no_two_nodes_nor_a_node_and_a_passing_edge_meet(shape: Callable[[], Shape]) -> None:
    boxes = placed(layered(*shape())).boxes.values()
    assert not any(one.meets(other) for one, other in combinations(boxes, 2))


@pytest.mark.parametrize("shape", SHAPES)
def test_everything_is_inside_the_picture(shape: Callable[[], Shape]) -> None:
    places = placed(layered(*shape()))
    for box in places.boxes.values():
        assert 0 <= box.x <= box.x + box.width <= places.width
        assert 0 <= box.y <= box.y + box.height <= places.height


@pytest.mark.parametrize("shape", SHAPES)
def test_what_comes_of_something_stands_right_of_it(shape: Callable[[], Shape]) -> None:
    nodes, edges = shape()
    boxes = placed(layered(nodes, edges)).boxes
    assert all(boxes[start].x < boxes[end].x for start, end in edges)


@pytest.mark.parametrize("shape", [chain, tree, diamond])
def test_edges_of_usual_pipelines_do_not_cross(shape: Callable[[], Shape]) -> None:
    assert layered(*shape()).crossings == 0


def test_crossings_are_counted() -> None:
    crossed = Layers((("a", "b"), ("c", "d")), (("a", "d"), ("b", "c")), {})
    assert crossed.crossings == 1


@given(graphs)
def test_any_graph_can_be_drawn(graph: Shape) -> None:
    nodes, edges = graph
    layers = layered(nodes, edges)
    boxes = placed(layers).boxes
    assert all(node in boxes for node in nodes)
    assert not any(one.meets(other) for one, other in combinations(boxes.values(), 2))
    assert set(layers.routes) == {edge for edge in edges if edge[0] != edge[1]}


def test_the_same_graph_gives_the_same_layout() -> None:
    assert boxes_of(layered(*tangled())) == boxes_of(layered(*tangled()))
