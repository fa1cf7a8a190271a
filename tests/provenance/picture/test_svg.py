# SPDX-License-Identifier: Apache-2.0
"""Pictures are valid XML that needs, and does, nothing."""

import re
import subprocess
import sys

import pytest
from lxml import etree

from provenance.picture.graph import Edge, Graph, Kind, Node
from provenance.picture.label import fitting, width
from provenance.picture.mermaid import mermaid
from provenance.picture.svg import svg

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = [
    "<script>alert(1)</script>\"'`&",
    "]]><![CDATA[<a href='javascript:x'>",
    '" onload="alert(1)',
    "\x00\x1b[31m\ud800\ufffe\u202egnp.exe",
    "url(https://example.org/x) #quot; --> end",
    "宇宙" * 200,
    "e" + "\u0301" * 300,
    "",
]


def graph(label: str = "image.fits", *, note: str = "") -> Graph:
    nodes = {
        "a": Node(Kind.ENTITY, label, "3 MiB", f"from: {label}"),
        "b": Node(Kind.ACTIVITY, label, "FAILED"),
        "c": Node(Kind.ENTITY, label, label, label, is_this=True),
        "d": Node(Kind.ELSEWHERE, label),
        "e": Node(Kind.MORE, label),
    }
    edges = (Edge("a", "b"), Edge("b", "c"), Edge("d", "b", is_rerun=True), Edge("e", "b"), Edge("a", "a"))
    return Graph(nodes, edges, note)


def drawn(picture: Graph, title: str = "Lineage") -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    return etree.fromstring(svg(picture, title).encode(), parser)


@pytest.mark.parametrize("text", HOSTILE)
def test_the_text_of_strangers_is_text(text: str) -> None:
    root = drawn(graph(text, note=text), text)
    names = {"svg", "title", "desc", "g", "text", "rect", "ellipse", "path", "polygon"}
    assert {element.tag for element in root.iter()} <= {SVG + name for name in names}
    attributes = {(name, value) for element in root.iter() for name, value in element.attrib.items()}
    assert not any(name.startswith("on") or "href" in name or "style" in name for name, _ in attributes)
    assert not any("url(" in value for _, value in attributes)


@pytest.mark.parametrize("text", HOSTILE)
def test_mermaid_text_has_nothing_that_means_something_to_others(text: str) -> None:
    quoted = re.findall(r'"([^"]*)"', mermaid(graph(text, note=text)).partition("classDef")[0])
    assert len(quoted) == 5 + bool(text)
    for one in quoted:
        assert re.fullmatch(r"(?:[\w ./,=+()…-]|#\d+;|<br/>)*", one), one


def test_a_long_name_is_shortened_and_told_in_full_beside() -> None:
    name = "a-very-long-name-of-a-raw-frame-from-the-telescope-2026-11-23T12:00:00.fits"
    texts = [element.text or "" for element in drawn(graph(name)).iter(SVG + "text", SVG + "title")]
    assert any("\N{HORIZONTAL ELLIPSIS}" in text and text.endswith(".fits") for text in texts)
    assert f"from: {name}" in texts


@pytest.mark.parametrize("text", HOSTILE)
def test_a_label_is_no_wider_than_its_room(text: str) -> None:
    assert width(fitting(text, 12)) <= 12


def test_boxes_are_steps_and_ellipses_are_data() -> None:
    root = drawn(graph())
    assert (len(root.findall(f".//{SVG}ellipse")), len(root.findall(f".//{SVG}rect"))) == (2, 3)


def test_a_rerun_is_dashed() -> None:
    lines = drawn(graph()).findall(f".//{SVG}path")
    assert [line.get("stroke-dasharray") for line in lines].count("6 4") == 1


def test_what_is_left_out_is_said() -> None:
    assert "37 earlier steps" in svg(graph(note="and 37 earlier steps that are not shown"), "x")


def test_pictures_are_the_same_in_every_process() -> None:
    program = (
        "from tests.provenance.picture.test_svg import graph; from provenance.picture.svg import svg;"
        "print(svg(graph(), 'x'), end='')"
    )
    environment = {"PYTHONHASHSEED": "77", "PYTHONPATH": ":".join(sys.path)}
    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert ended.stdout == svg(graph(), "x")
