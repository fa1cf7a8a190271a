# SPDX-License-Identifier: Apache-2.0
"""Documents that were damaged on their way give typed errors only."""

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eb_prefect.diagnosis import diagnose
from eb_prefect.errors import EBError
from eb_prefect.wire.dialect import Dialect
from eb_prefect.wire.document import inspect
from eb_prefect.wire.text import parse, to_text
from eb_prefect.wire.write import Style, write

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


def survives(text: str | bytes) -> bool:
    """Return whether the text is read, diagnosed and written without any error but ours."""
    try:
        diagnose(text)
        seen = inspect(text)
        if seen.value is not None:
            for dialect in Dialect:
                write(seen.value, seen.recognised.document, dialect, Style(lossy=True, keep_unknown=True))
    except EBError as told:
        return bool(str(told))
    return True


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


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_with_damaged_parts_is_survived(path: Path) -> None:
    dice = random.Random(path.name)
    for _ in range(150):
        document = parse(path.read_bytes())
        for _ in range(dice.randint(1, 3)):
            document = damaged(document, dice)
        assert survives(to_text(document))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_with_damaged_bytes_is_survived(path: Path) -> None:
    dice = random.Random(path.name)
    for _ in range(150):
        text = bytearray(path.read_bytes())
        for _ in range(dice.randint(1, 6)):
            text[dice.randrange(len(text))] = dice.randrange(256)
        assert survives(bytes(text[: dice.choice([len(text), dice.randrange(len(text))])]))


@settings(max_examples=200, deadline=None)
@given(st.binary() | st.text())
def test_any_text_is_survived(text: str | bytes) -> None:
    assert survives(text)
