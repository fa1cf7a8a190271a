# SPDX-License-Identifier: Apache-2.0
"""Products that a broker tells file by file, and that are one: a Zarr store, a MeasurementSet."""

import hashlib
import os
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import quote

from eb_prefect.brokers.embedded.supervisor.digests import manifest
from eb_prefect.model.parts import Checksum
from eb_prefect.model.session import Product
from eb_prefect.model.steprun import StepRun
from provenance.gather import is_below, is_here
from provenance.places import local
from provenance.products import directory
from provenance.products.formats import MARKS, format_of
from provenance.unfinished import unfinished_directory


class _Group(NamedTuple):
    """The files of one directory of a volume; ``root`` is its path there, empty for the volume itself."""

    volume: str | None
    root: str
    files: tuple[Product, ...]

    def inside(self, product: Product) -> str:
        """Return the path of a file below the directory."""
        return product.name[len(self.root) :].lstrip("/")

    @property
    def name(self) -> str:
        """The name of the product."""
        return self.root or PurePosixPath(self.volume or "").name or "products"


def as_directories(run: StepRun) -> StepRun:
    """Return the run with the files of each store as one product, named by its directory.

    The topmost directory counts that is one of a format which we know. Of
    files that were fetched from elsewhere the directory is put together
    beside them; what is there already is used. A directory of independent
    files stays as it is.

    Raises
    ------
    OSError
        There is no room to put a directory together.
    """
    groups = list(_groups(run.session.products))
    if not groups:
        return run
    products, copies = list(run.session.products), dict(run.copies)
    for group in groups:
        place = _assembled(group, run.copies) or _there(run, group)
        if place is None or not _is_known(place):
            continue
        whole = _whole(group)
        at = products.index(group.files[0])
        gone = {one.location for one in group.files}
        products[at] = whole
        products = [one for one in products if one is whole or one.location not in gone]
        if run.copies:
            copies[whole.location] = place
    session = run.session.model_copy(update={"products": tuple(products)})
    return run.model_copy(update={"session": session, "copies": copies})


def _groups(products: Iterable[Product]) -> Iterable[_Group]:
    volumes: dict[str | None, list[Product]] = defaultdict(list)
    for product in products:
        if is_below(product.name):
            volumes[product.volume].append(product)
    for volume, files in volumes.items():
        roots = _topmost(name.rpartition("/")[0] for one in files if _is_mark(name := one.name))
        inside = defaultdict(list)
        for product in files:
            if (root := _root(product.name, roots)) is not None:
                inside[root].append(product)
        yield from (_Group(volume, root, tuple(found)) for root, found in inside.items())


def _is_mark(name: str) -> bool:
    return name.rpartition("/")[2] in {mark for mark, _ in MARKS}


def _topmost(directories: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for one in sorted(set(directories), key=len):
        if _root(f"{one}/", found) is None:
            found.add(one)
    return found


def _root(name: str, roots: set[str]) -> str | None:
    """Return which of the directories a file is in."""
    if "" in roots:
        return ""
    at = name.find("/")
    while at >= 0:
        if name[:at] in roots:
            return name[:at]
        at = name.find("/", at + 1)
    return None


def _there(run: StepRun, group: _Group) -> Path | None:
    """Return the directory on this machine that has all of the files."""
    first = group.files[0]
    path = local(first.location) if is_here(run) else None
    if path is None:
        return None
    inside = PurePosixPath(group.inside(first)).parts
    root = path.parents[len(inside) - 1] if len(inside) <= len(path.parents) else None
    return root if root is not None and root.is_dir() and not root.is_symlink() else None


def _assembled(group: _Group, copies: Mapping[str, Path]) -> Path | None:
    """Put together what was fetched; None unless all of it was."""
    found = {group.inside(one): copies[one.location] for one in group.files if one.location in copies}
    if len(found) != len(group.files):
        return None
    first = copies[group.files[0].location]
    key = hashlib.sha256("\n".join(sorted(one.location for one in group.files)).encode()).hexdigest()[:32]
    target = first.with_name(f"{key}.tree")
    if not target.is_dir():
        with unfinished_directory(target) as path:
            for name, copy in found.items():
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                _linked(copy, path / name)
            path.rename(target)
    return target


def _linked(copy: Path, target: Path) -> None:
    try:
        target.hardlink_to(copy)
    except OSError:  # a file system without links
        shutil.copyfile(copy, target)


def _is_known(place: Path) -> bool:
    """Whether the directory is of a format of ours, and not just any."""
    try:
        return format_of(place) is not directory
    except OSError:
        return False


def _whole(group: _Group) -> Product:
    first = group.files[0]
    suffix = quote(os.fsencode(group.inside(first)))
    location = first.location.removesuffix(suffix).rstrip("/")
    sums = {group.inside(one): _sha256(one) for one in group.files}
    known = {name: value for name, value in sums.items() if value}
    sizes = [one.size for one in group.files]
    return Product(
        name=group.name,
        volume=group.volume,
        location=location,
        size=None if None in sizes else sum(size or 0 for size in sizes),
        checksum=Checksum(type="sha-256", value=manifest(known.items())) if len(known) == len(sums) else None,
    )


def _sha256(product: Product) -> str | None:
    told = product.checksum
    return told.value.lower() if told and told.type == "sha-256" and told.value else None
