# SPDX-License-Identifier: Apache-2.0
"""In which form a server reads and answers, and what it says is wrong."""

import socket
import time
from urllib.parse import urlsplit

import httpx
import pytest
import yaml as pyyaml

from eb_prefect.wire.dialect import Dialect
from eb_prefect.wire.limits import MAX_BYTES
from eb_prefect.wire.text import parse
from tests.brokers.embedded.bench import EmbeddedBench
from tests.server.asking import DIALECTS, SUBMIT, Asking, messages_of, uuid_of, yaml

ERROR_KEYS = {"timestamp", "status", "error", "path", "message"}
TYPE = "Content-Type: application/json\r\n"
YAMLS = ("application/yaml", "text/yaml", "application/x-yaml")


def media_of(answer: httpx.Response) -> str:
    return answer.headers["Content-Type"].partition(";")[0]


@pytest.mark.parametrize("sent", YAMLS)
@pytest.mark.parametrize("wanted", YAMLS)
def test_yaml_is_read_and_written(each: Asking, bench: EmbeddedBench, sent: str, wanted: str) -> None:
    given = yaml(each.written(bench.succeeding()))
    given["headers"] = {"Content-Type": f"{sent}; charset=utf-8", "Accept": wanted}
    answer = each.submit(bench.succeeding(), **given)
    assert (answer.status_code, media_of(answer)) == (303, wanted)
    assert pyyaml.safe_load(answer.text)["result"] == "YES"


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("*/*", "application/json"),
        ("", "application/json"),
        ("application/*;q=0.1, text/html", "application/json"),
        ("application/json;q=0.1, application/yaml", "application/yaml"),
        ("application/yaml, application/json", "application/yaml"),
        ("text/*", "text/yaml"),
        ("application/xml, */*;q=0.1", "application/json"),
    ],
)
def test_the_client_chooses_the_form(b2: Asking, bench: EmbeddedBench, accept: str, form: str) -> None:
    session = b2.offered(bench.succeeding())
    answer = b2.get(f"/sessions/{session}", headers={"Accept": accept})
    assert (answer.status_code, media_of(answer)) == (200, form)


@pytest.mark.parametrize("accept", ["application/xml", "text/html", "application/json;q=0"])
def test_what_can_not_be_answered_is_406_and_does_nothing(
    b2: Asking, bench: EmbeddedBench, accept: str
) -> None:
    session = b2.offered(bench.succeeding())
    headers = {"Content-Type": "application/json", "Accept": accept}
    answer = b2.update(session, "ACCEPTED", headers=headers)
    assert (answer.status_code, answer.headers["Content-Type"]) == (406, "application/json")
    assert b2.session(session)["phase"] == "OFFERED"


@pytest.mark.parametrize(
    "sent",
    ["application/xml", "application/x-www-form-urlencoded", "text/plain", "multipart/x", None],
)
def test_what_browsers_send_unasked_and_xml_are_415(
    b2: Asking, bench: EmbeddedBench, sent: str | None
) -> None:
    headers = {"Content-Type": sent} if sent else {}
    answer = b2.submit(bench.succeeding(), headers=headers)
    assert answer.status_code == 415
    assert "application/yaml" in answer.json()["message"]


@pytest.mark.parametrize("form", ["application/json", "application/yaml"])
def test_an_error_comes_in_the_form_that_was_asked_for(b2: Asking, form: str) -> None:
    answer = b2.post("/requests", {"executable": 1}, headers={"Accept": form, "Content-Type": "text/yaml"})
    told = parse(answer.content)
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, form)
    assert told.keys() > ERROR_KEYS
    assert (told["status"], told["error"], told["path"]) == (400, "Bad Request", "/B2/requests")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"a: [", b"\xff\xfe", b'{"a": 1, "a": 2}', b"null", b"hello", b"[" * 100_000]
)
def test_a_body_that_is_no_document_is_400(each: Asking, bench: EmbeddedBench, body: bytes) -> None:
    session = each.offered(bench.succeeding())
    for path in (SUBMIT.get(each.dialect, "/requests"), f"/sessions/{session}"):
        answer = each.post(path, None, content=body)
        assert answer.status_code == 400
        assert answer.json()["message"]


def test_every_fault_of_a_request_is_told(b2: Asking, bench: EmbeddedBench) -> None:
    request = b2.written(bench.succeeding())
    request["compute"]["cores"] = {"min": "many"}
    request["schedule"] = {"requested": {"duration": "soon"}}
    faults = b2.post("/requests", request).json()["faults"]
    assert [fault["path"] for fault in faults] == ["compute.cores.min", "schedule.requested.duration"]


@pytest.mark.parametrize("theirs", [Dialect.A, Dialect.B1, Dialect.B2])
@pytest.mark.parametrize("ours", [Dialect.A, Dialect.B1, Dialect.B2, Dialect.NEUTRAL])
def test_a_server_refuses_the_requests_of_another_dialect(
    root: str, bench: EmbeddedBench, ours: Dialect, theirs: Dialect
) -> None:
    request = Asking(root, theirs).written(bench.succeeding())
    request["compute"]["volumes"] = []
    answer = Asking(root, ours).post(SUBMIT.get(ours, "/requests"), request)
    assert answer.status_code == (303 if ours is theirs else 400)
    if ours is not theirs:
        assert f"is of dialect {theirs}, and this address speaks {ours}" in answer.json()["message"]


def test_the_neutral_form_is_understood_everywhere(each: Asking, bench: EmbeddedBench) -> None:
    answer = each.post(SUBMIT.get(each.dialect, "/requests"), bench.succeeding().neutral())
    assert (answer.status_code, answer.json()["result"]) == (303, "YES")


def test_what_b1_and_b2_write_alike_both_take(root: str, bench: EmbeddedBench) -> None:
    request = {
        "executable": {
            "kind": "urn:eb-prefect:kind/executable/program",
            "meta": {"name": "x"},
            "command": ["true"],
        }
    }
    for dialect in (Dialect.B1, Dialect.B2):
        assert Asking(root, dialect).post(SUBMIT.get(dialect, "/requests"), request).status_code == 303


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_update_in_the_wrong_wrapper_is_400(root: str, bench: EmbeddedBench, dialect: Dialect) -> None:
    asking = Asking(root, dialect)
    session = asking.offered(bench.succeeding())
    other = Asking(root, Dialect.B2 if dialect is Dialect.A else Dialect.A)
    answer = asking.post(f"/sessions/{session}", other.phase_update("ACCEPTED"))
    assert answer.status_code == 400
    assert asking.session(session)["phase"] == "OFFERED"


@pytest.mark.parametrize(
    "update",
    [
        {"path": "phase", "value": "ACCEPTED"},
        {"kind": "uri:no-such-update", "path": "phase", "value": "ACCEPTED"},
        {"kind": "uri:enum-value-update", "value": "ACCEPTED"},
        {"executable": {"kind": "executable/program"}},
    ],
)
def test_an_update_that_is_none_is_400(b2: Asking, bench: EmbeddedBench, update: dict[str, object]) -> None:
    assert b2.post(f"/sessions/{b2.offered(bench.succeeding())}", update).status_code == 400


def test_a_field_unknown_to_all_is_a_fault_in_yaml_and_ignored_in_json(
    b2: Asking, bench: EmbeddedBench
) -> None:
    request = b2.written(bench.succeeding())
    request["executable"]["surroundings"] = {"A": "1"}
    refused, taken = b2.submit(bench.succeeding(), **yaml(request)), b2.post("/requests", request)
    assert (refused.status_code, taken.status_code) == (400, 303)
    assert "executable.surroundings: is unknown" in refused.json()["message"]
    assert "executable.surroundings: is unknown to all dialects, and ignored" in messages_of(taken.json())
    session = b2.session(uuid_of(taken.json()["offers"][0]))
    assert "surroundings" not in session["executable"]


def test_a_read_has_a_mark_and_is_not_sent_twice(each: Asking, bench: EmbeddedBench) -> None:
    offers = each.submit(bench.succeeding())
    session = f"/sessions/{uuid_of(offers.json()['offers'][0])}"
    for path in (session, offers.headers["Location"]):
        first, second = each.get(path), each.get(path)
        assert (first.content, first.headers["ETag"]) == (second.content, second.headers["ETag"])
        for known in (first.headers["ETag"], f'"x", W/{first.headers["ETag"]}', "*"):
            again = each.get(path, headers={"If-None-Match": known})
            assert (again.status_code, again.content, again.headers["ETag"]) == (
                304,
                b"",
                first.headers["ETag"],
            )


def test_a_mark_changes_with_the_session_and_with_the_form(each: Asking, bench: EmbeddedBench) -> None:
    session = each.offered(bench.succeeding())
    first = each.get(f"/sessions/{session}").headers["ETag"]
    other = each.get(f"/sessions/{session}", headers={"Accept": "application/yaml"}).headers["ETag"]
    each.update(session, "REJECTED")
    third = each.get(f"/sessions/{session}", headers={"If-None-Match": first})
    assert (third.status_code, len({first, other, third.headers["ETag"]})) == (200, 3)


def test_head_tells_what_get_would(b2: Asking, bench: EmbeddedBench) -> None:
    session = b2.at(f"/sessions/{b2.offered(bench.succeeding())}")
    got, told = httpx.get(session), httpx.head(session)
    assert told.content == b""
    assert {name: told.headers[name] for name in ("ETag", "Content-Length", "Content-Type")} == {
        "ETag": got.headers["ETag"],
        "Content-Length": str(len(got.content)),
        "Content-Type": "application/json",
    }


def test_a_document_too_large_is_413_before_it_is_sent(root: str) -> None:
    assert _status_of(root, f"Content-Length: {MAX_BYTES + 1}\r\n", b"") == 413


def test_a_document_too_large_in_pieces_is_413_before_its_end(root: str) -> None:
    piece = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    assert _status_of(root, "Transfer-Encoding: chunked\r\n", piece * ((MAX_BYTES >> 20) + 1)) == 413


def _status_of(root: str, headers: str, body: bytes) -> int:
    """Return what is answered though the body never ends."""
    parts = urlsplit(root)
    head = (
        f"POST /requests HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n{headers}\r\n"
    )
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as client:
        client.sendall(head.encode() + body)
        return int(client.recv(4096).split()[1])


@pytest.mark.parametrize("length", ["-1", "x", "1e9"])
def test_a_length_that_is_no_number_is_refused(root: str, length: str) -> None:
    assert _status_of(root, f"Content-Length: {length}\r\n", b"") in {400, 413}


def test_the_root_names_the_addresses_of_all_dialects(root: str) -> None:
    index = httpx.get(f"{root}/").json()
    assert (index["server"], set(index)) == ("eb-prefect", {"server", "version", "dialects"})
    assert index["dialects"] == {dialect.value: f"{root}/{dialect}" for dialect in DIALECTS}


def test_it_says_that_it_is_up(each: Asking) -> None:
    answers = [each.get("/actuator/health"), httpx.get(f"{each.root}/actuator/health")]
    assert [answer.json() for answer in answers] == [{"status": "UP"}] * 2


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("PUT", "/sessions/x", 405),
        ("GET", "/requests", 405),
        ("GET", "/sessions/", 404),
    ],
)
def test_other_paths_and_methods_are_said_to_be_none(b2: Asking, method: str, path: str, status: int) -> None:
    answer = httpx.request(method, b2.at(path))
    assert (answer.status_code, answer.json()["path"]) == (status, f"/B2{path}")
    assert answer.json()["message"]


def test_a_get_that_becomes_a_post_again_is_405_as_with_brokers(b2: Asking, bench: EmbeddedBench) -> None:
    location = b2.submit(bench.succeeding()).headers["Location"]
    answer = b2.post(location, {})
    assert (answer.status_code, set(answer.headers["Allow"].split(", "))) == (405, {"GET", "HEAD"})


def test_addresses_follow_the_host_that_the_client_named(root: str, bench: EmbeddedBench) -> None:
    port = urlsplit(root).port
    request = Asking(root).written(bench.succeeding())
    answer = httpx.post(f"{root}/B2/requests", json=request, headers={"Host": f"localhost:{port}"})
    assert answer.headers["Location"].startswith(f"http://localhost:{port}/B2/offersets/")


@pytest.mark.parametrize(
    ("host", "status"), [("evil.example", 421), ("a b", 400), ("", 400), ("127.0.0.1:x", 400)]
)
def test_a_host_that_this_is_not_is_not_served(b2: Asking, host: str, status: int) -> None:
    # else a page of that host, open in a browser of this machine, could run programs
    assert httpx.get(b2.root, headers={"Host": host}).status_code == status


def test_text_that_yaml_takes_for_something_else_is_quoted(b2: Asking, bench: EmbeddedBench) -> None:
    answer = b2.submit(
        bench.succeeding(), headers={"Content-Type": "application/json", "Accept": "text/yaml"}
    )
    assert "result: 'YES'" in answer.text


def test_a_client_that_never_sends_its_document_holds_up_nobody(b2: Asking, bench: EmbeddedBench) -> None:
    parts = urlsplit(b2.root)
    head = f"POST /requests HTTP/1.1\r\nHost: {parts.netloc}\r\n{TYPE}"
    idle = [socket.create_connection((parts.hostname, parts.port)) for _ in range(100)]
    for client in idle:
        client.sendall(f"{head}Content-Length: 100\r\n\r\n{{".encode())
    began = time.monotonic()
    b2.offered(bench.succeeding())
    assert time.monotonic() - began < 5
    for client in idle:
        client.close()
