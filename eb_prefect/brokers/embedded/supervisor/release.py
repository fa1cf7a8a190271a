# SPDX-License-Identifier: Apache-2.0
"""What a session leaves: the files of its writable volumes, digested."""

import os
import stat
from _collections_abc import Iterator  # without the rest of collections

from .digests import digest_file, manifest
from .process import Report
from .staging import stamp


def release(
    writable: list[dict[str, str]], keep: dict[str, str], staged: dict[str, str], report: Report
) -> None:
    """Report each product, and each thing that can't be one.

    ``keep`` are single files by path with the names they go by, or
    directories with what goes before the names of their files. ``staged``
    has the sha-256 that a private copy had before the program ran: a file or
    directory that it did not change is no product.
    """
    for volume in writable:
        made = []
        for path, name, kind in _found(volume["path"]):
            if kind:
                report({"skipped": f"{volume['name']}: {name} is {kind}"})
            else:
                made.append(_product(path, name, volume["name"]))
        for product in _changed_ones(made, staged):
            report(product)
    for path, name in keep.items():
        kept = [(path, name)] if os.path.isfile(path) else _files_below(path, name)
        for product in _changed_ones([_product(each, as_name, "") for each, as_name in kept], staged):
            report(product)


def _files_below(root: str, before: str) -> list[tuple[str, str]]:
    """Return the files of a directory with their names; links in it lead to volumes, or are no product."""
    if not os.path.isdir(root):
        return []
    return [(path, f"{before}{name}") for path, name, kind in _found(root) if not kind]


def changed(staged: list[dict[str, object]], report: Report) -> None:
    """Report each READONLY file that is not what it was when it was staged.

    In its own copy of a directory a program may have left a cache.
    """
    for entry in staged:
        name, path = entry["resource"], str(entry["path"])
        if entry.get("stamp"):
            if stamp(path) != entry["stamp"]:
                report({"changed": f"data {name!r} ({path}) was changed by someone while the session ran"})
        elif "sha256" in entry and "is_directory" not in entry and _digest(path) != entry["sha256"]:
            report({"broken": f"data {name!r} was mounted READONLY, and the program changed its copy"})


def _digest(path: str) -> str:
    return digest_file(path).sha256 if os.path.isfile(path) and not os.path.islink(path) else ""


def _product(path: str, name: str, volume: str) -> dict[str, object]:
    digests = digest_file(path)
    return {"product": name, "volume": volume, "path": path, "size": digests.size, "sha256": digests.sha256}


def _changed_ones(made: list[dict[str, object]], staged: dict[str, str]) -> list[dict[str, object]]:
    """Leave out files that are as they were staged, and directories of which no file was changed."""
    left = [product for product in made if staged.get(str(product["path"])) != product["sha256"]]
    for path, sha256 in staged.items():
        below = f"{path}/"
        inside = [(name[len(below) :], sha) for name, sha in _paths(left) if name.startswith(below)]
        if inside and manifest(inside) == sha256:
            left = [product for product in left if not str(product["path"]).startswith(below)]
    return left


def _paths(made: list[dict[str, object]]) -> Iterator[tuple[str, str]]:
    return ((str(product["path"]), str(product["sha256"])) for product in made)


def _found(root: str) -> Iterator[tuple[str, str, str]]:
    """Yield path, name and what else it is than a file, in the order of names."""
    if not os.path.isdir(root) or os.path.islink(root):
        yield root, os.path.basename(root), _kind(root)
        return
    left = [root]
    while left:
        directory = left.pop()
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                yield entry.path, entry.path[len(root) + 1 :], _kind(entry.path)
        left += [entry.path for entry in reversed(entries) if entry.is_dir(follow_symlinks=False)]


def _kind(path: str) -> str:
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return "gone"
    if stat.S_ISREG(mode):
        return ""
    return "a symbolic link, which is not followed" if stat.S_ISLNK(mode) else "no regular file"
