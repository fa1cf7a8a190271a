# SPDX-License-Identifier: Apache-2.0
import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provenance.canonical import canonical, ni, ni_of_hex, parsed

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(), below, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_canonical_text_read_and_written_again_is_the_same(document: Any) -> None:
    text = canonical(document)
    assert canonical(parsed(text.decode())) == text


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_the_order_of_keys_does_not_count(document: dict[str, Any]) -> None:
    backwards = dict(reversed(document.items()))
    assert canonical(document) == canonical(backwards)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (2**53 - 1, b"9007199254740991"),
        (2**53, b'"9007199254740992"'),
        (-(10**30), b'"-1000000000000000000000000000000"'),
        (1e22, b'"1e+22"'),
        (1.0, b"1"),
        (-0.0, b"0"),
        (1e-7, b"1e-7"),
        ("\ud800", b'"?"'),
        ({"b": [True, None], "a": "é"}, '{"a":"é","b":[true,null]}'.encode()),
    ],
)
def test_numbers_and_text_follow_rfc_8785_and_the_profile(given: Any, text: bytes) -> None:
    assert canonical(given) == text


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "1e999", "{", '"' * 3])
def test_text_that_canonical_text_could_not_be_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        canonical(parsed(text))


def test_a_name_is_the_sha_256_of_the_bytes_as_rfc_6920_writes_it() -> None:
    hexadecimal = hashlib.sha256(b"Hello World!").hexdigest()
    # the example of RFC 6920, section 8.1
    assert ni(b"Hello World!") == "ni:///sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk"
    assert ni_of_hex(hexadecimal) == ni(b"Hello World!")


def test_a_document_without_odd_numbers_means_the_same_to_plain_json() -> None:
    document = {"a": [1, 2.5, "x"], "b": {"c": None}}
    assert json.loads(canonical(document)) == document
