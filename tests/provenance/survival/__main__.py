# SPDX-License-Identifier: Apache-2.0
"""Print the survival table: ``python -m tests.provenance.survival``."""

from tests.provenance.survival.registry import OPERATIONS
from tests.provenance.survival.table import table

print(table(OPERATIONS))
