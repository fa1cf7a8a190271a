# SPDX-License-Identifier: Apache-2.0
"""Write a Process Run Crate with its files: a directory, or a ZIP archive."""

import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from provenance.errors import CanNotExportError
from provenance.exports.ro_crate import METADATA, metadata, record_file
from provenance.exports.story import Story, product_uri
from provenance.exports.write import placed
from provenance.unfinished import unfinished_directory

_LONGEST = 200
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)


def pack(story: Story, out: Path, *, force: bool = False) -> None:
    """Write the crate of a story, with the file at hand and the records, whole or not at all.

    It is a ZIP archive where ``out`` ends so, else a directory. With
    ``force`` an archive takes the place of what is there; a directory never
    does.

    Raises
    ------
    CanNotExportError
        There is something already, or there is no room.
    NeedsExtraError
        The library rocrate is not installed.
    """
    texts = {record_file(one): one.text.encode() for one in story.records}
    paths = {one.digest: record_file(one) for one in story.records}
    if story.file is not None and story.carrier is not None:
        name = _name(story.carrier)
        paths[product_uri(story.record.digest, story.carrier)] = name
        copies = {name: story.file}
    else:
        copies = {}
    texts[METADATA] = metadata(story, paths)
    if out.suffix.lower() == ".zip":
        with placed(out, force=force) as file:
            _zipped(file, texts, copies)
    else:
        with _directory(out) as folder:
            _filled(folder, texts, copies)


def _name(product: str) -> str:
    """Return where in a crate a product goes: under its own name, where any system can have that."""
    parts = product.split("/")
    bad = any(
        part in ("", ".", "..") or not part.isprintable() or set(part) & set('\\:*?"<>|') for part in parts
    )
    return f"data/{'product' if bad or len(product.encode()) > _LONGEST else product}"


def _zipped(file: IO[bytes], texts: dict[str, bytes], copies: dict[str, Path]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in sorted(texts.items()):
            archive.writestr(_entry(name), text, zipfile.ZIP_DEFLATED)
        for name, path in copies.items():
            with path.open("rb") as source, archive.open(_entry(name), "w", force_zip64=True) as target:
                shutil.copyfileobj(source, target, 1 << 20)


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _FIRST_DAY)  # not now: the same crate has the same bytes
    entry.external_attr = 0o644 << 16
    return entry


def _filled(folder: Path, texts: dict[str, bytes], copies: dict[str, Path]) -> None:
    for name in (*texts, *copies):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_bytes(text)
    for name, path in copies.items():
        shutil.copyfile(path, folder / name)


@contextmanager
def _directory(out: Path) -> Iterator[Path]:
    """Give a directory to fill, which then is at ``out``."""
    if os.path.lexists(out):
        raise CanNotExportError(out, "there is something already, choose another name")
    try:
        with unfinished_directory(out) as folder:
            yield folder
            folder.rename(out)
    except OSError as reason:
        raise CanNotExportError(out, reason.strerror or str(reason)) from reason
