# SPDX-License-Identifier: Apache-2.0
import hashlib
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from eb_prefect.model.phase import Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.testing.contract import offered, wait_final, wait_until
from tests.brokers.embedded.bench import EmbeddedBench, data, program, reasons, run, stream, texts, volume

PHOTONS = b"photons\n" * 300_000
AT = "/eb-input"


class Archive(BaseHTTPRequestHandler):
    """A server of one file, with paths on which things go wrong."""

    asked: ClassVar[Counter[str]] = Counter()

    def do_GET(self) -> None:
        self.asked[self.path] += 1
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/photons")
            self.end_headers()
        elif self.path == "/gone":
            self.send_error(404)
        elif self.path == "/busy" and self.asked[self.path] < 2:
            self.send_error(503)
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(PHOTONS)))
            self.end_headers()
            self.wfile.write(PHOTONS[:1000] if self.path == "/cut" else PHOTONS)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def archive() -> Iterator[str]:
    Archive.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Archive) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def digest_of(location: str, **more: object) -> ExecutionRequest:
    """Return a request that digests what is at an address."""
    resource = data("in", location, **more)
    return program("sha256sum", AT, compute={"volumes": [volume(AT, "in")]}, data=[resource])


@pytest.mark.parametrize("path", ["/photons", "/moved", "/busy"])
def test_data_on_the_web_are_downloaded_and_digested(
    either_bench: EmbeddedBench, archive: str, path: str
) -> None:
    session = run(either_bench, digest_of(archive + path))
    digest = hashlib.sha256(PHOTONS).hexdigest()
    assert stream(either_bench, session).startswith(digest)
    assert session.data[0].checksum.value == digest


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/gone", "404"),
        ("/cut", "1000"),
        (":1/x", "can't be reached"),
        ("/with space", "makes no sense"),
    ],
)
def test_what_can_not_be_downloaded_fails_with_the_reason(
    bench: EmbeddedBench, archive: str, path: str, reason: str
) -> None:
    address = f"http://127.0.0.1{path}" if path.startswith(":") else archive + path
    session = run(bench, digest_of(address))
    assert session.phase == Phase.FAILED
    assert reason in texts(session)
    assert address in texts(session)
    assert list(bench.directory(session.uuid).rglob("*.part")) == []
    assert session.outcome is None


def test_a_download_that_is_not_what_was_declared_fails(bench: EmbeddedBench, archive: str) -> None:
    session = run(bench, digest_of(f"{archive}/photons", checksum={"type": "md5", "value": "0" * 32}))
    assert session.phase == Phase.FAILED
    assert hashlib.md5(PHOTONS).hexdigest() in texts(session)
    assert session.data[0].phase == "FAILED"


def test_a_broken_download_does_not_look_like_an_input(bench: EmbeddedBench, archive: str) -> None:
    session = run(bench, digest_of(f"{archive}/cut"))
    assert [path for path in bench.directory(session.uuid).rglob("in") if path.is_file()] == []


def test_a_download_can_be_cancelled(bench: EmbeddedBench) -> None:
    broker = bench.broker()
    with ThreadingHTTPServer(("127.0.0.1", 0), Archive) as silent:  # it listens and is never served
        offer = offered(broker, digest_of(f"http://127.0.0.1:{silent.server_port}/photons"))
        broker.accept(offer.uuid)
        wait_until(lambda: broker.session(offer.uuid).phase == Phase.PREPARING, 10)
        broker.cancel(offer.uuid)
        assert wait_final(broker, offer.uuid, bench).phase == Phase.CANCELLED


def test_a_replica_of_the_data_lake_is_an_address_too(bench: EmbeddedBench, archive: str) -> None:
    lake = {"namespace": "testing", "objectname": "x", "checksum": {"type": "adler32", "value": "00000000"}}
    replicas = [{"rsename": "A", "dataurl": "davs://a/x"}, {"rsename": "B", "dataurl": f"{archive}/photons"}]
    resource = {"kind": "data/skao-data-resource", "name": "in", "skao": {**lake, "replicas": replicas}}
    request = program("true", compute={"volumes": [volume(AT, "in")]}, data=[resource])
    assert "its adler32 is" in texts(run(bench, request))


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        (data("in", "s3://bucket/object"), "s3://bucket/object"),
        (data("in", "file:///no/such/file"), "/no/such/file"),
        (data("in", "file:///etc", checksum={"type": "md5", "value": "0" * 32}), "is a directory"),
        (data("in", "file:///etc/passwd", checksum={"type": "crc64", "value": "0"}), "crc64"),
        ({"kind": "data/S3-data-resource", "name": "in", "bucket": "b", "object": "o"}, "S3-data-resource"),
        (
            {"kind": "data/skao-data-resource", "name": "in", "skao": {"namespace": "n", "objectname": "o"}},
            "no address",
        ),
        ({"kind": "data/holographic", "name": "in"}, "data/holographic"),
    ],
)
def test_data_that_can_not_be_had_are_refused(bench: EmbeddedBench, resource: object, reason: str) -> None:
    request = program("true", compute={"volumes": [volume(AT, "in")]}, data=[resource])
    assert reason in reasons(bench, request)
