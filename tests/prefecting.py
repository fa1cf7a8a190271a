# SPDX-License-Identifier: Apache-2.0
"""A Prefect server that a test kills and starts again, with the same port and database."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.server import _await_answer, _end, _environment, _free_port


class KilledServer:
    """A server; ``environment`` is what its clients need in theirs, whether it is there or not."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._port = _free_port()
        self.environment = _environment(home, self._port)
        self.start()

    def start(self) -> None:
        self._home.mkdir(parents=True, exist_ok=True)
        log = self._home / "server.log"
        with log.open("a") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "flows.server", str(self._port)],
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        _await_answer(self._process, self.environment["PREFECT_API_URL"], log, 400)

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        _end(self._process)


@contextmanager
def killed_server(home: Path) -> Iterator[KilledServer]:
    server = KilledServer(home)
    try:
        yield server
    finally:
        server.end()
