# SPDX-License-Identifier: Apache-2.0
"""An ssh server on loopback, for tests."""

import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("sshd.sh")


@dataclass(frozen=True)
class Sshd:
    """A server that is reached as ``host`` with its ``configuration``; ``lines`` are more of its own."""

    directory: Path
    lines: tuple[str, ...] = ()

    @property
    def configuration(self) -> Path:
        return self.directory / "config"

    def start(self) -> None:
        command = [SCRIPT, "start", self.directory, *self.lines]
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False, timeout=30)
        if done.returncode:
            pytest.skip(done.stderr.strip().rpartition("\n")[2])

    def stop(self) -> None:
        subprocess.run([SCRIPT, "stop", self.directory], check=True, timeout=30)

    def configured(self, name: str, *lines: str) -> Path:
        """Return another configuration: these lines for the alias ``name``, then those of ``host``."""
        path = self.directory / f"config.{name}"
        own = self.configuration.read_text().replace("Host host\n", f"Host host {name}\n")
        path.write_text("".join(f"{line}\n" for line in (f"Host {name}", *lines)) + own)
        return path

    def connections(self) -> list[int]:
        pid = (self.directory / "sshd.pid").read_text().strip()
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def cut(self) -> None:
        """Kill every connection, as a network may."""
        for pid in self.connections():
            os.kill(pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """A server for the whole test run; skipped where there is none."""
    server = Sshd(tmp_path_factory.mktemp("sshd"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def own_sshd(tmp_path: Path) -> Iterator[Sshd]:
    """A server that a test may spoil."""
    server = Sshd(tmp_path / "sshd")
    server.start()
    yield server
    server.stop()
