# SPDX-License-Identifier: Apache-2.0
"""Instants, durations and intervals as brokers write them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eb_prefect.model.moment import Span, duration, duration_text, instant, instant_text, span, span_text

INSTANTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))  # noqa: DTZ001
LENGTHS = st.timedeltas(timedelta(), timedelta(days=40_000))


@given(INSTANTS)
def test_an_instant_is_read_as_it_is_written(moment: datetime) -> None:
    assert instant(instant_text(moment)) == moment


@given(st.timedeltas(timedelta()))
def test_a_duration_is_read_as_it_is_written(length: timedelta) -> None:
    assert duration(duration_text(length)) == length


@given(st.datetimes(datetime(1000, 1, 1), datetime(3000, 1, 1), timezones=st.just(UTC)), LENGTHS)  # noqa: DTZ001
def test_an_interval_is_read_as_it_is_written(start: datetime, length: timedelta) -> None:
    assert span(span_text(Span(start, length))) == Span(start, length)


@pytest.mark.parametrize(
    ("written", "length"),
    [
        ("PT10S", timedelta(seconds=10)),
        ("PT2M10S", timedelta(seconds=130)),
        ("PT0.5S", timedelta(seconds=0.5)),
        ("P1D", timedelta(days=1)),
        ("P1W", timedelta(weeks=1)),
        ("P1DT2H", timedelta(hours=26)),
        ("PT0S", timedelta()),
    ],
)
def test_the_durations_that_brokers_write_are_read(written: str, length: timedelta) -> None:
    assert duration(written) == length


@given(st.timedeltas(timedelta()))
def test_a_written_duration_has_only_what_brokers_read(length: timedelta) -> None:
    assert not set(duration_text(length)[2:]) - set("0123456789.HMS")


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1M", "P1Y", "pt5m", "-PT5M", "PT٣M", "5", f"PT{'9' * 400}H"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a duration|longer than any"):
        duration(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-11-23",
        "2026-11-23T12:00:00",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
    ],
)
def test_what_is_no_instant_with_a_zone_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not an instant|no time zone"):
        instant(text)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T12:00:00Z/2026-11-23T14:00:00Z",
        "2026-11-23T12:00:00Z/PT2H",
        "PT2H/2026-11-23T14:00:00Z",
        "2026-11-23T13:00:00+01:00/PT120M",
    ],
)
def test_the_three_forms_of_an_interval_are_one(text: str) -> None:
    assert span(text) == Span(datetime(2026, 11, 23, 12, tzinfo=UTC), timedelta(hours=2))


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T12:00:00Z",
        "2026-11-23T12:00:00Z/",
        "2026-11-23T12:00:00Z/2026-11-23T11:00:00Z",
        "9999-12-31T00:00:00Z/P2D",
        "P9000000D/2026-01-01T00:00:00Z",
        "/",
    ],
)
def test_what_is_no_interval_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not an|longer than|before it starts"):
        span(text)
