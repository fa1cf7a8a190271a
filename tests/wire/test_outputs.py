# SPDX-License-Identifier: Apache-2.0
import pytest

from eb_prefect.model.compute import SimpleCompute, VolumeMount
from eb_prefect.model.parts import Connector
from eb_prefect.model.session import Product, Session
from eb_prefect.wire.dialect import Dialect
from eb_prefect.wire.document import read_session, write_session
from eb_prefect.wire.gaps import OURS
from eb_prefect.wire.outputs import as_connectors, with_products
from eb_prefect.wire.text import to_text
from eb_prefect.wire.write import Style

URL = "http://127.0.0.1:8080/sessions/one"
WHOLE = Session(
    uuid="one",
    phase="COMPLETED",
    compute=SimpleCompute(
        volumes=(
            VolumeMount(path="/output", mode="READWRITE", resources=("products",), name="v"),
            VolumeMount(path="/output/more", mode="READWRITE", resources=("others",), name="w"),
        )
    ),
    connectors=(
        Connector(kind="urn:eb-prefect:connector/stdout", status="FINISHED", location="file:///x/stdout"),
        Connector(kind="urn:eb-prefect:connector/stderr", status="FINISHED"),
        Connector(kind="urn:jupyter-notebook", protocol="HTTPS", location="https://there/lab"),
    ),
    products=(
        Product(name="a b/m31 #1?.fits", volume="/output", location="file:///x/1"),
        Product(name="é.txt", volume="/output/more", location="file:///x/2"),
    ),
)


@pytest.mark.parametrize("dialect", [Dialect.A, Dialect.B1, Dialect.B2, Dialect.NEUTRAL])
def test_products_and_streams_survive_each_dialect(dialect: Dialect) -> None:
    served = as_connectors(WHOLE, URL)
    text = to_text(write_session(served, dialect, Style(lossy=True, drop=OURS)))
    found = with_products(read_session(text))
    assert [(p.name, p.volume, p.location) for p in found.products] == [
        (p.name, p.volume, p.location) for p in served.products
    ]
    streams = {c.kind: c.location for c in found.connectors}
    assert streams["executable/docker-container-stdout-get"] == f"{URL}/docker/stdout-get"
    assert streams["executable/docker-container-stderr-get"] is None
    assert streams["urn:jupyter-notebook"] == "https://there/lab"


def test_locations_are_urls_that_any_client_can_get() -> None:
    first, second = as_connectors(WHOLE, URL).products
    assert first.location == f"{URL}/products/output/a%20b/m31%20%231%3F.fits"
    assert second.location == f"{URL}/products/output/more/%C3%A9.txt"


def test_a_session_without_such_connectors_stays_as_it_is() -> None:
    bare = Session(uuid="one", phase="FAILED")
    assert with_products(bare) is bare


def test_a_product_of_a_named_volume_is_found_by_the_name() -> None:
    mount = VolumeMount(path="/output", mode="READWRITE", name="made")
    session = Session(
        uuid="one",
        phase="COMPLETED",
        compute=SimpleCompute(volumes=(mount,)),
        products=(Product(name="a/b.txt", volume="made", location="file:///x/1"),),
    )
    text = to_text(write_session(as_connectors(session, URL), Dialect.A, Style(drop=OURS)))
    assert [(p.volume, p.name) for p in with_products(read_session(text)).products] == [("made", "a/b.txt")]
