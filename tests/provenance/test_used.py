# SPDX-License-Identifier: Apache-2.0
from typing import Any

import pytest

from eb_prefect.model.session import Outcome
from provenance.used import used

WHOLE = Outcome(
    exit_code=0,
    signal=9,
    cpu_seconds=61.25,
    peak_memory=1 << 30,
    nodes=("n1", "n2"),
    identifier="123_4",
    state="COMPLETED",
    site="CERN",
    codes={"pilot": 0, "payload": 65},
    energy=1200.0,
    carbon=0.25,
    read_bytes=2048,
    written_bytes=0,
)


def test_all_that_an_outcome_has_is_told() -> None:
    assert dict(used(WHOLE.neutral())) == {
        "used": "exit code 0, signal 9, 61.25 s of CPU, 1.0 GiB of memory, 2.0 KiB read, 0 bytes written, "
        "1200 J, 0.25 g of CO2, pilot 0, payload 65",
        "where": "nodes n1 n2, site CERN, as 123_4, COMPLETED",
    }


def test_what_it_has_not_is_not_told() -> None:
    assert list(used({})) == []
    assert list(used({"exit_code": 3})) == [("used", "exit code 3")]


def test_many_nodes_are_a_few_and_a_number() -> None:
    assert dict(used({"nodes": [f"n{n}" for n in range(100)]}))["where"] == "nodes n0 n1 n2 n3 and 96 more"


@pytest.mark.parametrize("odd", ["\x1b[31m", [], {"a": 1}, None, True, -1.5])
def test_what_a_stranger_wrote_instead_is_told_harmlessly(odd: Any) -> None:
    told = dict(used(dict.fromkeys(Outcome.model_fields, odd)))
    assert "\x1b" not in "".join(told.values())
