# SPDX-License-Identifier: Apache-2.0
"""What is said of many parts."""

from provenance.products.found import Binding, Found, PartState, Rung
from provenance.report import content


def found(*parts: PartState) -> Found:
    return Found("x.zarr", {}, "{}", "ni:///sha-256;x", None, Rung.EMBEDDED, "eb.prov.json", parts)


def test_many_parts_that_are_alike_take_one_line() -> None:
    parts = [PartState(f"x/c/{at}", Binding.BOUND) for at in range(30)]
    parts[20] = PartState("x/c/20", Binding.TAMPERED, "the data are not those recorded")
    assert [text for _, text in content(found(*parts))] == [
        "x/c/0, x/c/1, ... x/c/19, 20 parts: BOUND",
        "x/c/20 TAMPERED: the data are not those recorded",
        "x/c/21, x/c/22, ... x/c/29, 9 parts: BOUND",
    ]


def test_a_few_parts_are_named_one_by_one() -> None:
    parts = [PartState(f"#{at}", Binding.BOUND) for at in range(5)]
    assert [text for _, text in content(found(*parts))] == [f"#{at} BOUND" for at in range(5)]
