# SPDX-License-Identifier: Apache-2.0
"""What each switch makes a server do, as a client sees it that knows nothing."""

import re
import socket
import time
import zlib
from email.utils import parsedate_to_datetime

import httpx
import pytest

from eb_prefect.testing.clock import Clock
from eb_prefect.testing.faults import NONE, Faults
from eb_prefect.testing.wirefaults import ALWAYS, http_date
from eb_prefect.wire.dialect import Dialect
from eb_prefect.wire.document import read_offer_set
from tests.testing.speaking import LONG, PATIENCE, Plain, sent, serving, uuid_of

UNKNOWN = "00000000-0000-0000-0000-000000000000"


def test_posted_times_have_nine_digits_and_later_reads_are_rounded() -> None:
    with serving(Faults(odd_fractions=True)) as server, Plain(server) as client:
        posted = client.submit().json()["offers"][0]
        read = client.get(uuid_of(posted)).json()
    assert re.fullmatch(r".*:\d\d\.\d{9}Z", posted["expires"])
    assert re.fullmatch(r".*:\d\d(\.\d{0,5}[1-9])?Z", read["expires"])
    assert posted["meta"]["created"][:19] == read["meta"]["created"][:19]


def test_schedules_are_of_1970() -> None:
    with serving(Faults(epoch_schedules=True)) as server, Plain(server) as client:
        session = client.get(client.offered()).json()
    assert session["compute"]["schedule"]["available"]["start"] == "1970-01-01T00:00:10Z/PT0S"


def test_kinds_have_a_foreign_base() -> None:
    with serving(Faults(foreign_kinds=True)) as server, Plain(server) as client:
        session = client.get(client.offered()).json()
    assert session["executable"]["kind"].startswith("https://w3id.org/")
    assert session["executable"]["kind"].endswith("/executable/docker-container.yaml")


def test_empties_are_written() -> None:
    with serving(Faults(empties=True), dialect=Dialect.A) as server, Plain(server) as client:
        session = client.get(client.offered()).json()
    assert (session["connectors"], session["messages"], session["schedule"]) == ([], None, {})


def test_a_303_leads_to_a_foreign_host() -> None:
    with serving(Faults(redirect_to="http://broker.internal:8080")) as server, Plain(server) as client:
        answer = client.submit()
    assert answer.headers["location"].startswith("http://broker.internal:8080/offersets/")
    assert answer.json()["meta"]["url"] == answer.headers["location"]
    assert answer.json()["offers"][0]["meta"]["url"].startswith("http://broker.internal:8080/sessions/")


def test_a_303_has_no_body() -> None:
    with serving(Faults(redirect_without_body=True)) as server, Plain(server) as client:
        answer = client.submit()
        assert (answer.status_code, answer.content) == (303, b"")
        assert client.http.get(answer.headers["location"]).json()["result"] == "YES"


def test_a_303_has_no_location() -> None:
    with serving(Faults(redirect_without_location=True)) as server, Plain(server) as client:
        answer = client.submit()
    assert (answer.status_code, "location" in answer.headers) == (303, False)
    assert answer.json()["result"] == "YES"


@pytest.mark.parametrize("status", [200, 201])
def test_a_303_is_200_or_201_instead(status: int) -> None:
    with serving(Faults(created_instead=status)) as server, Plain(server) as client:
        answer = client.submit()
    assert (answer.status_code, answer.json()["result"]) == (status, "YES")


def test_reads_are_redirected_for_ever() -> None:
    with serving(Faults(redirects_for_ever=True)) as server, Plain(server) as client:
        session = client.offered()
        assert client.get(session).status_code == 307
        with pytest.raises(httpx.TooManyRedirects):
            client.http.get(f"/sessions/{session}", follow_redirects=True)


def test_errors_are_yaml_for_an_accept_of_json() -> None:
    with serving(Faults(yaml_errors=True)) as server, Plain(server) as client:
        answer = client.http.get("/nothing")
    assert answer.headers["content-type"] == "application/yaml"
    assert answer.text.startswith("timestamp:")


def test_answers_are_yaml_for_an_accept_of_json() -> None:
    with serving(Faults(yaml_answers=True)) as server, Plain(server) as client:
        answer = client.submit()
    assert answer.headers["content-type"] == "application/yaml"
    assert read_offer_set(answer.text).result == "YES"


def test_a_bare_400_has_no_reason() -> None:
    with serving(Faults(bare_400=True)) as server, Plain(server) as client:
        answer = client.submit()
    assert answer.status_code == 400
    assert answer.json().keys() == {"timestamp", "status", "error", "path"}


def test_direct_execution_fails_with_500() -> None:
    with serving(Faults(direct_fails=True)) as server, Plain(server) as client:
        assert client.http.post("/direct", json=sent()).status_code == 500
        assert client.submit().status_code == 303


def test_updates_are_forbidden() -> None:
    with serving(Faults(forbidden=True)) as server, Plain(server) as client:
        answer = client.update(client.offered(), "ACCEPTED")
    assert (answer.status_code, answer.content) == (403, b"")


def test_a_stale_token_is_401_until_it_is_refreshed() -> None:
    with serving(Faults(stale_token="old"), auth="new") as server, Plain(server) as client:
        statuses = [
            client.http.post("/requests", json=sent(), headers={"Authorization": f"Bearer {token}"})
            for token in ("old", "new")
        ]
    assert [answer.status_code for answer in statuses] == [401, 303]
    assert "invalid_token" in statuses[0].headers["www-authenticate"]


@pytest.mark.parametrize(("switch", "status"), [("too_many", 429), ("unavailable", 503)])
def test_a_storm_passes(switch: str, status: int) -> None:
    with serving(Faults(**{switch: 2})) as server, Plain(server) as client:
        answers = [client.submit() for _ in range(3)]
    assert [answer.status_code for answer in answers] == [status, status, 303]
    assert "retry-after" not in answers[0].headers


def test_a_storm_says_when_to_come_back() -> None:
    with serving(Faults(unavailable=1, retry_after="7")) as server, Plain(server) as client:
        assert client.submit().headers["retry-after"] == "7"
        server.faults = Faults(too_many=ALWAYS, retry_after=http_date(60))
        moment = parsedate_to_datetime(client.submit().headers["retry-after"])
    assert 55 < moment.timestamp() - time.time() < 61


@pytest.mark.parametrize("status", [200, 502])
def test_a_proxy_answers_with_a_page(status: int) -> None:
    with serving(Faults(proxy_page=status)) as server, Plain(server) as client:
        answer = client.get(UNKNOWN)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html")
    assert "<html>" in answer.text


def test_the_content_type_is_wrong() -> None:
    with serving(Faults(content_type="text/html")) as server, Plain(server) as client:
        answer = client.submit()
    assert (answer.headers["content-type"], answer.json()["result"]) == ("text/html", "YES")


def test_bodies_are_empty() -> None:
    with serving(Faults(empty_bodies=1)) as server, Plain(server) as client:
        assert client.submit().content == b""
        assert client.submit().json()["result"] == "YES"


def test_bodies_are_garbled() -> None:
    with serving(Faults(garbled_bodies=1)) as server, Plain(server) as client:
        with pytest.raises(UnicodeDecodeError):
            client.submit().content.decode()
        assert client.submit().json()["result"] == "YES"


def test_bodies_are_padded() -> None:
    with serving(Faults(padded_to=1_000_000)) as server, Plain(server) as client:
        answer = client.submit()
    assert len(answer.content) == 1_000_000
    assert answer.json()["result"] == "YES"


def test_a_body_is_a_gzip_bomb() -> None:
    with (
        serving(Faults(gzip_bomb=50 << 20)) as server,
        Plain(server) as client,
        client.http.stream("POST", "/requests", json=sent()) as answer,
    ):
        packed = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == "gzip"
    assert len(packed) < 100_000
    assert len(zlib.decompress(packed, wbits=31)) == 50 << 20


def test_a_connection_is_dropped_before_the_request_is_done() -> None:
    with serving(NONE) as server, Plain(server) as client:
        session = client.offered()
        server.faults = Faults(dropped_before=1)
        with pytest.raises(httpx.RemoteProtocolError):
            client.update(session, "ACCEPTED")
        assert client.phase(session) == "OFFERED"


def test_a_connection_is_dropped_after_the_request_is_done() -> None:
    with serving(NONE) as server, Plain(server) as client:
        session = client.offered()
        server.faults = Faults(dropped_after=1)
        with pytest.raises(httpx.RemoteProtocolError):
            client.update(session, "ACCEPTED")
        assert client.phase(session) == "PREPARING"


def test_a_body_is_cut() -> None:
    with serving(Faults(cut_bodies=1)) as server, Plain(server) as client:
        with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
            client.submit()
        assert client.submit().json()["result"] == "YES"


def test_an_answer_is_not_http() -> None:
    with serving(Faults(not_http=1)) as server, Plain(server) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            client.submit()
        assert client.submit().status_code == 303


def test_a_server_is_silent() -> None:
    with serving(Faults(silent=1)) as server, Plain(server) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.http.get(f"/sessions/{UNKNOWN}", timeout=0.2)
        assert client.get(UNKNOWN).status_code == 404


def test_answers_are_late() -> None:
    with serving(Faults(delay=0.3)) as server, Plain(server) as client:
        began = time.monotonic()
        client.get(UNKNOWN)
    assert time.monotonic() - began >= 0.3


def test_bodies_drip() -> None:
    with serving(Faults(drip=0.001)) as server, Plain(server) as client:
        began = time.monotonic()
        answer = client.submit()
    assert time.monotonic() - began >= 0.001 * len(answer.content)
    assert answer.json()["result"] == "YES"


def test_bodies_are_endless() -> None:
    got = 0
    with (
        serving(Faults(endless=True)) as server,
        Plain(server) as client,
        client.http.stream("GET", f"/sessions/{UNKNOWN}") as answer,
    ):
        for piece in answer.iter_raw():
            if (got := got + len(piece)) > 3_000_000:
                break
    assert got > 3_000_000
    assert "content-length" not in answer.headers


def test_a_connection_closes_after_each_answer() -> None:
    asked = f"GET /sessions/{UNKNOWN} HTTP/1.1\r\nHost: here\r\n\r\n".encode()
    with serving(Faults(closes=True)) as server:
        host, _, port = server.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
            connection.sendall(asked)
            got = b"".join(iter(lambda: connection.recv(4096), b""))
    assert got.startswith(b"HTTP/1.1 404 Not Found\r\n")
    assert b"Connection:" not in got


def test_what_a_broker_does_is_seen_over_http_too() -> None:
    clock = Clock()
    with serving(Faults(cancel_does_not_stick=True), clock=clock) as server, Plain(server) as client:
        session = client.accepted()
        assert client.update(session, "CANCELLED").json()["phase"] == "CANCELLED"
        assert client.phase(session) == "PREPARING"


def test_unknown_fields_kinds_and_phases_reach_the_wire() -> None:
    faults = Faults(unknown_fields=True, unknown_kinds=True, unknown_phase="HIBERNATING")
    with serving(faults, script=LONG) as server, Plain(server) as client:
        session = client.get(client.accepted()).json()
    assert session["phase"] == "HIBERNATING"
    assert session["entanglement"] == {"degree": 3}
    assert session["data"][-1]["kind"] == "https://example.org/kinds/data/hologram.yaml"


def test_no_names_reach_the_wire_in_b2_of_2026() -> None:
    with serving(Faults(null_names=True)) as server, Plain(server) as client:
        offers = client.submit().json()
    assert "name" not in offers["meta"]
    assert offers["offers"][0]["meta"]["name"] == "null-offer-0"


def test_after_a_restart_all_is_404() -> None:
    clock = Clock()
    with serving(Faults(restart_after=10.0), clock=clock) as server, Plain(server) as client:
        offers = client.submit()
        session = uuid_of(offers.json()["offers"][0])
        clock.advance(10)
        answers = [client.get(session), client.http.get(offers.headers["location"])]
    assert [(answer.status_code, answer.content) for answer in answers] == [(404, b"")] * 2


def test_a_switch_that_is_set_later_begins_to_count_anew() -> None:
    with serving(Faults(unavailable=1)) as server, Plain(server) as client:
        statuses = [client.submit().status_code]
        server.faults = Faults(unavailable=1)
        statuses += [client.submit().status_code for _ in range(2)]
    assert statuses == [503, 503, 303]
