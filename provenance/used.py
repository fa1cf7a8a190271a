# SPDX-License-Identifier: Apache-2.0
"""How a session ended, where, and what it used, in a line or two."""

from collections.abc import Iterator
from typing import Any

from provenance.plain import plain, size_text

_TELLS = (
    ("exit_code", "exit code {}"),
    ("signal", "signal {}"),
    ("cpu_seconds", "{} s of CPU"),
    ("peak_memory", "{} of memory"),
    ("read_bytes", "{} read"),
    ("written_bytes", "{} written"),
    ("energy", "{} J"),
    ("carbon", "{} g of CO2"),
)
_SIZES = ("peak_memory", "read_bytes", "written_bytes")
_MOST = 4


def used(outcome: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield labels and texts of an outcome in its neutral form, of whatever it has.

    What a stranger wrote in the place of a number is told as it is.
    """
    told = [form.format(_amount(name, outcome[name])) for name, form in _TELLS if name in outcome]
    codes = outcome.get("codes")
    told += (
        [f"{plain(name)} {plain(code)}" for name, code in codes.items()] if isinstance(codes, dict) else []
    )
    if told:
        yield "used", ", ".join(told)
    if place := ", ".join(_place(outcome)):
        yield "where", place


def _amount(name: str, value: Any) -> str:
    if name in _SIZES:
        return size_text(value)
    return f"{value:.6g}" if isinstance(value, float) else plain(value)


def _place(outcome: dict[str, Any]) -> Iterator[str]:
    nodes = outcome.get("nodes")
    if isinstance(nodes, list) and nodes:
        more = f" and {len(nodes) - _MOST} more" if len(nodes) > _MOST else ""
        yield plain(f"node{'s' if nodes[1:] else ''} {' '.join(map(str, nodes[:_MOST]))}{more}")
    if "site" in outcome:
        yield plain(f"site {outcome['site']}")
    if "identifier" in outcome:
        yield plain(f"as {outcome['identifier']}")
    if "state" in outcome:
        yield plain(outcome["state"])
