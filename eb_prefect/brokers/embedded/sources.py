# SPDX-License-Identifier: Apache-2.0
"""Where data come from: which resources can be staged, and from which address."""

import os
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from eb_prefect.brokers.embedded.refusal import refusal
from eb_prefect.model.data import Data, IvoaData, OtherData, RucioData, S3Data, SimpleData, SkaoData
from eb_prefect.model.parts import Checksum, Message

SCHEMES = ("file", "http", "https")
_ALGORITHMS = {"sha-256": "sha-256", "sha256": "sha-256", "md5": "md5", "adler32": "adler32"}


def refusals(data: Data, *, is_here: bool = True) -> Iterator[Message]:
    """Yield why a data resource can't be had here: its kind, address, file or checksum.

    Unless ``is_here`` a file may be one of another machine, and is not looked for.
    """
    location = address(data)
    if location is None:
        yield from _no_address(data)
    elif scheme_of(location) not in SCHEMES:
        yield refusal(
            "unsupported-scheme",
            f"data {data.name!r} is at {location}; this broker reads file://, http:// and https:// only",
            asked=location,
        )
    elif is_here and is_local(location):
        yield from _file_refusals(data, path_of(location))
    for given in declared(data):
        if algorithm(given) is None:
            yield refusal(
                "unsupported-checksum",
                f"data {data.name!r} declares a checksum of type {given.type!r};"
                " this broker verifies sha-256, md5 and adler32",
                asked=given.type,
            )


def address(data: Data) -> str | None:
    """Return where the content is, for kinds that name an address."""
    match data:
        case SimpleData():
            return data.location
        case SkaoData():
            replicas = data.skao.replicas if data.skao else ()
            urls = [replica.dataurl for replica in replicas if replica.dataurl]
            usable = [url for url in urls if scheme_of(url) in SCHEMES]
            return next(iter(usable or urls), None)
        case IvoaData():
            terms = (data.ivoa.obscore, data.ivoa.datalink) if data.ivoa else ()
            return next((term.access_url for term in terms if term and term.access_url), None)
        case S3Data() | RucioData() | OtherData():
            return None


def is_local(location: str) -> bool:
    """Return whether the address is a file of this machine."""
    return scheme_of(location) == "file"


def scheme_of(location: str) -> str:
    """Return the scheme of an address, also of one that is broken after it."""
    return location.partition(":")[0].lower()


def path_of(location: str) -> str:
    """Return the path of a ``file:`` address."""
    return unquote(urlsplit(location).path)


def declared(data: Data) -> tuple[Checksum, ...]:
    """Return the checksums that the content must have."""
    given = [data.checksum]
    if isinstance(data, SkaoData) and data.skao:
        given.append(data.skao.checksum)
    return tuple(checksum for checksum in given if checksum is not None and checksum.value)


def algorithm(checksum: Checksum) -> str | None:
    """Return the algorithm by its common name, None for one that can't be verified."""
    return _ALGORITHMS.get((checksum.type or "").lower())


def _no_address(data: Data) -> Iterator[Message]:
    if isinstance(data, S3Data | RucioData | OtherData):
        yield refusal(
            "unknown-kind",
            f"data {data.name!r} is of kind {data.kind!r}, which this broker can't read;"
            " it reads resources that are at an address",
            asked=data.kind,
        )
    elif not isinstance(data, SimpleData):
        text = f"data {data.name!r} names no address from which its content could be read here"
        yield refusal("missing-value", text)


def _file_refusals(data: Data, path: str) -> Iterator[Message]:
    if not os.path.exists(path):  # noqa: PTH110 - bytes that are no text are possible here
        yield refusal(
            "missing-file", f"data {data.name!r}: there is no file {path} on this machine", asked=path
        )
    elif not os.access(path, os.R_OK):
        yield refusal(
            "unreadable-file", f"data {data.name!r}: {path} may not be read by this user", asked=path
        )
    elif os.path.isdir(path):  # noqa: PTH112 - the same
        others = {name for given in declared(data) if (name := algorithm(given)) not in (None, "sha-256")}
        for name in sorted(map(str, others)):
            text = f"data {data.name!r} is a directory, which has a sha-256 (of its manifest) and no {name}"
            yield refusal("unsupported-checksum", text, asked=name)
