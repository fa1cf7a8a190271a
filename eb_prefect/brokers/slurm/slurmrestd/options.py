# SPDX-License-Identifier: Apache-2.0
"""The options of ``sbatch`` that have a property in Slurm's REST interface."""

from collections.abc import Iterator, Sequence

_PROPERTIES = {
    "account": "account",
    "constraint": "constraints",
    "dependency": "dependency",
    "exclude": "excluded_nodes",
    "gres": "gres",
    "hold": "hold",
    "licenses": "licenses",
    "mcs-label": "mcs_label",
    "network": "network",
    "nice": "nice",
    "nodelist": "required_nodes",
    "prefer": "prefer",
    "qos": "qos",
    "reservation": "reservation",
    "wckey": "wckey",
}
_SHORT = {
    "A": "account",
    "C": "constraint",
    "H": "hold",
    "L": "licenses",
    "d": "dependency",
    "q": "qos",
    "w": "nodelist",
    "x": "exclude",
}
_FLAGS = frozenset({"hold"})


class UnknownOptionError(Exception):
    """An option that can't be said by REST; the text names it."""


def properties(options: Sequence[str]) -> dict[str, str | bool]:
    """Return the properties that options stand for.

    Raises
    ------
    UnknownOptionError
        There is none for one of them.
    """
    return {_property(name): value for name, value in _pairs(options)}


def _property(name: str) -> str:
    if name not in _PROPERTIES:
        raise UnknownOptionError(f"--{name}")
    return _PROPERTIES[name]


def _pairs(options: Sequence[str]) -> Iterator[tuple[str, str | bool]]:
    words = iter(options)
    for word in words:
        name, value = _split(word)
        if name in _FLAGS:
            yield name, True
        else:
            yield name, value or next(words, "")


def _split(word: str) -> tuple[str, str]:
    """Return the long name of an option and what stands behind it in the same word."""
    if word.startswith("--"):
        name, _, value = word[2:].partition("=")
        return name, value
    if word.startswith("-") and word[1:2] in _SHORT:
        return _SHORT[word[1]], word[2:]
    raise UnknownOptionError(word)
