# SPDX-License-Identifier: Apache-2.0
"""Markdown in which what strangers wrote is text and nothing else.

It is for pages of Prefect, whose two UIs read Markdown differently: both know
tables, code, links and pictures in a ``data:`` URL; only one knows entities
such as ``&#91;``, and code within a link.
"""

import base64
import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote, urlsplit, urlunsplit

from eb_prefect.shapes import secrets_in

LONGEST = 300
"""Letters of a stranger's text that are shown."""

_MEANS = re.compile(r"([\\`*_\[\]<>#|~&$!{}])")
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_BRACKETS = re.compile(r"\](?=[\[(:])")
_TICKS = re.compile(r"`+")
_IN_URLS = ":/?#@!$&*+,;=%~-._"
_LINKED = frozenset({"http", "https"})


def plain(given: object, longest: int = LONGEST) -> str:
    """Return text in one line, with what is not to be seen written out and its end left out if it is long."""
    text = str(given)
    whole = text if len(text) <= longest else f"{text[:longest]}..."
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in whole)


def words(given: object, longest: int = LONGEST) -> str:
    """Return text as text: nothing in it means anything to Markdown or HTML."""
    return _MEANS.sub(r"\\\1", plain(given, longest))


def cell(given: object, longest: int = LONGEST) -> str:
    """Return text for a cell of a table artifact, which one UI takes for Markdown and the other for text.

    So nothing can be escaped, and what would be markup gets a blank in the middle.
    """
    return _TAG.sub("< ", _BRACKETS.sub("] ", plain(given, longest)))


def code(given: object, longest: int = LONGEST) -> str:
    """Return text as code in a cell of a table."""
    text = plain(given, longest).replace("|", r"\|")
    if not text.strip():
        return ""
    ticks = _fence(text, 1)
    return f"{ticks} {text} {ticks}" if "`" in text else f"{ticks}{text}{ticks}"


def block(lines: Iterable[str]) -> str:
    """Return lines as a block of code."""
    text = "\n".join(plain(line, 2000) for line in lines)
    ticks = _fence(text, 3)
    return f"{ticks}\n{text}\n{ticks}"


def link(given: str, title: str = "") -> str:
    """Return a link to an address, without what in it could let somebody in; text if it is no page's.

    A password, a query and a fragment are left out: that is where tokens are.
    """
    public = public_url(given)
    if public is None:
        return words(title)
    return f"[{words(title or public)}]({quote(public, safe=_IN_URLS)})"


def public_url(given: str | None) -> str | None:
    """Return the address of a page without what may be secret in it; None if it is none, or all is."""
    try:
        parts = urlsplit(given or "")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in _LINKED or not host:
        return None
    place = f"[{host}]" if ":" in host else host
    bare = urlunsplit((parts.scheme, f"{place}:{port}" if port else place, parts.path, "", ""))
    return None if any(secrets_in(bare)) else bare


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of cells that are Markdown already."""
    lines = [_row(head), _row(["---"] * len(head)), *map(_row, rows)]
    return "\n".join(lines)


def picture(svg: str, title: str) -> str:
    """Return a picture that is part of the text."""
    data = base64.b64encode(svg.encode()).decode()
    return f"![{words(title)}](data:image/svg+xml;base64,{data})"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _fence(text: str, least: int) -> str:
    longest = max((len(found) for found in _TICKS.findall(text)), default=0)
    return "`" * max(least, longest + 1)
