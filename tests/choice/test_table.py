# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace
from datetime import timedelta

import pytest

from eb_prefect.choice.asked import Asked
from eb_prefect.choice.candidate import Candidate, Failure, Refusal
from eb_prefect.choice.constraints import constraints
from eb_prefect.choice.table import span_text
from eb_prefect.errors import BrokerUnavailableError
from tests.choice.values import NOW, amount, candidate, cost

FULL = candidate(
    "alpha",
    near=0.666,
    starts=timedelta(minutes=5),
    costs=[amount("urn:x:cost:monetary", 0.1, 0.5, "EUR a session"), amount("urn:mine:cost:water", 3)],
    compute={"cores": {"min": 2, "max": 4}, "memory": {"min": 8}},
    expires=(NOW + timedelta(seconds=290)).isoformat(),
)


def asked(*candidates: Candidate, **parts: tuple[object, ...]) -> Asked:
    whole = {"refusals": (), "failures": (), "names": (), **parts}
    return Asked(candidates=candidates, at=NOW, **whole)


def test_a_row_has_all_that_an_offer_tells() -> None:
    assert asked(FULL).rows()[0] == {
        "broker": "alpha",
        "offer": "1",
        "start": "2026-11-24 12:05:00Z",
        "duration": "2 h",
        "cores": "2 to 4",
        "memory": "8 GiB",
        "monetary": "0.1 to 0.5",
        "water": "3",
        "near": "67 %",
        "expires in": "4 min 50 s",
        "note": "",
    }


def test_what_is_not_told_is_a_dash() -> None:
    cells = asked(FULL, candidate("beta")).rows()[1]
    assert {cells[name] for name in ("start", "cores", "monetary", "near", "expires in")} == {"-"}


def test_columns_that_nobody_fills_are_left_out() -> None:
    assert "monetary" not in asked(candidate()).rows()[0]


def test_all_rows_have_the_same_columns_and_the_reasons_follow() -> None:
    away = Failure("gamma", BrokerUnavailableError("gamma", "it is away"))
    rows = asked(FULL, refusals=(Refusal("beta", ("full",)),), failures=(away,)).rows()
    assert len({tuple(row) for row in rows}) == 1
    assert [row["note"] for row in rows[1:]] == [
        "monetary: EUR a session",
        "beta: full",
        "gamma can't be reached: it is away; try again later",
    ]


def test_units_that_differ_are_told_by_broker() -> None:
    other = candidate("beta", costs=[amount("urn:x:cost:monetary", 1, 1, "credits an hour")])
    assert [row["note"] for row in asked(FULL, other).rows()[2:]] == [
        "monetary of alpha: EUR a session",
        "monetary of beta: credits an hour",
    ]


def test_nothing_that_a_broker_writes_is_markup_in_a_notebook() -> None:
    evil = candidate("<b>", costs=[amount("urn:x:cost:<i>", 1, 1, "<script>")])
    page = asked(evil, refusals=(Refusal("<u>", ("<img src=x>",)),))._repr_html_()
    assert not [tag for tag in ("<b>", "<i>", "<u>", "<script>", "<img") if tag in page]
    assert "&lt;script&gt;" in page


def test_an_offer_never_goes_by_the_name_its_broker_gave_it() -> None:
    named = FULL.offer.model_copy(update={"name": "null-offer-0"})
    whole = asked(replace(FULL, offer=named))
    assert "null-offer-0" not in whole._repr_html_() + str(whole.rows())


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.6, "1 min"), (3600, "1 h"), (5400, "1 h 30 min"), (90061, "1 d 1 h"), (-1, "gone")],
)
def test_a_length_of_time_is_told_in_two_units(seconds: float, text: str) -> None:
    assert span_text(seconds) == text


def test_without_offers_there_are_only_reasons() -> None:
    whole = asked(refusals=(Refusal("beta", ("full",)),))
    assert whole._repr_html_() == "<table></table><ul><li>beta: full</li></ul>"
    assert [row["note"] for row in whole.rows()] == ["beta: full"]


def test_a_price_of_nothing_is_shown() -> None:
    assert asked(candidate(costs=[cost("monetary", 0)])).rows()[0]["monetary"] == "0"


def test_a_broker_can_not_fill_the_screen() -> None:
    costs = [amount(f"urn:x:cost:c{n}", 1, 1, "x" * 10_000) for n in range(1000)]
    rows = asked(candidate(costs=[*costs, amount("urn:x:" + "y" * 1000, 1)])).rows()
    assert (len(rows[0]) < 20, len(rows) < 20) == (True, True)
    assert max(len(row["note"]) for row in rows) < 400


def test_the_end_of_the_calendar_is_shown() -> None:
    last, longest = "9999-12-31T23:59:59.999999Z/PT0S", "P999999999DT23H59M59.999999S"
    late = candidate(schedule={"available": {"start": last, "duration": longest}}, expires=last[:27])
    limits = constraints("start <= PT1H", "duration <= PT1H", "expires <= PT1H")
    asked = Asked((late,), (), (), NOW, ("alpha",))
    assert asked.rows()[0]["start"] == "9999-12-31 23:59:59Z"
    assert len(asked.meeting(limits).unmet[0].reasons) == 3


def test_a_cost_is_not_taken_for_what_every_offer_tells() -> None:
    odd = candidate(costs=[cost("start", 1e300), cost("duration", -1e300), cost("monetary", 0.5)])
    assert set(odd.tells) == {"monetary"}


def test_what_tells_offers_of_one_broker_apart_is_told() -> None:
    offers = [
        candidate("alpha", messages=[{"message": text} for text in ("of both", queue)])
        for queue in ("queue main", "queue brief")
    ]
    pair = (offers[0], replace(offers[1], number=2))
    alone = candidate("beta", messages=[{"message": "of its one offer"}])
    assert list(asked(*pair, alone).distinctions()) == [
        "alpha offer 1: queue main",
        "alpha offer 2: queue brief",
    ]
