# SPDX-License-Identifier: Apache-2.0
import os

import pytest

from tests.ordinary import User, passes_as

NOBODY = User(65534, 65534)
SLOW = "test_cancelling_ends_every_process"


@pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can become another user; the suite runs as one already"
)
def test_all_that_holds_for_root_holds_for_an_ordinary_user() -> None:
    files = [f"tests/brokers/embedded/test_{name}.py" for name in ("contract", "volumes", "limits")]
    passes_as(NOBODY, files, "-k", f"not {SLOW}")
