# SPDX-License-Identifier: Apache-2.0
import json

import httpx
import pytest

from eb_prefect.testing.clock import Clock
from eb_prefect.testing.faults import NONE
from eb_prefect.testing.scripted import ScriptedBroker
from eb_prefect.testing.wireserver import ScriptedServer
from eb_prefect.wire.dialect import Dialect
from eb_prefect.wire.document import read_offer_set, read_session
from tests.testing.speaking import LONG, SUBMIT, WIRED, Plain, sent, serving, update, uuid_of

dialects = pytest.mark.parametrize("dialect", WIRED)


@dialects
def test_a_session_runs_from_offer_to_end(dialect: Dialect) -> None:
    clock = Clock()
    with serving(NONE, clock=clock, dialect=dialect) as server, Plain(server) as client:
        session = client.accepted()
        seen = [client.phase(session)]
        for _ in range(2):
            clock.advance(50)
            seen.append(client.phase(session))
    assert seen == ["PREPARING", "RUNNING", "COMPLETED"]


@dialects
def test_what_it_writes_is_of_its_dialect(dialect: Dialect) -> None:
    from eb_prefect.wire.recognise import recognise

    with serving(NONE, dialect=dialect) as server, Plain(server) as client:
        offers = client.submit()
        session = client.get(uuid_of(offers.json()["offers"][0]))
    assert recognise(offers.json()).dialect is recognise(session.json()).dialect is dialect
    assert recognise(offers.json()).strangers == ()
    assert read_offer_set(offers.content).offers[0].uuid == read_session(session.content).uuid


@dialects
def test_a_request_is_answered_303_with_all_of_the_offers(dialect: Dialect) -> None:
    with serving(NONE, dialect=dialect) as server, Plain(server) as client:
        answer = client.submit()
        again = client.http.get(answer.headers["location"])
    assert answer.status_code == 303
    assert answer.headers["location"] == f"{server.url}/offersets/{uuid_of(answer.json())}"
    assert answer.json() == again.json()


@pytest.mark.parametrize(("dialect", "path"), [(Dialect.B1, "/sessions"), (Dialect.B2, "/direct")])
def test_direct_execution_accepts_at_once(dialect: Dialect, path: str) -> None:
    with serving(NONE, dialect=dialect) as server, Plain(server) as client:
        answer = client.http.post(path, json=sent(dialect))
        assert answer.status_code == 303
        assert answer.headers["location"] == f"{server.url}/sessions/{uuid_of(answer.json())}"
        assert answer.json()["phase"] == "PREPARING"


@dialects
def test_an_update_in_the_wrong_wrapper_is_400(dialect: Dialect) -> None:
    wrong = Dialect.B2 if dialect is Dialect.A else Dialect.A
    with serving(NONE, dialect=dialect) as server, Plain(server) as client:
        session = client.offered()
        answer = client.http.post(f"/sessions/{session}", json=update("ACCEPTED", wrong))
        assert answer.status_code == 400
        assert client.phase(session) == "OFFERED"


@pytest.mark.parametrize(
    "change", [{"path": "name"}, {"value": "PAUSED"}, {"value": "COMPLETED"}, {"kind": "uri:other"}]
)
def test_an_update_that_can_not_be_made_is_200_and_changes_nothing(change: dict[str, str]) -> None:
    with serving(NONE) as server, Plain(server) as client:
        session = client.accepted()
        answer = client.http.post(f"/sessions/{session}", json=update("ACCEPTED") | change)
        assert (answer.status_code, answer.json()["phase"]) == (200, "PREPARING")
        assert client.phase(session) == "PREPARING"


def test_accepting_a_rejected_offer_is_200_and_rejected() -> None:
    with serving(NONE) as server, Plain(server) as client:
        session = client.offered()
        assert client.update(session, "REJECTED").json()["phase"] == "REJECTED"
        answer = client.update(session, "ACCEPTED")
    assert (answer.status_code, answer.json()["phase"]) == (200, "REJECTED")


@pytest.mark.parametrize("theirs", WIRED)
@dialects
def test_a_request_of_another_dialect_is_400(dialect: Dialect, theirs: Dialect) -> None:
    with serving(NONE, dialect=dialect) as server, Plain(server) as client:
        answer = client.http.post(SUBMIT[dialect], json=sent(theirs))
    assert answer.status_code == (303 if theirs is dialect else 400)
    if theirs is not dialect:
        assert answer.json().keys() == {"timestamp", "status", "error", "path"}


@pytest.mark.parametrize(("kind", "status"), [("json", 303), ("yaml", 400)])
def test_a_stray_field_is_refused_in_yaml_only(kind: str, status: int) -> None:
    from eb_prefect.wire.text import to_text

    with serving(NONE) as server, Plain(server) as client:
        text = to_text(sent(stray=1), kind)
        headers = {"Content-Type": f"application/{kind}"}
        assert client.http.post("/requests", content=text, headers=headers).status_code == status


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/sessions/00000000-0000-0000-0000-000000000000", 404),
        ("GET", "/offersets/00000000-0000-0000-0000-000000000000", 404),
        ("GET", "/sessions/no-identifier", 400),
        ("GET", "/sessions", 404),
        ("POST", "/offersets", 404),
        ("POST", "/offersets/00000000-0000-0000-0000-000000000000", 405),
        ("DELETE", "/sessions/00000000-0000-0000-0000-000000000000", 405),
    ],
)
def test_what_is_not_there_has_its_status(method: str, path: str, status: int) -> None:
    with serving(NONE) as server, Plain(server) as client:
        answer = client.http.request(method, path)
    assert answer.status_code == status


def test_errors_are_yaml_unless_json_is_named() -> None:
    with serving(NONE) as server, Plain(server) as client:
        answer = client.http.get("/sessions", headers={"Accept": "*/*"})
    assert answer.headers["content-type"] == "application/yaml"
    assert "status: 404" in answer.text


def test_media_types_it_does_not_speak_are_406_and_415() -> None:
    with serving(NONE) as server, Plain(server) as client:
        xml = {"Content-Type": "application/xml"}
        assert client.http.post("/requests", content="<a/>", headers=xml).status_code == 415
        session = f"/sessions/{client.offered()}"
        assert client.http.get(session, headers={"Accept": "application/xml"}).status_code == 406
        assert client.http.get(session, headers={"Accept": "application/yaml"}).text.startswith("kind:")


def test_a_stream_is_read_where_its_connector_says() -> None:
    clock = Clock()
    with serving(NONE, clock=clock, streams={"stdout": "42\n"}) as server, Plain(server) as client:
        session = client.accepted()
        assert "location" not in client.get(session).json()["connectors"][0]
        clock.advance(1000)
        connector = client.get(session).json()["connectors"][0]
        answer = client.http.get(connector["location"])
    assert connector["kind"].endswith("/executable/docker-container-stdout-get.yaml")
    assert (answer.text, answer.headers["content-type"].partition(";")[0]) == ("42\n", "text/plain")


@pytest.mark.parametrize(
    ("auth", "right", "wrong"),
    [
        (("me", "secret"), {"Authorization": "Basic bWU6c2VjcmV0"}, {"Authorization": "Basic bWU6bm8="}),
        ("token", {"Authorization": "Bearer token"}, {}),
    ],
)
def test_a_post_needs_credentials_and_a_get_does_not(auth: object, right: dict, wrong: dict) -> None:
    with serving(NONE, auth=auth) as server, Plain(server) as client:
        assert client.http.post("/requests", json=sent(), headers=wrong).status_code == 401
        offers = client.http.post("/requests", json=sent(), headers=right)
        assert client.get(uuid_of(offers.json()["offers"][0])).status_code == 200


def test_a_get_needs_credentials_if_it_guards_reads() -> None:
    with serving(NONE, auth="token", guards_reads=True) as server, Plain(server) as client:
        assert client.get("anything").status_code == 401


def test_calls_are_counted_by_verb() -> None:
    with serving(NONE) as server, Plain(server) as client:
        session = client.accepted()
        client.get(session)
        client.update(session, "CANCELLED")
        client.http.get("/-/calls")
    assert server.calls == {"request_offers": 1, "accept": 1, "session": 1, "cancel": 1}


def test_an_outage_of_the_broker_is_503() -> None:
    broker = ScriptedBroker(LONG)
    with ScriptedServer(broker) as server, Plain(server) as client:
        broker.outages = 1
        assert client.submit().status_code == 503
        assert client.submit().status_code == 303


def test_a_session_reads_the_same_bytes_until_it_changes() -> None:
    clock = Clock()
    with serving(NONE, clock=clock) as server, Plain(server) as client:
        session = client.accepted()
        first, second = client.get(session).content, client.get(session).content
        clock.advance(20)
        third = client.get(session).content
    assert first == second != third


def test_urls_are_of_the_host_that_was_asked() -> None:
    with serving(NONE) as server, Plain(server) as client:
        answer = client.http.post("/requests", json=sent(), headers={"Host": "broker.example.org"})
    assert answer.headers["location"].startswith("http://broker.example.org/offersets/")


def test_a_large_body_sent_in_chunks_is_read() -> None:
    body = json.dumps(sent(padding="x" * 100_000)).encode()
    with serving(NONE) as server, Plain(server) as client:
        answer = client.http.post(
            "/requests", content=iter([body[:50], body[50:]]), headers={"Content-Type": "application/json"}
        )
    assert answer.status_code == 303


def test_it_ends_while_clients_keep_connections() -> None:
    with serving(NONE) as server:
        client = Plain(server)
        client.get("anything")
    with client, pytest.raises(httpx.TransportError):
        client.get("anything")
