# SPDX-License-Identifier: Apache-2.0
"""Real keys and a real agent, by the programs of OpenSSH."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def keygen(path: Path, *, passphrase: str = "", kind: str = "ed25519") -> Path:
    words = ["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-C", "a comment of mine", "-f", str(path)]
    subprocess.run(words, check=True, timeout=30)
    return path


def fingerprint(path: Path) -> str:
    told = subprocess.run(["ssh-keygen", "-l", "-f", path], check=True, capture_output=True, text=True)
    return told.stdout.split()[1]


def public(path: Path) -> str:
    """Return the kind and the key of a pair's public part."""
    return " ".join(path.with_name(f"{path.name}.pub").read_text().split()[:2])


@contextmanager
def agent(folder: Path, *keys: Path) -> Iterator[str]:
    """Run an agent with the keys, and yield its socket."""
    socket = folder / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL) as running:
        try:
            while not socket.exists():
                time.sleep(0.01)
            for key in keys:
                subprocess.run(
                    ["ssh-add", "-q", key], check=True, env={"SSH_AUTH_SOCK": str(socket)}, timeout=30
                )
            yield str(socket)
        finally:
            running.terminate()
