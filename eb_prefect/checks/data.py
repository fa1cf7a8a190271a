# SPDX-License-Identifier: Apache-2.0
"""Data, and the room for them."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from eb_prefect.checks.names import Names, kind, no_such, one_of
from eb_prefect.checks.sizes import counts
from eb_prefect.errors import Fault
from eb_prefect.model.data import Data, IvoaData, OtherData, RucioData, S3Data, SimpleData, SkaoData
from eb_prefect.model.parts import Checksum
from eb_prefect.model.storage import SimpleStorage, Storage

_SHA256 = re.compile(r"[0-9a-f]{64}")
_OBJECT_TYPES = ("FILE", "CONTAINER", "DATASET")


def data_faults(data: Data, names: Names, path: str) -> Iterator[Fault]:
    """Yield what is wrong with one data resource."""
    yield from kind(data, path)
    match data:
        case SimpleData():
            yield from location_faults(data.location, f"{path}.location")
        case S3Data():
            yield from _missing(data, ("bucket",), path)
            if not (data.object or data.template):
                yield Fault(f"{path}.object", "is missing; name the object, or a template of objects")
        case RucioData():
            yield from _missing(data.rucio, ("scope", "object"), f"{path}.rucio")
            yield from one_of(data.rucio.type if data.rucio else None, _OBJECT_TYPES, f"{path}.rucio.type")
        case SkaoData():
            yield from _missing(data.skao, ("namespace", "objectname"), f"{path}.skao")
            yield from one_of(
                data.skao.objecttype if data.skao else None, _OBJECT_TYPES, f"{path}.skao.objecttype"
            )
        case IvoaData():
            if not data.ivoa:
                yield Fault(f"{path}.ivoa", "is missing; name the data, such as by its ivoid")
        case OtherData():
            pass
    yield from checksum_faults(data.checksum, f"{path}.checksum")
    if data.storage is not None and data.storage not in names.storage:
        yield Fault(f"{path}.storage", no_such(data.storage, names.storage, "storage"))


def location_faults(location: str | None, path: str) -> Iterator[Fault]:
    """Yield what is wrong with an address."""
    if not location:
        yield Fault(path, "is missing; write a URL, such as file:///data/image.fits")
        return
    scheme, _, rest = location.partition(":")
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]+", scheme) or not rest:
        yield Fault(path, f"is {location!r}, no URL; write a file as file:///its/absolute/path")
    elif scheme == "file":
        yield from _file_faults(location, path)


def _file_faults(location: str, path: str) -> Iterator[Fault]:
    try:
        url = urlsplit(location)
    except ValueError as broken:
        yield Fault(path, f"is {location!r}, no URL: {broken}")
        return
    if url.netloc not in ("", "localhost") or not url.path.startswith("/"):
        yield Fault(path, f"is {location!r}; a file is written file:///its/absolute/path, with three slashes")


def _missing(terms: Any, fields: tuple[str, ...], path: str) -> Iterator[Fault]:
    for field in fields:
        if not getattr(terms, field, None):
            yield Fault(f"{path}.{field}", "is missing")


def checksum_faults(checksum: Checksum | None, path: str) -> Iterator[Fault]:
    """Yield what is wrong with a checksum, if there is one."""
    if checksum is None:
        return
    yield from _missing(checksum, ("type", "value"), path)
    if checksum.type == "sha-256" and checksum.value and not _SHA256.fullmatch(checksum.value):
        yield Fault(f"{path}.value", f"is {checksum.value!r}; a sha-256 is 64 digits of 0-9 and a-f")


def storage_faults(storage: Storage, names: Names, path: str) -> Iterator[Fault]:
    """Yield what is wrong with one storage resource."""
    yield from kind(storage, path)
    if not isinstance(storage, SimpleStorage):
        return
    yield from counts(storage.size, f"{path}.size")
    for n, name in enumerate(storage.data):
        if name not in names.data:
            yield Fault(f"{path}.data[{n}]", no_such(name, names.data, "data"))
