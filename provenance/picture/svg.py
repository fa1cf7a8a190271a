# SPDX-License-Identifier: Apache-2.0
"""A graph as SVG, in the shapes and colours of W3C PROV.

The picture is one element that needs nothing else: no style sheet, script,
link or reference, so it may stand in any page or file. What is written in it
may come from strangers, and is text and nothing else.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from math import inf
from typing import NamedTuple
from xml.sax.saxutils import escape

from provenance.picture.graph import Edge, Graph, Kind, Node
from provenance.picture.label import fitting
from provenance.picture.layers import Slot, layered
from provenance.picture.places import Box, Places, placed
from provenance.plain import plain

_FILL = {Kind.ENTITY: "#fffc87", Kind.ACTIVITY: "#9fb1fc", Kind.ELSEWHERE: "#dfe4fb", Kind.MORE: "#ececec"}
_LINE = {Kind.ENTITY: "#808080", Kind.ACTIVITY: "#0000ff", Kind.ELSEWHERE: "#6b74b8", Kind.MORE: "#808080"}
_THIS, _FAILED = "#c2410c", "#c00000"
_GREY = "#808080"  # can be seen on a white page and on a black one
_LETTER = 12
_ROOM = {Kind.ENTITY: 12.8, Kind.ACTIVITY: 14.5, Kind.ELSEWHERE: 14.5, Kind.MORE: 14.5}
_DETAIL = 2000
_FOOT = 26
_LEAST = 240
_SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width:g}" height="{height:g}" '
    'viewBox="0 0 {width:g} {height:g}" font-family="Helvetica, Arial, sans-serif" '
    f'font-size="{_LETTER}" text-anchor="middle">'
)
_DESCRIBED = (
    "<desc>Ellipses are data and products, boxes are steps, arrows lead from what was used to what was "
    "made. A dashed arrow leads from a step to one that was taken from it.</desc>"
)


class Drawn(NamedTuple):
    """A picture as one SVG element, and how wide it is."""

    text: str
    width: float


def svg(graph: Graph, title: str) -> str:
    """Return the picture as one SVG element; the same graph always gives the same text."""
    return drawn(graph, title).text


def drawn(graph: Graph, title: str, *, room: float = inf) -> Drawn:
    """Return the picture, which goes from left to right; or down, if it is too wide for the room else."""
    edges = [(edge.start, edge.end) for edge in graph.edges]
    layers = layered(list(graph.nodes), edges)
    places = placed(layers)
    is_down = places.width > room and (turned := placed(layers, down=True)).width < places.width
    places = turned if is_down else places
    width, height = max(places.width, _LEAST), places.height + (_FOOT if graph.note else 0)
    lines = [_SVG.format(width=width, height=height), f"<title>{_text(title)}</title>", _DESCRIBED]
    for edge in graph.edges:
        if edge.start != edge.end:
            lines.extend(_arrow(edge, layers.routes[edge.start, edge.end], places, is_down=is_down))
    for name, node in graph.nodes.items():
        lines.extend(_node(node, places.boxes[name]))
    if graph.note:
        lines.append(_note(graph.note, height))
    return Drawn("\n".join((*lines, "</svg>")) + "\n", width)


def _node(node: Node, box: Box) -> Iterator[str]:
    told = (node.detail or f"{node.label} {node.note}") + ("\nthis file" if node.is_this else "")
    yield f"<g><title>{_text(told)}</title>"
    yield _shape(node, box)
    middle = box.x + box.width / 2
    room = _ROOM[node.kind]
    if not node.note:
        yield _line(middle, box.middle + 4, fitting(node.label, room))
    else:
        yield _line(middle, box.middle - 2, fitting(node.label, room))
        yield _line(middle, box.middle + 13, fitting(node.note, room * 1.15), size=10)
    yield "</g>"


def _shape(node: Node, box: Box) -> str:
    line = _THIS if node.is_this else _FAILED if node.note.startswith("FAILED") else _LINE[node.kind]
    style = f'fill="{_FILL[node.kind]}" stroke="{line}" stroke-width="{3 if node.is_this else 1.2}"'
    if node.kind is Kind.ENTITY:
        return (
            f'<ellipse cx="{box.x + box.width / 2:g}" cy="{box.middle:g}" '
            f'rx="{box.width / 2:g}" ry="{box.height / 2:g}" {style}/>'
        )
    if node.kind is not Kind.ACTIVITY:
        style += ' stroke-dasharray="4 3"'
    return f'<rect x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}" rx="4" {style}/>'


def _line(x: float, y: float, text: str, size: int = _LETTER) -> str:
    small = f' font-size="{size}"' if size != _LETTER else ""
    return f'<text x="{x:g}" y="{y:g}"{small} fill="#000000">{escape(text)}</text>'


def _note(text: str, height: float) -> str:
    return f'<text x="12" y="{height - 10:g}" text-anchor="start" fill="{_GREY}">{_text(text)}</text>'


def _arrow(edge: Edge, route: tuple[Slot, ...], places: Places, *, is_down: bool) -> Iterator[str]:
    """Yield the line through all slots of the route and its head, which is where the edge ends."""
    boxes = [places.boxes[slot].turned() if is_down else places.boxes[slot] for slot in route]
    at, along = (_down, "V") if is_down else (_across, "H")
    first = boxes[0]
    path = [f"M{at(first.x + first.width, first.middle)}"]
    for left, right in pairwise(boxes):
        bend = (left.x + left.width + right.x) / 2
        path.append(f"C{at(bend, left.middle)} {at(bend, right.middle)} {at(right.x, right.middle)}")
        if right is not boxes[-1]:
            path.append(f"{along}{right.x + right.width:g}")
    dashes = ' stroke-dasharray="6 4"' if edge.is_rerun else ""
    yield f'<path d="{"".join(path)}" fill="none" stroke="{_GREY}" stroke-width="1.4"{dashes}/>'
    yield (
        _head(at, boxes[-1].x, boxes[-1].middle, -8)
        if route[-1] == edge.end
        else _head(at, first.x + first.width, first.middle, 8)
    )


def _across(x: float, y: float) -> str:
    return f"{x:g} {y:g}"


def _down(x: float, y: float) -> str:
    return f"{y:g} {x:g}"


def _head(at: Callable[[float, float], str], x: float, y: float, back: float) -> str:
    corners = ((x, y), (x + back, y - 4), (x + back, y + 4))
    return (
        f'<polygon points="{" ".join(at(*corner).replace(" ", ",") for corner in corners)}" fill="{_GREY}"/>'
    )


def _text(given: str) -> str:
    """Return the text of strangers, line by line, as text of XML."""
    return escape("\n".join(map(plain, given[:_DETAIL].split("\n"))))
