# SPDX-License-Identifier: Apache-2.0
"""Streams and products as connectors, which is all that the dialects have for them.

Streams are named as brokers of mid-2026 name them, so that their tools find
ours. Products are connectors of a kind of our own; the path of their
location tells volume and name: ``<session>/products/<volume>/<name>``.
"""

from collections.abc import Iterable, Iterator
from urllib.parse import quote, unquote, urlsplit

from eb_prefect.model.compute import VolumeMount
from eb_prefect.model.parts import Connector
from eb_prefect.model.session import Product, Session

STDOUT = "executable/docker-container-stdout-get"
STDERR = "executable/docker-container-stderr-get"
PRODUCT = "urn:eb-prefect:connector/product"
_STREAM = "urn:eb-prefect:connector/"
_STREAMS = {f"{_STREAM}stdout": STDOUT, f"{_STREAM}stderr": STDERR}


def as_connectors(session: Session, url: str) -> Session:
    """Return the session with streams and products as connectors below its own URL.

    Connectors that are neither stay as they are. Products stay in
    ``products`` too, at their new locations: a dialect without them drops
    those.
    """
    products = tuple(
        product.model_copy(update={"location": f"{url}/products/{quote(product_path(product))}"})
        for product in session.products
    )
    connectors = [_stream_connector(connector, url) for connector in session.connectors]
    connectors += [
        Connector(kind=PRODUCT, status="FINISHED", protocol="HTTP", location=product.location)
        for product in products
    ]
    return session.model_copy(update={"connectors": tuple(connectors), "products": products})


def stream_path(kind: str) -> str:
    """Return the path of a stream below its session, as brokers of mid-2026 have it."""
    return f"docker/{kind.rpartition('-container-')[2]}"


def product_path(product: Product) -> str:
    """Return the path of a product below ``products/``: its volume and its name."""
    return f"{(product.volume or '').strip('/')}/{product.name}".lstrip("/")


def with_products(session: Session) -> Session:
    """Return the session with the products that its connectors tell of, if it names none itself."""
    if session.products:
        return session
    volumes = sorted(_volumes(session), key=len, reverse=True)
    found = tuple(_products(session.connectors, volumes))
    return session.model_copy(update={"products": found}) if found else session


def _stream_connector(connector: Connector, url: str) -> Connector:
    kind = _STREAMS.get(connector.kind or "")
    if kind is None:
        return connector
    location = f"{url}/{stream_path(kind)}" if connector.location else None
    return connector.model_copy(update={"kind": kind, "protocol": "HTTP", "location": location})


def _volumes(session: Session) -> Iterator[str]:
    compute = (*(session.compute.volumes if session.compute else ()), *session.volumes)
    for volume in compute:
        if isinstance(volume, VolumeMount):
            yield from filter(None, (volume.name, volume.path))


def _products(connectors: Iterable[Connector], volumes: list[str]) -> Iterator[Product]:
    for connector in connectors:
        if connector.kind != PRODUCT or not connector.location:
            continue
        path = unquote(urlsplit(connector.location).path.partition("/products/")[2])
        volume = next((each for each in volumes if path.startswith(f"{each.strip('/')}/")), None)
        name = path.removeprefix((volume or "").strip("/")).lstrip("/")
        if name:
            yield Product(name=name, volume=volume, location=connector.location)
