# SPDX-License-Identifier: Apache-2.0
"""The host of a batch system that is this very machine."""

import errno
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from eb_prefect.brokers.batch.host import Ran
from eb_prefect.brokers.batch.sending import below, link_text, permissions
from eb_prefect.durable import sync
from eb_prefect.errors import BrokerUnavailableError

_PIECE = 1 << 20
_NAME = 200


class Here:
    """The machine that this process runs on; ``patience`` is how many seconds a command may take."""

    is_here = True

    def __init__(self, *, patience: float = 120.0) -> None:
        self._patience = patience

    @property
    def name(self) -> str:
        """The machine's own name."""
        return os.uname().nodename

    def home(self) -> str:
        """Return the user's home directory."""
        return str(Path.home())

    def run(
        self, argv: Sequence[str], *, text: str = "", environment: Mapping[str, str] | None = None
    ) -> Ran:
        """Run a command; one that is not there ends with 127."""
        try:
            done = subprocess.run(
                argv,
                input=text.encode(),
                env={**os.environ, **(environment or {})},
                capture_output=True,
                timeout=self._patience,
                check=False,
            )
        except (FileNotFoundError, PermissionError):  # denied is a directory on the PATH, or the command
            return Ran(127, "", f"{argv[0]}: command not found, or no command")
        except subprocess.TimeoutExpired as late:
            raise BrokerUnavailableError(argv[0], f"no answer in {self._patience:g} s") from late
        return Ran(
            done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        )

    def read(self, path: str) -> bytes | None:
        """Return all of a file, None where there is none."""
        try:
            return Path(path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def read_link(self, path: str) -> str | None:
        """Return the text of a symbolic link, None where there is none."""
        try:
            return os.readlink(path)  # noqa: PTH115 - text, no path
        except (FileNotFoundError, NotADirectoryError):
            return None

    def stream(self, path: str, offset: int = 0) -> Iterator[bytes]:
        """Yield a file in pieces."""
        with _opened(path) as file:
            file.seek(offset)
            while piece := file.read(_PIECE):
                yield piece

    def write(self, path: str, content: bytes, *, mode: int = 0o600) -> None:
        """Write a file whole or not at all, durably."""
        with _replacing(path) as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)

    def send(self, source: Path, path: str) -> None:
        """Copy a file, or all of a directory into one; permissions are kept, and each file is whole."""
        directories, others = below(source, path)
        for directory in directories:
            _make(Path(directory))
        for found, target in others:
            self._send(found, target)

    def _send(self, source: Path, path: str) -> None:
        if (text := link_text(source)) is not None:
            self.link(path, text)
            return
        with source.open("rb") as found, _replacing(path) as file:
            shutil.copyfileobj(found, file, _PIECE)
            os.fchmod(file.fileno(), permissions(found.fileno()))

    def link(self, path: str, text: str) -> bool:
        """Make a symbolic link with a text, durably, and return True; False if one is there."""
        target = Path(path)
        _make(target.parent)
        try:
            target.symlink_to(text)
        except FileExistsError:
            return False
        sync(target.parent)
        return True


def _opened(path: str) -> BinaryIO:
    try:
        return Path(path).open("rb")
    except NotADirectoryError as error:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from error


@contextmanager
def _replacing(path: str) -> Iterator[BinaryIO]:
    """Let a file be written beside its place, and put it there; what fails leaves the old one."""
    target = Path(path)
    _make(target.parent)
    fd, partial = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:_NAME]}.")
    try:
        with open(fd, "wb") as file:  # noqa: PTH123 - a descriptor
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(partial).rename(target)
    finally:
        Path(partial).unlink(missing_ok=True)


def _make(directory: Path) -> None:
    """Make a directory and those above it, all that were missing for this user alone."""
    if not directory.is_dir():
        _make(directory.parent)
        directory.mkdir(mode=0o700, exist_ok=True)
