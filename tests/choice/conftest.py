# SPDX-License-Identifier: Apache-2.0
from tests.cli.conftest import eb

__all__ = ["eb"]
