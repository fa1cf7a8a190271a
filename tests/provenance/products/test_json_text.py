# SPDX-License-Identifier: Apache-2.0
import json

import pytest

from provenance.products.json_text import with_members


@pytest.mark.parametrize(
    ("text", "path", "after"),
    [
        ("{}", [], '{"x": "1"}'),
        ('{"a":1e5}', [], '{"a":1e5, "x": "1"}'),
        ('{\n  "a": NaN\n}', [], '{\n  "a": NaN,\n  "x": "1"\n}'),
        ('{"a": 1,\n "x": [2], "b": 3}', [], '{"a": 1,\n "x": "1", "b": 3}'),
        ('{"b": {"c": 2.50}}', ["b"], '{"b": {"c": 2.50, "x": "1"}}'),
        ('{"a": 1}', ["b", "c"], '{"a": 1, "b": {"c": {"x": "1"}}}'),
        ('{"x": 0, "x": 0}', [], '{"x": 0, "x": "1"}'),
    ],
)
def test_one_member_is_set_and_all_else_stays(text: str, path: list[str], after: str) -> None:
    assert with_members(text, path, {"x": "1"}) == after
    assert with_members(after, path, {"x": "1"}) == after
    json.loads(after)


@pytest.mark.parametrize("text", ["", "[]", '{"a": 1', "nothing", '{"b": 1}', "[" * 10_000])
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises((ValueError, RecursionError)):
        with_members(text, ["b"], {"x": "1"})
