# SPDX-License-Identifier: Apache-2.0
"""How a product was made, shown in a notebook.

::

    from provenance.view import view
    view("catalogue.fits")

What is shown is one piece of HTML that needs nothing else and runs nothing.
Every word of it may be a stranger's, and is shown as text.
"""

import json
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import escape
from os import PathLike
from pathlib import Path

from eb_prefect.home import records
from provenance.diff import record_differences
from provenance.errors import MalformedRecordError, UnknownRecordError
from provenance.ladder import climb
from provenance.picture.graph import graph_of_product
from provenance.picture.svg import svg
from provenance.plain import plain
from provenance.products.found import Binding, Found
from provenance.report import content, report, story
from provenance.store import Store

_COLOUR = {
    Binding.BOUND: "#1a7f37",
    Binding.UNCHECKED: "#59636e",
    Binding.STALE: "#9a6700",
    Binding.TAMPERED: "#c00000",
}
_CELL = (
    "text-align:left;vertical-align:top;padding:1px 10px 1px 0;background:transparent;overflow-wrap:anywhere"
)
_MOST = 50


@dataclass(frozen=True, repr=False)
class View:
    """A record that was found with a file; shows itself in notebooks, and as text elsewhere.

    ``picture`` is its lineage as SVG, and ``changes`` are the differences
    from the run that it was taken from, where the store has that.
    """

    found: Found
    picture: str = ""
    changes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "\n".join(report(self.found))

    def _repr_html_(self) -> str:
        return "\n".join(_html(self))

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:  # noqa: ARG002 -- as IPython calls it
        return {"text/plain": repr(self), "text/html": self._repr_html_()}


def view(path: str | PathLike[str], *, check: bool = True, database: Path | None = None) -> View:
    """Return what is known of how a file was made, to be shown by a notebook.

    Without ``check`` the content is not read. The store is this user's, or
    that in ``database``; it is not made where there is none.

    Raises
    ------
    NoRecordError
        There is no record, neither with the file nor in the store.
    UnreadableProductError
        The file is not there, or is damaged.
    MalformedRecordError
        What it carries is not to be understood.
    NeedsExtraError
        Its format can't be read without a library that is not installed.
    StoreError
        The store can't be used.
    """
    place = database or records()
    found = climb(Path(path), check=check, database=place)
    store = Store(place) if isinstance(place, str) or place.exists() else None
    return View(found, _picture(found, store), _changes(found, store))


def _picture(found: Found, store: Store | None) -> str:
    try:
        return svg(graph_of_product(found, store), f"Lineage of {Path(found.path).name}")
    except MalformedRecordError:
        return ""  # of a newer schema: its words can be shown all the same


def _changes(found: Found, store: Store | None) -> tuple[str, ...]:
    link = found.record.get("based_on")
    if store is None or not isinstance(link, dict):
        return ()
    try:
        old = store.find(str(link.get("record")))
    except UnknownRecordError:
        return ()
    return tuple(map(str, record_differences(json.loads(old.text), found.record)))


def _html(shown: View) -> Iterator[str]:
    found = shown.found
    yield '<div style="font-size:13px;line-height:1.5;max-width:1100px">'
    yield (
        f"<div><b>{_text(Path(found.path).name)}</b> {_badge(found.binding)} "
        f'<span style="opacity:.75">by the record in {_text(found.place)}</span></div>'
    )
    yield from _table(story(found))
    yield from _folded("Content, part by part", _table(content(found)), is_open=not _is_as_recorded(found))
    if shown.changes:
        told = [("differs", change) for change in shown.changes[:_MOST]]
        yield from _folded("Differences from the run that it was taken from", _table(told))
    if shown.picture:
        # read from the right, a long picture shows its end first, which is this file
        inner = f'<div style="direction:ltr;display:inline-block">{shown.picture}</div>'
        picture = f'<div style="direction:rtl;text-align:left;overflow-x:auto">{inner}</div>'
        yield from _folded("Lineage", [picture], is_open=True)
    yield from _folded("Again", _again(found))
    text = json.dumps(found.record, indent=2, ensure_ascii=False)
    whole = f'<pre style="max-height:400px;overflow:auto">{_lines(text)}</pre>'
    yield from _folded("The whole record", [whole])
    yield "</div>"


def _is_as_recorded(found: Found) -> bool:
    return found.binding in (Binding.BOUND, Binding.UNCHECKED)


def _badge(binding: Binding) -> str:
    style = f"background:{_COLOUR[binding]};color:#ffffff;border-radius:3px;padding:0 6px"
    return f'<span style="{style}">{binding}</span>'


def _table(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield '<table style="border:none;margin:4px 0;font-size:inherit;color:inherit;border-collapse:collapse">'
    for label, text in pairs:
        yield (
            f'<tr style="background:transparent"><td style="{_CELL};opacity:.75;white-space:nowrap">'
            f'{_text(label)}</td><td style="{_CELL}">{_text(text)}</td></tr>'
        )
    yield "</table>"


def _folded(title: str, inside: Iterable[str], *, is_open: bool = False) -> Iterator[str]:
    yield f'<details{" open" if is_open else ""}><summary style="cursor:pointer">{title}</summary>'
    yield from inside
    yield "</details>"


def _again(found: Found) -> Iterator[str]:
    path = shlex.quote(plain(found.path))
    lines = (
        f"eb rerun {path}",
        f"eb rerun {path} --set executable.environment.NAME=VALUE",
        f"eb rerun {path} --input NAME=FILE",
    )
    yield f"<pre>{_lines(chr(10).join(lines))}</pre>"


def _lines(given: str) -> str:
    return "\n".join(map(_text, given.split("\n")))


def _text(given: str) -> str:
    """Return text of strangers as text of HTML."""
    return escape(plain(given))
