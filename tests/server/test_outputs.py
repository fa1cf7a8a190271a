# SPDX-License-Identifier: Apache-2.0
"""Streams and products over HTTP, and that nothing else can be had."""

import base64
import hashlib
import socket
import time
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import pytest

from eb_prefect.wire.dialect import Dialect
from tests.brokers.embedded.bench import EmbeddedBench
from tests.server.asking import Asking, locations, making, uuid_of

ODD = [
    "a b.txt",
    "m31 #1?.fits",
    "100%.txt",
    "é.txt",
    "a'\"\\;$(x).txt",
    "sub/dir/x.txt",
    "..hidden",
    "%2e%2e",
]


@pytest.fixture(scope="module")
def numbers(root: str) -> dict[str, object]:
    """A session that made one product of 100,000 bytes."""
    return Asking(root).finished(making("seq -w 1 20000 | head -c 100000 > /output/numbers; echo done"))


def product_of(session: dict[str, object]) -> str:
    [location] = locations(session, "connector/product")
    return location


def test_a_product_has_its_length_and_digest(numbers: dict[str, object]) -> None:
    answer = httpx.get(product_of(numbers))
    digest = base64.b64encode(hashlib.sha256(answer.content).digest()).decode()
    assert (answer.status_code, len(answer.content)) == (200, 100_000)
    assert answer.headers["Content-Length"] == "100000"
    assert answer.headers["Repr-Digest"] == f"sha-256=:{digest}:"
    assert answer.headers["Content-Type"] == "application/octet-stream"


def test_parts_of_a_product_can_be_had(numbers: dict[str, object]) -> None:
    whole = httpx.get(product_of(numbers)).content
    for given, part in (("0-9", whole[:10]), ("99990-", whole[-10:]), ("-5", whole[-5:])):
        answer = httpx.get(product_of(numbers), headers={"Range": f"bytes={given}"})
        assert (answer.status_code, answer.content) == (206, part)
    assert httpx.get(product_of(numbers), headers={"Range": "bytes=100000-"}).status_code == 416


def test_a_download_that_broke_off_goes_on_only_with_the_same_product(numbers: dict[str, object]) -> None:
    mark = httpx.head(product_of(numbers)).headers["ETag"]
    for known, status in ((mark, 206), ('"other"', 200)):
        headers = {"Range": "bytes=5-", "If-Range": known}
        assert httpx.get(product_of(numbers), headers=headers).status_code == status


def test_a_product_is_not_sent_to_who_has_it(numbers: dict[str, object]) -> None:
    mark = httpx.head(product_of(numbers)).headers["ETag"]
    assert httpx.get(product_of(numbers), headers={"If-None-Match": mark}).status_code == 304


def test_head_of_a_product_tells_its_length(numbers: dict[str, object]) -> None:
    answer = httpx.head(product_of(numbers))
    assert (answer.status_code, answer.headers["Content-Length"], answer.content) == (200, "100000", b"")


@pytest.mark.parametrize("name", ODD)
def test_a_product_of_any_name_is_at_its_location(b2: Asking, tmp_path: Path, name: str) -> None:
    (tmp_path / "name").write_text(name)
    script = f'p="/output/$(cat {tmp_path}/name)"; mkdir -p "$(dirname "$p")"; echo "$p" > "$p"'
    location = product_of(b2.finished(making(script)))
    assert location.endswith(f"/products/output/{quote(name)}")
    assert httpx.get(location).text == f"/output/{name}\n"


def test_a_product_whose_name_is_no_text_is_at_its_location(b2: Asking) -> None:
    location = product_of(b2.finished(making("echo it > /output/$(printf 'x\\377y')")))
    assert httpx.get(location).text == "it\n"


@pytest.mark.parametrize(
    "path",
    [
        "../stdout",
        "output/../../../stdout",
        "..%2f..%2fstdout",
        "%2e%2e/%2e%2e/offer.json",
        "output/%2e%2e/numbers",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "output//numbers",
        "output/numbers%00",
        "output/numbers/",
        "output",
        "numbers",
        "",
        "file:///etc/passwd",
    ],
)
def test_nothing_but_the_products_can_be_read(root: str, numbers: dict[str, object], path: str) -> None:
    target = f"/B2/sessions/{uuid_of(numbers)}/products/{path}"
    assert b" 404 " in raw(root, target).partition(b"\r\n")[0]


def test_the_product_of_another_session_is_not_found_here(b2: Asking, numbers: dict[str, object]) -> None:
    other = uuid_of(b2.finished(making("echo x > /output/other")))
    assert b2.get(f"/sessions/{other}/products/output/numbers").status_code == 404


def raw(root: str, target: str) -> bytes:
    """Ask for a path just as it is written, which clients would tidy up."""
    parts = urlsplit(root)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as client:
        client.sendall(f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n".encode())
        return b"".join(iter(lambda: client.recv(65536), b""))


def test_a_product_that_became_a_link_is_not_followed(b2: Asking, bench: EmbeddedBench) -> None:
    session = b2.finished(making("echo mine > /output/it"))
    [made] = bench.broker().session(uuid_of(session)).products
    path = Path(urlsplit(made.location).path)
    path.unlink()
    assert httpx.get(product_of(session)).status_code == 410
    path.symlink_to("/etc/passwd")
    assert httpx.get(product_of(session)).status_code == 410


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_streams_are_text_and_empty_if_nothing_was_written(each: Asking, name: str) -> None:
    session = uuid_of(each.finished(making("true")))
    answer = each.get(f"/sessions/{session}/docker/{name}-get")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Type"].startswith("text/plain")


def test_the_streams_of_an_offer_are_empty(each: Asking) -> None:
    answer = each.get(f"/sessions/{each.offered(making('true'))}/docker/stdout-get")
    assert (answer.status_code, answer.content) == (200, b"")


def test_streams_are_read_while_the_program_runs(b2: Asking) -> None:
    session = b2.started(making("echo one; sleep 60"))
    path = f"/sessions/{session}/docker/stdout-get"
    until = time.monotonic() + 20
    while b2.get(path).content != b"one\n":
        assert time.monotonic() < until
        time.sleep(0.02)
    assert b2.session(session)["phase"] == "RUNNING"
    assert b2.get(path, headers={"Range": "bytes=2-"}).text == "e\n"
    b2.update(session, "CANCELLED")


def test_a_stream_that_grows_while_it_is_sent_has_the_length_that_was_told(b2: Asking) -> None:
    session = b2.started(making("for n in $(seq 1000); do seq 100000; sleep 0.01; done"))
    for _ in range(10):
        answer = b2.get(f"/sessions/{session}/docker/stdout-get")
        assert len(answer.content) == int(answer.headers["Content-Length"])
    b2.update(session, "CANCELLED")


def test_a_large_product_is_not_held_in_memory(b2: Asking) -> None:
    location = product_of(b2.finished(making("truncate -s 512M /output/large")))
    before = peak_memory()
    with httpx.stream("GET", location) as answer:
        assert sum(map(len, answer.iter_raw())) == 512 << 20
    assert peak_memory() - before < 100_000


def peak_memory() -> int:
    """Return the most that this process, which serves too, has had, in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


def test_where_a_session_is_read_does_not_matter_for_what_it_made(root: str) -> None:
    session = uuid_of(Asking(root, Dialect.A).finished(making("echo it > /output/x; echo said")))
    for dialect in (Dialect.B1, Dialect.B2, Dialect.NEUTRAL):
        told = Asking(root, dialect).session(session)
        assert [httpx.get(at).text for at in locations(told, "stdout-get")] == ["said\n"]
        assert httpx.get(product_of(told)).text == "it\n"
