# SPDX-License-Identifier: Apache-2.0
import os
import pwd

import pytest

from tests.ordinary import User, passes_as


@pytest.mark.timeout(300)  # on a busy machine
@pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can become another user; the suite runs as one already"
)
def test_hosts_serve_an_ordinary_user_as_they_serve_root(monkeypatch: pytest.MonkeyPatch) -> None:
    people = (each for each in pwd.getpwall() if 1000 <= each.pw_uid < 60000 and each.pw_shell.endswith("sh"))
    if (person := next(people, None)) is None:
        pytest.skip("this machine has no ordinary user with a shell, and sshd starts nothing without one")
    for name in ("USER", "LOGNAME"):
        monkeypatch.setenv(name, person.pw_name)
    passes_as(User(person.pw_uid, person.pw_gid), ["tests/brokers/batch/test_host.py"])
