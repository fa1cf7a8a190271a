# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eb_prefect.model.phase import Phase
from eb_prefect.model.session import Session
from eb_prefect.model.steprun import BrokerIdentity, StepRun
from provenance.canonical import ni
from provenance.errors import MalformedRecordError
from provenance.record import draft, make_record, read_record, record_from_session

RunOf = Callable[..., StepRun]


def test_a_record_read_back_is_equal_and_has_the_same_name(run_of: RunOf) -> None:
    record = make_record(run_of())
    assert read_record(record.text) == record
    assert read_record(record.text).digest == record.digest == ni(record.text.encode())


def test_a_run_has_one_record_however_often_it_is_made(run_of: RunOf) -> None:
    run = run_of()
    assert make_record(run).text == make_record(run).text


def test_the_record_tells_request_offers_choice_phases_and_session(run_of: RunOf) -> None:
    run = run_of(phase=Phase.FAILED)
    record = make_record(run)
    assert (record.request, record.offers, record.chosen) == (run.request, run.offers, run.chosen)
    assert (record.changes, record.session) == (run.changes, run.session)
    assert record.missing == ()


def test_a_field_that_nobody_knows_is_kept(run_of: RunOf) -> None:
    run = run_of()
    session = Session.model_validate(run.session.neutral() | {"quota": {"left": 2**60}})
    record = make_record(run.model_copy(update={"session": session}))
    assert read_record(record.text).neutral()["session"]["quota"] == {"left": str(2**60)}


def test_what_came_over_a_wire_is_kept_as_it_came(run_of: RunOf) -> None:
    run = run_of()
    session = run.session.model_copy(update={"raw": b"uuid: x\n"})
    record = make_record(run.model_copy(update={"session": session}))
    assert record.session_raw is not None
    assert (record.session_raw.text, record.session_raw.digest) == ("uuid: x\n", ni(b"uuid: x\n"))


def test_a_secret_of_the_environment_is_nowhere_in_the_record(run_of: RunOf) -> None:
    run = run_of(environment={"API_TOKEN": "hunter2-hunter2"})
    session = run.session.model_copy(update={"raw": b"environment: {API_TOKEN: hunter2-hunter2}"})
    made = draft(run.model_copy(update={"session": session}))
    assert "hunter2" not in made.record.text
    assert "/request/executable/environment/API_TOKEN" in made.record.redacted
    assert made.secrets["/request/executable/environment/API_TOKEN"] == ni(b"hunter2-hunter2")
    raw = made.record.session_raw
    assert raw is not None
    assert raw.text is not None
    assert raw.digest == ni(raw.text.encode())


def test_a_record_of_a_session_alone_says_what_it_does_not_know(run_of: RunOf) -> None:
    record = record_from_session(run_of().session, BrokerIdentity(kind="http", name="far"))
    assert record.request is None
    assert record.missing == ("request", "offers", "changes", "software", "inputs", "products")


def test_a_record_too_long_to_travel_leaves_out_what_a_rerun_does_not_need(run_of: RunOf) -> None:
    run = run_of()
    session = run.session.model_copy(update={"raw": b"x" * 100_000})
    record = make_record(run.model_copy(update={"session": session}))
    assert len(record.text) < 64 << 10
    assert record.missing == ("session_raw.text",)
    assert record.session_raw is not None
    assert record.session_raw.digest == ni(b"x" * 100_000)
    assert record.request == run.request


def test_times_are_those_that_were_seen(run_of: RunOf) -> None:
    run = run_of()
    assert run.session.outcome is not None
    assert make_record(run).started == run.session.outcome.started
    untold = run.model_copy(update={"session": run.session.model_copy(update={"outcome": None})})
    assert make_record(untold).started == run.changes[0].seen
    assert make_record(untold).ended == run.changes[1].seen


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "nope", "[" * 100_000, '{"schema_version":"urn:eb-prefect:record:2"}']
)
def test_what_is_no_record_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(MalformedRecordError, match="can't be used"):
        read_record(text)


@given(st.dictionaries(st.from_regex(r"[A-Z_]{1,9}", fullmatch=True), st.text(), max_size=4))
def test_any_environment_is_kept_in_the_record_or_taken_out(environment: dict[str, str]) -> None:
    session = Session(uuid="x", phase=Phase.COMPLETED)
    session = Session.model_validate(
        session.neutral() | {"executable": {"kind": "executable/program", "environment": environment}}
    )
    record = record_from_session(session, BrokerIdentity(kind="http", name="far"))
    assert read_record(record.text).text == record.text
