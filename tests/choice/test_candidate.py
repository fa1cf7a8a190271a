# SPDX-License-Identifier: Apache-2.0
from datetime import timedelta

import pytest

from eb_prefect.choice.amounts import Told, short_name
from eb_prefect.choice.candidate import Place, places_of
from eb_prefect.choice.nearness import Site
from eb_prefect.testing.scripted import ScriptedBroker
from tests.choice.values import METRICS, NOW, amount, candidate, cost


@pytest.mark.parametrize(
    ("given", "short"),
    [
        ("urn:ivoa:calycopis:cost:monetary", "monetary"),
        ("urn:ivoa:calycopis:metric:compute-performance", "performance"),
        ("urn:ivoa:calycopis:metric:io-throughput", "throughput"),
        ("https://example.org/costs/Water.yaml", "water"),
        ("monetary", "monetary"),
        ("compute-performance", "performance"),
        ("urn:x:", "x"),
        ("", ""),
    ],
)
def test_a_type_goes_by_its_last_segment(given: str, short: str) -> None:
    assert short_name(given) == short


def test_a_cost_of_an_unknown_type_can_be_asked_for() -> None:
    assert candidate(costs=[amount("urn:mine:cost:water", 3)]).told("water") == Told(3, 3)


def test_what_is_not_told_is_not_nothing() -> None:
    assert candidate(costs=[cost("monetary", 0.0)]).told("monetary") == Told(0, 0)
    assert candidate().told("monetary") is None
    assert candidate(costs=[amount("urn:x:monetary")]).told("monetary") is None


def test_the_session_s_own_amount_counts_before_that_of_its_compute_resource() -> None:
    compute = {
        "costs": [cost("monetary", 9), cost("carbon", 8)],
        "metrics": [amount(f"{METRICS}:monetary", 7)],
    }
    told = candidate(costs=[cost("monetary", 1)], compute=compute)
    assert (told.told("monetary"), told.told("carbon")) == (Told(1, 1), Told(8, 8))


def test_two_amounts_of_one_type_are_a_range() -> None:
    twice = [cost("monetary", 1, 2), cost("monetary", 0.5), amount("urn:x:monetary", None, 3)]
    assert candidate(costs=twice).told("monetary") == Told(0.5, 3)


def test_ends_that_were_swapped_are_a_range_all_the_same() -> None:
    assert candidate(costs=[cost("monetary", 5, 2)]).told("monetary") == Told(2, 5)


def test_the_start_is_that_of_the_session_else_of_its_compute_resource() -> None:
    inner = {"available": {"start": f"{NOW.isoformat()}/PT1H", "duration": "PT10M"}}
    told = candidate(compute={"schedule": inner})
    assert told.told("start") == Told(NOW.timestamp(), NOW.timestamp() + 3600)
    assert told.told("duration") == Told(600, 600)
    outer = candidate(starts=timedelta(hours=5), compute={"schedule": inner})
    assert outer.told("start") == Told(NOW.timestamp() + 18000, NOW.timestamp() + 18000)
    assert candidate(schedule={"available": {}}).told("start") is None


def test_cores_and_memory_are_ranges() -> None:
    told = candidate(compute={"cores": {"min": 2, "max": 8}, "memory": {"min": 4}})
    assert (told.told("cores"), told.told("memory")) == (Told(2, 8), Told(4, 4))
    assert candidate(compute={"kind": "urn:x:quantum", "cores": "many"}).told("cores") is None


def test_brokers_of_one_name_are_told_apart() -> None:
    named, alike, other = Place(ScriptedBroker(), "here"), ScriptedBroker(), ScriptedBroker()
    names = [place.name for place in places_of([named, alike, other])]
    assert names == ["here", f"scripted ({alike.identity.url})", f"scripted ({other.identity.url})"]


def test_a_broker_that_knows_its_site_needs_no_other_word() -> None:
    class Here(ScriptedBroker):
        site = "SPSRC"

    assert [place.site.name for place in places_of([Here(), Place(Here(), "b", Site("CHSRC"))])] == [
        "SPSRC",
        "CHSRC",
    ]
