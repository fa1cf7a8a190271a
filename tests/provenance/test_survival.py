# SPDX-License-Identifier: Apache-2.0
"""What is found of a record after all that people do to products; the read-me holds the same table."""

from pathlib import Path

import pytest

from tests.provenance.conftest import RunOf
from tests.provenance.survival.operation import Operation, outcome
from tests.provenance.survival.registry import OPERATIONS
from tests.provenance.survival.table import table

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- survival -->", "<!-- /survival -->"


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: f"{one.subject.format}: {one.name}")
@pytest.mark.filterwarnings(
    "ignore::astropy.utils.exceptions.AstropyWarning",
    "ignore:Object at eb.prov.json is not recognized",
    "ignore:Consolidated metadata is currently not part",
)
def test_what_survives(operation: Operation, run_of: RunOf, tmp_path: Path) -> None:
    assert outcome(operation, run_of, tmp_path) == operation.expected


def test_the_read_me_has_this_table() -> None:
    text = README.read_text()
    assert text.partition(BEGIN)[2].partition(END)[0].strip() == table(OPERATIONS).strip()
