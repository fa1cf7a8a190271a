# SPDX-License-Identifier: Apache-2.0
"""Real documents, and how they come to harm."""

import random
from pathlib import Path
from typing import Any

DOCUMENTS = sorted((Path(__file__).parent / "documents").iterdir())
KEYS = [
    "kind",
    "type",
    "meta",
    "name",
    "volumes",
    "resources",
    "phase",
    "schedule",
    "data",
    "storage",
    "offers",
]
JUNK: list[Any] = [
    None,
    True,
    -1,
    10**30,
    1.5,
    "",
    "x",
    "\x00",
    [],
    [[]],
    [None],
    {},
    {"kind": 5},
    {"meta": []},
]


def damaged(value: Any, dice: random.Random) -> Any:
    """Return the document with one of its parts replaced, removed or moved."""
    if dice.random() < 0.15 or not isinstance(value, dict | list) or not value:
        return dice.choice(JUNK)
    if isinstance(value, list):
        n = dice.randrange(len(value))
        return [*value[:n], damaged(value[n], dice), *value[n + 1 :]]
    key = dice.choice(list(value))
    rest = {k: v for k, v in value.items() if k != key}
    match dice.randrange(4):
        case 0:
            return rest
        case 1:
            return rest | {dice.choice(KEYS): value[key]}
        case _:
            return value | {key: damaged(value[key], dice)}


def damaged_bytes(text: bytes, dice: random.Random) -> bytes:
    """Return the text with some of its bytes changed, and perhaps cut."""
    changed = bytearray(text)
    for _ in range(dice.randint(1, 6)):
        changed[dice.randrange(len(changed))] = dice.randrange(256)
    return bytes(changed[: dice.choice([len(changed), dice.randrange(len(changed))])])
