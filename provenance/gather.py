# SPDX-License-Identifier: Apache-2.0
"""What a run worked on and what it made, with digests, as far as it can be seen from here."""

import hashlib
import os
from pathlib import Path
from typing import Any, NamedTuple

from eb_prefect.brokers.embedded.supervisor.digests import stamp_tree
from eb_prefect.model.compute import VolumeMount
from eb_prefect.model.data import Data, SkaoData
from eb_prefect.model.parts import Checksum
from eb_prefect.model.session import Product
from eb_prefect.model.steprun import StepRun
from provenance.errors import MalformedRecordError, NoRecordError, UnreadableProductError
from provenance.parts import Input, Maker, PartDigest, ProductEntry, sha256_name
from provenance.places import local
from provenance.products import plain
from provenance.products.extract import extract
from provenance.products.formats import format_of
from provenance.products.found import Binding, Part, content_digest
from provenance.products.plain import WHOLE
from provenance.store import Store

_DIGEST_GIB = 256
"""GiB that take some minutes to read; what is larger has the checksum that its broker tells."""


class Gathered(NamedTuple):
    """The entries of a record, what could not be told, and the files of products by name."""

    entries: tuple[ProductEntry, ...]
    missing: tuple[str, ...]
    files: dict[str, Path]


def is_here(run: StepRun) -> bool:
    """Return whether what the broker calls a file is one of this machine."""
    return not (run.broker.url or "").startswith(("http:", "https:"))


def gathered(run: StepRun) -> Gathered:
    """Return the products of a run that are on this machine, or have a copy here, digested."""
    names = _names(run.session.products)
    files: dict[str, Path] = {}
    entries: list[ProductEntry] = []
    missing: list[str] = []
    for product, name in zip(run.session.products, names, strict=True):
        copy = run.copies.get(product.location)
        path = copy or (local(product.location) if is_here(run) else None)
        if path is None or not (path.is_file() or path.is_dir()) or not is_below(name):
            missing.append(f"products[{name}].content")
            entries.append(_entry(product, name))
            continue
        files[name] = path
        entries.append(_digested(_with_checksum(product, copy), name, path))
    return Gathered(tuple(entries), tuple(missing), files)


def is_below(name: str) -> bool:
    """Whether a broker's name for a product stays below the directory it is put in."""
    return not name.startswith("/") and ".." not in name.split("/") and "\0" not in name


def _names(products: tuple[Product, ...]) -> list[str]:
    """Return a relative path for each; the volume's comes first where two would be the same."""
    names = [product.name for product in products]
    return [
        name if names.count(name) == 1 else f"{(product.volume or '').strip('/')}/{name}".lstrip("/")
        for product, name in zip(products, names, strict=True)
    ]


def _entry(product: Product, name: str) -> ProductEntry:
    return ProductEntry(
        name=name,
        path=name,
        volume=product.volume,
        size=product.size,
        checksum=product.checksum,
    )


def _with_checksum(product: Product, copy: Path | None) -> Product:
    """Return the product with the checksum of its copy where the broker told none."""
    if copy is None or product.checksum is not None or copy.is_dir():
        return product
    with copy.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return product.model_copy(update={"checksum": Checksum(type="sha-256", value=digest)})


def _digested(product: Product, name: str, path: Path) -> ProductEntry:
    size, format_ = _size(product, path), format_of(path)
    told: dict[str, Any] = {"size": product.size if product.size is not None else size}
    told["media_type"] = format_.media_type(path)
    if size > _digested_at_most():
        return _entry(product, name).model_copy(update=told | {"undigested": True})
    known = sha256_name(product.checksum) if format_ is plain and product.size == size else None
    # of a file of no known format its broker has the digest already
    parts = (Part(WHOLE, known, None, size),) if known else format_.read(path).parts
    told["content"] = content_digest(parts) if parts else None
    told["parts"] = tuple(PartDigest(**part._asdict()) for part in parts)
    return _entry(product, name).model_copy(update=told)


def _size(product: Product, path: Path) -> int:
    if not path.is_dir():
        return path.stat().st_size
    return product.size if product.size is not None else stamp_tree(str(path))[1]


def _digested_at_most() -> float:
    """Return the size, in bytes, of the largest product whose content is read to digest it."""
    return float(os.environ.get("EB_DIGEST_GIB", _DIGEST_GIB)) * (1 << 30)


def inputs(run: StepRun, store: Store) -> tuple[Input, ...]:
    """Return the data resources of a run, and which step made each where that can be told."""
    staged = {data.name: data for data in run.session.data}
    mounts = _mounts(run)
    return tuple(
        _input(data, staged.get(data.name), mounts.get(data.name), store) for data in run.request.data
    )


def _mounts(run: StepRun) -> dict[str | None, str]:
    volumes = (*(run.request.compute.volumes if run.request.compute else ()), *run.request.volumes)
    return {
        name: volume.path
        for volume in volumes
        if isinstance(volume, VolumeMount) and volume.path
        for name in volume.resources
    }


def _input(data: Data, staged: Data | None, mount: str | None, store: Store) -> Input:
    # where the broker tells of the data, what was asked for is no evidence of what was worked on
    checksum = _checksum(staged or data)
    location = getattr(data, "location", None)
    maker, content = _maker(local(location), checksum, store)
    return Input(
        name=data.name or data.uuid or location or "data",
        mount=mount,
        location=location,
        size=data.skao.datasize if isinstance(data, SkaoData) and data.skao else None,
        checksum=checksum,
        content=content,
        made_by=maker,
    )


def _checksum(data: Data | None) -> Checksum | None:
    if data is None or data.checksum is not None:
        return data.checksum if data else None
    return data.skao.checksum if isinstance(data, SkaoData) and data.skao else None


def _maker(path: Path | None, checksum: Checksum | None, store: Store) -> tuple[Maker | None, str | None]:
    """Ask the store by the digest of what was staged, then the file itself."""
    staged = sha256_name(checksum)
    if staged and (makers := store.by_content(staged)):
        made = store.find(makers[0].record).product(makers[0].product)
        return makers[0], made.content if made else None
    if path is None or not path.exists():
        return None, None
    try:
        found = extract(path)
    except (NoRecordError, UnreadableProductError, MalformedRecordError):
        return None, None
    if found.binding is not Binding.BOUND or found.product is None:
        return None, None
    return Maker(record=found.digest, product=str(found.product.get("name"))), found.product.get("content")
