# SPDX-License-Identifier: Apache-2.0
"""What is sent to a host: a file, or a directory with all that is in it."""

import os
import stat
from pathlib import Path


def below(source: Path, path: str) -> tuple[list[str], list[tuple[Path, str]]]:
    """Return what makes up a directory: its directories, and all else with where it goes.

    ``path`` is the directory's own on the host, and the first. A link to a
    directory is a link. What is no directory goes to ``path`` alone.
    """
    if not _is_directory(source):
        return [], [(source, path)]
    found = [(each, f"{path}/{each.relative_to(source).as_posix()}") for each in sorted(source.rglob("*"))]
    directories = [target for each, target in found if _is_directory(each)]
    return [path, *directories], [each for each in found if not _is_directory(each[0])]


def link_text(path: Path) -> str | None:
    """Return the text of a symbolic link, None for all else."""
    return os.readlink(path) if path.is_symlink() else None  # noqa: PTH115 - text, no path


def permissions(number: int) -> int:
    """Return what may be done with an open file, and by whom."""
    return stat.S_IMODE(os.fstat(number).st_mode) & 0o777


def _is_directory(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
