# SPDX-License-Identifier: Apache-2.0
"""A graph as text of Mermaid, which Prefect's pages, notebooks and code forges draw."""

from provenance.picture.graph import Graph, Kind, Node
from provenance.plain import plain

_AS_IT_IS = frozenset(" ._-/,=+()")
_LONGEST = 60
_SHAPE = {
    Kind.ENTITY: ('(["', '"])'),
    Kind.ACTIVITY: ('["', '"]'),
    Kind.ELSEWHERE: ('["', '"]'),
    Kind.MORE: ('["', '"]'),
}
_CLASSES = (
    "classDef entity fill:#fffc87,stroke:#808080,color:#000",
    "classDef activity fill:#9fb1fc,stroke:#0000ff,color:#000",
    "classDef elsewhere fill:#dfe4fb,stroke:#6b74b8,color:#000,stroke-dasharray:4 3",
    "classDef more fill:#ececec,stroke:#808080,color:#000,stroke-dasharray:4 3",
    "classDef this stroke:#c2410c,stroke-width:3px",
)


def mermaid(graph: Graph) -> str:
    """Return the flowchart; the same graph always gives the same text."""
    names = {name: f"n{number}" for number, name in enumerate(graph.nodes)}
    lines = ["flowchart LR"]
    for name, node in graph.nodes.items():
        lines.append(f"  {names[name]}{_boxed(node)}:::{node.kind}")
        if node.is_this:
            lines.append(f"  class {names[name]} this")
    for edge in graph.edges:
        arrow = "-.->" if edge.is_rerun else "-->"
        lines.append(f"  {names[edge.start]} {arrow} {names[edge.end]}")
    if graph.note:
        lines.append(f'  note["{_quoted(graph.note)}"]:::more')
    return "\n".join((*lines, *(f"  {one}" for one in _CLASSES))) + "\n"


def _boxed(node: Node) -> str:
    before, after = _SHAPE[node.kind]
    second = f"<br/>{_quoted(node.note)}" if node.note else ""
    return f"{before}{_quoted(node.label or '?')}{second}{after}"


def _quoted(text: str) -> str:
    """Return text in which nothing means anything to Mermaid, Markdown or HTML."""
    safe = plain(text[:10_000])
    if len(safe) > _LONGEST:
        safe = f"{safe[:40]}\N{HORIZONTAL ELLIPSIS}{safe[-19:]}"
    return "".join(char if char.isalnum() or char in _AS_IT_IS else f"#{ord(char)};" for char in safe)
