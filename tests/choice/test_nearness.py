# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from eb_prefect.choice.nearness import Site, nearness
from eb_prefect.model.request import ExecutionRequest
from tests.choice.values import offer

SPSRC = Site("spsrc")


def datum(name: str, *rses: str, size: int | None = None) -> dict[str, Any]:
    skao = {"replicas": [{"rsename": rse} for rse in rses], "datasize": size}
    return {"kind": "data/skao-data-resource", "name": name, "skao": skao}


def near(site: Site, *data: dict[str, Any], told: tuple[dict[str, Any], ...] = ()) -> float | None:
    return nearness(site, ExecutionRequest.model_validate({"data": data}), offer(data=told))


@pytest.mark.parametrize(
    ("site", "rse", "here"),
    [
        ("SPSRC", "SPSRC_STORM", True),
        ("spsrc", "SPSRC_STORM", True),
        ("SPSRC", "spsrc", True),
        ("SPSRC", "SRC-SPSRC-XRD", True),
        ("STFC_SKA", "STFC_SKA_STORM", True),
        ("STFC_SKA", "STFC_STORM", False),
        ("SPS", "SPSRC_STORM", False),
        ("SPSRC_STORM", "SPSRC", False),
        ("", "SPSRC_STORM", False),
        ("_", "SPSRC_STORM", False),
    ],
)
def test_a_site_has_the_storage_elements_that_bear_its_name(site: str, rse: str, here: bool) -> None:
    assert Site(site).has(rse) is here


def test_storage_elements_that_are_listed_are_the_only_ones() -> None:
    site = Site("SPSRC", ("STORM_7",))
    assert (site.has("storm_7"), site.has("SPSRC_STORM")) == (True, False)


def test_nearness_is_the_share_of_bytes() -> None:
    assert near(SPSRC, datum("a", "SPSRC_STORM", "X", size=300), datum("b", "X", size=100)) == 0.75


def test_without_a_size_it_is_the_share_of_data() -> None:
    assert near(SPSRC, datum("a", "SPSRC_STORM", size=300), datum("b", "X"), datum("c", "X")) == 1 / 3


def test_data_that_tell_no_replica_make_nothing_near_or_far() -> None:
    program = {"name": "program", "location": "file:///program.py"}
    assert near(SPSRC, program) is None
    assert near(SPSRC, datum("a")) is None
    assert near(SPSRC, program, datum("a", "SPSRC_STORM"), datum("b")) == 1.0


def test_of_a_broker_without_a_site_nothing_is_known() -> None:
    assert near(Site(), datum("a", "SPSRC_STORM")) is None


def test_what_the_offer_tells_of_replicas_counts_first() -> None:
    assert near(SPSRC, datum("a", "X"), told=(datum("a", "SPSRC_STORM"),)) == 1.0


def test_what_the_offer_leaves_out_is_taken_from_the_request() -> None:
    asked = (datum("a", "SPSRC_STORM", size=300), datum("b", "X", size=100))
    assert near(SPSRC, *asked, told=(datum("a"), datum("b"))) == 0.75
