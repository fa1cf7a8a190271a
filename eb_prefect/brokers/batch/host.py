# SPDX-License-Identifier: Apache-2.0
"""A machine where the commands of a batch system are, and the files that its nodes see."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol


class Ran(NamedTuple):
    """How a command ended and what it said; a command that is not there ends with 127."""

    code: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """What it said on stderr, or on stdout where it said nothing, in one line."""
        return " ".join((self.err.strip() or self.out.strip()).split())


class Host(Protocol):
    """A login node: this machine, or one that is reached over the network.

    Paths are absolute, on the host. Each verb raises `BrokerUnavailableError`
    where the host does not answer, and `OSError` as the file system does;
    both leave a written file whole or as it was.
    """

    @property
    def is_here(self) -> bool:
        """Whether its files are files of this machine, under the same paths."""
        ...

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    def run(
        self, argv: Sequence[str], *, text: str = "", environment: Mapping[str, str] | None = None
    ) -> Ran:
        """Run a command with ``text`` as its stdin and ``environment`` beside its own; return how it ended.

        Where no answer comes in time it may have done its work all the same.
        """
        ...

    def home(self) -> str:
        """Return the home directory of the user there."""
        ...

    def read(self, path: str) -> bytes | None:
        """Return all of a file, None where there is none."""
        ...

    def read_link(self, path: str) -> str | None:
        """Return the text of a symbolic link, None where there is none."""
        ...

    def stream(self, path: str, offset: int = 0) -> Iterator[bytes]:
        """Yield a file in pieces of any size, from after so many bytes.

        Raises
        ------
        FileNotFoundError
            There is none.
        """
        ...

    def write(self, path: str, content: bytes, *, mode: int = 0o600) -> None:
        """Write a file whole or not at all; directories above it are made, for this user alone."""
        ...

    def send(self, source: Path, path: str) -> None:
        """Copy a file or a directory of this machine to the host, as `write` does."""
        ...

    def link(self, path: str, text: str) -> bool:
        """Make a symbolic link with a text, durably, and return True; False if one is there."""
        ...
