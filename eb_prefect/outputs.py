# SPDX-License-Identifier: Apache-2.0
"""Streams and products of sessions, wherever the broker has them."""

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from eb_prefect.brokers.offset import after
from eb_prefect.brokers.protocol import Broker, Gathering, Remote, Resuming
from eb_prefect.errors import BrokerUnavailableError, OutputGoneError
from eb_prefect.model.parts import Connector
from eb_prefect.model.session import Product, Session
from eb_prefect.model.steprun import StepRun

_SUFFIX = re.compile(r"(\.[A-Za-z0-9]{1,8}){1,2}$")
_STREAM = re.compile(r"(stdout|stderr)(-get)?$")
_TRIES = 4
_LONGEST = 60.0
_PIECE = 1 << 20


def read(broker: Broker, location: str, offset: int = 0) -> Iterator[bytes]:
    """Yield what a connector or a product names by its location, after so many bytes.

    A broker elsewhere that names a file does not mean one of this machine.

    Raises
    ------
    OutputGoneError
        There is nothing, or it is not the broker's to give.
    BrokerUnavailableError
        It broke off; read it again from the start.
    """
    if offset and isinstance(broker, Resuming):
        yield from broker.read_from(location, offset)
    elif isinstance(broker, Remote):
        yield from after(broker.read(location), offset)
    elif urlsplit(location).scheme == "file":
        yield from _read_file(broker, location, offset)
    else:
        raise OutputGoneError(broker.identity.name, location, "this broker reads files only")


def stream(broker: Broker, session: Session, name: str) -> Iterator[bytes]:
    """Yield a stream of a session, ``stdout`` or ``stderr``, as far as the broker has it.

    Raises what `read` raises; `OutputGoneError` also where the broker tells
    of no such stream, or has not captured it yet.
    """
    found = stream_links(session, name)
    location = next((each.location for each in found if each.location), None)
    if location is None:
        status = found[0].status if found else None
        why = f"it is {status} and has no location" if status else "the session tells of no such stream"
        raise OutputGoneError(broker.identity.name, name, why)
    return read(owner_of(broker, session.uuid), location)


def stream_links(session: Session, name: str) -> list[Connector]:
    """Return the connectors of a stream, ``stdout`` or ``stderr``, whatever their dialect calls it."""
    named = ((each, _STREAM.search(each.kind or "")) for each in session.connectors)
    return [each for each, match in named if match and match.group(1) == name]


def owner_of(broker: Broker, session: str) -> Broker:
    """Return the broker that has the session, which is another where one stands for several."""
    return broker.owner(session) if isinstance(broker, Gathering) else broker


def fetching(directory: Path) -> Callable[[Broker, StepRun], StepRun]:
    """Return what fetches a run's products to below ``directory``, for `StepOptions.finish`.

    The run's ``copies`` tell where they are then. The products of a broker of
    this machine stay where they are, and one that is gone has no copy. What
    was fetched before is not fetched again.
    """

    def fetch(broker: Broker, run: StepRun) -> StepRun:
        folder = fetched(directory, run)
        copies = {each.location: _fetched(broker, each, folder) for each in run.session.products}
        return run.model_copy(update={"copies": {key: path for key, path in copies.items() if path}})

    return fetch


def fetched(directory: Path, run: StepRun) -> Path:
    """Return the directory of what was fetched for a run; who has made use of it may remove it."""
    name = json.dumps([run.broker.kind, run.broker.url or run.broker.name, run.session.uuid])
    return directory / hashlib.sha256(name.encode()).hexdigest()[:32]


def _fetched(broker: Broker, product: Product, folder: Path) -> Path | None:
    if not isinstance(broker, Remote):
        return None
    # a name from a broker is no path of ours; what it ends with tells the format
    suffix = _SUFFIX.search(product.name)
    name = hashlib.sha256(product.location.encode()).hexdigest()[:32]
    path = folder / f"{name}{suffix.group() if suffix else ''}"
    if not path.exists():
        try:
            _download(broker, product, path)
        except OutputGoneError:
            return None
    return path


def _download(broker: Broker, product: Product, path: Path) -> None:
    for n in range(_TRIES):
        try:
            return _save(broker, product, path)
        except BrokerUnavailableError as error:
            wait = max(error.retry_after or 0.0, 2.0**n / 2)
            if n == _TRIES - 1 or wait > _LONGEST:  # the same call fetches it again
                raise
        time.sleep(wait)
    return None


def _save(broker: Broker, product: Product, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{uuid4().hex}")
    try:
        _write(broker, product, unfinished)
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _write(broker: Broker, product: Product, path: Path) -> None:
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for piece in read(broker, product.location):
            digest.update(piece)
            file.write(piece)
    told = product.checksum
    if told is not None and told.type == "sha-256" and told.value != digest.hexdigest():
        raise BrokerUnavailableError(broker.identity.name, f"{product.name} did not arrive as it was sent")


def _read_file(broker: Broker, location: str, offset: int) -> Iterator[bytes]:
    path = Path(unquote(urlsplit(location).path))
    try:
        file = path.open("rb")
    except OSError as error:
        raise OutputGoneError(broker.identity.name, location, error.strerror or str(error)) from error
    with file:
        file.seek(offset)
        while piece := file.read(_PIECE):
            yield piece
