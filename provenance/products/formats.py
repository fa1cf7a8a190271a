# SPDX-License-Identifier: Apache-2.0
"""What a module does for its file format, and which formats there are."""

import errno
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, cast

from provenance.products.found import Contents, Embedding, Label


class Format(Protocol):
    """Read what files of one format carry, and put records into them.

    A module is one. It is chosen by a file's content, never by its name.
    """

    TEARS: bool
    """Whether a kill amid `embed` can leave a file that its readers refuse; `attach` then works on a copy."""

    def recognises(self, path: Path) -> bool:
        """Whether the file, which begins like one of this format, is one."""
        ...

    def media_type(self, path: Path) -> str | None:
        """Return the file's media type."""
        ...

    def read(self, path: Path, *, check: bool = True) -> Contents:
        """Return the document in the file, and with ``check`` the digests of its content.

        The digests leave out all that `embed` writes.

        Raises
        ------
        UnreadableProductError
            The file is damaged.
        NeedsExtraError
            A library is not installed.
        """
        ...

    def embed(self, path: Path, document: bytes, label: Label) -> Embedding:
        """Put the document into the file; done twice it is as once.

        Raises
        ------
        CanNotAttachError
            The file has no place for it, and is as it was.
        UnreadableProductError
            The file is damaged.
        NeedsExtraError
            A library is not installed.
        """
        ...


_HEAD = 4096
_HDF5 = b"\x89HDF\r\n\x1a\n"
_USER_BLOCKS = (512, 1024, 2048)
"""What another program may have put before an HDF5 file, in bytes; longer ones are rare."""

_BEGINNINGS = (
    (b"SIMPLE  =", "fits"),
    (b"\x1f\x8b", "fits_gzip"),
    (_HDF5, "hdf5"),
    (b"PAR1", "parquet"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
    (b"II+\0", "tiff"),
    (b"MM\0+", "tiff"),
    (b"#ASDF ", "asdf"),
    (b"# %ECSV ", "ecsv"),
)
"""How files of each format begin; the module has the last word."""

MARKS = (
    ("zarr.json", "zarr"),
    (".zgroup", "zarr"),
    (".zarray", "zarr"),
    ("table.dat", "measurement_set"),
)
"""What is in directories of each format."""


def format_of(path: Path) -> Format:
    """Return the format of a file or directory.

    Raises
    ------
    OSError
        There is nothing that can be read.
    """
    return next(one for one in map(_module, _likely(path)) if one.recognises(path))


def _likely(path: Path) -> Iterator[str]:
    if path.is_dir():
        yield from (name for mark, name in MARKS if (path / mark).is_file())
        yield "directory"
        return
    if path.exists() and not path.is_file():  # to open a pipe is to wait for its writer
        raise OSError(errno.EINVAL, "it is no regular file")
    with path.open("rb") as file:
        head = file.read(_HEAD)
    yield from (name for start, name in _BEGINNINGS if head.startswith(start))
    if any(head.startswith(_HDF5, block) for block in _USER_BLOCKS):
        yield "hdf5"
    if b"VOTABLE" in head.replace(b"\0", b""):  # it may be UTF-16, and have a prefix
        yield "votable"
    yield "plain"


def _module(name: str) -> Format:
    """Import a format where a file is of it: together they would slow every start."""
    return cast(Format, importlib.import_module(f"provenance.products.{name}"))
