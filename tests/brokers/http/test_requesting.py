# SPDX-License-Identifier: Apache-2.0
"""Asking for offers."""

import json
import time
from typing import Any

import pytest

from eb_prefect.brokers.http.paths import Paths
from eb_prefect.errors import (
    BrokerUnavailableError,
    InvalidRequestError,
    NotABrokerError,
    NotExpressibleError,
    RequestRefusedError,
    UnusableAnswerError,
)
from eb_prefect.model.phase import Phase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.wire.dialect import BASES, Dialect
from tests.brokers.embedded.bench import data, program, storage, volume
from tests.brokers.http.conftest import Client
from tests.brokers.http.served import FIRST, OFFERS, SECOND, Answer, Served, made, offers, session, text

YES = offers(session("OFFERED"), session("OFFERED", SECOND))
REQUEST = program("true")
SUBMIT = {
    Dialect.A: "/offersets",
    Dialect.B1: "/offersets",
    Dialect.B2: "/requests",
    Dialect.NEUTRAL: "/requests",
}


@pytest.mark.parametrize("dialect", SUBMIT)
def test_each_dialect_has_its_path_and_form(served: Served, client: Client, dialect: Dialect) -> None:
    served.says = {f"POST {SUBMIT[dialect]}": made(YES, dialect)}
    answer = client(dialect=dialect).request_offers(REQUEST)
    sent = json.loads(served.seen[0].body)
    kinds = [part.get("kind", part.get("type")) for part in (sent["compute"],)]
    assert [offer.uuid for offer in answer.offers] == [FIRST, SECOND]
    assert kinds[0].startswith(BASES.get(dialect, "compute/"))


def test_json_is_sent_and_asked_for(served: Served, client: Client) -> None:
    served.says = {"POST": made(YES)}
    client().request_offers(REQUEST)
    headers = served.seen[0].headers
    assert (headers["content-type"], headers["accept"]) == ("application/json", "application/json")


def test_the_redirect_with_a_whole_body_is_not_followed(served: Served, client: Client) -> None:
    served.says = {"POST": made(YES)}
    client().request_offers(REQUEST)
    assert served.asked == ["POST /requests"]


@pytest.mark.parametrize("status", [200, 201])
def test_other_successes_are_taken_too(served: Served, client: Client, status: int) -> None:
    served.says = {"POST": Answer(text(YES), status)}
    assert client().request_offers(REQUEST).result == "YES"


@pytest.mark.parametrize("body", ["", "<html>see there</html>", "{", "[1]"])
@pytest.mark.parametrize("host", ["http://127.0.0.1:9", "http://elsewhere.example.org", ""])
def test_a_redirect_without_a_body_is_read_below_the_own_address(
    served: Served, client: Client, body: str, host: str
) -> None:
    location = {"Location": f"{host}/prefix/offersets/{OFFERS}"}
    served.says = {"POST": Answer(body, 303, location), f"GET /b/offersets/{OFFERS}": Answer(text(YES))}
    assert client(f"{served.url}/b").request_offers(REQUEST).uuid == OFFERS
    assert served.asked == ["POST /b/requests", f"GET /b/offersets/{OFFERS}"]


@pytest.mark.parametrize("location", ["http://[", "http://x/offersets/../sessions", "", "\x7f:"])
def test_a_broken_location_does_not_lose_the_body(served: Served, client: Client, location: str) -> None:
    served.says = {"POST": Answer(text(YES), 303, {"Location": location})}
    assert client().request_offers(REQUEST).result == "YES"


def test_a_redirect_that_names_nothing_is_unusable(served: Served, client: Client) -> None:
    served.says = {"POST": Answer("", 303, {"Location": "/offersets/../sessions"})}
    with pytest.raises(UnusableAnswerError, match="empty body"):
        client().request_offers(REQUEST)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_request_is_never_sent_elsewhere(served: Served, client: Client, status: int) -> None:
    served.says = {"POST": Answer("", status, {"Location": f"{served.url}/elsewhere"})}
    with pytest.raises(NotABrokerError, match="elsewhere"):
        client().request_offers(REQUEST)
    assert served.asked == ["POST /requests"]


def test_a_yaml_answer_to_a_json_accept_is_read(served: Served, client: Client) -> None:
    body = f"result: NO\nmeta: {{uuid: {OFFERS}, messages: [{{kind: 'urn:x', template: no room}}]}}"
    served.says = {"POST": Answer(body, 303, {"Content-Type": "application/yaml"})}
    answer = client().request_offers(REQUEST)
    assert (answer.result, answer.messages[0].text) == ("NO", "no room")
    assert answer.raw == body.encode()


def test_a_no_without_messages_gets_one(served: Served, client: Client) -> None:
    served.says = {"POST": made(offers(result="NO"))}
    answer = client().request_offers(REQUEST)
    assert [message.text for message in answer.messages] == ["the broker gave no reason"]


@pytest.mark.parametrize("offered", [[], [session("REJECTED")], [session("HIBERNATING")]])
def test_a_yes_without_open_offers_is_a_no(served: Served, client: Client, offered: list[Any]) -> None:
    served.says = {"POST": made(offers(*offered))}
    answer = client().request_offers(REQUEST)
    assert (answer.result, len(answer.offers)) == ("NO", len(offered))
    assert "no open offer" in answer.messages[-1].text


def test_offers_that_are_not_open_are_kept_beside_those_that_are(served: Served, client: Client) -> None:
    served.says = {"POST": made(offers(session("EXPIRED"), session("OFFERED", SECOND)))}
    answer = client().request_offers(REQUEST)
    assert [offer.phase for offer in answer.offers] == [Phase.EXPIRED, Phase.OFFERED]


@pytest.mark.parametrize(
    "odd",
    [
        {"uuid": "../x", "phase": "OFFERED"},
        {"uuid": FIRST, "phase": "OFFERED"},
        {"phase": "OFFERED"},
        {"uuid": SECOND},
        5,
        None,
    ],
)
def test_an_odd_offer_does_not_cost_the_others(served: Served, client: Client, odd: Any) -> None:
    whole = {"kind": "x/y", "uuid": FIRST, "phase": "OFFERED"}
    served.says = {"POST": Answer(json.dumps({"result": "YES", "offers": [whole, odd]}), 303)}
    answer = client().request_offers(REQUEST)
    assert [offer.uuid for offer in answer.offers] == [FIRST]
    assert "offer 1 is left out" in answer.messages[0].text


@pytest.mark.parametrize("body", ['{"result": "MAYBE"}', '{"offers": []}', '{"phase": "OFFERED"}', "- x"])
def test_an_answer_that_is_no_offer_set_is_unusable(served: Served, client: Client, body: str) -> None:
    served.says = {"POST": Answer(body, 303)}
    with pytest.raises(UnusableAnswerError):
        client().request_offers(REQUEST)


def test_as_many_offers_as_fit_are_read_in_time_that_grows_with_them(served: Served, client: Client) -> None:
    many = [session("OFFERED", f"{n:08x}-3a29-4187-9605-f4e3d2c1b0a9") for n in range(20_000)]
    served.says = {"POST": made(offers(*many))}
    started = time.process_time()
    assert len(client(timeout=60.0).request_offers(program("true")).offers) == len(many)
    assert time.process_time() - started < 10


def test_a_faulty_request_is_not_sent(served: Served, client: Client) -> None:
    with pytest.raises(InvalidRequestError, match="executable"):
        client().request_offers(ExecutionRequest())
    assert served.seen == []


def test_what_a_dialect_lacks_is_told_and_nothing_sent(served: Served, client: Client) -> None:
    request = program("true").model_copy(update={"costs": offers(costs=[{"type": "x"}]).costs})
    with pytest.raises(NotExpressibleError, match="costs"):
        client(dialect=Dialect.B1).request_offers(request)
    assert served.seen == []


def test_what_was_changed_for_the_dialect_is_told(served: Served, client: Client) -> None:
    request = program(
        "true",
        name="smooth",
        data=[
            data("a", "file:///a", checksum={"type": "sha-256", "value": "0" * 64}),
            data("b", "file:///b"),
        ],
        compute={"volumes": [volume("/in", "a", "b", cardinality="CONTAINER")]},
    )
    served.says = {"POST": made(YES)}
    answer = client().request_offers(request)
    assert {message.level for message in answer.messages} == {"WARN"}
    assert [message.text.partition(":")[0] for message in answer.messages] == [
        "name",
        "data[0].checksum",
        "compute.volumes[0]",
    ]


def test_the_neutral_form_changes_nothing(served: Served, client: Client) -> None:
    request = program("true", name="smooth", storage=[storage("made")])
    served.says = {"POST": made(YES, Dialect.NEUTRAL)}
    assert client(dialect=Dialect.NEUTRAL).request_offers(request).messages == ()
    assert json.loads(served.seen[0].body) == request.neutral()


@pytest.mark.parametrize("status", [400, 402, 409, 413, 415, 422])
def test_a_refused_request_is_told_with_all_that_is_known(
    served: Served, client: Client, status: int
) -> None:
    body = (
        'timestamp: "2026-03-22T06:06:42.435+00:00"\nstatus: 400\nerror: "Bad Request"\npath: "/requests"\n'
    )
    served.says = {"POST": Answer(body, status)}
    with pytest.raises(RequestRefusedError, match="Bad Request") as refused:
        client().request_offers(REQUEST)
    assert refused.value.status == status


def test_a_bare_400_tells_what_was_sent(served: Served, client: Client) -> None:
    served.says = {"POST": Answer("", 400)}
    with pytest.raises(RequestRefusedError, match=r"B2 at /requests: 400 .* body is empty; no local check"):
        client().request_offers(REQUEST)


@pytest.mark.parametrize("status", [404, 405])
def test_a_broker_that_takes_no_requests_is_none(served: Served, client: Client, status: int) -> None:
    served.says = {"POST": Answer("", status)}
    with pytest.raises(NotABrokerError, match=f"/requests: {status}"):
        client().request_offers(REQUEST)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
def test_a_web_page_of_a_broken_server_means_later(served: Served, client: Client, status: int) -> None:
    served.says = {"POST": Answer("<html>down</html>", status)}
    with pytest.raises(BrokerUnavailableError, match="HTML"):
        client().request_offers(REQUEST)


def test_a_web_page_of_a_working_server_is_unusable(served: Served, client: Client) -> None:
    served.says = {"POST": Answer("<html>Welcome to the portal</html>")}
    with pytest.raises(UnusableAnswerError, match="HTML"):
        client().request_offers(REQUEST)


def test_paths_can_be_configured(served: Served, client: Client) -> None:
    paths = Paths(submit="eb/ask", direct=None, sessions="eb/runs", offersets="eb/sets")
    served.says = {"POST /x/eb/ask": made(YES), f"GET /x/eb/runs/{FIRST}": Answer(text(session("OFFERED")))}
    broker = client(f"{served.url}/x/", paths=paths)
    assert broker.session(broker.request_offers(REQUEST).offers[0].uuid).phase == Phase.OFFERED
