# SPDX-License-Identifier: Apache-2.0
import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from eb_prefect.errors import BrokerUnavailableError, OutputGoneError
from eb_prefect.model.parts import Checksum, Connector
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet, Product, Session
from eb_prefect.model.steprun import BrokerIdentity, StepRun
from eb_prefect.outputs import fetching, read, stream
from eb_prefect.testing.scripted import ScriptedBroker
from eb_prefect.wire.outputs import STDERR, STDOUT

PLACE = "http://there/sessions/one/products/output/a.fits"


class Far(ScriptedBroker):
    """A broker elsewhere: it gives out what it holds, and may break off."""

    identity = BrokerIdentity(kind="http", name="there", url="http://there")

    def __init__(self, holds: dict[str, bytes], breaks: int = 0) -> None:
        super().__init__()
        self.holds, self.breaks, self.reads = holds, breaks, 0

    def read(self, location: str) -> Iterator[bytes]:
        self.reads += 1
        if location not in self.holds:
            raise OutputGoneError("there", location, "404")
        whole = self.holds[location]
        yield whole[:2]
        if self.breaks:
            self.breaks -= 1
            raise BrokerUnavailableError("there", "it broke off")
        yield whole[2:]


def run_of(*products: Product) -> StepRun:
    return StepRun(
        name="one",
        broker=Far.identity,
        request=ExecutionRequest(),
        offers=OfferSet(result="YES"),
        chosen="one",
        session=Session(uuid="one", phase="COMPLETED", products=products),
    )


def product(name: str = "a.fits", location: str = PLACE, digest: str | None = None) -> Product:
    checksum = Checksum(type="sha-256", value=digest) if digest else None
    return Product(name=name, volume="/output", location=location, checksum=checksum)


def test_products_are_fetched_once_and_as_they_are(tmp_path: Path) -> None:
    far, run = Far({PLACE: b"stars"}), run_of(product())
    for _ in range(2):
        copy = fetching(tmp_path)(far, run).copies[PLACE]
        assert copy.read_bytes() == b"stars"
        assert copy.suffix == ".fits"
    assert far.reads == 1


def test_a_transfer_that_breaks_off_is_begun_again(tmp_path: Path) -> None:
    far = Far({PLACE: b"stars"}, breaks=2)
    assert fetching(tmp_path)(far, run_of(product())).copies[PLACE].read_bytes() == b"stars"
    assert [path.name[0] for path in tmp_path.rglob("*.fits")] != ["."]
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


def test_what_never_arrives_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    wrong = hashlib.sha256(b"other stars").hexdigest()
    with pytest.raises(BrokerUnavailableError, match=r"a\.fits did not arrive as it was sent"):
        fetching(tmp_path)(Far({PLACE: b"stars"}), run_of(product(digest=wrong)))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_broker_that_wants_to_be_left_alone_for_long_is(tmp_path: Path) -> None:
    class Closed(Far):
        def read(self, location: str) -> Iterator[bytes]:
            self.reads += 1
            raise BrokerUnavailableError("there", "it is being mended", retry_after=3600.0)

    far = Closed({})
    with pytest.raises(BrokerUnavailableError):
        fetching(tmp_path)(far, run_of(product()))
    assert far.reads == 1


def test_a_product_that_is_gone_has_no_copy(tmp_path: Path) -> None:
    assert fetching(tmp_path)(Far({}), run_of(product())).copies == {}


@pytest.mark.parametrize("name", ["../../a", "/etc/passwd", "a\0b", "..", "x" * 999, "a.tar.gz", "a.é"])
def test_the_name_of_a_product_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    run = fetching(tmp_path / "in")(Far({PLACE: b"stars"}), run_of(product(name)))
    assert run.copies[PLACE].resolve().is_relative_to((tmp_path / "in").resolve())
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_broker_elsewhere_can_not_name_a_file_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("mine")
    location = (tmp_path / "secret").as_uri()
    with pytest.raises(OutputGoneError):
        list(read(Far({}), location))
    assert fetching(tmp_path / "in")(Far({}), run_of(product(location=location))).copies == {}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("stdout", STDOUT),
        ("stderr", STDERR),
        ("stdout", "urn:eb-prefect:connector/stdout"),
        ("stderr", "urn:eb-prefect:connector/stderr"),
    ],
)
def test_a_stream_is_found_by_its_connector(name: str, kind: str) -> None:
    links = (
        Connector(kind="urn:jupyter-notebook", location="http://there/"),
        Connector(kind=kind, location=PLACE),
    )
    session = Session(uuid="one", phase="RUNNING", connectors=links)
    assert b"".join(stream(Far({PLACE: b"out"}), session, name)) == b"out"


@pytest.mark.parametrize("status", ["PREPARING", "FINISHED"])
def test_a_stream_without_a_location_is_told_with_its_status(status: str) -> None:
    session = Session(uuid="one", phase="RUNNING", connectors=[Connector(kind=STDOUT, status=status)])
    with pytest.raises(OutputGoneError, match=f"it is {status} and has no location"):
        stream(Far({}), session, "stdout")


@pytest.mark.parametrize("kind", ["skaha:science-portal", STDERR, None])
def test_a_session_without_the_stream_says_so(kind: str | None) -> None:
    session = Session(uuid="one", phase="FAILED", connectors=[Connector(kind=kind, location=PLACE)])
    with pytest.raises(OutputGoneError, match="tells of no such stream"):
        stream(Far({PLACE: b"other"}), session, "stdout")
