# SPDX-License-Identifier: Apache-2.0
"""The phases of a step as a picture: one line a phase, along one axis of time.

It is SVG that needs nothing else. It brings its own white ground, for pages
are light or dark and a picture in them can't know which.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple
from xml.sax.saxutils import escape

from eb_prefect.reports.lengths import length_text
from eb_prefect.reports.markdown import plain
from eb_prefect.reports.spans import Lasted

_WIDTH, _LEFT, _RIGHT, _LINE, _TOP, _BAR = 860, 132, 96, 26, 12, 16
_AXIS = 26
_MOST = 30
_TICKS = 6
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
_LIGHT, _DARK, _GRID = "#ffffff", "#1f2937", "#e5e7eb"
_OTHER = "#64748b"
_COLOURS = {
    "OFFERED": "#94a3b8",
    "ACCEPTED": "#94a3b8",
    "WAITING": "#a8a29e",
    "PREPARING": "#d97706",
    "AVAILABLE": "#7c3aed",
    "RUNNING": "#2563eb",
    "RELEASING": "#0d9488",
    "COMPLETED": "#16a34a",
    "FAILED": "#dc2626",
    "CANCELLED": "#57534e",
}
_SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width}" height="{height}" '
    'viewBox="0 0 {width} {height}" font-family="Helvetica, Arial, DejaVu Sans, sans-serif" font-size="13">'
)


class _Scale(NamedTuple):
    """Where on the picture a moment is."""

    start: datetime
    seconds: float

    def x(self, moment: datetime) -> float:
        share = (moment - self.start).total_seconds() / self.seconds
        return _LEFT + min(max(share, 0.0), 1.0) * (_WIDTH - _LEFT - _RIGHT)


def timeline(phases: Sequence[Lasted], title: str) -> str:
    """Return the picture of one or more phases; of very many the first and the last are drawn."""
    drawn = [*phases] if len(phases) <= _MOST else [*phases[: _MOST // 2], *phases[-_MOST // 2 :]]
    start = min(one.seen for one in drawn)
    length = max(((one.end or one.seen) - start).total_seconds() for one in drawn)
    scale = _Scale(start, max(length, 1e-3))
    height = _TOP + _LINE * len(drawn) + _AXIS
    lines = [_SVG.format(width=_WIDTH, height=height), f"<title>{escape(plain(title))}</title>"]
    lines.append(f'<rect width="{_WIDTH}" height="{height}" rx="6" fill="{_LIGHT}"/>')
    lines.extend(_axis(scale, _TOP + _LINE * len(drawn)))
    for number, one in enumerate(drawn):
        lines.extend(_phase(one, scale, _TOP + _LINE * number))
    return "\n".join((*lines, "</svg>")) + "\n"


def _phase(one: Lasted, scale: _Scale, top: float) -> Iterator[str]:
    colour = _COLOURS.get(one.phase, _OTHER)
    middle = top + _LINE / 2
    yield _text(_LEFT - 10, middle + 4.5, plain(one.phase, 15), anchor="end")
    left = scale.x(one.seen)
    if one.end is None or one.until is None or one.seconds is None:
        if one.is_final:
            yield f'<circle cx="{left:.1f}" cy="{middle:.1f}" r="6" fill="{colour}"/>'
        return
    sure, right = scale.x(one.until), max(scale.x(one.end), left + 2)
    bar = f'y="{middle - _BAR / 2:.1f}" height="{_BAR}" fill="{colour}"'
    yield f'<rect x="{left:.1f}" width="{right - left:.1f}" {bar} fill-opacity="0.35"/>'
    yield f'<rect x="{left:.1f}" width="{max(sure - left, 2):.1f}" {bar}/>'
    yield _text(right + 7, middle + 4.5, length_text(one.seconds))


def _axis(scale: _Scale, bottom: float) -> Iterator[str]:
    step = _step(scale.seconds)
    for number in range(int(scale.seconds / step) + 1):
        seconds = number * step
        x = _LEFT + seconds / scale.seconds * (_WIDTH - _LEFT - _RIGHT)
        yield f'<path d="M{x:.1f} {_TOP}V{bottom}" stroke="{_GRID}" fill="none"/>'
        yield _text(x, bottom + 16, _tick(seconds), anchor="middle", size=11)


def _step(seconds: float) -> float:
    """Return what lies between two marks of the axis, so that there are not more than a few."""
    wanted = seconds / _TICKS
    if wanted < _STEPS[0]:
        size = 1.0
        while size / 10 >= wanted:
            size /= 10
        return next((size * part for part in (0.1, 0.2, 0.5) if size * part >= wanted), size)
    return next((step for step in _STEPS if step >= wanted), _days(wanted))


def _days(wanted: float) -> float:
    size = 86400.0
    while size < wanted:
        size *= 2
    return size


def _tick(seconds: float) -> str:
    return "0" if not seconds else f"{seconds:.3g} s" if seconds < _STEPS[6] else length_text(seconds)


def _text(x: float, y: float, said: str, *, anchor: str = "start", size: int = 13) -> str:
    small = f' font-size="{size}"' if size != 13 else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{small} fill="{_DARK}">{escape(said)}</text>'
