# SPDX-License-Identifier: Apache-2.0
"""What a module does for its file format, and which formats there are."""

import errno
from pathlib import Path
from typing import Protocol

from provenance.products import fits, plain
from provenance.products.found import Contents, Embedding, Label


class Format(Protocol):
    """Read what files of one format carry, and put records into them.

    A module is one. It is chosen by a file's content, never by its name.
    """

    def recognises(self, path: Path) -> bool:
        """Whether the file is of this format."""
        ...

    def media_type(self, path: Path) -> str | None:
        """Return the file's media type."""
        ...

    def read(self, path: Path, *, check: bool = True) -> Contents:
        """Return the document in the file, and with ``check`` the digests of its content.

        The digests leave out all that `embed` writes.
        """
        ...

    def embed(self, path: Path, document: bytes, label: Label) -> Embedding:
        """Put the document into the file; done twice it is as once, and a kill leaves the file readable."""
        ...


FORMATS: tuple[Format, ...] = (fits, plain)
"""The first that recognises a file has it; the last takes all."""


def format_of(path: Path) -> Format:
    """Return the format of a file.

    Raises
    ------
    OSError
        There is no file that can be read.
    """
    if path.exists() and not path.is_file():  # to open a pipe is to wait for its writer
        raise OSError(errno.EINVAL, "it is no regular file")
    with path.open("rb"):  # tells why, where there is none
        return next(one for one in FORMATS if one.recognises(path))
