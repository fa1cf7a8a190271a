# SPDX-License-Identifier: Apache-2.0
"""What the client makes of each fault of servers, by its switch."""

import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from eb_prefect.brokers.http.auth import Bearer
from eb_prefect.brokers.http.broker import HTTPBroker
from eb_prefect.errors import (
    AccessDeniedError,
    AnswerLostError,
    BrokerUnavailableError,
    NoOfferError,
    NotABrokerError,
    OfferGoneError,
    OutputGoneError,
    RequestRefusedError,
    UnknownSessionError,
    UnusableAnswerError,
)
from eb_prefect.model.executable import DockerContainer
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.session import Session
from eb_prefect.outputs import stream
from eb_prefect.testing.clock import Clock
from eb_prefect.testing.faults import Faults
from eb_prefect.testing.scripted import ScriptedBroker
from eb_prefect.testing.terms import Terms
from eb_prefect.testing.wirefaults import ALWAYS, http_date
from eb_prefect.testing.wireserver import ScriptedServer
from eb_prefect.wire.dialect import Dialect

LONG = ((0.0, "PREPARING"), (10.0, "RUNNING"), (100.0, "COMPLETED"))
FAILING = ((0.0, "RUNNING"), (100.0, "FAILED"))
SKY = {"kind": "data/simple-data-resource", "name": "sky", "location": "https://example.org/sky.fits"}
CONTAINER = {
    "kind": "executable/docker-container",
    "image": {"locations": ["registry.example.org/sky:1"], "digest": f"sha256:{'1' * 64}"},
    "command": ["cut", "--box", "64"],
}
COMPUTE = {
    "kind": "compute/simple-compute-resource",
    "cores": {"min": 3, "max": 5},
    "memory": {"min": 7, "max": 9},
}


@dataclass
class Case:
    """A faulty broker behind a faulty server, and its client."""

    clock: Clock
    there: ScriptedBroker
    server: ScriptedServer
    client: HTTPBroker

    def offer(self, **parts: Any) -> Session:
        return self.client.request_offers(request(**parts)).offers[0]

    def accepted(self, **parts: Any) -> Session:
        return self.client.accept(self.offer(**parts).uuid)

    def after(self, seconds: float, session: Session) -> Session:
        self.clock.advance(seconds)
        return self.client.session(session.uuid)

    def now(self, **switches: Any) -> None:
        self.server.faults = Faults(**switches)


def request(**parts: Any) -> ExecutionRequest:
    return ExecutionRequest.model_validate({"executable": CONTAINER, "compute": COMPUTE} | parts)


@contextmanager
def faulty(
    script: Any = LONG,
    *,
    client: dict[str, Any] | None = None,
    there: dict[str, Any] | None = None,
    auth: Any = None,
    dialect: Dialect = Dialect.B2,
    **switches: Any,
) -> Iterator[Case]:
    clock = Clock()
    broker = ScriptedBroker(script, clock=clock, **(there or {}))
    with ScriptedServer(broker, dialect, faults=Faults(**switches), auth=auth) as server:
        given = {"dialect": dialect, "timeout": 5.0} | (client or {})
        with HTTPBroker(server.url, **given) as http:
            yield Case(clock, broker, server, http)


def test_a_cancel_that_does_not_stick_is_seen() -> None:
    with faulty(cancel_does_not_stick=True) as case:
        session = case.accepted()
        found = case.client.cancel(session.uuid)
        assert found.phase == "PREPARING"
        assert "it did not keep it" in found.messages[-1].text
        assert case.after(1000, session).phase == "COMPLETED"


def test_a_cancel_that_stops_nothing_shows_in_the_parts() -> None:
    with faulty(cancel_stops_nothing=True, there={"settling": 0.0}) as case:
        session = case.accepted()
        case.client.cancel(session.uuid)
        found = case.after(50, session)
    assert (found.phase, found.compute.phase) == ("CANCELLED", "RUNNING")


def test_an_update_that_is_ignored_is_seen() -> None:
    with faulty(ignores_updates=True) as case:
        offer = case.offer()
        with pytest.raises(BrokerUnavailableError, match="OFFERED still"):
            case.client.accept(offer.uuid)
        assert case.client.cancel(offer.uuid).phase == "OFFERED"


def test_an_offer_that_never_expires_is_still_an_offer() -> None:
    with faulty(never_expires=True) as case:
        offer = case.offer()
        assert case.after(10_000, offer).phase == "OFFERED"
        assert case.client.accept(offer.uuid).phase == "PREPARING"


def test_an_accept_that_is_answered_expired_is_an_offer_gone() -> None:
    with faulty(expired_is_answered=True) as case:
        offer = case.offer()
        case.clock.advance(1000)
        with pytest.raises(OfferGoneError) as raised:
            case.client.accept(offer.uuid)
    assert (raised.value.phase, case.there.runs) == ("EXPIRED", 0)


def test_90_s_of_accepted_are_waited_out() -> None:
    with faulty(accepted_for=90.0) as case:
        session = case.accepted()
        assert session.phase == case.after(89, session).phase == "ACCEPTED"
        assert case.after(1, session).phase == "COMPLETED"


def test_a_poison_pill_leaves_sessions_accepted() -> None:
    with faulty(poison_pill=True) as case:
        poison, other = case.accepted(data=[SKY]), case.accepted()
        assert {case.after(1000, each).phase for each in (poison, other)} == {"ACCEPTED"}
        assert case.client.cancel(other.uuid).phase == "CANCELLED"


@pytest.mark.parametrize("verb", ["session", "accept", "cancel"])
def test_after_a_restart_the_session_is_unknown(verb: str) -> None:
    with faulty(restart_after=10.0) as case:
        session = case.accepted()
        case.clock.advance(10)
        with pytest.raises(UnknownSessionError):
            getattr(case.client, verb)(session.uuid)


def test_components_that_change_after_failed_are_read_as_they_are() -> None:
    with faulty(FAILING, components_change_after_failed=20.0) as case:
        session = case.accepted()
        seen = [case.after(seconds, session) for seconds in (100, 10, 10)]
    assert [each.phase for each in seen] == ["FAILED"] * 3
    assert [each.compute.phase for each in seen] == ["RUNNING", "RELEASING", "FAILED"]


def test_components_that_stay_available_are_read_as_they_are() -> None:
    with faulty(components_stay_available=True, dialect=Dialect.A) as case:
        found = case.after(1000, case.accepted(executable=CONTAINER | {"command": []}))
    assert (found.phase, found.compute.phase) == ("COMPLETED", "AVAILABLE")


def test_a_stream_that_comes_late_is_told_with_its_status_until_then() -> None:
    with faulty(connectors_late=True, there={"streams": {"stdout": "42\n"}}) as case:
        session = case.after(50, case.accepted())
        with pytest.raises(OutputGoneError, match="it is PREPARING and has no location"):
            stream(case.client, session, "stdout")
        assert b"".join(stream(case.client, case.after(50, session), "stdout")) == b"42\n"


def test_a_stream_without_a_location_is_gone() -> None:
    with faulty(connectors_without_location=True, there={"streams": {"stdout": "42\n"}}) as case:
        session = case.after(1000, case.accepted())
        with pytest.raises(OutputGoneError):
            stream(case.client, session, "stdout")


def test_a_truncated_stream_is_read_with_its_mark() -> None:
    with faulty(streams_truncated=True, there={"streams": {"stderr": "x" * 100_000}}) as case:
        session = case.after(1000, case.accepted())
        got = b"".join(stream(case.client, session, "stderr"))
    assert got == b"...[truncated]...\n" + b"x" * 65_536


def test_null_names_are_only_names() -> None:
    with faulty(null_names=True) as case:
        offers = case.client.request_offers(request(executable=CONTAINER | {"name": "mine"}))
        assert (offers.name, offers.offers[0].name) == (None, "null-offer-0")
        assert case.client.accept(offers.offers[0].uuid).executable.name == "mine"


@pytest.mark.parametrize(
    ("switch", "told", "due"),
    [
        ("descriptions_dropped", lambda found: found.executable.description, None),
        ("executable_dropped", lambda found: found.executable, DockerContainer(privileged=False)),
        ("command_reordered", lambda found: found.executable.command, ("64", "--box", "cut")),
        ("command_extended", lambda found: found.executable.command, ("cut", "--box", "64", "--verbose")),
        ("memory_is_cores", lambda found: found.compute.memory, lambda found: found.compute.cores),
        ("amounts_doubled", lambda found: (found.compute.cores.max, found.compute.memory.max), (6, 14)),
        ("storage_synthesised", lambda found: found.storage[0].name, "Storage for [sky]"),
        ("schedule_missing", lambda found: found.schedule, None),
    ],
)
def test_what_the_broker_changes_is_told_as_the_broker_tells_it(
    switch: str, told: Callable[[Session], Any], due: Any
) -> None:
    with faulty(there={"offers": [Terms(lasts=60)]}, **{switch: True}) as case:
        described = CONTAINER | {"description": "cuts"}
        found = case.client.session(case.offer(executable=described, data=[SKY]).uuid)
    assert told(found) == (due(found) if callable(due) else due)


def test_a_dropped_location_and_size_are_none() -> None:
    notebook = {"kind": "executable/jupyter-notebook", "location": "https://example.org/a.ipynb"}
    room = {"kind": "storage/simple-storage-resource", "name": "room", "size": {"min": 5}}
    with faulty(locations_dropped=True) as case:
        found = case.accepted(executable=notebook, storage=[room])
    assert (found.executable.location, found.storage[0].size) == (None, None)


def test_a_duration_that_was_rounded_is_the_brokers() -> None:
    with faulty(durations_rounded=True) as case:
        found = case.offer(schedule={"requested": {"duration": "PT61S"}})
    assert found.compute.schedule.available.duration == timedelta(minutes=2)


def test_an_unknown_phase_is_kept_as_text() -> None:
    with faulty(unknown_phase="HIBERNATING") as case:
        session = case.accepted()
        assert (session.phase, session.is_final) == ("HIBERNATING", False)
        assert case.after(1000, session).phase == "COMPLETED"


def test_unknown_kinds_are_kept() -> None:
    with faulty(unknown_kinds=True) as case:
        found = case.accepted()
    assert found.data[-1].kind == "https://example.org/kinds/data/hologram.yaml"
    assert found.messages[-1].text == "an owl was heard"


def test_unknown_fields_are_kept() -> None:
    with faulty(unknown_fields=True) as case:
        found = case.accepted()
    assert found.model_extra["entanglement"] == {"degree": 3}
    assert found.compute.model_extra["qubits"] == 12


def test_a_no_without_messages_says_that_there_is_no_reason() -> None:
    with faulty(no_without_messages=True) as case:
        answer = case.client.request_offers(request())
    assert (answer.result, answer.offers) == ("NO", ())
    assert any(message.text for message in answer.messages)


def test_an_unfilled_message_is_told_by_its_template() -> None:
    with faulty(messages_unfilled=True, there={"refusal": ["no room"]}) as case:
        answer = case.client.request_offers(request())
    assert answer.messages[0].text == "[${resource}] is limited to [{}]"


def test_a_yes_without_offers_is_a_no() -> None:
    with faulty(yes_without_offers=True) as case:
        answer = case.client.request_offers(request())
    assert (answer.result, answer.offers) == ("NO", ())
    assert any(message.text for message in answer.messages)


def test_a_duplicate_offer_is_one_offer() -> None:
    with faulty(duplicate_offers=True) as case:
        assert len(case.client.request_offers(request()).offers) == 1


def test_another_sessions_answer_is_not_taken() -> None:
    with faulty() as case:
        session = case.accepted()
        case.now(wrong_uuid=True)
        with pytest.raises(UnusableAnswerError):
            case.client.session(session.uuid)


def test_odd_fractions_are_the_same_moment() -> None:
    with faulty(odd_fractions=True) as case:
        posted = case.offer()
        read = case.client.session(posted.uuid)
    assert abs(posted.expires - read.expires) <= timedelta(microseconds=1)
    assert abs(posted.created - read.created) <= timedelta(microseconds=1)


def test_a_schedule_of_1970_is_none() -> None:
    with faulty(epoch_schedules=True) as case:
        schedule = case.client.session(case.offer().uuid).compute.schedule
    assert (schedule.available.start, schedule.releasing.start) == (None, None)


def test_kinds_of_a_foreign_base_are_known() -> None:
    with faulty(foreign_kinds=True) as case:
        found = case.accepted()
    assert isinstance(found.executable, DockerContainer)
    assert found.phase == "PREPARING"


def test_empties_are_nothing() -> None:
    with faulty(empties=True, dialect=Dialect.A) as case:
        found = case.accepted(executable=CONTAINER | {"command": []})
    assert (found.phase, found.connectors, found.messages) == ("PREPARING", (), ())


def test_a_redirect_to_a_foreign_host_is_not_followed() -> None:
    with faulty(redirect_to="http://192.0.2.1:9", there={"streams": {"stdout": "42\n"}}) as case:
        began = time.monotonic()
        session = case.after(1000, case.accepted())
        assert b"".join(stream(case.client, session, "stdout")) == b"42\n"
    assert session.phase == "COMPLETED"
    assert time.monotonic() - began < 4


def test_a_redirect_without_a_body_is_read_where_it_leads() -> None:
    with faulty(redirect_without_body=True) as case:
        assert case.accepted().phase == "PREPARING"
        assert case.server.calls["offer_set"] == 1


def test_an_empty_redirect_to_a_foreign_host_is_read_at_home() -> None:
    with faulty(redirect_without_body=True, redirect_to="http://192.0.2.1:9") as case:
        assert case.accepted().phase == "PREPARING"


def test_a_redirect_without_a_location_has_all_in_its_body() -> None:
    with faulty(redirect_without_location=True) as case:
        assert case.accepted().phase == "PREPARING"


@pytest.mark.parametrize("status", [200, 201])
def test_created_instead_of_a_redirect_is_taken(status: int) -> None:
    with faulty(created_instead=status) as case:
        assert case.accepted().phase == "PREPARING"


def test_redirects_for_ever_end() -> None:
    with faulty() as case:
        session = case.accepted()
        case.now(redirects_for_ever=True)
        with pytest.raises((NotABrokerError, UnusableAnswerError)):
            case.client.session(session.uuid)
        assert case.server.calls["session"] < 20


def test_an_error_in_yaml_is_read() -> None:
    with faulty(yaml_errors=True, unavailable=1) as case, pytest.raises(BrokerUnavailableError) as raised:
        case.client.request_offers(request())
    assert "Service Unavailable" in raised.value.reason
    assert "timestamp" not in raised.value.reason


def test_answers_in_yaml_are_read() -> None:
    with faulty(yaml_answers=True) as case:
        assert case.after(1000, case.accepted()).phase == "COMPLETED"


def test_a_bare_400_is_a_refusal() -> None:
    with faulty(bare_400=True) as case, pytest.raises(RequestRefusedError) as raised:
        case.client.request_offers(request())
    assert raised.value.status == 400


def test_a_500_of_direct_execution_is_explained_by_offers() -> None:
    with faulty(direct_fails=True, there={"refusal": ["no room"]}) as case:
        with pytest.raises(NoOfferError, match="no room"):
            case.client.execute(request())
        assert case.there.runs == 0


def test_an_update_of_anothers_session_is_denied() -> None:
    with faulty(forbidden=True) as case, pytest.raises(AccessDeniedError) as raised:
        case.accepted()
    assert raised.value.status == 403


def test_a_stale_token_is_refreshed_once() -> None:
    asked = []

    def token(renew: bool) -> str:
        asked.append(renew)
        return "new" if renew else "old"

    with faulty(stale_token="old", auth="new", client={"auth": Bearer(token)}) as case:
        assert case.after(1000, case.accepted()).phase == "COMPLETED"
    assert asked == [False, True]


def test_a_token_that_stays_stale_is_denied() -> None:
    with (
        faulty(stale_token="old", auth="new", client={"auth": Bearer(lambda _: "old")}) as case,
        pytest.raises(AccessDeniedError) as raised,
    ):
        case.client.request_offers(request())
    assert raised.value.status == 401
    assert case.server.calls["request_offers"] <= 2


@pytest.mark.parametrize("switch", ["too_many", "unavailable"])
@pytest.mark.parametrize("verb", ["session", "cancel"])
def test_a_storm_means_later(switch: str, verb: str) -> None:
    with faulty() as case:
        session = case.accepted()
        case.now(**{switch: ALWAYS})
        with pytest.raises(BrokerUnavailableError) as raised:
            getattr(case.client, verb)(session.uuid)
        assert raised.value.retry_after is None
        case.now()
        assert case.client.session(session.uuid).phase == "PREPARING"


@pytest.mark.parametrize(
    ("header", "least", "most"),
    [
        ("7", 7, 7),
        (lambda: http_date(60), 50, 61),
        ("soon", None, None),
        ("-3", None, None),
        ("1e99", None, None),
    ],
)
def test_a_storm_says_when_to_come_back(header: Any, least: float | None, most: float | None) -> None:
    text = header() if callable(header) else header
    with faulty(too_many=1, retry_after=text) as case, pytest.raises(BrokerUnavailableError) as raised:
        case.client.request_offers(request())
    after = raised.value.retry_after
    assert after is None if least is None else least <= after <= most


@pytest.mark.parametrize(("status", "error"), [(502, BrokerUnavailableError), (200, UnusableAnswerError)])
@pytest.mark.parametrize("verb", ["session", "accept", "cancel"])
def test_a_page_of_a_proxy_is_no_answer(status: int, error: type[Exception], verb: str) -> None:
    with faulty() as case:
        session = case.accepted()
        case.now(proxy_page=status)
        with pytest.raises(error):
            getattr(case.client, verb)(session.uuid)


def test_a_wrong_content_type_is_seen_through() -> None:
    with faulty(content_type="text/html") as case:
        assert case.after(1000, case.accepted()).phase == "COMPLETED"


@pytest.mark.parametrize("switch", ["empty_bodies", "garbled_bodies"])
def test_a_body_that_is_none_is_unusable(switch: str) -> None:
    with faulty() as case:
        session = case.accepted()
        case.now(**{switch: 1})
        with pytest.raises((UnusableAnswerError, BrokerUnavailableError)):
            case.client.session(session.uuid)
        assert case.client.session(session.uuid).phase == "PREPARING"


@pytest.mark.parametrize("switch", ["empty_bodies", "garbled_bodies", "cut_bodies"])
def test_an_accept_is_known_although_its_answer_can_not_be_read(switch: str) -> None:
    with faulty() as case:
        offer = case.offer()
        case.now(**{switch: 1})
        try:
            session = case.client.accept(offer.uuid)
        except BrokerUnavailableError:
            session = case.client.accept(offer.uuid)
        assert (session.phase, case.there.runs) == ("PREPARING", 1)


def test_a_padded_body_is_read() -> None:
    with faulty(padded_to=1_000_000) as case:
        assert case.after(1000, case.accepted()).phase == "COMPLETED"


@pytest.mark.parametrize("switch", ["padded_to", "gzip_bomb"])
def test_a_huge_body_is_refused_before_it_fills_the_memory(switch: str) -> None:
    with faulty() as case:
        session = case.accepted()
        case.now(**{switch: 128 << 20})
        tracemalloc.start()
        with pytest.raises(UnusableAnswerError, match="larger"):
            case.client.session(session.uuid)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert most < 80 << 20


@pytest.mark.parametrize("switch", ["dropped_before", "dropped_after", "not_http"])
def test_a_read_that_was_lost_means_later(switch: str) -> None:
    with faulty() as case:
        session = case.accepted()
        case.now(**{switch: ALWAYS})
        with pytest.raises(BrokerUnavailableError):
            case.client.session(session.uuid)
        case.now()
        assert case.client.session(session.uuid).phase == "PREPARING"


@pytest.mark.parametrize(("switch", "runs"), [("dropped_before", 0), ("dropped_after", 1)])
def test_an_accept_that_was_lost_runs_once(switch: str, runs: int) -> None:
    with faulty() as case:
        offer = case.offer()
        case.now(**{switch: ALWAYS})
        with pytest.raises(BrokerUnavailableError):
            case.client.accept(offer.uuid)
        assert case.there.runs == runs
        case.now()
        assert case.client.accept(offer.uuid).phase == "PREPARING"
        assert case.there.runs == 1


@pytest.mark.parametrize("switch", ["dropped_before", "dropped_after", "cut_bodies", "not_http"])
def test_a_direct_execution_that_was_lost_is_not_repeated(switch: str) -> None:
    with faulty(**{switch: 1}) as case:
        with pytest.raises(AnswerLostError):
            case.client.execute(request())
        assert case.server.calls["direct"] == 1


@pytest.mark.parametrize("switch", ["silent", "drip", "endless"])
def test_an_answer_that_never_ends_is_given_up(switch: str) -> None:
    values = {"silent": ALWAYS, "drip": 0.05, "endless": True}
    with faulty(client={"timeout": 0.5}) as case:
        session = case.accepted()
        case.now(**{switch: values[switch]})
        began = time.monotonic()
        with pytest.raises((BrokerUnavailableError, UnusableAnswerError)):
            case.client.session(session.uuid)
    assert time.monotonic() - began < 3


def test_a_late_answer_is_waited_for() -> None:
    with faulty(delay=0.3) as case:
        assert case.accepted().phase == "PREPARING"


def test_a_connection_that_closes_after_each_answer_is_made_anew() -> None:
    with faulty(closes=True) as case:
        for n in range(1, 30):
            offer = case.offer()
            assert case.client.accept(offer.uuid).phase == "PREPARING"
            assert case.client.session(offer.uuid).phase == "PREPARING"
            assert case.client.execute(request()).phase == "PREPARING"
            assert case.there.runs == 2 * n


def test_a_kept_connection_that_ends_is_made_anew_once() -> None:
    with faulty() as case:
        session = case.accepted()
        before = case.server.calls["session"]
        case.now(dropped_before=1)
        assert case.client.session(session.uuid).phase == "PREPARING"
        assert case.server.calls["session"] == before + 2
