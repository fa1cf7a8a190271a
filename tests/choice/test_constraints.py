# SPDX-License-Identifier: Apache-2.0
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eb_prefect.choice.constraints import constraints, unmet
from eb_prefect.errors import InvalidChoiceError
from tests.choice.values import NOW, candidate, cost

OFFER = candidate(
    near=0.5,
    costs=[cost("monetary", 0.2, 0.8)],
    compute={"cores": {"min": 4, "max": 4}},
    starts=timedelta(hours=1),
    expires=(NOW + timedelta(minutes=5)).isoformat(),
)
NUMBERS = st.floats(-1e6, 1e6)


def failures(*texts: str) -> tuple[str, ...]:
    return unmet(OFFER, constraints(*texts), NOW)


@pytest.mark.parametrize(
    "text",
    [
        "monetary <= 0.8",
        "monetary<0.9",
        "monetary >= 0.2",
        "monetary > -1e-3",
        "urn:ivoa:calycopis:cost:monetary <= .8",
        "cores == 4",
        "Cores >= 4.0",
        "near >= 0.5",
        "start <= PT1H",
        "start == 2026-11-24T13:00:00Z",
        "start <= 2026-11-24T14:00:00+01:00",
        "duration >= PT2H",
        "  expires>=PT5M  ",
    ],
)
def test_what_all_of_the_range_meets_is_met(text: str) -> None:
    assert failures(text) == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("monetary <= 0.5", "monetary 0.2 to 0.8 is not <= 0.5, by 0.3"),
        ("monetary >= 0.5", "monetary 0.2 to 0.8 is not >= 0.5, by 0.3"),
        ("monetary == 0.8", "monetary 0.2 to 0.8 is not == 0.8, by 0.6"),
        ("cores < 4", "cores 4 is not < 4"),
        ("start <= PT50M", "start 2026-11-24T13:00:00Z is not <= PT50M, by PT10M"),
        ("start > 2026-11-24T13:00:00Z", "start 2026-11-24T13:00:00Z is not > 2026-11-24T13:00:00Z"),
        ("duration >= P1D", "duration PT2H is not >= P1D, by PT22H"),
        (
            "carbon < 20",
            "carbon is not told, only cores, duration, expires, monetary, near, start",
        ),
    ],
)
def test_what_is_not_met_is_told_with_by_how_much(text: str, reason: str) -> None:
    assert failures(text) == (reason,)


def test_every_constraint_that_is_not_met_is_told() -> None:
    assert len(failures("monetary <= 0.5", "cores >= 4", "carbon < 20")) == 2


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("", 1, "begin with what is compared"),
        ("<= 3", 1, "begin with what is compared"),
        ("monetary", 9, "here belongs one of"),
        ("monetary = 3", 10, "here belongs one of"),
        ("monetary => 3", 10, "here belongs one of"),
        ("monetary <<= 3", 10, "here belongs one of"),
        ("monetary <=", 12, "here belongs a value"),
        ("monetary <=  ", 14, "here belongs a value"),
        ("monetary <= 3 EUR", 13, "'3 EUR' is not a number"),
        ("monetary <= 1_000", 13, "is not a number"),
        ("monetary <= inf", 13, "is not a number"),
        ("monetary <= 1e999", 13, "is not a number"),
        ("0.1 < monetary", 1, "begin with"),
        ("start <= noon", 10, "is not an instant"),
        ("start <= 2026-11-24T12:00:00", 10, "has no time zone"),
        ("start <= P1M", 10, "is not a duration"),
        ("start <= P999999999D", 10, "more than a hundred years"),
        ("duration >= 2", 13, "is not a duration"),
    ],
)
def test_what_means_nothing_is_told_with_its_column(text: str, column: int, says: str) -> None:
    with pytest.raises(InvalidChoiceError) as told:
        constraints(text)
    (fault,) = told.value.faults
    assert fault.path == f"{text!r}, column {column}"
    assert says in fault.reason


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(InvalidChoiceError) as told:
        constraints("monetary", "carbon < 3", "start <= noon")
    assert len(told.value.faults) == 2


@given(NUMBERS, NUMBERS, NUMBERS)
def test_a_constraint_and_its_opposite_never_both_hold(low: float, high: float, bound: float) -> None:
    told = candidate(costs=[cost("monetary", low, high)])
    for less, more in (("<", ">="), ("<=", ">")):
        both = [unmet(told, constraints(f"monetary {op} {bound!r}"), NOW) for op in (less, more)]
        assert not all(reasons == () for reasons in both)
        if low == high:
            assert [reasons == () for reasons in both].count(True) == 1


@given(NUMBERS, NUMBERS)
def test_a_strict_constraint_implies_the_other(value: float, bound: float) -> None:
    told = candidate(costs=[cost("monetary", value)])
    for strict, other in (("<", "<="), (">", ">=")):
        if unmet(told, constraints(f"monetary {strict} {bound!r}"), NOW) == ():
            assert unmet(told, constraints(f"monetary {other} {bound!r}"), NOW) == ()


@given(st.text() | st.from_regex(r"[a-z]{1,9} ?(<|<=|==|>|>=|=) ?[-+PT0-9.HMSDZ:e]{0,12}", fullmatch=True))
def test_any_text_is_a_constraint_or_a_typed_error(text: str) -> None:
    try:
        read = constraints(text)
    except InvalidChoiceError:
        return
    unmet(OFFER, read, NOW)
