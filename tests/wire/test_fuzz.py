# SPDX-License-Identifier: Apache-2.0
"""Documents that were damaged on their way give typed errors only."""

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eb_prefect.diagnosis import diagnose
from eb_prefect.errors import EBError
from eb_prefect.wire.dialect import Dialect
from eb_prefect.wire.document import inspect
from eb_prefect.wire.text import parse, to_text
from eb_prefect.wire.write import Style, write
from tests.wire.damage import DOCUMENTS, damaged, damaged_bytes


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
        assert survives(damaged_bytes(path.read_bytes(), dice))


@settings(max_examples=200, deadline=None)
@given(st.binary() | st.text())
def test_any_text_is_survived(text: str | bytes) -> None:
    assert survives(text)
