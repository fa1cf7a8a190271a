# SPDX-License-Identifier: Apache-2.0
"""Tokens that PanDA refuses, and answers that nobody can use: each is an error that says what to do."""

import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eb_prefect.brokers.panda.broker import PandaBroker
from eb_prefect.brokers.panda.record import recorded
from eb_prefect.brokers.panda.values import moment, number, text, whole
from eb_prefect.errors import (
    AccessDeniedError,
    BrokerUnavailableError,
    EBError,
    InvalidConfigurationError,
    NotABrokerError,
    UnusableAnswerError,
)
from eb_prefect.model.phase import Phase
from eb_prefect.testing.contract import offered, wait_final
from tests.brokers.panda.bench import PandaBench, program
from tests.brokers.panda.documents import Recorded
from tests.brokers.panda.documents import recorded as answer
from tests.brokers.panda.serving import StandIn
from tests.brokers.panda.standin import Fault

USER = "system/get_user_attributes"
HTML = "<!DOCTYPE html><html><title>Sign in</title></html>"


def asked(bench: PandaBench, **options: Any) -> PandaBroker:
    """Return a broker that has asked who the user is."""
    broker = bench.broker(**options)
    broker.request_offers(bench.succeeding())
    return broker


def with_token(bench: PandaBench, token: Any) -> PandaBroker:
    return PandaBroker(bench.url, vo="eb", token=token, home=bench.root / "home")


def test_a_token_that_is_refused_is_renewed_once(tasks: PandaBench, standin: StandIn) -> None:
    asked_for: list[bool] = []

    def token(renew: bool) -> str:
        asked_for.append(renew)
        return "token" if renew else "stale"

    broker = with_token(tasks, token)
    assert broker.request_offers(tasks.succeeding()).result == "YES"
    assert broker.request_offers(tasks.succeeding()).result == "YES"
    assert asked_for == [False, True]


def test_a_token_that_is_refused_twice_is_an_error(tasks: PandaBench) -> None:
    with pytest.raises(AccessDeniedError) as caught:
        with_token(tasks, lambda _renew: "stale").request_offers(tasks.succeeding())
    assert caught.value.status == 401
    assert "Signature has expired" in str(caught.value)


def test_a_submission_is_sent_with_the_new_token_where_the_old_one_is_over(
    tasks: PandaBench, standin: StandIn
) -> None:
    broker = with_token(tasks, lambda renew: "new" if renew else "token")
    offer = offered(broker, tasks.succeeding())
    standin.panda.tokens = {"new"}
    assert broker.accept(offer.uuid).phase != Phase.ACCEPTED
    assert len(standin.panda.tasks) == 1


def test_a_submission_without_a_token_that_counts_is_made_later(tasks: PandaBench, standin: StandIn) -> None:
    broker = tasks.broker(doubt=timedelta(hours=1))
    offer = offered(broker, tasks.succeeding())
    standin.panda.tokens = {"new"}
    with pytest.raises(AccessDeniedError):
        broker.accept(offer.uuid)
    other = replace(tasks, token="new").broker(doubt=timedelta(hours=1))
    assert wait_final(other, offer.uuid, tasks).phase == Phase.COMPLETED
    assert tasks.starts() == 1


@pytest.mark.parametrize("content", ["token\n", '{"id_token": "token", "refresh_token": "x"}'])
def test_a_token_can_be_in_a_file(tasks: PandaBench, tmp_path: Path, content: str) -> None:
    (tmp_path / "token").write_text(content)
    broker = with_token(tasks, tmp_path / "token")
    assert broker.request_offers(tasks.succeeding()).result == "YES"


def test_a_token_can_be_what_a_command_says(tasks: PandaBench) -> None:
    assert with_token(tasks, ("echo", "token")).request_offers(tasks.succeeding()).result == "YES"


@pytest.mark.parametrize("token", [Path("/nowhere/token"), ("/nowhere/command",), ("false",)])
def test_a_token_that_is_not_there_is_an_error(tasks: PandaBench, token: Any) -> None:
    with pytest.raises(InvalidConfigurationError):
        with_token(tasks, token).request_offers(tasks.succeeding())


@pytest.mark.parametrize("content", ["", "two words", "{broken", '{"other": 1}'])
def test_what_is_no_token_is_not_sent(
    tasks: PandaBench, standin: StandIn, tmp_path: Path, content: str
) -> None:
    (tmp_path / "token").write_text(content)
    with pytest.raises(AccessDeniedError):
        with_token(tasks, tmp_path / "token").request_offers(tasks.succeeding())
    assert standin.panda.calls == []


ERRORS = {
    "html": (Recorded(200, "text/html", HTML), UnusableAnswerError),
    "nothing": (Recorded(200, "text/plain", ""), UnusableAnswerError),
    "half": (Recorded(200, "text/plain", '{"success": true, "data": {"user'), UnusableAnswerError),
    "a list": (Recorded(200, "text/plain", [0, "x"]), UnusableAnswerError),
    "a text of True": (Recorded(200, "text/plain", "True"), UnusableAnswerError),
    "a success that is a text": (Recorded(200, "text/plain", {"success": "True"}), UnusableAnswerError),
    "no data": (Recorded(200, "text/plain", {"success": True}), UnusableAnswerError),
    "not a number": (Recorded(200, "text/plain", '{"success": true, "data": NaN}'), UnusableAnswerError),
    "too many digits": (
        Recorded(200, "text/plain", '{"success": true, "data": ' + "9" * 9000 + "}"),
        UnusableAnswerError,
    ),
    "too deep": (Recorded(200, "text/plain", "[" * 100_000), UnusableAnswerError),
    "too large": (Recorded(200, "text/plain", "x" * (17 << 20)), UnusableAnswerError),
    "no user": (answer("token-missing"), AccessDeniedError),
    "bad token": (answer("token-bad"), AccessDeniedError),
    "unknown collaboration": (answer("vo-unknown"), AccessDeniedError),
    "unknown call": (answer("method-unknown"), UnusableAnswerError),
    "other method": (answer("method-wrong"), UnusableAnswerError),
    "other types": (answer("type-wrong"), UnusableAnswerError),
    "other arguments": (answer("argument-missing"), UnusableAnswerError),
    "banned": (Recorded(403, "text/plain", "ERROR : Star Gazer is banned"), AccessDeniedError),
    "broken": (Recorded(500, "text/plain", "connection already closed"), BrokerUnavailableError),
    "busy": (Recorded(503, "text/html", HTML), BrokerUnavailableError),
    "database": (
        Recorded(200, "text/plain", {"success": False, "message": "database error in the PanDA server"}),
        BrokerUnavailableError,
    ),
    "elsewhere": (Recorded(302, "text/html", ""), UnusableAnswerError),
    "not there": (Recorded(404, "text/html", HTML), UnusableAnswerError),
}


@pytest.mark.parametrize("what", ERRORS)
def test_each_answer_that_can_not_be_used_is_an_error_of_its_kind(
    tasks: PandaBench, standin: StandIn, what: str
) -> None:
    told, kind = ERRORS[what]
    standin.panda.faults.append(Fault(USER, told, times=100))
    with pytest.raises(EBError) as caught:
        tasks.broker().request_offers(tasks.succeeding())
    assert isinstance(caught.value, (kind, NotABrokerError))


@pytest.mark.parametrize("what", [name for name in ERRORS if name not in {"elsewhere", "no data"}])
def test_a_session_survives_each_such_answer(bench: PandaBench, standin: StandIn, what: str) -> None:
    broker = bench.broker()
    offer = offered(broker, bench.succeeding())
    broker.accept(offer.uuid)
    told, kind = ERRORS[what]
    paths = ("task/get_status", "job/get_description")
    standin.panda.faults += [Fault(path, told, times=1000) for path in paths]
    with pytest.raises(kind):
        often(broker, offer.uuid)
    standin.panda.faults.clear()
    assert wait_final(broker, offer.uuid, bench).phase == Phase.COMPLETED
    assert bench.starts() == 1


def often(broker: PandaBroker, session: str) -> None:
    for _ in range(100):
        broker.session(session)


def test_a_token_in_an_answer_is_told_to_nobody(tasks: PandaBench, standin: StandIn) -> None:
    bad = Recorded(500, "text/plain", "failed with Bearer token")
    standin.panda.faults.append(Fault(USER, bad, times=3))
    with pytest.raises(BrokerUnavailableError) as caught:
        tasks.broker().request_offers(tasks.succeeding())
    assert "failed with Bearer [secret]" in str(caught.value)


def test_books_that_can_not_be_read_are_given_up_after_a_while(bench: PandaBench, standin: StandIn) -> None:
    broker = bench.broker(grace=timedelta(seconds=0.2))
    offer = offered(broker, bench.succeeding())
    broker.accept(offer.uuid)
    paths = ("task/get_job_ids", "job/get_description_incl_archive")
    if bench.mode.together == 1:
        standin.panda.faults += [Fault(path, Recorded(200, "", HTML), times=10_000) for path in paths]
        final = patient(broker, offer.uuid)
        assert any(message.kind == "urn:eb-prefect:message/no-record" for message in final.messages)
    assert wait_final(broker, offer.uuid, bench).phase == Phase.COMPLETED


def patient(broker: PandaBroker, session: str) -> Any:
    """Look until the session has ended, whatever is answered."""
    for _ in range(10_000):
        try:
            found = broker.session(session)
        except UnusableAnswerError:
            continue
        if found.is_final:
            return found
    raise TimeoutError


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(JSON)
def test_no_value_breaks_what_reads_it(value: Any) -> None:
    for read in (text, number, whole, moment):
        read(value)
    moment({"__datetime__": value})


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(answer("job-failed").body["data"][0])), JSON, max_size=8))
def test_no_description_of_a_job_breaks_its_record(odd: dict[str, Any]) -> None:
    record = recorded("1", "failed", [answer("job-failed").body["data"][0] | odd])
    assert record.outcome.identifier == "1"
    record.outcome.neutral()


Spoiler = Callable[[bytes], bytes]


@st.composite
def spoilers(draw: st.DrawFn) -> Spoiler:
    """Return what spoils an answer: cut, turned, or with values of other types."""
    kind, seed = draw(st.integers(0, 3)), draw(st.integers(0, 1 << 30))
    value = draw(JSON)

    def spoil(body: bytes) -> bytes:
        chance = random.Random(seed)
        if kind == 0:
            return body[: chance.randrange(len(body) + 1)]
        if kind == 1:
            at = chance.randrange(len(body))
            return body[:at] + bytes([chance.randrange(256)]) + body[at + 1 :]
        if kind == 2:
            return json.dumps(json.loads(body) | {"data": value}).encode()
        return json.dumps({"success": chance.random() < 0.5, "message": "x", "data": value}).encode()

    return spoil


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(spoil=spoilers(), seed=st.integers(0, 1 << 30))
def test_whatever_is_answered_the_errors_are_ours(
    bench: PandaBench, standin: StandIn, spoil: Spoiler, seed: int
) -> None:
    chance = random.Random(seed)
    standin.panda.mangle = lambda _path, body: spoil(body) if chance.random() < 0.5 else body
    broker = bench.broker(doubt=timedelta(0))
    session = _tried(lambda: broker.request_offers(program("true")).offers[0].uuid)
    if session is not None:
        for verb in (broker.accept, broker.session, broker.cancel, broker.session):
            _tried(lambda verb=verb: verb(session))  # type: ignore[misc]
    standin.panda.mangle = None


def _tried(step: Callable[[], Any]) -> Any:
    try:
        return step()
    except EBError:
        return None
