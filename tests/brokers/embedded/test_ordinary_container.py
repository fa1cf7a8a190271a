# SPDX-License-Identifier: Apache-2.0
import os
import shutil
from pathlib import Path

import pytest

from tests.containers import Images
from tests.ordinary import User, passes_as, place_of

NOBODY = User(65534, 65534)
SOME = "exit_code or read_only or another_user or image_says or cancelled or killed or takes_too_long"


@pytest.mark.container
@pytest.mark.timeout(300)  # on a busy machine
@pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can become another user; the suite runs as one already"
)
def test_charliecloud_and_runc_serve_an_ordinary_user(
    images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    with place_of(NOBODY) as place:
        readable = shutil.copy(os.environ["CONTAINERS_REGISTRIES_CONF"], place)
        monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(Path(readable)))
        passes_as(
            NOBODY, ["tests/brokers/embedded/test_container.py"], "-k", f"([ch-run or [runc) and ({SOME})"
        )
