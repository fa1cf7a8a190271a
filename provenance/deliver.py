# SPDX-License-Identifier: Apache-2.0
"""Put a product under its name with its record in it: whole or not at all, and never over another."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from provenance.errors import ProductExistsError
from provenance.products.attach import Attached, attach, embed
from provenance.products.found import Rung
from provenance.record import StepRecord
from provenance.unfinished import unfinished, unfinished_directory

_NO_LINKS = frozenset((errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EXDEV))
_IN_THE_WAY = frozenset((errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR))


def delivered(
    source: Path, target: Path, record: StepRecord, product: str, signatures: tuple[str, ...] = ()
) -> Attached:
    """Attach where the product is, or copy it, attach, and only then give it its name.

    Raises
    ------
    ProductExistsError
        Another file or directory has come to have that name.
    OSError
        It can't be copied there.
    """
    if source == target or target.exists():
        return attach(target, record, product, signatures)
    target.parent.mkdir(parents=True, exist_ok=True)
    put = _directory if source.is_dir() else _file
    done = put(source, target, lambda path: embed(path, record, product, signatures))
    return done if done.rung is Rung.EMBEDDED else attach(target, record, product, signatures)


def _file(source: Path, target: Path, embeds: Callable[[Path], Attached]) -> Attached:
    with unfinished(target) as file:
        path = Path(file.name)
        shutil.copyfile(source, path)
        file.close()  # what embeds has a lock of its own
        done = embeds(path)
        _named(path, target)
    return done


def _named(path: Path, target: Path) -> None:
    """Give the file its name, never in the place of another."""
    try:
        target.hardlink_to(path)
    except FileExistsError as reason:
        raise ProductExistsError([target]) from reason
    except OSError as reason:
        if reason.errno not in _NO_LINKS:
            raise
        path.rename(target)  # a file system without links


def _directory(source: Path, target: Path, embeds: Callable[[Path], Attached]) -> Attached:
    with unfinished_directory(target) as path:
        copied(source, path)
        done = embeds(path)
        if os.path.lexists(target):
            raise ProductExistsError([target])
        try:
            path.rename(target)  # the kernel puts it over nothing but an empty directory
        except OSError as reason:
            if reason.errno not in _IN_THE_WAY:
                raise
            raise ProductExistsError([target]) from reason
    return done


def copied(source: Path, target: Path) -> None:
    """Copy files, directories, and links as links, into a directory; what else there is stays behind.

    Raises
    ------
    OSError
        It can't be read, or there is no room.
    """
    for directory, directories, files in os.walk(source, onerror=_raised):
        here = target / os.path.relpath(directory, source)
        for name in (*directories, *files):
            path = Path(directory, name)
            if path.is_symlink():
                (here / name).symlink_to(os.readlink(path))  # noqa: PTH115 -- text, no path
            elif path.is_dir():
                (here / name).mkdir()
            elif path.is_file():
                shutil.copyfile(path, here / name)


def _raised(reason: OSError) -> None:
    raise reason
