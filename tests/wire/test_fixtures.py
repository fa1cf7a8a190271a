# SPDX-License-Identifier: Apache-2.0
"""What real servers and clients sent parses without a fault."""

from pathlib import Path

import pytest

from eb_prefect.wire.document import inspect

SHARED = Path(__file__).parents[2].parent / "shared" / "fixtures"
if not SHARED.is_dir():  # a worktree lies one folder deeper than a clone
    SHARED = SHARED.parents[2] / "shared" / "fixtures"
FIXTURES = sorted(p for p in SHARED.rglob("*.*") if p.is_file()) if SHARED.is_dir() else []

needs_fixtures = pytest.mark.skipif(not FIXTURES, reason="the shared fixtures are not beside this checkout")


@needs_fixtures
@pytest.mark.parametrize("path", FIXTURES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_a_real_document_has_no_fault_of_form(path: Path) -> None:
    assert inspect(path.read_bytes()).faults == ()
