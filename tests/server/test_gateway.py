# SPDX-License-Identifier: Apache-2.0
"""Brokers of other kinds behind a server, and what it says when they fail."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from eb_prefect.brokers.http.broker import HTTPBroker
from eb_prefect.brokers.offset import after
from eb_prefect.brokers.several import SeveralBrokers
from eb_prefect.errors import (
    AccessDeniedError,
    BrokerUnavailableError,
    EBError,
    Fault,
    InvalidConfigurationError,
    InvalidRequestError,
    NotABrokerError,
    RequestRefusedError,
    UnusableAnswerError,
)
from eb_prefect.model.compute import SimpleCompute, VolumeMount
from eb_prefect.model.executable import DockerContainer
from eb_prefect.model.parts import Amount, Message
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import OfferSet, Session
from eb_prefect.model.steprun import BrokerIdentity
from eb_prefect.outputs import stream_links
from eb_prefect.pace import LOCAL
from eb_prefect.server.run import serving
from eb_prefect.testing.scripted import ScriptedBroker
from eb_prefect.wire.dialect import Dialect
from eb_prefect.wire.document import read_session
from tests.brokers.embedded.bench import EmbeddedBench
from tests.server.asking import DIALECTS, Asking, locations, making, uuid_of

SESSION = "7e6d5c4b-3a29-4187-9605-f4e3d2c1b0a9"


class Told:
    """A broker that does as it is told."""

    def __init__(self, session: Callable[[str], Session]) -> None:
        self.session = self.accept = self.cancel = session
        self.identity = BrokerIdentity(kind="told", name="told")

    def request_offers(self, request: ExecutionRequest) -> OfferSet:
        return OfferSet(result="YES", offers=(self.session(SESSION),))


def raising(error: Exception) -> Told:
    def session(_: str) -> Session:
        raise error

    return Told(session)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (BrokerUnavailableError("it", "it is away"), 503),
        (RequestRefusedError("it", 422, "no"), 400),
        (InvalidRequestError("the request", [Fault("compute", "is missing")]), 400),
        (UnusableAnswerError("it", "nonsense"), 502),
        (NotABrokerError("http://x", "no"), 502),
        (AccessDeniedError("it", 401, "who"), 502),
        (EBError("odd"), 500),
    ],
)
def test_what_the_broker_says_is_told_with_a_status(tmp_path: Path, error: EBError, status: int) -> None:
    with serving(raising(error), home=tmp_path) as root:
        for answer in (Asking(root).submit(making("true")), Asking(root).get(f"/sessions/{SESSION}")):
            assert (answer.status_code, answer.json()["message"]) == (status, str(error))


def test_what_is_wrong_with_the_configuration_is_told_to_the_log_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    error = InvalidConfigurationError("the configuration", [Fault("brokers.x.token_env", "SPSRC_TOKEN")])
    with serving(raising(error), home=tmp_path) as root:
        answer = Asking(root).get(f"/sessions/{SESSION}")
    assert answer.status_code == 503
    assert "SPSRC_TOKEN" not in answer.text
    assert "SPSRC_TOKEN" in caplog.text


@pytest.mark.parametrize(("given", "told"), [(None, "5"), (0.2, "1"), (17.1, "18")])
def test_a_broker_that_is_away_says_when_to_ask_again(tmp_path: Path, given: float | None, told: str) -> None:
    with serving(raising(BrokerUnavailableError("it", "x", retry_after=given)), home=tmp_path) as root:
        assert Asking(root).get(f"/sessions/{SESSION}").headers["Retry-After"] == told


def test_a_fault_of_ours_is_500_and_tells_no_inside(tmp_path: Path) -> None:
    with serving(raising(ZeroDivisionError("inside")), home=tmp_path) as root:
        answer = Asking(root).get(f"/sessions/{SESSION}")
    assert (answer.status_code, answer.json()["error"]) == (500, "Internal Server Error")
    assert "inside" not in answer.text


def test_offers_that_can_not_be_kept_are_not_made(tmp_path: Path, bench: EmbeddedBench) -> None:
    (tmp_path / "served").write_text("in the way")
    with serving(bench.broker(), home=tmp_path) as root:
        answer = Asking(root).submit(bench.succeeding())
    assert answer.status_code == 503


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_session_that_a_dialect_has_no_place_for_is_told_all_the_same(
    tmp_path: Path, dialect: Dialect
) -> None:
    volumes = (
        VolumeMount(name="v", path="/a", cardinality="INSTANCE", resources=("x", "y")),
        VolumeMount(name="v", path="/b", cardinality="strange"),
    )
    cost = Amount(kind="costs/simple-minmax-float-cost", type="urn:x", max=0.5)
    whole = Session(
        uuid=SESSION,
        phase="A PHASE OF TOMORROW",
        executable=DockerContainer(command=("a",), labels={"l": "1"}, description="d", strange=1),
        compute=SimpleCompute(volumes=volumes, costs=(cost,)),
        volumes=(VolumeMount(path="/c"),),
        costs=(cost,),
        description="d",
        messages=(Message(level="INFO", message="hello"),),
        unheard_of={"x": 1},
    )
    with serving(Told(lambda _: whole), home=tmp_path) as root:
        asking = Asking(root, dialect)
        for answer in (asking.get(f"/sessions/{SESSION}"), asking.submit(making("true"))):
            assert answer.status_code in {200, 303}, answer.text
        read = read_session(asking.get(f"/sessions/{SESSION}").content)
    assert (read.phase, [m.text for m in read.messages]) == ("A PHASE OF TOMORROW", ["hello"])


@pytest.fixture
def gateway(root: str, bench: EmbeddedBench) -> Iterator[str]:
    """A server of a broker that is another server, elsewhere."""
    with HTTPBroker(root, pace=LOCAL) as broker, serving(broker, home=bench.home / "gateway") as url:
        yield url


def test_a_broker_elsewhere_is_served_with_all_it_has(gateway: str) -> None:
    for dialect in DIALECTS:
        asking = Asking(gateway, dialect)
        session = asking.finished(making("echo said; echo it > '/output/a b'; exit 0"))
        assert session["phase"] == "COMPLETED"
        [product] = locations(session, "connector/product")
        assert product == f"{asking.url}/sessions/{uuid_of(session)}/products/output/a%20b"
        answer = httpx.get(product)
        assert (answer.text, answer.headers["Content-Length"]) == ("it\n", "3")
        assert [httpx.get(each).text for each in locations(session, "-get")] == ["said\n", ""]
        assert httpx.head(product).headers["Content-Length"] == "3"


def test_several_brokers_are_served_as_one(root: str, tmp_path: Path) -> None:
    here = EmbeddedBench(tmp_path).broker()
    with HTTPBroker(root, pace=LOCAL) as there, serving(SeveralBrokers([here, there]), home=tmp_path) as url:
        asking = Asking(url)
        first, second = (
            uuid_of(offer) for offer in asking.submit(making("echo it > /output/x")).json()["offers"]
        )
        assert asking.update(second, "REJECTED").json()["phase"] == "REJECTED"
        asking.update(first, "ACCEPTED")
        assert httpx.get(*locations(asking.final(first), "connector/product")).text == "it\n"


@pytest.mark.parametrize(("phase", "then"), [("OFFERED", "CANCELLED"), ("RUNNING", "RUNNING")])
def test_a_broker_that_can_not_reject_cancels_what_is_an_offer_still(
    tmp_path: Path, phase: str, then: str
) -> None:
    phases = {SESSION: phase}
    broker = Told(lambda uuid: Session(uuid=uuid, phase=phases[uuid]))
    broker.cancel = lambda uuid: phases.update({uuid: "CANCELLED"}) or broker.session(uuid)
    with serving(broker, home=tmp_path) as root:
        assert Asking(root).update(SESSION, "REJECTED").json()["phase"] == then


def test_a_broker_elsewhere_can_not_make_us_read_our_own_files(tmp_path: Path) -> None:
    class Remote(Told):
        def read(self, location: str) -> Iterator[bytes]:
            yield location.encode()

    stream = {"kind": "urn:eb-prefect:connector/stdout", "location": "file:///etc/passwd"}
    product = {"name": "x", "location": "file:///etc/passwd"}
    given = {"uuid": SESSION, "phase": "COMPLETED", "connectors": [stream], "products": [product]}
    with serving(Remote(lambda _: Session.model_validate(given)), home=tmp_path) as root:
        asking = Asking(root)
        for path in ("docker/stdout-get", "products/x"):
            assert asking.get(f"/sessions/{SESSION}/{path}").text == "file:///etc/passwd"


def test_slow_answers_to_some_do_not_hold_up_others(tmp_path: Path) -> None:
    going = threading.Event()

    def session(uuid: str) -> Session:
        if uuid != SESSION:
            going.wait(20)
        return Session(uuid=uuid, phase="RUNNING")

    with serving(Told(session), home=tmp_path) as root:
        asking, slow = Asking(root), SESSION.replace("7", "8")
        waiting = [threading.Thread(target=asking.get, args=(f"/sessions/{slow}",)) for _ in range(40)]
        for thread in waiting:
            thread.start()
        time.sleep(0.5)
        began = time.monotonic()
        assert asking.session(SESSION)["phase"] == "RUNNING"
        assert time.monotonic() - began < 2
        going.set()
        for thread in waiting:
            thread.join()


class Distant(ScriptedBroker):
    """A broker elsewhere that can be read from within; it tells where it was."""

    def __init__(self) -> None:
        super().__init__(((0.0, "COMPLETED"),), streams={"stdout": "one\ntwo\n"})
        self.offsets: list[int] = []

    def read_from(self, location: str, offset: int) -> Iterator[bytes]:
        self.offsets.append(offset)
        yield from after(self.read(location), offset)


def test_a_stream_of_a_broker_elsewhere_is_read_on_from_an_offset() -> None:
    broker = Distant()
    with serving(broker) as url, HTTPBroker(url) as there:
        (offer,) = there.request_offers(making("true")).offers
        session = there.accept(offer.uuid)
        location = stream_links(session, "stdout")[0].location or ""
        assert b"".join(there.read(location)) == b"one\ntwo\n"
        assert b"".join(there.read_from(location, 4)) == b"two\n"
        assert b"".join(there.read_from(location, 8)) == b""
        answer = httpx.get(location, headers={"Range": "bytes=4-"})
    assert (answer.status_code, answer.headers["Content-Range"]) == (206, "bytes 4-7/*")
    assert broker.offsets == [4, 8, 4]
