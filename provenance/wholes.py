# SPDX-License-Identifier: Apache-2.0
"""The digest of a file or directory as a whole, as brokers that stage it tell it."""

from pathlib import Path

from eb_prefect.brokers.embedded.supervisor.digests import digest_file, digest_tree
from provenance.canonical import ni_of_hex


def whole(path: Path, limit: int | None = None) -> str | None:
    """Return the SHA-256 by name, of a directory that of its manifest; None if there are more bytes to read.

    Raises
    ------
    OSError
        It can't be read.
    """
    if path.is_dir():
        tree = digest_tree(str(path), limit)
        return None if tree is None else ni_of_hex(tree.sha256)
    if limit is not None and path.stat().st_size > limit:
        return None
    return ni_of_hex(digest_file(str(path.resolve())).sha256)
